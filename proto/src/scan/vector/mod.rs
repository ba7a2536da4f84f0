//! The walk with vectors, and which vectors.
//!
//! First a strip of the input is classified, 64 bytes to a mask of the bytes that may end a line, and the start of
//! every run in the masks is written down: nothing the processor would have to guess. Then each line takes its end
//! from those positions and its colon from one classified load. A line that is odd in any way (without the usual
//! `": "`, with white space to trim, with obs-text or HTAB, with a long name, or bad) goes through the portable
//! code, one by one.

// What is compiled for a target is decided here, and only here: each has one `Unit`, with the same functions.
#[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
#[path = "neon.rs"]
mod unit;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[path = "x86/mod.rs"]
mod unit;
#[cfg(not(any(
    all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"),
    all(target_arch = "x86_64", target_feature = "sse2")
)))]
#[path = "none.rs"]
mod unit;

#[allow(dead_code)] // Not where there is no unit to look something up.
mod nibbles;
mod strip;

use alloc::vec::Vec;
use core::mem::MaybeUninit;

use self::strip::{Positions, ROOM, Stop, Strip, WIDTH};
pub(super) use self::unit::Unit;
use super::{Visit, Walk, portable};
use crate::class;
use crate::fields::FieldSpan;

/// See [`super::walk`]. The input is at most 2 GiB less one byte, so that offsets fit.
#[inline(always)]
pub(super) fn walk<const START_LINE: bool, V: Visit>(
    input: &[u8],
    spans: &mut Vec<FieldSpan>,
    visitor: &mut V,
    unit: Unit,
) -> Walk {
    if input.len() < WIDTH {
        return portable::walk::<START_LINE, V>(input, spans, visitor);
    }
    if !START_LINE && input.starts_with(b"\r\n") {
        return Walk::Complete(2);
    }
    let mut strip = Strip::FRESH;
    let mut positions: Positions = [const { MaybeUninit::uninit() }; ROOM];
    spans.reserve(ROOM);
    // SAFETY: the input is long enough and not too long, the strip is fresh, and there is room.
    let (mut listed, mut stop) =
        unsafe { unit.list::<START_LINE>(&mut strip, &mut positions, input, spans.spare_capacity_mut()) };
    if START_LINE {
        match stop {
            _ if strip.line > 0 => {}
            Stop::Odd => return portable::walk::<START_LINE, V>(input, spans, visitor),
            Stop::Strip | Stop::Blank => return Walk::Partial,
        }
        if !visitor.start_line(input, strip.start_line_end) {
            return Walk::Bad;
        }
    }
    loop {
        let before = spans.len();
        // SAFETY: `list` has filled so many places after the spans.
        let lines = unsafe {
            spans.set_len(before + listed);
            spans.get_unchecked(before..)
        };
        if !visitor.fields(input, lines) {
            return Walk::Bad;
        }
        match stop {
            Stop::Blank => return Walk::Complete(strip.line + 2),
            Stop::Strip if strip.seen == input.len() => return unfinished(input, strip.line),
            Stop::Strip => {}
            Stop::Odd => {
                if let Some(walk) = odd_line(&mut strip, &positions, input, spans, visitor) {
                    return walk;
                }
            }
        }
        spans.reserve(ROOM);
        // SAFETY: as above, but for the strip, which goes on with its positions.
        (listed, stop) =
            unsafe { unit.list::<false>(&mut strip, &mut positions, input, spans.spare_capacity_mut()) };
    }
}

/// What an input means that ends in the line that begins at `line`, or before it. Breaks right after a line end
/// are in its run and have no position: they are looked at here.
fn unfinished(input: &[u8], line: usize) -> Walk {
    match input.get(line..).unwrap_or_default() {
        [] | [b'\r'] => Walk::Partial,
        [first, ..] if class::TOKEN[*first as usize] => Walk::Partial,
        _ => Walk::Bad,
    }
}

/// Takes the line at hand, which [`strip::list`] would not, all the way to its end. Says if that ends the walk.
#[cold]
#[inline(never)]
fn odd_line<V: Visit>(
    strip: &mut Strip,
    positions: &Positions,
    input: &[u8],
    spans: &mut Vec<FieldSpan>,
    visitor: &mut V,
) -> Option<Walk> {
    let line = strip.line;
    // Before all else: the position then belongs to what comes after the section.
    if input.get(line..).is_some_and(|rest| rest.starts_with(b"\r\n")) {
        return Some(Walk::Complete(line + 2));
    }
    let end = match portable::line_end(input, strip.odd) {
        Ok(end) => end,
        Err(walk) => return Some(walk),
    };
    let colon = portable::name_end(input.get(..end).unwrap_or_default(), line);
    if colon == line || input.get(colon) != Some(&b':') {
        return Some(Walk::Bad);
    }
    spans.push(portable::span(input, line, colon, end));
    if !visitor.fields(input, spans.last().map_or(&[], core::slice::from_ref)) {
        return Some(Walk::Bad);
    }
    // SAFETY: there is CRLF at `end`, and `end` is not before the line.
    unsafe { strip.go_on_at(positions, end + 2) };
    None
}
