//! Eight bytes at a time in a plain integer. Every function here is exact for every byte: no carry crosses lanes.
//!
//! A result has the top bit of each selected byte set and nothing else.

const TOP: u64 = splat(0x80);
const LOW7: u64 = splat(0x7f);

const fn splat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The first eight bytes at `at`, the first in the lowest byte.
#[inline(always)]
pub(super) fn load(input: &[u8], at: usize) -> Option<u64> {
    input.get(at..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

/// Which byte the first selected one is. Eight if none is.
#[inline(always)]
pub(super) fn first(selected: u64) -> usize {
    (selected.trailing_zeros() / 8) as usize
}

/// Bytes that may not stand in a value: controls but HTAB, and DEL.
#[inline(always)]
pub(super) fn not_value(x: u64) -> u64 {
    let low = x & LOW7;
    (below(low, 0x20) & !equal(low, b'\t') | equal(low, 0x7f)) & !x & TOP
}

/// Bytes that are no letter, digit, hyphen or underscore: most names hold nothing else.
#[inline(always)]
pub(super) fn not_plain(x: u64) -> u64 {
    let low = x & LOW7;
    let fold = low | splat(0x20);
    let letter = !below(fold, b'a') & below(fold, b'z' + 1);
    let digit = !below(low, b'0') & below(low, b'9' + 1);
    (!(letter | digit | equal(low, b'-') | equal(low, b'_')) | x) & TOP
}

/// Top bits of the bytes of `low` (all below 0x80) that are below `bound`; the other bits are noise.
#[inline(always)]
fn below(low: u64, bound: u8) -> u64 {
    !(low + splat(0x80 - bound))
}

/// Top bits of the bytes of `low` (all below 0x80) that equal `byte`; the other bits are noise.
#[inline(always)]
fn equal(low: u64, byte: u8) -> u64 {
    !((low ^ splat(byte)) + LOW7)
}
