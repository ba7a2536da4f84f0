//! [`Upgraded`]: a connection that belongs to another protocol now.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use super::wire::Wire;
use crate::socket::PollFd;
use crate::stream::{Closer, Transport, Wrote};

/// A connection after 101, or after 2xx to `CONNECT`: reads give the bytes that came after the response first, then
/// those of the stream. Its options, addresses and [`closer`](Transport::closer) are those of a [`Transport`].
pub struct Upgraded {
    stream: Box<dyn Transport>,
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

    /// The bytes that came after the response and were not read yet.
    pub fn leftover(&self) -> &[u8] {
        self.leftover.get(self.taken..).unwrap_or_default()
    }

    /// The stream without what was received of it already.
    pub fn into_parts(self) -> (Box<dyn Transport>, Vec<u8>) {
        let leftover = self.leftover().to_vec();
        (self.stream, leftover)
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

/// So that what comes next can run over it, TLS in a tunnel for one.
impl Transport for Upgraded {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(limit)
    }
    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.stream.set_write_timeout(limit)
    }
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        self.stream.shutdown(how)
    }
    fn closer(&self) -> Option<Closer> {
        self.stream.closer()
    }
    fn local_addr(&self) -> Option<SocketAddr> {
        self.stream.local_addr()
    }
    fn peer_addr(&self) -> Option<SocketAddr> {
        self.stream.peer_addr()
    }
    fn poll_fd(&self) -> Option<PollFd<'_>> {
        self.stream.poll_fd().filter(|_| self.leftover().is_empty())
    }
    fn is_readable(&mut self) -> bool {
        !self.leftover().is_empty() || self.stream.is_readable()
    }
    fn write_or_readable(&mut self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
        self.stream.write_or_readable(slices)
    }
    fn set_no_delay(&mut self, on: bool) -> io::Result<()> {
        self.stream.set_no_delay(on)
    }
    fn set_keep_alive(&mut self, initial_delay: Option<Duration>) -> io::Result<()> {
        self.stream.set_keep_alive(initial_delay)
    }
}

impl std::fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upgraded").field("leftover", &self.leftover().len()).finish_non_exhaustive()
    }
}
