//! [`Upgraded`]: a connection that belongs to another protocol now.

use std::io::{self, IoSlice, Read, Write};

use crate::stream::Transport;

/// A connection after a switch of protocols or as a tunnel: the stream, and the first bytes that came on it.
///
/// It belongs to whoever has it. The server has forgotten it: its limits do not count, its time limits do not run,
/// and it does not end when the server closes.
pub struct Upgraded {
    pub(crate) stream: Box<dyn Transport>,
    pub(crate) first: Vec<u8>,
    /// How many of `first` were read.
    pub(crate) read: usize,
}

impl Upgraded {
    /// The first bytes that were received and belong to the new protocol, as far as they were not read.
    pub fn leftover(&self) -> &[u8] {
        self.first.get(self.read..).unwrap_or_default()
    }

    /// The stream, and the first bytes that were not read.
    pub fn into_parts(self) -> (Box<dyn Transport>, Vec<u8>) {
        let mut first = self.first;
        first.drain(..self.read.min(first.len()));
        (self.stream, first)
    }

    /// The stream, for its limits, addresses and end.
    pub fn stream(&mut self) -> &mut dyn Transport {
        &mut *self.stream
    }
}

/// Reads the first bytes, then from the stream.
impl Read for Upgraded {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut left = self.leftover();
        if left.is_empty() {
            return self.stream.read(buf);
        }
        let n = left.read(buf)?;
        self.read += n;
        Ok(n)
    }
}

/// Raises no signal where the other side is gone.
impl Write for Upgraded {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.send(&[IoSlice::new(buf)])
    }
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.send(bufs)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl std::fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upgraded").field("leftover", &self.leftover().len()).finish_non_exhaustive()
    }
}
