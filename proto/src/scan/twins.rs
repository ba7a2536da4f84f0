//! Every implementation of the walk side by side, for tests and fuzzing. No part of the walk itself.

use alloc::vec::Vec;

use super::{Visit, Walk, at_limit, cut, portable, text, vector};
use crate::class;
use crate::fields::FieldSpan;

/// What one implementation made of an input. All implementations must agree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScanDigest {
    /// The length of a valid section and the offsets of its lines: `[0, 0, 0, end]` for the start line, `[start,
    /// colon, v0, v1]` for a field. `None` if the section is not complete: whether the walk then says bad or
    /// partial is its own affair.
    pub section: Option<(usize, Vec<[usize; 4]>)>,
    /// Where the first byte lies that may not stand in a strict target.
    pub target_end: usize,
    /// Whether the input is a token.
    pub token: bool,
    /// Whether every byte may stand in a field value.
    pub value: bool,
}

/// Runs every implementation this machine has over `input`. The first is the portable one, with the questions
/// about strings answered byte by byte.
pub fn scan_twins(input: &[u8], start_line: bool, max: usize) -> Vec<(&'static str, ScanDigest)> {
    let mut digests = Vec::new();
    for_each(input, start_line, max, |name, walk, lines| {
        let section = match walk {
            Walk::Complete(length) => Some((length, lines)),
            Walk::Partial | Walk::Bad => None,
        };
        let digest = if digests.is_empty() {
            ScanDigest {
                section,
                target_end: input.iter().position(|b| !class::in_target(*b)).unwrap_or(input.len()),
                token: class::is_token(input),
                value: class::is_value(input),
            }
        } else {
            ScanDigest {
                section,
                target_end: text::target_end(input),
                token: text::all_token(input),
                value: text::all_value(input),
            }
        };
        digests.push((name, digest));
    });
    digests
}

/// What each implementation says, the portable one first.
pub(super) fn for_each(
    input: &[u8],
    start_line: bool,
    max: usize,
    mut report: impl FnMut(&'static str, Walk, Vec<[usize; 4]>),
) {
    let mut run = |name, implementation: &dyn Fn(&[u8], &mut Lines) -> Walk| {
        let mut lines = Lines(Vec::new());
        let walk = at_limit(implementation(cut(input, max), &mut lines), input, max);
        report(name, walk, lines.0);
    };
    let spans = Vec::new;
    run("portable", &|section, lines| match start_line {
        true => portable::walk::<true, _>(section, &mut spans(), lines),
        false => portable::walk::<false, _>(section, &mut spans(), lines),
    });
    for (name, unit) in vector::Unit::all() {
        run(name, &|section, lines| match start_line {
            true => vector::walk::<true, _>(section, &mut spans(), lines, unit),
            false => vector::walk::<false, _>(section, &mut spans(), lines, unit),
        });
    }
}

/// Writes down every line.
struct Lines(Vec<[usize; 4]>);

impl Visit for Lines {
    fn start_line(&mut self, _: &[u8], end: usize) -> bool {
        self.0.push([0, 0, 0, end]);
        true
    }

    fn fields(&mut self, _: &[u8], lines: &[FieldSpan]) -> bool {
        let offsets =
            |l: &FieldSpan| [l.name_start, l.name_end, l.value_start, l.value_end].map(|n| n as usize);
        self.0.extend(lines.iter().map(offsets));
        true
    }
}
