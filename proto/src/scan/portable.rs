//! The walk in plain Rust, a machine word at a time: for every target without a vector twin, and the measure the
//! twins are compared with.

use super::{Visit, Walk, swar};
use crate::class;

pub(super) fn walk<const START_LINE: bool, V: Visit>(input: &[u8], visitor: &mut V) -> Walk {
    let mut start = 0;
    if START_LINE {
        match line_end(input, 0) {
            Ok(end) if visitor.start_line(input, end) => start = end + 2,
            Ok(_) => return Walk::Bad,
            Err(walk) => return walk,
        }
    }
    loop {
        let colon = name_end(input, start);
        match input.get(colon) {
            Some(b':') if colon > start => {}
            Some(b'\r') if colon == start => return blank_line(input, start),
            None => return Walk::Partial,
            Some(_) => return Walk::Bad,
        }
        let end = match line_end(input, colon + 1) {
            Ok(end) => end,
            Err(walk) => return walk,
        };
        let (v0, v1) = trim(input, colon + 1, end);
        if !visitor.field(input, start, colon, v0, v1) {
            return Walk::Bad;
        }
        start = end + 2;
    }
}

pub(super) fn target_end(input: &[u8]) -> usize {
    let mut at = 0;
    while let Some(x) = swar::load(input, at) {
        match swar::not_target(x) {
            0 => at += 8,
            found => return at + swar::first(found),
        }
    }
    position(input, at, |b| !class::TARGET[b as usize])
}

pub(super) fn all_token(name: &[u8]) -> bool {
    !name.is_empty() && name_end(name, 0) == name.len()
}

pub(super) fn all_value(value: &[u8]) -> bool {
    value_end(value, 0) == value.len()
}

/// `from..end` without SP and HTAB at its ends (RFC 9112 section 5). `end` is the offset of a byte that is neither.
#[inline(always)]
pub(super) fn trim(input: &[u8], from: usize, end: usize) -> (usize, usize) {
    let (mut v0, mut v1) = (from, end);
    while matches!(input.get(v0), Some(b' ' | b'\t')) {
        v0 += 1;
    }
    while v1 > v0 && matches!(input.get(v1 - 1), Some(b' ' | b'\t')) {
        v1 -= 1;
    }
    (v0, v1)
}

/// The end of a section whose last line starts with the CR at `at`.
#[inline(always)]
pub(super) fn blank_line(input: &[u8], at: usize) -> Walk {
    match input.get(at + 1) {
        Some(b'\n') => Walk::Complete(at + 2),
        Some(_) => Walk::Bad,
        None => Walk::Partial,
    }
}

/// The CR of the CRLF that ends the line, the first byte from `from` on that may not stand in a value.
#[inline(always)]
fn line_end(input: &[u8], from: usize) -> Result<usize, Walk> {
    let end = value_end(input, from);
    match input.get(end..) {
        Some([b'\r', b'\n', ..]) => Ok(end),
        Some([b'\r'] | []) | None => Err(Walk::Partial),
        Some(_) => Err(Walk::Bad),
    }
}

#[inline(always)]
fn value_end(input: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(x) = swar::load(input, at) {
        match swar::not_value(x) {
            0 => at += 8,
            found => return at + swar::first(found),
        }
    }
    position(input, at, |b| !class::VALUE[b as usize])
}

#[inline(always)]
fn name_end(input: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(x) = swar::load(input, at) {
        match swar::not_plain(x) {
            0 => at += 8,
            found => {
                at += swar::first(found);
                match input.get(at) {
                    // One of the rarer characters of a token: step over it.
                    Some(b) if class::TOKEN[*b as usize] => at += 1,
                    _ => return at,
                }
            }
        }
    }
    position(input, at, |b| !class::TOKEN[b as usize])
}

/// The first byte from `from` on that `stops`, or the length of `input`.
#[inline(always)]
fn position(input: &[u8], from: usize, stops: impl Fn(u8) -> bool) -> usize {
    let rest = input.get(from..).unwrap_or_default();
    rest.iter().position(|b| stops(*b)).map_or(input.len(), |n| from + n)
}
