//! [`InBuf`]: received bytes that could not be consumed yet.
//!
//! It holds bytes and finds room for more. How many were consumed is the machine's business, where they come from
//! its owner's.

use alloc::vec::Vec;
use core::ops::Range;

/// The unconsumed rest of a connection's input. New or emptied by [`keep`](Self::keep), it owns no memory, so an
/// idle connection costs no buffer.
///
/// It is used in one of two ways:
///
/// * **Remainder.** The owner reads into a buffer of its own, shared by many connections. [`join`](Self::join) or
///   [`join_in`](Self::join_in) gives the bytes to show to the machine: the fresh ones themselves while nothing is
///   left from before. [`keep`](Self::keep) or [`keep_with`](Self::keep_with) stores what the machine left.
/// * **Read buffer.** The owner reads into [`spare`](Self::spare), says how much it [`filled`](Self::filled), shows
///   [`bytes`](Self::bytes) and lets go of what was consumed with [`consume`](Self::consume). The memory stays for
///   the next read, until [`release`](Self::release).
///
/// All bounds are the caller's: `cap` is the most bytes to hold, at least the
/// [contiguous bytes](crate::Limits::max_contiguous) the machine may need plus one read. The memory is at most twice
/// that; when it grows, twice what is held, or what is to be read as well. Work is linear in the bytes received, however small the pieces they arrive in.
///
/// ```
/// use h1wire_proto::InBuf;
///
/// let mut rest = InBuf::new();
/// for (fresh, shown, left) in [("GET / HT", "GET / HT", 8), ("TP/1.1", "GET / HTTP/1.1", 6)] {
///     assert_eq!(rest.join(fresh.as_bytes(), 100), Some(shown.as_bytes()));
///     rest.keep(left, fresh.as_bytes());
/// }
/// assert_eq!(rest.bytes(), b"TP/1.1");
/// rest.consume(6);
/// ```
#[derive(Default)]
pub struct InBuf {
    /// `start..end` is held. What lies after `end` is initialised, and free.
    buf: Vec<u8>,
    start: usize,
    end: usize,
}

impl InBuf {
    /// Nothing, without memory.
    pub const fn new() -> Self {
        Self { buf: Vec::new(), start: 0, end: 0 }
    }

    /// The bytes held.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    /// How many bytes are held.
    #[inline]
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether no bytes are held. Memory may be: see [`capacity`](Self::capacity).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Bytes of memory owned.
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// Shows the [`bytes`](Self::bytes) held to `look`, and lets go of what it took off their front, as
    /// [`recv`](crate::Conn::recv) does.
    ///
    /// ```
    /// # use h1wire_proto::{Conn, InBuf, Recv, Server, ServerConfig, Slots};
    /// let (mut conn, mut slots) = (Conn::<Server>::new(&ServerConfig::default()), Slots::new());
    /// let mut input = InBuf::new();
    /// input.keep(34, b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b");
    /// input.show(|rest| while let Ok(Recv::Event(_)) = conn.recv(rest, &mut slots) {});
    /// assert_eq!(input.bytes(), b"GET /b");
    /// ```
    pub fn show<T>(&mut self, look: impl FnOnce(&mut &[u8]) -> T) -> T {
        let mut rest = self.bytes();
        let seen = look(&mut rest);
        let left = rest.len();
        self.consume(self.len().saturating_sub(left));
        seen
    }

    /// The bytes to show to the machine: those held with a copy of `fresh` after them, or `fresh` itself if none
    /// are. `None`, with nothing changed, if that would hold more than `cap` bytes: the owner read although the
    /// machine did not need input, and should stop.
    #[must_use = "`None` means that the fresh bytes were not taken"]
    pub fn join<'a>(&'a mut self, fresh: &'a [u8], cap: usize) -> Option<&'a [u8]> {
        if self.is_empty() {
            return Some(fresh);
        }
        if !self.make_room(fresh.len(), cap) {
            return None;
        }
        self.buf.truncate(self.end);
        self.buf.extend_from_slice(fresh);
        self.end = self.buf.len();
        Some(self.bytes())
    }

