//! What requests and responses share when they become bytes: checking fields, and writing them.
//!
//! Fields are walked twice, first to check, then to write, so that an error leaves no bytes behind.

use super::checked::{Checked, Said};
use super::source::{Encoder, FieldSource, Frame};
use crate::digits;
use crate::error::SendError;
use crate::out::Out;

/// Checks every field (RFC 9110 section 5): names and values are valid, and none is the machine's to write.
#[inline]
pub(crate) fn check_fields<F: FieldSource + ?Sized>(fields: &F) -> Result<Checked, SendError> {
    let mut checked = Checked::default();
    fields.check(&mut checked)?;
    Ok(checked)
}

/// Writes the fields in order, names as given.
#[inline]
pub(crate) fn put_fields<F: FieldSource + ?Sized, O: Out + ?Sized>(fields: &F, out: &mut O) {
    fields.put(out, Encoder(()));
}

/// Writes those options of `Connection` that the message needs and the caller did not give, as one line.
pub(crate) fn put_options<O: Out + ?Sized>(needed: Said, given: Said, out: &mut O) {
    let options: [(Said, &[u8]); 4] = [
        (Said::CLOSE, b"close"),
        (Said::KEEP, b"keep-alive"),
        (Said::SWITCH, b"upgrade"),
        (Said::TE_HOP, b"TE"),
    ];
    let mut first = true;
    for (option, name) in options {
        if needed.all(option) && !given.all(option) {
            out.put(if first { b"Connection: " } else { b", " });
            out.put(name);
            first = false;
        }
    }
    if !first {
        out.put(b"\r\n");
    }
}

/// Writes `Content-Length: n` and the blank line that ends the head (RFC 9110 section 8.6).
#[inline]
pub(crate) fn put_length<O: Out + ?Sized>(n: u64, out: &mut O) {
    put_number(b"Content-Length: ", n, b"\r\n\r\n", out);
}

/// Writes `Keep-Alive: timeout=n` (RFC 2068 section 19.7.1.1).
pub(crate) fn put_keep_alive<O: Out + ?Sized>(seconds: u16, out: &mut O) {
    put_number(b"Keep-Alive: timeout=", seconds.into(), b"\r\n", out);
}

/// Writes a number between two constants as one piece.
#[inline(always)]
fn put_number<const P: usize, const E: usize, O: Out + ?Sized>(
    before: &[u8; P],
    n: u64,
    behind: &[u8; E],
    out: &mut O,
) {
    let mut line = [0u8; 44];
    let end = line.len() - E;
    line[end..].copy_from_slice(behind);
    let at = digits::write_before(n, &mut line, end);
    // At most 20 digits and as many bytes before them.
    line[at - P..at].copy_from_slice(before);
    out.put(&line[at - P..]);
}

/// `size CRLF` before and CRLF after a chunk's data (RFC 9112 section 7.1).
#[inline]
pub(crate) fn chunk_frame(len: u64) -> Frame {
    let digits = (67 - (len | 1).leading_zeros() as usize) / 4;
    let mut pre = [0u8; 18];
    for (i, slot) in pre.iter_mut().take(digits).enumerate() {
        *slot = b"0123456789abcdef"[(len >> (4 * (digits - 1 - i)) & 15) as usize];
    }
    pre[digits] = b'\r';
    pre[digits + 1] = b'\n';
    Frame { pre, pre_len: digits as u8 + 2, post: b"\r\n", payload: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_frame_is_the_size_in_hexadecimal_and_two_line_ends() {
        for len in [1, 15, 16, 255, 256, 0xabcdef, u32::MAX as u64, u64::MAX] {
            let frame = chunk_frame(len);
            assert_eq!(frame.pre(), format!("{len:x}\r\n").as_bytes());
            assert_eq!(frame.post(), b"\r\n");
        }
    }

    #[test]
    fn a_length_is_plain_decimal() {
        for n in [0, 9, 10, 13, 1 << 20, u64::MAX] {
            let mut out = Vec::new();
            put_length(n, &mut out);
            assert_eq!(out, format!("Content-Length: {n}\r\n\r\n").as_bytes());
        }
    }
}
