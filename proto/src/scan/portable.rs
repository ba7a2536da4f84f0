//! The walk in plain Rust, a machine word at a time: for every target without a vector twin, and the measure the
//! twins are compared with.

use alloc::vec::Vec;

use super::{Visit, Walk, swar};
use crate::class;
use crate::fields::FieldSpan;

pub(super) fn walk<const START_LINE: bool, V: Visit>(
    input: &[u8],
    spans: &mut Vec<FieldSpan>,
    visitor: &mut V,
) -> Walk {
    let mut line = 0;
    if START_LINE {
        match line_end(input, 0) {
            Ok(end) if visitor.start_line(input, end) => line = end + 2,
            Ok(_) => return Walk::Bad,
            Err(walk) => return walk,
        }
    }
    loop {
        if let Some(rest @ [b'\r', ..]) = input.get(line..) {
            return match rest {
                [_, b'\n', ..] => Walk::Complete(line + 2),
                [_] => Walk::Partial,
                _ => Walk::Bad,
            };
        }
        let colon = name_end(input, line);
        match input.get(colon) {
            Some(b':') if colon > line => {}
            Some(_) => return Walk::Bad,
            None => return Walk::Partial,
        }
        let end = match line_end(input, colon + 1) {
            Ok(end) => end,
            Err(walk) => return walk,
        };
        let span = span(input, line, colon, end);
        spans.push(span);
        if !visitor.fields(input, spans.last().map_or(&[], core::slice::from_ref)) {
            return Walk::Bad;
        }
        line = end + 2;
    }
}

/// The parts of a good field line: the value is without SP and HTAB at its ends (RFC 9112 section 5).
#[inline(always)]
pub(super) fn span(input: &[u8], line: usize, colon: usize, end: usize) -> FieldSpan {
    let (mut v0, mut v1) = (colon + 1, end);
    while matches!(input.get(v0), Some(b' ' | b'\t')) {
        v0 += 1;
    }
    while v1 > v0 && matches!(input.get(v1 - 1), Some(b' ' | b'\t')) {
        v1 -= 1;
    }
    FieldSpan {
        name_start: line as u32,
        name_end: colon as u32,
        value_start: v0 as u32,
        value_end: v1 as u32,
    }
}

/// The CR of the CRLF that ends the line, the first byte from `from` on that may not stand in a value.
#[inline(always)]
pub(super) fn line_end(input: &[u8], from: usize) -> Result<usize, Walk> {
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
    position(input, at, |b| !class::in_value(b))
}

#[inline(always)]
pub(super) fn name_end(input: &[u8], from: usize) -> usize {
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
