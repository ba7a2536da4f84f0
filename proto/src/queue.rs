//! [`OutQueue`]: bytes to send, in order, small ones copied together and large ones by reference.
//!
//! It stores bytes and says which are next. What they mean is decided in `send`, how they reach the socket by its
//! owner.

use crate::out::Out;
use crate::send::Frame;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// An output queue for vectored writes, shared by all responses that are pipelined on a connection.
///
/// Small payloads are copied after one another, so that a head with a small body, or twenty of them, is one slice
/// and appending costs what it costs with a `Vec<u8>`. Payloads of [`copy_below`](Self::with_copy_below) bytes and
/// more are kept by reference. An [external](Self::put_external) segment stands for bytes that are never in
/// memory, such as a file the owner sends with `sendfile`.
///
/// `B` is what owns a payload ([`Bytes`], `Vec<u8>`, `Arc<[u8]>`, an own buffer handle). Its `as_ref` must give the
/// same bytes each time.
///
/// | kind | methods |
/// |---|---|
/// | append | [`Out`], [`put_shared`](Self::put_shared), [`put_external`](Self::put_external), and both framed |
/// | look | [`only_slice`](Self::only_slice), [`slices`](Self::slices), [`fill`](Self::fill), [`front_external`](Self::front_external) |
/// | remove | [`advance`](Self::advance), [`advance_external`](Self::advance_external), [`clear`](Self::clear) |
/// | measure | [`len`](Self::len), [`buffered`](Self::buffered), [`is_full`](Self::is_full), [`capacity`](Self::capacity) |
///
/// A new queue owns no memory. A queue that was used keeps its buffers for the next bytes;
/// [`shrink_to`](Self::shrink_to) gives them back. One that never runs empty still reuses them.
///
/// ```
/// use h1wire_proto::{Out, OutQueue};
///
/// let mut queue = OutQueue::default();
/// queue.put(b"HTTP/1.1 200 OK\r\n\r\n");
/// queue.put_shared(bytes::Bytes::from(vec![b'x'; 100_000]));
/// let mut slices = [&b""[..]; 8];
/// assert_eq!(queue.slices(&mut slices), 2);
/// queue.advance(100_000); // what one `writev` took
/// assert_eq!(queue.only_slice(), None);
/// assert_eq!(queue.len(), 19);
/// ```
pub struct OutQueue<B = Bytes> {
    /// The copied bytes. Those before `sent` are gone.
    scratch: Vec<u8>,
    sent: usize,
    /// The position of `scratch[0]` in the stream of all copied bytes, so that `Segment::at` stays true when sent
    /// bytes are dropped from the front.
    base: u64,
    /// What lies between the copied bytes.
    segments: VecDeque<Segment<B>>,
    /// Bytes already sent of the first segment.
    front_sent: usize,
    /// Unsent bytes in segments that are slices, and in those that are not.
    referenced: usize,
    external: u64,
    copy_below: usize,
}

/// Something that goes out before the copied byte at `at`.
struct Segment<B> {
    at: u64,
    payload: Payload<B>,
}

enum Payload<B> {
    Static(&'static [u8]),
    Shared(B),
    External { id: u64, len: u64 },
}

impl<B> OutQueue<B> {
    /// The default of [`with_copy_below`](Self::with_copy_below), in bytes.
    pub const COPY_BELOW: usize = 4096;

    /// An empty queue that owns no memory.
    pub const fn new() -> Self {
        Self::with_copy_below(Self::COPY_BELOW)
    }

    /// A queue that copies payloads of less than `bytes` and refers to others. Default 4,096: up to there a copy
    /// costs less than one more slice in a system call and a reference counted.
    pub const fn with_copy_below(bytes: usize) -> Self {
        Self {
            scratch: Vec::new(),
            sent: 0,
            base: 0,
            segments: VecDeque::new(),
            front_sent: 0,
            referenced: 0,
            external: 0,
            copy_below: if bytes == 0 { 1 } else { bytes },
        }
    }

    /// Appends `len` bytes that the owner will move past this queue, known to it by `id`. Nothing is appended when
    /// `len` is 0.
    pub fn put_external(&mut self, id: u64, len: u64) {
        if len > 0 {
            self.external = self.external.saturating_add(len);
            self.push(Payload::External { id, len });
        }
    }

