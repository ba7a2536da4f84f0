//! A queue of bytes in an array: what `InBuf` and `OutQueue` are where memory can be had.

use h1wire_proto::Out;

/// At most `N` bytes, taken from the front.
pub struct Fixed<const N: usize> {
    array: [u8; N],
    start: usize,
    end: usize,
    overflown: bool,
}

impl<const N: usize> Fixed<N> {
    /// No bytes.
    pub const fn new() -> Self {
        Self { array: [0; N], start: 0, end: 0, overflown: false }
    }

    /// The bytes held.
    pub fn bytes(&self) -> &[u8] {
        self.array.get(self.start..self.end).unwrap_or_default()
    }

    /// Lets go of the first `n` bytes.
    pub fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
    }

    /// All the room there is, behind the bytes held.
    pub fn room(&mut self) -> &mut [u8] {
        self.array.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        self.array.get_mut(self.end..).unwrap_or_default()
    }

    /// Holds the first `n` bytes of the room as well.
    pub fn filled(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(N);
    }

    /// Whether bytes were left out for want of room.
    pub fn is_overflown(&self) -> bool {
        self.overflown
    }
}

impl<const N: usize> Default for Fixed<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Out for Fixed<N> {
    /// A sink cannot refuse. It can remember that it should have, for its owner to cut the connection.
    fn put(&mut self, bytes: &[u8]) {
        self.overflown |= bytes.len() > self.room().len();
        if !self.overflown {
            self.room()[..bytes.len()].copy_from_slice(bytes);
            self.filled(bytes.len());
        }
    }
}
