//! A field section as offsets: the caller's reusable [`Slots`] and the borrowed view [`Fields`].
//!
//! Offsets have no lifetime, so one table serves every message of every connection of an event loop. Nothing
//! here knows what a field means; that is `framing` and `views`.

use alloc::vec::Vec;

/// Where one field line lies in its section. `name_end` is the offset of the colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldSpan {
    pub(crate) name_start: u32,
    pub(crate) name_end: u32,
    pub(crate) value_start: u32,
    /// With [`FOLDED`] set, the value lies in the scratch instead of the input.
    pub(crate) value_end: u32,
}

/// Marks a value that was unfolded into the caller's scratch (RFC 9112 section 5.2).
pub(crate) const FOLDED: u32 = 1 << 31;

/// The caller's scratch for field offsets and unfolded values: one for each event loop or thread, never one for
/// each connection.
///
/// It grows to the largest head it has seen, bounded by [`Limits`](crate::Limits), and is then reused without
/// allocation.
#[derive(Default, Debug, Clone)]
pub struct Slots {
    pub(crate) spans: Vec<FieldSpan>,
    pub(crate) unfolded: Vec<u8>,
}

impl Slots {
    /// Empty scratch. Allocates nothing yet.
    pub const fn new() -> Self {
        Self { spans: Vec::new(), unfolded: Vec::new() }
    }

    /// The fields of the section whose offsets these are.
    pub(crate) fn fields<'i: 's, 's>(&'s self, section: &'i [u8]) -> Fields<'i, 's> {
        Fields { section, spans: &self.spans, unfolded: &self.unfolded }
    }

    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.unfolded.clear();
    }
}

/// A field section: names and values borrowed from the input (and, for a folded value, from the [`Slots`]).
///
/// Order, case and duplicates are kept as received. Look-up ignores case (RFC 9110 section 5.1).
#[derive(Clone, Copy)]
pub struct Fields<'i, 's> {
    pub(crate) section: &'i [u8],
    pub(crate) spans: &'s [FieldSpan],
    pub(crate) unfolded: &'s [u8],
}

impl<'i: 's, 's> Fields<'i, 's> {
    /// A section without fields.
    pub const EMPTY: Self = Self { section: &[], spans: &[], unfolded: &[] };

    /// How many field lines there are.
    pub const fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Every field line in order: the name as received, the value without white space around it.
    pub fn iter(&self) -> FieldsIter<'i, 's> {
        FieldsIter { fields: *self, at: 0 }
    }

    /// The `index`th field line.
    pub fn nth(&self, index: usize) -> Option<(&'s [u8], &'s [u8])> {
        let span = self.spans.get(index)?;
        let name = self.section.get(span.name_start as usize..span.name_end as usize)?;
        let value = if span.value_end & FOLDED == 0 {
            self.section.get(span.value_start as usize..span.value_end as usize)?
        } else {
            self.unfolded.get(span.value_start as usize..(span.value_end & !FOLDED) as usize)?
        };
        Some((name, value))
    }

    /// The value of the first line named `name`, whatever its case.
    pub fn get(&self, name: &str) -> Option<&'s [u8]> {
        self.get_all(name).next()
    }

    /// The values of all lines named `name`, in order.
    pub fn get_all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'s [u8]> + use<'i, 's, 'n> {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| v)
    }

    /// Whether a line named `name` is present.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

impl core::fmt::Debug for Fields<'_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map()
            .entries((0..self.len()).filter_map(|i| self.nth(i)).map(|(n, v)| (Escaped(n), Escaped(v))))
            .finish()
    }
}

/// Bytes of a peer, shown with everything but printable ASCII escaped, so that a log line cannot be forged.
#[derive(Clone, Copy)]
pub struct Escaped<'a>(pub &'a [u8]);
impl core::fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}
impl core::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// Iterates over a [`Fields`] view in wire order.
#[derive(Clone, Debug)]
pub struct FieldsIter<'i, 's> {
    fields: Fields<'i, 's>,
    at: usize,
}

impl<'i: 's, 's> Iterator for FieldsIter<'i, 's> {
    type Item = (&'s [u8], &'s [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.fields.nth(self.at)?;
        self.at += 1;
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.fields.len() - self.at;
        (left, Some(left))
    }
}
impl<'i: 's, 's> ExactSizeIterator for FieldsIter<'i, 's> {}

impl<'i: 's, 's> IntoIterator for Fields<'i, 's> {
    type Item = (&'s [u8], &'s [u8]);
    type IntoIter = FieldsIter<'i, 's>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'i: 's, 's> IntoIterator for &Fields<'i, 's> {
    type Item = (&'s [u8], &'s [u8]);
    type IntoIter = FieldsIter<'i, 's>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