    /// Appends an external segment with the framing the machine gave for it. A frame that does not send its payload
    /// (an answer to `HEAD`) appends nothing.
    pub fn put_external_framed(&mut self, frame: &Frame, id: u64, len: u64) {
        if frame.sends_payload() {
            self.put(frame.pre());
            self.put_external(id, len);
            self.put_static(frame.post());
        }
    }

    /// The external segment that is next, as its id and the bytes still to move; `None` when slices are next or
    /// nothing is.
    pub fn front_external(&self) -> Option<(u64, u64)> {
        match self.segments.front()? {
            Segment { at, payload: Payload::External { id, len } } if *at == self.position() => {
                Some((*id, *len))
            }
            _ => None,
        }
    }

    /// Removes `n` bytes of the external segment that is next, and says whether that was the last of it. Without
    /// one it does nothing.
    pub fn advance_external(&mut self, n: u64) -> bool {
        let position = self.position();
        let Some(Segment { at, payload: Payload::External { len, .. } }) = self.segments.front_mut() else {
            return false;
        };
        if *at != position {
            return false;
        }
        let moved = n.min(*len);
        *len -= moved;
        self.external = self.external.saturating_sub(moved);
        let done = *len == 0;
        if done {
            self.segments.pop_front();
        }
        done
    }

    /// Unsent bytes, with those of external segments; `u64::MAX` if they are more.
    pub fn len(&self) -> u64 {
        (self.buffered() as u64).saturating_add(self.external)
    }

    /// Whether nothing is left to send.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.sent == self.scratch.len() && self.segments.is_empty()
    }

    /// Unsent bytes that lie in memory: copied, shared and static ones.
    #[inline]
    pub fn buffered(&self) -> usize {
        self.scratch.len() - self.sent + self.referenced
    }

    /// Whether at least `limit` bytes lie in memory, so that the writer should wait for
    /// [`buffered`](Self::buffered) to fall.
    #[inline]
    pub fn is_full(&self, limit: usize) -> bool {
        self.buffered() >= limit
    }

    /// Bytes of memory the queue itself owns, used or not; shared payloads are not counted.
    pub fn capacity(&self) -> usize {
        self.scratch.capacity() + self.segments.capacity() * size_of::<Segment<B>>()
    }

    /// Removes everything and keeps the memory. External segments are forgotten like the rest.
    pub fn clear(&mut self) {
        self.segments.clear();
        self.scratch.clear();
        (self.sent, self.base, self.front_sent, self.referenced, self.external) = (0, 0, 0, 0, 0);
    }

    /// Gives back memory for copied bytes beyond `bytes` and beyond what is in use. An empty queue that is shrunk to
    /// 0 owns nothing.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.drop_sent();
        self.scratch.shrink_to(bytes);
        self.segments.shrink_to(bytes / size_of::<Segment<B>>());
    }

    /// Where the next byte is in the stream of copied bytes.
    fn position(&self) -> u64 {
        self.base + self.sent as u64
    }

    fn push(&mut self, payload: Payload<B>) {
        let at = self.base + self.scratch.len() as u64;
        self.segments.push_back(Segment { at, payload });
    }

    fn drop_sent(&mut self) {
        self.base = self.position();
        self.scratch.drain(..self.sent);
        self.sent = 0;
    }
}

impl<B: AsRef<[u8]>> OutQueue<B> {
    /// Appends `payload`, by reference if it is large. It is dropped once it was copied or sent.
    pub fn put_shared(&mut self, payload: B) {
        let bytes = payload.as_ref();
        if bytes.len() < self.copy_below {
            self.scratch.extend_from_slice(bytes);
        } else {
            self.referenced += bytes.len();
            self.push(Payload::Shared(payload));
        }
    }

    /// Appends `payload` with the framing the machine gave for it. A frame that does not send its payload (an answer
    /// to `HEAD`) appends nothing.
    pub fn put_shared_framed(&mut self, frame: &Frame, payload: B) {
        if frame.sends_payload() {
            self.put(frame.pre());
            self.put_shared(payload);
            self.put_static(frame.post());
        }
    }

    /// Everything that is queued, if it is one slice of copied bytes: the usual case, and worth a plain `send`.
    /// `None` when there is more than that, or nothing.
    #[inline]
    pub fn only_slice(&self) -> Option<&[u8]> {
        if !self.segments.is_empty() {
            return None;
        }
        self.scratch.get(self.sent..).filter(|slice| !slice.is_empty())
    }

