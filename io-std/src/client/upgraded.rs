//! [`Upgraded`]: a connection that belongs to another protocol now.

use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;

use super::wire::Wire;
use crate::stream::{Closer, Stream};

/// A connection after 101, or after 2xx to `CONNECT`: reads give the bytes that came behind the response first, then
/// those of the stream.
pub struct Upgraded {
    stream: Box<dyn Stream>,
    leftover: Vec<u8>,
    taken: usize,
}

impl Upgraded {
    pub(crate) fn new(mut wire: Wire) -> Self {
        // Limits of the exchange are none of the next protocol's. A stream that cannot change them keeps them.
        let _ = wire.limit_read(None);
        let _ = wire.limit_write(None);
        Self { leftover: wire.input.bytes().to_vec(), taken: 0, stream: wire.stream }
    }

    /// The bytes that came behind the response and were not read yet.
    pub fn leftover(&self) -> &[u8] {
        self.leftover.get(self.taken..).unwrap_or_default()
    }

    /// The stream without what was received of it already.
    pub fn into_parts(self) -> (Box<dyn Stream>, Vec<u8>) {
        let leftover = self.leftover().to_vec();
        (self.stream, leftover)
    }

    /// The stream, for its options and limits.
    pub fn stream(&mut self) -> &mut dyn Stream {
        &mut *self.stream
    }

    /// What ends the connection from another thread.
    pub fn closer(&self) -> Option<Closer> {
        self.stream.closer()
    }

    /// The local address, if it is a TCP connection.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.stream.local_addr()
    }

    /// The peer's address, if it is a TCP connection.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl Read for Upgraded {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.leftover.len() {
            return self.stream.read(buf);
        }
        let n = self.leftover().read(buf)?;
        self.taken += n;
        if self.taken == self.leftover.len() {
            (self.leftover, self.taken) = (Vec::new(), 0);
        }
        Ok(n)
    }
}

impl Write for Upgraded {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.write(buf)
    }
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(slices)
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
