//! Every implementation of the walk side by side, for tests and fuzzing. Not part of the walk itself.

use alloc::vec::Vec;

use super::{Visit, Walk, bounded, portable};

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

/// Runs every implementation this machine has over `input`. The first is the portable one.
pub fn scan_twins(input: &[u8], start_line: bool, max: usize) -> Vec<(&'static str, ScanDigest)> {
    TWINS
        .iter()
        .filter(|twin| (twin.available)())
        .map(|twin| {
            let (walk, lines) = twin.walk(input, start_line, max);
            let section = match walk {
                Walk::Complete(length) => Some((length, lines)),
                Walk::Partial | Walk::Bad => None,
            };
            let digest = ScanDigest {
                section,
                target_end: (twin.target_end)(input),
                token: (twin.all_token)(input),
                value: (twin.all_value)(input),
            };
            (twin.name, digest)
        })
        .collect()
}

/// One implementation. Its functions may only be called if it is `available`.
pub(super) struct Twin {
    pub(super) name: &'static str,
    pub(super) available: fn() -> bool,
    head: fn(&[u8], &mut Lines) -> Walk,
    fields: fn(&[u8], &mut Lines) -> Walk,
    target_end: fn(&[u8]) -> usize,
    all_token: fn(&[u8]) -> bool,
    all_value: fn(&[u8]) -> bool,
}

pub(super) static TWINS: &[Twin] = &[Twin {
    name: "portable",
    available: || true,
    head: portable::walk::<true, Lines>,
    fields: portable::walk::<false, Lines>,
    target_end: portable::target_end,
    all_token: portable::all_token,
    all_value: portable::all_value,
}];

impl Twin {
    pub(super) fn walk(&self, input: &[u8], start_line: bool, max: usize) -> (Walk, Vec<[usize; 4]>) {
        let walk = if start_line { self.head } else { self.fields };
        let mut lines = Lines(Vec::new());
        (bounded(input, max, |input| walk(input, &mut lines)), lines.0)
    }
}

/// Writes down every line.
struct Lines(Vec<[usize; 4]>);

impl Visit for Lines {
    fn start_line(&mut self, _: &[u8], end: usize) -> bool {
        self.0.push([0, 0, 0, end]);
        true
    }

    fn field(&mut self, _: &[u8], start: usize, colon: usize, v0: usize, v1: usize) -> bool {
        self.0.push([start, colon, v0, v1]);
        true
    }
}
