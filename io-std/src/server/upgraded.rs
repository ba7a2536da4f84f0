//! [`Upgraded`]: a connection that belongs to another protocol now.

use std::io::{self, IoSlice, Read, Write};

use h1wire_proto::{Advice, BodyLen, FieldSource, SendError};

use super::exchange::{Exchange, Sending, refused};
use super::send::Head;
use crate::stream::Stream;

/// A connection after a switch of protocols or as a tunnel: the stream, and the first bytes that came on it.
///
/// It belongs to whoever has it. The server has forgotten it: its limits do not count, its time limits do not run,
/// and it does not end when the server closes.
pub struct Upgraded {
    stream: Box<dyn Stream>,
    first: Vec<u8>,
    /// How many of `first` were read.
    read: usize,
}

impl Upgraded {
    /// The stream, and the bytes that were received on it and belong to the new protocol.
    pub fn into_parts(self) -> (Box<dyn Stream>, Vec<u8>) {
        let mut first = self.first;
        first.drain(..self.read.min(first.len()));
        (self.stream, first)
    }

    /// The stream, for its limits, addresses and end.
    pub fn stream(&mut self) -> &mut dyn Stream {
        &mut *self.stream
    }
}

/// Reads the first bytes, then from the stream.
impl Read for Upgraded {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut left = self.first.get(self.read..).unwrap_or_default();
        if left.is_empty() {
            return self.stream.read(buf);
        }
        let n = left.read(buf)?;
        self.read += n;
        Ok(n)
    }
}

impl Write for Upgraded {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.write(buf)
    }
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(bufs)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl std::fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upgraded").field("first", &(self.first.len() - self.read)).finish_non_exhaustive()
    }
}

impl Exchange {
    /// Opens a tunnel, if the request asks for one.
    pub(crate) fn tunnel<F: FieldSource + ?Sized>(
        &mut self,
        head: &Head<'_, F>,
        rest: &[u8],
    ) -> io::Result<Upgraded> {
        if !self.asks_for_tunnel {
            return Err(refused(SendError::WrongState));
        }
        self.respond(head, BodyLen::None, None)?;
        self.hand_over(head.code, rest)
    }

    /// Sends what is queued and gives the stream away, with what came behind the request.
    pub(crate) fn hand_over(&mut self, status: u16, rest: &[u8]) -> io::Result<Upgraded> {
        if self.link.conn.advice() != Advice::Switched {
            return Err(refused(SendError::WrongState));
        }
        self.status = status;
        self.sending = Sending::Ended;
        self.flush_out()?;
        let mut stream = self.link.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        self.link.membership = None;
        self.counters.switched.add(1);
        let more = self.buffers.more.bytes();
        let first = if more.is_empty() { rest } else { more }.to_vec();
        self.buffers.more.consume(more.len());
        Ok(Upgraded { stream, first, read: 0 })
    }
}
