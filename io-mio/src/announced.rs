//! [`AnnouncedStream`]: a stream on which a proxy says whose connection it carries, before the first byte of it.
//!
//! What it says is read by `h1wire_proto::ProxyHeader`. Whether to believe it is decided by who listens.

use std::io::{self, ErrorKind, IoSlice, Read, Write};

use h1wire_proto::ProxyHeader;
use mio::event::Source;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::stream::{Stream, Transport};

/// A stream whose first bytes are a header of the PROXY protocol, version 1 or 2. They are read with the first bytes
/// after them, and shown to nobody.
///
/// [`Server::proxy_protocol`](crate::Server::proxy_protocol) makes one for each connection. A stream that begins with
/// anything else fails with [`InvalidData`](ErrorKind::InvalidData).
#[derive(Debug)]
pub struct AnnouncedStream {
    under: Stream,
    /// What was read: of the header while there is none, then what came after it.
    read: Vec<u8>,
    header: Option<ProxyHeader>,
}

impl AnnouncedStream {
    /// The stream after the header that `under` begins with.
    pub fn new(under: impl Into<Stream>) -> Self {
        Self { under: under.into(), read: Vec::new(), header: None }
    }

    /// What was announced; none before it was read.
    pub fn header(&self) -> Option<ProxyHeader> {
        self.header
    }

    /// Reads the header. `Ok` once it is there.
    fn read_header(&mut self) -> io::Result<()> {
        let mut piece = [0; 512];
        while self.header.is_none() {
            let n = self.under.read(&mut piece)?;
            if n == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.read.extend_from_slice(piece.get(..n).unwrap_or_default());
            let parsed = ProxyHeader::parse(&self.read);
            if let Some((header, used)) = parsed.map_err(|e| io::Error::new(ErrorKind::InvalidData, e))? {
                self.header = Some(header);
                self.read.drain(..used);
            }
        }
        Ok(())
    }
}

impl Read for AnnouncedStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.header.is_none() {
            self.read_header()?;
        }
        if self.read.is_empty() {
            return self.under.read(buf);
        }
        let n = self.read.as_slice().read(buf)?;
        self.read.drain(..n);
        if self.read.is_empty() {
            self.read = Vec::new();
        }
        Ok(n)
    }
}

impl Write for AnnouncedStream {
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

impl Transport for AnnouncedStream {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.under.shutdown_write()
    }

    fn tcp(&self) -> Option<&TcpStream> {
        self.under.tcp()
    }
}

impl Source for AnnouncedStream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.under.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.under.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.under.deregister(registry)
    }
}

impl From<AnnouncedStream> for Stream {
    fn from(stream: AnnouncedStream) -> Self {
        (Box::new(stream) as Box<dyn Transport>).into()
    }
}
