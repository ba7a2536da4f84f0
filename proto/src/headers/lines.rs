//! The memory of [`Headers`](super::Headers): every byte in one buffer, every line in one table.
//!
//! A line lies in the buffer as it is sent, `name: value CRLF`, so that lines nobody changed are sent with one copy.
//! Nothing is validated here, and no rule about fields is known.

use crate::fields::{FOLDED, FieldSpan, Fields};
use crate::send::length;
use alloc::vec::Vec;

/// Field lines in order. Names are compared whatever their case.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    spans: Vec<FieldSpan>,
    /// Bytes that belong to no line any more.
    dead: usize,
    /// A line does not lie in the buffer where it stands among the others.
    moved: bool,
    /// How long the names are: [`length`]s of lines that there are, and perhaps of some that are gone.
    lengths: u32,
}

/// What a line has beside name and value.
const AROUND: usize = 4;

impl Lines {
    pub(super) const EMPTY: Self =
        Self { bytes: Vec::new(), spans: Vec::new(), dead: 0, moved: false, lengths: 0 };

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        self.dead = 0;
        self.moved = false;
        self.lengths = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(super) fn as_fields(&self) -> Fields<'_, '_> {
        Fields { section: &self.bytes, spans: &self.spans, unfolded: &[] }
    }

    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.spans.iter().map(|span| (self.name(span), self.value(span)))
    }

    /// Whether a name may be as long as one of `lengths`.
    #[inline]
    pub(super) fn may_have(&self, lengths: u32) -> bool {
        self.lengths & lengths != 0
    }

    /// How many bytes all lines take when they are sent.
    #[inline]
    pub(super) fn wire_len(&self) -> usize {
        self.bytes.len() - self.dead
    }

    /// The place of the first line named `name` at or after `from`.
    #[inline]
    pub(super) fn position(&self, name: &[u8], from: usize) -> Option<usize> {
        // Most names that are asked for are not there.
        if !self.may_have(length(name)) {
            return None;
        }
        let same = |span: &FieldSpan| self.name(span).eq_ignore_ascii_case(name);
        self.spans.get(from..)?.iter().position(same).map(|at| from + at)
    }

    /// Gives every line as it is sent to `put`, in pieces of one line or more.
    #[inline]
    pub(super) fn wire(&self, mut put: impl FnMut(&[u8])) {
        if self.dead == 0 && !self.moved {
            return put(&self.bytes);
        }
        for span in &self.spans {
            put(slice(&self.bytes, span.name_start, span.value_end + 2));
        }
    }

    /// Whether a line with `more` bytes of name and value can be added: offsets are 31 bits.
    #[inline]
    pub(super) fn has_room(&self, more: usize) -> bool {
        self.bytes.len().saturating_add(more).saturating_add(AROUND) < FOLDED as usize
    }

    /// Adds a line, for which there must be [room](Self::has_room).
    #[inline]
    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        let span = self.write(name, value);
        self.spans.push(span);
    }

    /// Writes a line after all bytes.
    #[inline]
    fn write(&mut self, name: &[u8], value: &[u8]) -> FieldSpan {
        self.bytes.reserve(name.len() + value.len() + AROUND);
        let name_start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(name);
        let name_end = self.bytes.len() as u32;
        self.bytes.extend_from_slice(b": ");
        self.bytes.extend_from_slice(value);
        let value_end = self.bytes.len() as u32;
        self.bytes.extend_from_slice(b"\r\n");
        self.lengths |= length(name);
        FieldSpan { name_start, name_end, value_start: name_end + 2, value_end }
    }

    /// Writes the same name in another case and another value over the `at`th line. There must be
    /// [room](Self::has_room) for it.
    pub(super) fn replace(&mut self, at: usize, name: &[u8], value: &[u8]) {
        let Some(span) = self.spans.get_mut(at) else { return };
        let room = (span.value_end - span.value_start) as usize;
        if value.len() <= room {
            let line = self.bytes.get_mut(span.name_start as usize..).unwrap_or_default();
            let new = name.iter().chain(b": ").chain(value).chain(b"\r\n");
            line.iter_mut().zip(new).for_each(|(old, new)| *old = *new);
            span.value_end = span.value_start + value.len() as u32;
            self.dead += room - value.len();
        } else {
            self.dead += size(span);
            self.moved = true;
            let span = self.write(name, value);
            self.spans[at] = span;
        }
        self.compact();
    }

    /// Keeps the lines of which `keep` says so, given place and name.
    pub(super) fn retain(&mut self, keep: impl Fn(usize, &[u8]) -> bool) {
        let (bytes, dead, mut place) = (&self.bytes, &mut self.dead, 0);
        self.spans.retain(|span| {
            let name = slice(bytes, span.name_start, span.name_end);
            let kept = keep(place, name);
            place += 1;
            if !kept {
                *dead += size(span);
            }
            kept
        });
        self.compact();
    }

    /// Forgets all lines after the first `len`, which were added last.
    pub(super) fn truncate(&mut self, len: usize) {
        if let Some(first) = self.spans.get(len) {
            self.bytes.truncate(first.name_start as usize);
            self.spans.truncate(len);
        }
    }

    /// Moves the last `count` lines to `to`.
    pub(super) fn move_last(&mut self, count: usize, to: usize) {
        if let Some(behind) = self.spans.get_mut(to..).filter(|behind| count <= behind.len()) {
            behind.rotate_right(count);
            self.moved = true;
        }
    }

    /// Makes one line of all lines named `name`, with `separator` between those of their values that are not empty, where the first is.
    pub(super) fn join(&mut self, name: &[u8], separator: &[u8]) {
        let Some(first) = self.position(name, 0) else { return };
        let mut next = self.position(name, first + 1);
        let joined: usize = self
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.len() + separator.len())
            .sum();
        if next.is_none() || !self.has_room(name.len() + joined) {
            return;
        }
        let old = self.spans[first];
        let name_start = self.bytes.len() as u32;
        self.bytes.extend_from_within(old.name_start as usize..old.value_end as usize);
        let mut empty = old.value_start == old.value_end;
        while let Some(at) = next {
            let span = self.spans[at];
            // An empty one would leave white space at an end, where it may not be.
            if span.value_start != span.value_end {
                self.bytes.extend_from_slice(if empty { b"" } else { separator });
                self.bytes.extend_from_within(span.value_start as usize..span.value_end as usize);
                empty = false;
            }
            next = self.position(name, at + 1);
        }
        let value_end = self.bytes.len() as u32;
        self.bytes.extend_from_slice(b"\r\n");
        let name_end = name_start + (old.name_end - old.name_start);
        self.spans[first] = FieldSpan { name_start, name_end, value_start: name_end + 2, value_end };
        self.dead += size(&old);
        self.moved = true;
        self.retain(|i, n| i <= first || !n.eq_ignore_ascii_case(name));
    }

    fn name(&self, span: &FieldSpan) -> &[u8] {
        slice(&self.bytes, span.name_start, span.name_end)
    }

    fn value(&self, span: &FieldSpan) -> &[u8] {
        slice(&self.bytes, span.value_start, span.value_end)
    }

    /// Gives up dead bytes once they are most of the buffer, so that a section changed for ever does not grow for
    /// ever. The live ones are moved after them within the buffer: in steady state no memory is asked for.
    fn compact(&mut self) {
        if self.dead < 1024 || self.dead < self.bytes.len() / 2 {
            return;
        }
        let start = self.bytes.len();
        for span in &mut self.spans {
            let name_start = (self.bytes.len() - start) as u32;
            self.bytes.extend_from_within(span.name_start as usize..span.value_end as usize + 2);
            let back = |at: u32| at - span.name_start + name_start;
            let (name_end, value_start, value_end) =
                (back(span.name_end), back(span.value_start), back(span.value_end));
            *span = FieldSpan { name_start, name_end, value_start, value_end };
        }
        self.bytes.drain(..start);
        self.dead = 0;
        self.moved = false;
    }
}