    /// Writes the next slices to the front of `dst`, none of them empty, and says how many. They end at an external
    /// segment, at the end of the queue or with `dst`.
    pub fn slices<'q>(&'q self, dst: &mut [&'q [u8]]) -> usize {
        self.fill(dst, |slice| slice)
    }

    /// [`slices`](Self::slices) for a caller with its own type of slice, such as `IoSlice::new`.
    pub fn fill<'q, T>(&'q self, dst: &mut [T], make: impl Fn(&'q [u8]) -> T) -> usize {
        let mut filled = 0;
        // Whether there was room for the slice, or it needs none.
        let mut put = |slice: &'q [u8]| match dst.get_mut(filled) {
            _ if slice.is_empty() => true,
            Some(place) => {
                *place = make(slice);
                filled += 1;
                true
            }
            None => false,
        };
        let mut from = self.sent;
        let mut skip = self.front_sent;
        for segment in &self.segments {
            let to = (segment.at - self.base) as usize;
            let room = put(self.scratch.get(from..to).unwrap_or_default());
            let Some(bytes) = segment.payload.bytes() else { return filled };
            if !room || !put(bytes.get(skip..).unwrap_or_default()) {
                return filled;
            }
            (from, skip) = (to, 0);
        }
        put(self.scratch.get(from..).unwrap_or_default());
        filled
    }

    /// Removes the first `n` bytes of the slices: what a write took. More than the slices hold removes all of them
    /// and nothing of an external segment.
    pub fn advance(&mut self, n: usize) {
        let mut n = n;
        while let Some(front) = self.segments.front() {
            let copied = (front.at - self.base) as usize - self.sent;
            let step = copied.min(n);
            self.sent += step;
            n -= step;
            if step < copied {
                break;
            }
            let Some(bytes) = front.payload.bytes() else { break };
            let left = bytes.len().saturating_sub(self.front_sent);
            let step = left.min(n);
            self.front_sent += step;
            self.referenced = self.referenced.saturating_sub(step);
            n -= step;
            if step < left {
                break;
            }
            self.segments.pop_front();
            self.front_sent = 0;
        }
        if self.segments.is_empty() {
            self.sent = self.scratch.len().min(self.sent.saturating_add(n));
        }
        // Dropping costs a move of what is left, so it waits until that is less than what it frees.
        if self.sent >= self.scratch.len() - self.sent {
            self.drop_sent();
        }
    }
}

impl<B> Out for OutQueue<B> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.scratch.extend_from_slice(bytes);
    }

    #[inline]
    fn put_static(&mut self, bytes: &'static [u8]) {
        if bytes.len() < self.copy_below {
            self.scratch.extend_from_slice(bytes);
        } else {
            self.referenced += bytes.len();
            self.push(Payload::Static(bytes));
        }
    }

    #[inline]
    fn reserve(&mut self, n: usize) {
        self.scratch.reserve(n);
    }
}

impl<B> Default for OutQueue<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> core::fmt::Debug for OutQueue<B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("OutQueue")
            .field("buffered", &self.buffered())
            .field("external", &self.external)
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}

impl<B: AsRef<[u8]>> Payload<B> {
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Static(bytes) => Some(bytes),
            Self::Shared(payload) => Some(payload.as_ref()),
            Self::External { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_framed_payload_lies_between_its_chunk_line_and_line_end() {
        let mut pre = [0; 18];
        pre[..3].copy_from_slice(b"5\r\n");
        let frame = Frame { pre, pre_len: 3, post: b"\r\n", payload: true };
        let mut queue = OutQueue::new();
        queue.put_shared_framed(&frame, "hello");
        queue.put_external_framed(&frame, 1, 5);
        assert_eq!(queue.slices(&mut [&b""[..]; 2]), 1);
        assert_eq!(queue.len(), 20);
        queue.advance(13);
        assert_eq!(queue.front_external(), Some((1, 5)));
        assert!(queue.advance_external(5));
        assert_eq!(queue.only_slice(), Some(&b"\r\n"[..]));
    }

    #[test]
    fn a_payload_that_is_only_counted_is_not_queued() {
        let mut queue = OutQueue::new();
        queue.put_shared_framed(&Frame::DISCARD, "hello");
        queue.put_external_framed(&Frame::DISCARD, 1, 5);
        assert!(queue.is_empty());
    }
}
