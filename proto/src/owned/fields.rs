//! A field section that outlives its input, and the memory under the owned heads.

use crate::fields::{FieldSpan, Fields};
use crate::send::FieldSource;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::ops::Range;

/// A field section that owns its bytes, as received: nothing is validated again, nothing is unfolded again.
///
/// To change fields, copy them into [`Headers`](crate::Headers).
///
/// ```
/// use h1wire_proto::{Headers, OwnedFields};
/// let mut sent = Headers::new();
/// sent.set("Digest", "abc")?;
/// let mut kept = OwnedFields::new();
/// kept.copy_from(&sent.as_fields());
/// drop(sent);
/// assert_eq!(kept.as_fields().get("digest"), Some(&b"abc"[..]));
/// # Ok::<(), h1wire_proto::SendError>(())
/// ```
#[derive(Clone, Default)]
pub struct OwnedFields {
    /// The chunk the spans point into; without one, they point into `copied`.
    shared: Option<Bytes>,
    copied: Vec<u8>,
    section: Range<usize>,
    spans: Vec<FieldSpan>,
    unfolded: Vec<u8>,
}

impl OwnedFields {
    /// No fields. Allocates nothing yet.
    pub const fn new() -> Self {
        Self { shared: None, copied: Vec::new(), section: 0..0, spans: Vec::new(), unfolded: Vec::new() }
    }

    /// Takes a copy of `fields`, such as a trailer section, in the memory of what was there before.
    pub fn copy_from(&mut self, fields: &Fields<'_, '_>) {
        self.keep(fields, None, [b"", b""]);
    }

    /// The fields.
    #[inline]
    pub fn as_fields(&self) -> Fields<'_, '_> {
        Fields { section: self.slice(&self.section), spans: &self.spans, unfolded: &self.unfolded }
    }

    /// Whether the bytes are shared with the chunk they came in.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Keeps `fields` and two more pieces of the head they belong to, and says where the pieces are. Shares `chunk` if
    /// everything lies in it, copies otherwise: whoever passes the wrong chunk pays with time, not with a panic.
    pub(super) fn keep(
        &mut self,
        fields: &Fields<'_, '_>,
        chunk: Option<&Bytes>,
        more: [&[u8]; 2],
    ) -> [Range<usize>; 2] {
        self.spans.clear();
        self.spans.extend_from_slice(fields.spans);
        self.unfolded.clear();
        self.unfolded.extend_from_slice(fields.unfolded);
        self.shared = None;
        self.copied.clear();
        let shared = chunk.and_then(|chunk| {
            let section = locate(fields.section, chunk)?;
            Some((chunk, section, [locate(more[0], chunk)?, locate(more[1], chunk)?]))
        });
        if let Some((chunk, section, places)) = shared {
            self.shared = Some(chunk.clone());
            self.section = section;
            return places;
        }
        self.copied.extend_from_slice(fields.section);
        self.section = 0..fields.section.len();
        // The section of a received head begins with its start line, so there is mostly nothing left to copy.
        more.map(|piece| {
            locate(piece, fields.section).unwrap_or_else(|| {
                let start = self.copied.len();
                self.copied.extend_from_slice(piece);
                start..self.copied.len()
            })
        })
    }

    #[inline]
    pub(super) fn slice(&self, range: &Range<usize>) -> &[u8] {
        let bytes = self.shared.as_deref().unwrap_or(&self.copied);
        bytes.get(range.clone()).unwrap_or_default()
    }
}

/// Where `part` lies in `whole`, if it is a part of the same memory.
fn locate(part: &[u8], whole: &[u8]) -> Option<Range<usize>> {
    if part.is_empty() {
        return Some(0..0);
    }
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some(start..end)
}

impl FieldSource for OwnedFields {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.as_fields().into_iter()
    }
}

impl fmt::Debug for OwnedFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_fields().fmt(f)
    }
}
