//! [`Announced`]: a stream that begins with a word of the proxy in front about whose connection it is.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use h1wire_proto::ProxyHeader;

use crate::socket::PollFd;
use crate::stream::{Closer, Transport, Wrote};

/// A stream whose first bytes are a header of the PROXY protocol. It is read with the first bytes that somebody wants; from
/// then on the addresses are those that it tells.
pub(crate) struct Announced {
    under: Box<dyn Transport>,
    /// What came of the header, then what came with it.
    seen: Vec<u8>,
    header: Option<ProxyHeader>,
}

impl Announced {
    pub(crate) fn new(under: Box<dyn Transport>) -> Self {
        Self { under, seen: Vec::new(), header: None }
    }

    /// Reads the header, unless it was read.
    fn hear(&mut self) -> io::Result<()> {
        while self.header.is_none() {
            let bad = |error| io::Error::new(io::ErrorKind::InvalidData, error);
            if let Some((header, len)) = ProxyHeader::parse(&self.seen).map_err(bad)? {
                self.header = Some(header);
                self.seen.drain(..len);
                break;
            }
            let mut piece = [0; ProxyHeader::MAX_LEN];
            let room = piece.len() - self.seen.len().min(piece.len() - 1);
            match self.under.read(&mut piece[..room])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => self.seen.extend_from_slice(&piece[..n]),
            }
        }
        Ok(())
    }
}

impl Read for Announced {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.hear()?;
        if self.seen.is_empty() {
            return self.under.read(buf);
        }
        let n = self.seen.as_slice().read(buf)?;
        self.seen.drain(..n);
        if self.seen.is_empty() {
            self.seen = Vec::new();
        }
        Ok(n)
    }
}

impl Write for Announced {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.under.write(buf)
    }
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.under.write_vectored(bufs)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.under.flush()
    }
}

impl Transport for Announced {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.under.set_read_timeout(limit)
    }
    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.under.set_write_timeout(limit)
    }
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        self.under.shutdown(how)
    }
    fn abort(&mut self) -> io::Result<()> {
        self.under.abort()
    }
    fn closer(&self) -> Option<Closer> {
        self.under.closer()
    }
    /// `None` before the header, so that nobody takes the proxy for its client.
    fn local_addr(&self) -> Option<SocketAddr> {
        match self.header? {
            ProxyHeader::Client { destination, .. } => Some(destination),
            ProxyHeader::Own => self.under.local_addr(),
        }
    }
    fn peer_addr(&self) -> Option<SocketAddr> {
        match self.header? {
            ProxyHeader::Client { source, .. } => Some(source),
            ProxyHeader::Own => self.under.peer_addr(),
        }
    }
    fn poll_fd(&self) -> Option<PollFd<'_>> {
        self.under.poll_fd()
    }
    fn is_readable(&mut self) -> bool {
        self.header.is_some() && !self.seen.is_empty() || self.under.is_readable()
    }
    fn send(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.under.send(slices)
    }
    fn write_or_readable(&mut self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
        self.under.write_or_readable(slices)
    }
    fn set_no_delay(&mut self, on: bool) -> io::Result<()> {
        self.under.set_no_delay(on)
    }
    fn set_keep_alive(&mut self, initial_delay: Option<Duration>) -> io::Result<()> {
        self.under.set_keep_alive(initial_delay)
    }
}
