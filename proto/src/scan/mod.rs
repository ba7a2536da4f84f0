//! The walk over a field section: one pass that finds the lines and their parts and checks every byte.
//!
//! This is the strict fast path. It accepts exactly what RFC 9112 sections 2 to 5 allow without any leniency, and
//! says no more than "bad" about the rest: `head` goes over such input again, byte by byte, to name the error.
//! Only this module may contain `unsafe`. Nothing here knows what a field means.
//!
//! On x86-64 the walk has an AVX2 and an SSE2 form; with `std` the processor is asked once, without it the target
//! features decide. On 64-bit ARM it has a NEON form. Everywhere else it is [`portable`].

mod portable;
mod swar;
#[cfg(test)]
mod tests;
mod text;
mod twins;
mod vector;

use alloc::vec::Vec;

use crate::fields::{FOLDED, FieldSpan};

pub use twins::{ScanDigest, scan_twins};

/// What a walk found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Walk {
    /// A valid section of this many bytes, its blank line included. Bytes after it have no influence.
    Complete(usize),
    /// The section does not end in this input. It may be bad already.
    Partial,
    /// No continuation makes this a valid section within the limit, or the visitor refused a line.
    Bad,
}

/// Receives the lines of a section in order, while it is being walked.
///
/// Lines are reported before the rest of the section is known to be good: unless the walk is
/// [`Complete`](Walk::Complete), forget what was seen. Returning `false` ends the walk as [`Walk::Bad`].
pub(crate) trait Visit {
    /// The start line `0..end`; `end` is the offset of its CR. It holds no control byte but HTAB; obs-text and
    /// HTAB may stand anywhere in it, and it may be empty. Only called by a walk with a start line, once, and
    /// before the fields.
    fn start_line(&mut self, input: &[u8], end: usize) -> bool;

    /// The next field lines, none or more. Names are tokens. Values are valid, have no white space at their ends,
    /// and may be empty. All offsets are in order and inside `input`.
    fn fields(&mut self, input: &[u8], lines: &[FieldSpan]) -> bool;
}

/// Walks the section at the start of `input`: a start line if `START_LINE`, field lines, a blank line.
///
/// Appends the field lines to `spans`. `max` is the most bytes the section may have, its blank line included;
/// offsets being what they are, it never has more than 2 GiB. Inlined: call it in one hot place for each visitor.
#[inline(always)]
pub(crate) fn walk<const START_LINE: bool, V: Visit>(
    input: &[u8],
    max: usize,
    spans: &mut Vec<FieldSpan>,
    visitor: &mut V,
) -> Walk {
    let section = cut(input, max);
    let walk = match vector::Unit::best() {
        Some(unit) => vector::walk::<START_LINE, V>(section, spans, visitor, unit),
        None => portable::walk::<START_LINE, V>(section, spans, visitor),
    };
    at_limit(walk, input, max)
}

/// Where the first byte lies that may not stand in a strict request target, or the length of `input`.
#[inline]
pub(crate) fn target_end(input: &[u8]) -> usize {
    text::target_end(input)
}

/// [`class::is_token`](crate::class::is_token), fast for short strings.
#[inline]
pub(crate) fn all_token(name: &[u8]) -> bool {
    text::all_token(name)
}

/// [`class::is_value`](crate::class::is_value), fast for short strings.
#[inline]
pub(crate) fn all_value(value: &[u8]) -> bool {
    text::all_value(value)
}

/// Whether there is nothing but letters, digits, `-` and `.`, as in most host names. Fast for short strings.
#[inline]
pub(crate) fn all_plain(text: &[u8]) -> bool {
    text::all_plain(text)
}

/// What may be walked: no more than `max` bytes, and offsets must fit.
#[inline(always)]
fn cut(input: &[u8], max: usize) -> &[u8] {
    input.get(..max.min(FOLDED as usize - 1)).unwrap_or(input)
}

/// What a walk over the [`cut`] input means for the whole.
#[inline(always)]
fn at_limit(walk: Walk, input: &[u8], max: usize) -> Walk {
    match walk {
        Walk::Partial if input.len() >= max.min(FOLDED as usize - 1) => Walk::Bad,
        walk => walk,
    }
}