/// The bytes of a line.
fn size(span: &FieldSpan) -> usize {
    (span.value_end - span.name_start) as usize + 2
}

/// The bytes between two offsets of a span.
#[inline]
fn slice(bytes: &[u8], start: u32, end: u32) -> &[u8] {
    bytes.get(start as usize..end as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_bytes_are_given_up_and_a_section_changed_for_ever_asks_for_no_more_memory() {
        let mut lines = Lines::EMPTY;
        for name in [&b"a"[..], b"b", b"c"] {
            lines.push(name, b"");
        }
        let mut round = |i: usize| {
            let value = vec![b'a' + (i % 26) as u8; 10 + i % 300];
            lines.replace(1, b"B", &value);
            lines.push(b"x", &value);
            lines.retain(|_, name| name != b"x");
            assert_eq!(
                lines.iter().collect::<Vec<_>>(),
                [(&b"a"[..], &b""[..]), (b"B", &value), (b"c", b"")]
            );
            let live: usize = lines.iter().map(|(n, v)| n.len() + v.len() + AROUND).sum();
            assert_eq!(lines.wire_len(), live, "every byte is alive or counted");
            let mut sent = Vec::new();
            lines.wire(|piece| sent.extend_from_slice(piece));
            assert_eq!(sent, [b"a: \r\nB: ", &value[..], b"\r\nc: \r\n"].concat());
            lines.bytes.capacity()
        };
        let warm = (0..1000).map(&mut round).max();
        assert_eq!((0..10_000).map(&mut round).max(), warm);
        assert!(warm.unwrap() < 16 * 1024);
    }

    #[test]
    fn there_is_no_room_beyond_31_bits() {
        assert!(Lines::EMPTY.has_room(FOLDED as usize - 1 - AROUND));
        assert!(!Lines::EMPTY.has_room(FOLDED as usize - AROUND));
        assert!(!Lines::EMPTY.has_room(usize::MAX));
    }
}
