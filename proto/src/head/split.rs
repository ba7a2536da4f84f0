//! Splits a section the careful reading accepted into field lines: the way for heads that only a leniency, or a
//! folded response value, makes acceptable.
//!
//! It may assume the section is well-formed by the rules of `careful`, and must not decide anything else. The
//! ordinary way is the walk in `scan`.

use crate::class::trim_ows;
use crate::fields::{FOLDED, FieldSpan, Slots};

/// The length of the start line without its line end, and the offset of the line after it.
pub(crate) fn start_line(section: &[u8]) -> (usize, usize) {
    let lf = memchr::memchr(b'\n', section).unwrap_or(section.len());
    (without_cr(section, 0, lf), (lf + 1).min(section.len()))
}

/// Records the field lines of `section[from..]`, whose last line is blank.
pub(crate) fn fields(section: &[u8], from: usize, slots: &mut Slots) {
    let mut at = from;
    while let Some(lf) = memchr::memchr(b'\n', section.get(at..).unwrap_or_default()).map(|n| at + n) {
        let end = without_cr(section, at, lf);
        let line = section.get(at..end).unwrap_or_default();
        match line.first() {
            None => break,
            Some(b' ' | b'\t') => fold(line, section, slots),
            Some(_) => field(line, at, slots),
        }
        at = lf + 1;
    }
}

fn without_cr(section: &[u8], start: usize, lf: usize) -> usize {
    if lf > start && section.get(lf - 1) == Some(&b'\r') { lf - 1 } else { lf }
}

fn field(line: &[u8], at: usize, slots: &mut Slots) {
    let Some(colon) = memchr::memchr(b':', line) else { return };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let leading = value.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let value_start = at + colon + 1 + leading;
    slots.spans.push(FieldSpan {
        name_start: at as u32,
        name_end: (at + trim_ows(name).len()) as u32,
        value_start: value_start as u32,
        value_end: (value_start + trim_ows(value).len()) as u32,
    });
}

/// Joins a continuation line to the value before it with one SP (RFC 9112 section 5.2), in the caller's scratch.
fn fold(line: &[u8], section: &[u8], slots: &mut Slots) {
    let Some(span) = slots.spans.last_mut() else { return };
    if span.value_end & FOLDED == 0 {
        let value = section.get(span.value_start as usize..span.value_end as usize).unwrap_or_default();
        span.value_start = slots.unfolded.len() as u32;
        slots.unfolded.extend_from_slice(value);
    }
    let more = trim_ows(line);
    if slots.unfolded.len() as u32 > span.value_start && !more.is_empty() {
        slots.unfolded.push(b' ');
    }
    slots.unfolded.extend_from_slice(more);
    span.value_end = slots.unfolded.len() as u32 | FOLDED;
}
