//! What is sent, as the caller gives it: fields, how long the content is, and the frame around a payload.
//!
//! No byte is checked or written here. That is done in `checked` and `encode`.

use alloc::vec::Vec;

use super::checked::Checked;
use crate::error::SendError;
use crate::message::BodyKind;
use crate::out::Out;
use crate::validate::Strictness;

/// Fields to send. The encoder walks them twice: once to validate, once to write, so both walks must give the
/// same fields.
pub trait FieldSource {
    /// The fields in wire order, names in the case they are to be sent in.
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])>;

    /// How much the values may contain. [`Strict`](Strictness::Strict) unless the fields were collected with
    /// [another level](crate::Headers::with_strictness); of two sources together the more relaxed.
    #[inline]
    fn strictness(&self) -> Strictness {
        Strictness::Strict
    }

    // The two walks of the encoder, sealed: their types cannot be named outside, so only the crate's own sources
    // replace them, and nobody gets around the checks.
    #[doc(hidden)]
    #[inline]
    fn check(&self, checked: &mut Checked) -> Result<(), SendError> {
        let strictness = self.strictness();
        self.fields().try_for_each(|(name, value)| checked.field(name, value, strictness))
    }
    #[doc(hidden)]
    #[inline]
    fn put<O: Out + ?Sized>(&self, out: &mut O, _: Encoder) {
        for (name, value) in self.fields() {
            out.put(name);
            out.put(b": ");
            out.put(value);
            out.put(b"\r\n");
        }
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FieldSource for [(N, V)] {
    #[inline]
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter().map(|(n, v)| (n.as_ref(), v.as_ref()))
    }
}
impl<N: AsRef<[u8]>, V: AsRef<[u8]>, const L: usize> FieldSource for [(N, V); L] {
    #[inline]
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter().map(|(n, v)| (n.as_ref(), v.as_ref()))
    }
}
impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FieldSource for Vec<(N, V)> {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter().map(|(n, v)| (n.as_ref(), v.as_ref()))
    }
}
impl FieldSource for crate::Fields<'_, '_> {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter()
    }
}
/// No fields.
impl FieldSource for () {
    #[inline]
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        core::iter::empty()
    }
}
/// The fields of the source, if there is one.
impl<F: FieldSource> FieldSource for Option<F> {
    #[inline]
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter().flat_map(F::fields)
    }
    #[inline]
    fn strictness(&self) -> Strictness {
        self.as_ref().map(F::strictness).unwrap_or_default()
    }
    #[inline]
    fn check(&self, checked: &mut Checked) -> Result<(), SendError> {
        self.as_ref().map_or(Ok(()), |source| source.check(checked))
    }
    #[inline]
    fn put<O: Out + ?Sized>(&self, out: &mut O, encoder: Encoder) {
        if let Some(source) = self {
            source.put(out, encoder);
        }
    }
}
/// The fields of the first source, then those of the second.
impl<A: FieldSource, B: FieldSource> FieldSource for (A, B) {
    #[inline]
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.fields().chain(self.1.fields())
    }
    #[inline]
    fn strictness(&self) -> Strictness {
        self.0.strictness().max(self.1.strictness())
    }
    #[inline(always)]
    fn check(&self, checked: &mut Checked) -> Result<(), SendError> {
        self.0.check(checked)?;
        self.1.check(checked)
    }
    #[inline(always)]
    fn put<O: Out + ?Sized>(&self, out: &mut O, encoder: Encoder) {
        self.0.put(out, encoder);
        self.1.put(out, encoder);
    }
}
impl<F: FieldSource + ?Sized> FieldSource for &F {
    #[inline]
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        (**self).fields()
    }
    #[inline]
    fn strictness(&self) -> Strictness {
        (**self).strictness()
    }
    #[inline]
    fn check(&self, checked: &mut Checked) -> Result<(), SendError> {
        (**self).check(checked)
    }
    #[inline]
    fn put<O: Out + ?Sized>(&self, out: &mut O, encoder: Encoder) {
        (**self).put(out, encoder);
    }
}

/// Shows that it is the encoder that asks a source of fields to write itself.
#[expect(unnameable_types, reason = "it seals the walks of `FieldSource`")]
#[derive(Clone, Copy, Debug)]
pub struct Encoder(pub(super) ());

/// How long the content to be sent is. This alone decides its framing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BodyLen {
    /// No content.
    None,
    /// Exactly so many bytes, sent with `Content-Length`.
    Exact(u64),
    /// Not known in advance: sent chunked, or until close to an HTTP/1.0 client.
    Unknown,
}

/// The framing to send received content on with: its length if it has one.
impl From<BodyKind> for BodyLen {
    fn from(received: BodyKind) -> Self {
        match received {
            BodyKind::None => Self::None,
            BodyKind::Length(n) => Self::Exact(n),
            BodyKind::Chunked | BodyKind::UntilClose => Self::Unknown,
        }
    }
}

/// The bytes to put before and after a payload that the machine never sees (a file, a mapped page, a registered
/// buffer). See [`BodyTx::frame`](crate::BodyTx::frame).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub(crate) pre: [u8; 18],
    pub(crate) pre_len: u8,
    pub(crate) post: &'static [u8],
    pub(crate) payload: bool,
}

impl Frame {
    pub(crate) const RAW: Self = Self { pre: [0; 18], pre_len: 0, post: b"", payload: true };
    pub(crate) const DISCARD: Self = Self { payload: false, ..Self::RAW };

    /// What goes before the payload: empty, or a chunk line of at most 18 bytes.
    #[inline]
    pub fn pre(&self) -> &[u8] {
        self.pre.get(..self.pre_len as usize).unwrap_or_default()
    }

    /// What goes after the payload: empty, or CRLF.
    #[inline]
    pub fn post(&self) -> &'static [u8] {
        self.post
    }

    /// Whether the payload is sent at all. It is not in answers to `HEAD` and with 204 and 304: the content is
    /// then only counted (RFC 9110 section 9.3.2).
    #[inline]
    pub fn sends_payload(&self) -> bool {
        self.payload
    }
}
