//! Questions about a whole string: short ones mostly, a name, a value or a target to be sent or just found.
//!
//! Sixteen bytes are asked at once without a branch, which compilers turn into vector code on every target that
//! has vectors: a dispatch would cost more than it gains here.

use crate::class;

/// See [`super::target_end`].
#[inline]
pub(super) fn target_end(input: &[u8]) -> usize {
    if all(input, |b| (0x21..=0x7e).contains(&b) & (b != b'#')) {
        return input.len();
    }
    input.iter().position(|b| !class::in_target(*b)).unwrap_or(input.len())
}

/// See [`super::all_token`].
#[inline]
pub(super) fn all_token(name: &[u8]) -> bool {
    // Most names are shorter than a vector, where a table without a branch for each byte wins.
    if name.len() < 16 {
        return !name.is_empty() && name.iter().fold(true, |all, b| all & class::TOKEN[*b as usize]);
    }
    // Nearly all names hold nothing else, and the other characters are scattered over the code.
    let plain = |b: u8| b.is_ascii_alphanumeric() | (b == b'-') | (b == b'_');
    all(name, plain) || class::is_token(name)
}

/// See [`super::all_value`].
#[inline]
pub(super) fn all_value(value: &[u8]) -> bool {
    match (value.first_chunk(), value.last_chunk()) {
        (Some(first), Some(last)) if value.len() <= 16 => {
            (plain(first) && plain(last)) || class::is_value(value)
        }
        _ => all(value, |b| ((b >= 0x20) | (b == b'\t')) & (b != 0x7f)),
    }
}

/// Whether none of eight bytes is a control character, HTAB included.
#[inline(always)]
fn plain(bytes: &[u8; 8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let x = u64::from_ne_bytes(*bytes);
    // Any byte below 0x20; any byte that is 0x7f. Both are exact as a whole, which is all that is asked.
    let low = x.wrapping_sub(ONES * 0x20) & !x;
    let del = x ^ (ONES * 0x7f);
    let del = del.wrapping_sub(ONES) & !del;
    (low | del) & (ONES * 0x80) == 0
}

/// See [`super::all_plain`].
#[inline]
pub(super) fn all_plain(text: &[u8]) -> bool {
    all(text, |b| b.is_ascii_alphanumeric() | (b == b'-') | (b == b'.'))
}

/// Whether every byte is `good`.
#[inline(always)]
fn all(input: &[u8], good: impl Fn(u8) -> bool + Copy) -> bool {
    // A rest is looked at together with bytes before it that have been looked at already.
    if let Some(last) = input.last_chunk() {
        // A loop, because `all` of an iterator becomes a call now and then.
        for chunk in input.as_chunks::<16>().0 {
            if !whole(chunk, good) {
                return false;
            }
        }
        whole::<16>(last, good)
    } else if let (Some(first), Some(last)) = (input.first_chunk(), input.last_chunk()) {
        whole::<8>(first, good) && whole::<8>(last, good)
    } else if let (Some(first), Some(last)) = (input.first_chunk(), input.last_chunk()) {
        whole::<4>(first, good) && whole::<4>(last, good)
    } else {
        input.iter().all(|b| good(*b))
    }
}

#[inline(always)]
fn whole<const N: usize>(chunk: &[u8; N], good: impl Fn(u8) -> bool) -> bool {
    chunk.iter().fold(true, |all, b| all & good(*b))
}
