//! The byte streams a server works on: TCP, unix sockets, and whatever else the user has.
//!
//! This file only unites them. What is read or written, and when, is decided elsewhere.

use std::any::Any;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::announced::AnnouncedStream;
use h1wire_proto::ProxyHeader;
use mio::event::Source;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use socket2::{SockRef, TcpKeepalive};

/// The silences after which every system can probe: it counts in whole seconds, and Linux refuses more
/// (`MAX_TCP_KEEPIDLE`).
const SILENCES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(32_767);

/// A duplex stream of the user's own, such as one that speaks TLS.
///
/// It must be non-blocking, and its [`Source`] must report readiness edges as sockets do: after a
/// [`WouldBlock`](io::ErrorKind::WouldBlock) there will be an event. What it has when it is injected is read without
/// one, so that it may begin with bytes that somebody read before. A read that has nothing to show although the
/// stream below may have more fails with [`Interrupted`](io::ErrorKind::Interrupted) and is tried again, when other
/// connections had their turn.
pub trait Transport: Read + Write + Source + Send + Any {
    /// Says that nothing more will be written, and keeps reading possible. If that has to wait for room, it is done by
    /// [`flush`](Write::flush) while [`wants_flush`](Self::wants_flush). A second time it does nothing more.
    ///
    /// A connection that ends with everything said is told this before it is dropped; one that is cut off is not.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// Whether bytes that [`write`](Write::write) took, or the stream's own, still wait here for room below. Then
    /// [`flush`](Write::flush) is called, again after each event that says that there is room, and nothing counts as
    /// sent before. Default false.
    fn wants_flush(&self) -> bool {
        false
    }

    /// Whether the stream below took bytes since this was asked last. Of a stream that keeps bytes of its own this is what
    /// tells a slow reader from one that stopped, until [`write`](Write::write) takes more. Default false.
    fn has_moved(&mut self) -> bool {
        false
    }

    /// The TCP socket below, for its addresses and options. Default none.
    fn tcp(&self) -> Option<&TcpStream> {
        None
    }

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
    /// Says that nothing more will be written, and keeps reading possible. In the loop this is the server's to do.
    ///
    /// # Errors
    /// Those of the system or of the [`Transport`].
    pub fn shutdown_write(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(s) => s.shutdown(Shutdown::Write),
            #[cfg(unix)]
            Self::Unix(s) => s.shutdown(Shutdown::Write),
            Self::Other(s) => s.shutdown_write(),
        }
    }

    /// Has the other end see a reset when this is dropped, in place of an end in order.
    pub(crate) fn reset(&self) {
        if let Some(tcp) = self.tcp() {
            let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
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
    pub(crate) fn set_options(&self, no_delay: bool, keep_alive: Option<Duration>) {
        self.tune(no_delay.then_some(true), keep_alive);
    }

    /// Sets whether small writes leave at once, and after how long a silence the system probes the peer; none leaves
    /// it as it is.
    pub(crate) fn tune(&self, no_delay: Option<bool>, keep_alive: Option<Duration>) {
        let Some(tcp) = self.tcp() else { return };
        if let Some(on) = no_delay {
            let _ = tcp.set_nodelay(on);
        }
        if let Some(after) = keep_alive {
            let after = after.clamp(*SILENCES.start(), *SILENCES.end());
            let _ = SockRef::from(tcp).set_tcp_keepalive(&TcpKeepalive::new().with_time(after));
        }
    }

    /// The TCP socket, if it is one or stands on one.
    pub fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(s) => Some(s),
            #[cfg(unix)]
            Self::Unix(_) => None,
            Self::Other(s) => s.tcp(),
        }
    }

    /// The address of the other end, if it is TCP.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.tcp()?.peer_addr().ok()
    }

    /// What a proxy in front said of it, if one did.
    pub(crate) fn announced(&self) -> Option<ProxyHeader> {
        #[cfg(feature = "tls")]
        if let Some(session) = self.downcast_ref::<crate::tls::TlsStream>() {
            return session.under().announced();
        }
        self.downcast_ref::<AnnouncedStream>()?.header()
    }

    /// The address of this end, if it is TCP.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.tcp()?.local_addr().ok()
    }

    /// The user's own stream, if it is of this type.
    pub fn downcast_ref<T: Transport>(&self) -> Option<&T> {
        let Self::Other(own) = self else { return None };
        let own: &dyn Any = &***own;
        own.downcast_ref()
    }

    /// The user's own stream, if it is of this type.
    pub fn downcast_mut<T: Transport>(&mut self) -> Option<&mut T> {
        let Self::Other(own) = self else { return None };
        let own: &mut dyn Any = &mut ***own;
        own.downcast_mut()
    }

    /// The user's own stream, if it is of this type.
    ///
    /// # Errors
    /// The stream as it was, if it is not.
    pub fn downcast<T: Transport>(self) -> Result<Box<T>, Self> {
        match self {
            Self::Other(own) if (&**own as &dyn Any).is::<T>() => {
                let own: Box<dyn Any> = *own;
                // It is of this type, as was just asked.
                own.downcast().map_err(|_| unreachable!())
            }
            other => Err(other),
        }
    }

    /// Whether bytes that were written wait for a [`flush`](Write::flush).
    #[inline]
    pub(crate) fn wants_flush(&self) -> bool {
        match self {
            Self::Other(s) => s.wants_flush(),
            _ => false,
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
            Self::Tcp(s) => calls::send_slices(s, bufs, more),
            #[cfg(unix)]
            Self::Unix(s) => calls::send_slices(s, bufs, false),
            Self::Other(s) => s.write_vectored(bufs),
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

// Without the detour through the C library, which makes its calls points where threads can be cancelled: in a server with
// a thread for each event loop that is a good part of what a small exchange costs in user mode. And without SIGPIPE, which
// would end a process that has not turned it off when a peer has gone.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod calls {
    use std::io::{self, IoSlice};
    use std::os::fd::AsFd;

    use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};

    #[inline]
    pub(super) fn receive<S: AsFd>(socket: &mut S, buf: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(socket, buf, RecvFlags::empty())?.0)
    }

    #[inline]
    pub(super) fn send<S: AsFd>(socket: &mut S, buf: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(socket, buf, SendFlags::NOSIGNAL)?)
    }

    pub(super) fn send_slices<S: AsFd>(
        socket: &mut S,
        bufs: &[IoSlice<'_>],
        more: bool,
    ) -> io::Result<usize> {
        let more = if more { SendFlags::MORE } else { SendFlags::empty() };
        let mut control = SendAncillaryBuffer::default();
        Ok(rustix::net::sendmsg(socket, bufs, &mut control, more | SendFlags::NOSIGNAL)?)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod calls {
    use std::io::{self, IoSlice, Read, Write};

    pub(super) fn receive<S: Read>(socket: &mut S, buf: &mut [u8]) -> io::Result<usize> {
        socket.read(buf)
    }

    pub(super) fn send<S: Write>(socket: &mut S, buf: &[u8]) -> io::Result<usize> {
        socket.write(buf)
    }

    pub(super) fn send_slices<S: Write>(socket: &mut S, bufs: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
        socket.write_vectored(bufs)
    }
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => calls::receive(s, buf),
            #[cfg(unix)]
            Self::Unix(s) => calls::receive(s, buf),
            Self::Other(s) => s.read(buf),
        }
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => calls::send(s, buf),
            #[cfg(unix)]
            Self::Unix(s) => calls::send(s, buf),
            Self::Other(s) => s.write(buf),
        }
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_slices(bufs, false)
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