    /// [`join`](Self::join) for fresh bytes that were read after free space: they lie at `fresh` in `buffer`, what
    /// is before them may be overwritten. If the bytes held are fewer than the fresh ones and fit there, they are the
    /// ones that are copied. With a large read buffer a split message then costs its first part again, not the
    /// whole read.
    ///
    /// [`keep`](Self::keep) is to be called with `&buffer[..fresh.end]` afterwards.
    ///
    /// ```
    /// # use h1wire_proto::InBuf;
    /// let (mut rest, mut buffer) = (InBuf::new(), [0; 72]);
    /// rest.keep(3, b"GET");
    /// buffer[8..23].copy_from_slice(b" / HTTP/1.1\r\n\r\n"); // read(&mut buffer[8..])
    /// assert_eq!(rest.join_in(&mut buffer, 8..23, 72), Some(&b"GET / HTTP/1.1\r\n\r\n"[..]));
    /// rest.keep(0, &buffer[..23]);
    /// ```
    #[must_use = "`None` means that the fresh bytes were not taken"]
    pub fn join_in<'a>(
        &'a mut self,
        buffer: &'a mut [u8],
        fresh: Range<usize>,
        cap: usize,
    ) -> Option<&'a [u8]> {
        let held = self.len();
        let fits = held == 0 || fresh.len() <= cap.saturating_sub(held);
        if fits
            && held <= fresh.len()
            && let Some(from) = fresh.start.checked_sub(held)
            && let Some(front) = buffer.get_mut(from..fresh.start)
        {
            front.copy_from_slice(self.bytes());
            (self.start, self.end) = (0, 0);
            return buffer.get(from..fresh.end);
        }
        self.join(buffer.get(fresh)?, cap)
    }

    /// Stores the last `n` of the bytes that [`join`](Self::join) returned, the ones the machine left. `tail` is any
    /// slice that ends with the fresh bytes; it is copied from if nothing was held. More than there are is all.
    pub fn keep(&mut self, n: usize, tail: &[u8]) {
        self.keep_with(n, tail, &mut Vec::new());
    }

    /// [`keep`](Self::keep) that takes the memory it needs from `spare` and returns it there when it is empty. With
    /// one `spare` for each event loop, messages split between reads cost no allocation.
    pub fn keep_with(&mut self, n: usize, tail: &[u8], spare: &mut Vec<u8>) {
        if !self.is_empty() {
            self.start = self.end.saturating_sub(n).max(self.start);
        } else if n > 0 {
            let kept = tail.get(tail.len().saturating_sub(n)..).unwrap_or_default();
            if self.buf.capacity() < kept.len() && self.buf.capacity() < spare.capacity() {
                core::mem::swap(&mut self.buf, spare);
            }
            self.buf.clear();
            self.buf.reserve_exact(kept.len());
            self.buf.extend_from_slice(kept);
            (self.start, self.end) = (0, self.buf.len());
        }
        self.release(spare);
    }

    /// At least one and at most `n` bytes to read into, after those held; none if `cap` bytes are held or `n` is 0.
    pub fn spare(&mut self, n: usize, cap: usize) -> &mut [u8] {
        let n = n.min(cap.saturating_sub(self.len()));
        if !self.make_room(n, cap) {
            return &mut [];
        }
        let to = self.end.saturating_add(n);
        if self.buf.len() < to {
            self.buf.resize(to, 0);
        }
        self.buf.get_mut(self.end..to).unwrap_or_default()
    }

    /// Says that `n` bytes of [`spare`](Self::spare) were read into: from now on they are held. More than it gave
    /// is all of it.
    pub fn filled(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.buf.len());
    }

    /// Lets go of the first `n` bytes held; more than that is all of them. The memory is kept.
    pub fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Gives the memory to `spare`, or frees it if `spare` has as much. Does nothing while bytes are held.
    pub fn release(&mut self, spare: &mut Vec<u8>) {
        if self.is_empty() {
            let mut buf = core::mem::take(self).buf;
            if buf.capacity() > spare.capacity() {
                // One peer's bytes are not for the next one's buffer.
                buf.clear();
                *spare = buf;
            }
        }
    }

    /// Makes room for `n` bytes after `end`, or says that they would be more than `cap`.
    fn make_room(&mut self, n: usize, cap: usize) -> bool {
        let held = self.len();
        if n > cap.saturating_sub(held) {
            return false;
        }
        // Moving what is held is paid for by as many bytes consumed, or by room for as many to come. Otherwise a peer
        // that sends and has consumed one byte at a time would have everything moved for each.
        if self.start >= held {
            self.move_to_front();
        }
        if n > self.buf.capacity().saturating_sub(self.end) {
            self.move_to_front();
            self.buf.truncate(held);
            self.buf.reserve_exact(held.max(n));
        }
        true
    }

    fn move_to_front(&mut self) {
        if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }
}

impl core::fmt::Debug for InBuf {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("InBuf").field("len", &self.len()).finish_non_exhaustive()
    }
}
