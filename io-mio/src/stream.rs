//! The byte streams a server works on: TCP, unix sockets, and whatever else the user has.
//!
//! This file only unites them. What is read or written, and when, is decided in `drive` and `flush`.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::event::Source;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use socket2::{SockRef, TcpKeepalive};

use crate::options::Options;

/// A duplex stream of the user's own, such as one that speaks TLS below.
///
/// It must be non-blocking, and its [`Source`] must report readiness edges as sockets do: after a
/// [`WouldBlock`](io::ErrorKind::WouldBlock) there will be an event.
pub trait Transport: Read + Write + Source + Send {
    /// Says that nothing more will be written, and keeps reading possible.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// Whether a read that fills less than the buffer means that nothing more is there. True for plain sockets. A
    /// stream with a buffer of its own must say `false`, the default.
    fn short_read_is_last(&self) -> bool {
        false
    }
}

/// The byte stream of one connection.
#[non_exhaustive]
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
    /// The user's own. Boxed twice, so that idle connections of the other kinds need not pay for a wide pointer.
    Other(Box<Box<dyn Transport>>),
}

/// On Windows only a call that would block brings the next event.
const SHORT_IS_LAST: bool = cfg!(unix);

impl Stream {
    pub(crate) fn shutdown_write(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(s) => s.shutdown(Shutdown::Write),
            #[cfg(unix)]
            Self::Unix(s) => s.shutdown(Shutdown::Write),
            Self::Other(s) => s.shutdown_write(),
        }
    }

    #[inline]
    pub(crate) fn short_read_is_last(&self) -> bool {
        match self {
            Self::Other(s) => s.short_read_is_last(),
            _ => SHORT_IS_LAST,
        }
    }

    /// Sets what can be set; a stream that has no such option goes without.
    pub(crate) fn set_options(&self, options: &Options) {
        let Self::Tcp(tcp) = self else { return };
        if options.no_delay {
            let _ = tcp.set_nodelay(true);
        }
        if let Some(after) = options.tcp_keep_alive {
            let _ = SockRef::from(tcp).set_tcp_keepalive(&TcpKeepalive::new().with_time(after));
        }
    }

    /// The address of the other end, if it is TCP.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(s) => s.peer_addr().ok(),
            _ => None,
        }
    }

    /// The address of this end, if it is TCP.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(s) => s.local_addr().ok(),
            _ => None,
        }
    }

    /// Whether a write that was cut short means that the next would block.
    #[inline]
    pub(crate) fn short_write_is_last(&self) -> bool {
        SHORT_IS_LAST && !matches!(self, Self::Other(_))
    }

    /// [`write_vectored`](Write::write_vectored), after which more follows without delay if `more`: the system may then wait
    /// for it, so that the head of a file does not leave in a packet of its own.
    pub(crate) fn write_slices(&mut self, bufs: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        match self {
            Self::Tcp(s) if more => write_more(s, bufs),
            _ => self.write_vectored(bufs),
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(s) => s,
            #[cfg(unix)]
            Self::Unix(s) => s,
            Self::Other(s) => &mut ***s,
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn write_more(tcp: &mut TcpStream, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
    let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
    Ok(sendmsg(tcp, bufs, &mut SendAncillaryBuffer::default(), flags)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn write_more(tcp: &mut TcpStream, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    tcp.write_vectored(bufs)
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => s.read(buf),
            #[cfg(unix)]
            Self::Unix(s) => s.read(buf),
            Self::Other(s) => s.read(buf),
        }
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => s.write(buf),
            #[cfg(unix)]
            Self::Unix(s) => s.write(buf),
            Self::Other(s) => s.write(buf),
        }
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => s.write_vectored(bufs),
            #[cfg(unix)]
            Self::Unix(s) => s.write_vectored(bufs),
            Self::Other(s) => s.write_vectored(bufs),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(s) => s.flush(),
            #[cfg(unix)]
            Self::Unix(s) => s.flush(),
            Self::Other(s) => s.flush(),
        }
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.source().register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.source().reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.source().deregister(registry)
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(s) => s.fmt(f),
            #[cfg(unix)]
            Self::Unix(s) => s.fmt(f),
            Self::Other(_) => f.write_str("Other"),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}
#[cfg(unix)]
impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}
impl From<Box<dyn Transport>> for Stream {
    fn from(stream: Box<dyn Transport>) -> Self {
        Self::Other(Box::new(stream))
    }
}
