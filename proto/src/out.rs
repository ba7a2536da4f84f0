//! The append-only sink the machine writes to.
//!
//! A sink can only grow, so that encoding never fails halfway. What bytes are written is decided in `send`.

use alloc::vec::Vec;

/// A growable sink for the bytes to send.
///
/// Implemented for `Vec<u8>`, for [`OutQueue`](crate::OutQueue) (vectored, large payloads by reference), and for
/// [`Count`]. An implementation must take every byte it is given.
pub trait Out {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]);

    /// Appends bytes that live for ever, which a vectored sink need not copy.
    fn put_static(&mut self, bytes: &'static [u8]) {
        self.put(bytes);
    }

    /// Says that about `n` more bytes will follow.
    fn reserve(&mut self, n: usize) {
        let _ = n;
    }
}

impl Out for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
    #[inline]
    fn reserve(&mut self, n: usize) {
        Self::reserve(self, n);
    }
}

impl<O: Out + ?Sized> Out for &mut O {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        (**self).put(bytes);
    }
    #[inline]
    fn put_static(&mut self, bytes: &'static [u8]) {
        (**self).put_static(bytes);
    }
    #[inline]
    fn reserve(&mut self, n: usize) {
        (**self).reserve(n);
    }
}

/// A sink that keeps only the number of bytes it was given.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub usize);
impl Out for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}
