//! What requests and responses share when they become bytes: checking fields, and writing them.
//!
//! Fields are walked twice, first to check, then to write, so that an error leaves no bytes behind.

use crate::class::trim_ows;
use crate::error::SendError;
use crate::out::{FieldSource, Frame, Out};
use crate::upgrade;
use crate::validate::{Strictness, validate_name, validate_value};

/// What the caller's fields say that the machine must know.
#[derive(Clone, Copy, Default, Debug)]
pub struct Checked {
    /// Bytes the fields take on the wire.
    pub(crate) len: usize,
    pub(crate) date: bool,
    pub(crate) keep_alive: bool,
    pub(crate) hosts: u8,
    /// A `Host` that no server takes (RFC 9112 section 3.2).
    pub(crate) bad_host: bool,
    pub(crate) expect_continue: bool,
    /// The protocols `Upgrade` names ([`upgrade::fingerprint`]).
    pub(crate) offered: u64,
    pub(crate) te: bool,
    /// The options of the caller's own `Connection` fields.
    pub(crate) options: Options,
}

/// Options of `Connection` (RFC 9110 section 7.6.1).
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
    pub(crate) te: bool,
}

/// The first letters, as bits, of the names of each length that matter; one test sorts out most fields.
static FIRST: [u32; 32] = {
    let mut first = [0; 32];
    let names: [&str; 9] = [
        "te",
        "date",
        "host",
        "expect",
        "upgrade",
        "connection",
        "keep-alive",
        "content-length",
        "transfer-encoding",
    ];
    let mut i = 0;
    while i < names.len() {
        first[names[i].len()] |= 1 << (names[i].as_bytes()[0] & 31);
        i += 1;
    }
    first
};

/// Shows that it is the encoder that asks a source of fields to write itself.
#[derive(Clone, Copy, Debug)]
pub struct Encoder(());

/// Checks every field (RFC 9110 section 5): names and values are valid, and none is the machine's to write.
#[inline]
pub(crate) fn check_fields<F: FieldSource + ?Sized>(fields: &F) -> Result<Checked, SendError> {
    let mut checked = Checked::default();
    fields.check(&mut checked)?;
    Ok(checked)
}

impl Checked {
    /// Whether `Upgrade` names a protocol.
    #[inline]
    pub(crate) const fn upgrade(&self) -> bool {
        self.offered != 0
    }

    /// Checks one field and takes note of what it says.
    #[inline]
    pub(crate) fn field(
        &mut self,
        name: &[u8],
        value: &[u8],
        strictness: Strictness,
    ) -> Result<(), SendError> {
        validate_name(name)?;
        validate_value(value, strictness)?;
        self.valid(name, value)
    }

    /// Takes note of what a field says that is known to be valid.
    #[inline]
    pub(crate) fn valid(&mut self, name: &[u8], value: &[u8]) -> Result<(), SendError> {
        self.len += name.len() + value.len() + 4;
        match (FIRST.get(name.len()), name) {
            // Letters differ from one another, in either case, in their lowest five bits.
            (Some(first), [letter, ..]) if first >> (letter & 31) & 1 == 1 => self.note(name, value),
            _ => Ok(()),
        }
    }

    /// Adds what a source that was checked before says.
    #[inline]
    pub(crate) fn join(&mut self, other: &Self) {
        // Taken apart by name, so that a field added above cannot be forgotten here.
        let Self { len, date, keep_alive, hosts, bad_host, expect_continue, offered, te, options } = *other;
        self.len += len;
        self.date |= date;
        self.keep_alive |= keep_alive;
        self.hosts = self.hosts.saturating_add(hosts);
        self.bad_host |= bad_host;
        self.expect_continue |= expect_continue;
        self.offered |= offered;
        self.te |= te;
        self.options.close |= options.close;
        self.options.keep_alive |= options.keep_alive;
        self.options.upgrade |= options.upgrade;
        self.options.te |= options.te;
    }

    #[cold]
    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), SendError> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            14 if is("content-length") => return Err(SendError::ReservedField),
            17 if is("transfer-encoding") => return Err(SendError::ReservedField),
            4 if is("date") => self.date = true,
            4 if is("host") => {
                self.hosts = self.hosts.saturating_add(1);
                self.bad_host |= !crate::authority::valid_host(value);
            }
            10 if is("connection") => self.connection(value),
            10 if is("keep-alive") => self.keep_alive = true,
            6 if is("expect") => self.expect_continue |= value.eq_ignore_ascii_case(b"100-continue"),
            7 if is("upgrade") => self.offered |= upgrade::fingerprint(value),
            2 if is("te") => {
                self.te = true;
                // RFC 9112 section 7.4: `chunked` is always acceptable and must not be listed.
                let chunked = members(value)
                    .map(|m| m.split(|b| *b == b';').next().map_or(m, trim_ows))
                    .any(|m| m.eq_ignore_ascii_case(b"chunked"));
                if chunked {
                    return Err(SendError::ReservedField);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) {
        for option in members(value) {
            let is = |known: &str| option.eq_ignore_ascii_case(known.as_bytes());
            let options = &mut self.options;
            options.close |= is("close");
            options.keep_alive |= is("keep-alive");
            options.upgrade |= is("upgrade");
            options.te |= is("te");
        }
    }
}

pub(crate) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(trim_ows)
}

/// Writes the fields in order, names as given.
#[inline]
pub(crate) fn put_fields<F: FieldSource + ?Sized, O: Out + ?Sized>(fields: &F, out: &mut O) {
    fields.put(out, Encoder(()));
}

/// Writes the `Connection` options that the message needs and the caller did not give, as one line.
pub(crate) fn put_options<O: Out + ?Sized>(needed: Options, given: Options, out: &mut O) {
    let mut first = true;
    let mut put = |need: bool, have: bool, option: &'static [u8]| {
        if need && !have {
            out.put(if first { b"Connection: " } else { b", " });
            out.put(option);
            first = false;
        }
    };
    put(needed.close, given.close, b"close");
    put(needed.keep_alive, given.keep_alive, b"keep-alive");
    put(needed.upgrade, given.upgrade, b"upgrade");
    put(needed.te, given.te, b"TE");
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
    // From the end, so that nobody has to know how many digits there are.
    let mut line = [0u8; 44];
    let end = line.len() - E;
    line[end..].copy_from_slice(behind);
    let (mut at, mut left) = (end, n);
    loop {
        at -= 1;
        line[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    // At most 20 digits and as many bytes before them.
    line[at - P..at].copy_from_slice(before);
    out.put(&line[at - P..]);
}

/// `size CRLF` before and CRLF behind a chunk's data (RFC 9112 section 7.1).
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

/// Fields that frame, route, authenticate, make a request conditional, or say how content is to be processed may not be
/// trailers (RFC 9110 section 6.5.1).
static NOT_IN_TRAILERS: [&str; 28] = [
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

pub(crate) fn check_trailers<F: FieldSource + ?Sized>(trailers: &F) -> Result<(), SendError> {
    if !trailers.fields().all(|(name, _)| may_be_trailer(name)) {
        return Err(SendError::TrailerForbidden);
    }
    check_fields(trailers).map(drop)
}

/// Whether a field may stand in a trailer section (RFC 9110 section 6.5.1).
pub(crate) fn may_be_trailer(name: &[u8]) -> bool {
    !NOT_IN_TRAILERS.iter().any(|n| name.eq_ignore_ascii_case(n.as_bytes()))
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
