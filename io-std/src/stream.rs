//! [`Transport`]: the duplex byte stream that connections run on, client's and server's alike.
//!
//! What blocking code needs of a socket and no more: read, write, time limits, closing. TCP and Unix sockets have it;
//! a TLS session, a tunnel or a pipe in memory can. Nothing here knows HTTP.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;

#[cfg(unix)]
use crate::socket::UnixStream;
use crate::socket::{self, PollFd};

/// A duplex stream of bytes that blocks, with limits on how long.
///
/// Implemented for `TcpStream`, for `UnixStream`, and for boxed streams. Implement it to run HTTP over something else.
/// Where a method has a default, the default is what a stream can do that has nothing to offer there.
pub trait Transport: Read + Write + Send {
    /// Makes later reads fail with `WouldBlock` or `TimedOut` after `limit`; `None` waits for ever. A limit is never
    /// zero. It may be rounded up.
    ///
    /// # Errors
    /// Those of the system. A stream without this must not say `Ok`, or its peers can hold a thread for ever.
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()>;

    /// The same for writes.
    ///
    /// # Errors
    /// As [`set_read_timeout`](Self::set_read_timeout).
    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()>;

    /// Ends one direction or both. After `Write`, the peer reads the end of the stream, and can still send.
    ///
    /// # Errors
    /// Those of the system, such as `NotConnected`.
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()>;

    /// Has the stream end, when it is dropped, so that the peer sees that something is missing: TCP with a reset, TLS
    /// without its goodbye. Nothing is read or written after this. Default: nothing, so that it ends as ever.
    ///
    /// # Errors
    /// Those of the system.
    fn abort(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// A way to end the stream from another thread, while this one blocks in a read or write. Default: none, and the
    /// other thread is obeyed when the read or write returns.
    fn closer(&self) -> Option<Closer> {
        None
    }

    /// The address of this end. Default: none.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// The address of the other end. Default: none, as for Unix sockets.
    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// What becomes readable when a read would return something, so that one thread can watch many streams. Default:
    /// none, and waiting for the stream takes a thread.
    fn poll_fd(&self) -> Option<PollFd<'_>> {
        None
    }

    /// Whether a read would return at once: with bytes, with the end of the stream, or with an error. Never blocks.
    /// Default: what [`poll_fd`](Self::poll_fd) says; without one `false`, and a connection that its peer closed
    /// while it was idle is only noticed when it is used again.
    fn is_readable(&mut self) -> bool {
        self.poll_fd().is_some_and(socket::is_readable)
    }

    /// Writes at least a byte, and waits for no longer than the limit for writes until it can. Unlike `Write`, it raises
    /// no signal (`SIGPIPE`) where the peer is gone, whatever the process does about signals. Default: what `Write` does.
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut` if the peer took nothing within the limit, and those of the system.
    fn send(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            [one] => self.write(one),
            many => self.write_vectored(many),
        }
    }

    /// Writes what can be written now, at least a byte; or, if the peer takes nothing and has sent something
    /// instead, says so. Blocks while neither is the case, within the limit for writes. Without slices, does so with
    /// what the stream took before and keeps. Default: an ordinary write or flush, which waits for ever for a peer that
    /// only writes as well.
    ///
    /// # Errors
    /// Those of the system.
    fn write_or_readable(&mut self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
        if slices.is_empty() {
            self.flush().map(|()| Wrote::Bytes(0))
        } else {
            self.write_vectored(slices).map(Wrote::Bytes)
        }
    }

    /// Whether small writes leave at once instead of waiting for one another (`TCP_NODELAY`). Default: nothing.
    ///
    /// # Errors
    /// Those of the system.
    fn set_no_delay(&mut self, on: bool) -> io::Result<()> {
        let _ = on;
        Ok(())
    }

    /// Probes the peer once the connection has been silent for so long (TCP keep-alive), in whole seconds and at
    /// least one; `None` does not. Default: nothing.
    ///
    /// # Errors
    /// Those of the system.
    fn set_keep_alive(&mut self, initial_delay: Option<Duration>) -> io::Result<()> {
        let _ = initial_delay;
        Ok(())
    }
}

/// What [`Transport::write_or_readable`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrote {
    /// So many bytes were written, or everything that was kept.
    Bytes(usize),
    /// Nothing was written. A read would return at once.
    Readable,
}

/// Ends a [`Transport`] from any thread, at any moment. Afterwards its reads and writes return at once.
#[derive(Clone)]
pub struct Closer(Arc<dyn Fn() + Send + Sync>);

impl Closer {
    /// What `close` does. It may be called more than once, and after the stream is gone.
    pub fn new(close: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(close))
    }

    /// Ends the stream.
    pub fn close(&self) {
        (self.0)();
    }
}

impl std::fmt::Debug for Closer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Closer")
    }
}

impl Transport for Box<dyn Transport> {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        (**self).set_read_timeout(limit)
    }
    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        (**self).set_write_timeout(limit)
    }
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        (**self).shutdown(how)
    }
    fn abort(&mut self) -> io::Result<()> {
        (**self).abort()
    }
    fn closer(&self) -> Option<Closer> {
        (**self).closer()
    }
    fn local_addr(&self) -> Option<SocketAddr> {
        (**self).local_addr()
    }
    fn peer_addr(&self) -> Option<SocketAddr> {
        (**self).peer_addr()
    }
    fn poll_fd(&self) -> Option<PollFd<'_>> {
        (**self).poll_fd()
    }
    fn is_readable(&mut self) -> bool {
        (**self).is_readable()
    }
    fn send(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        (**self).send(slices)
    }
    fn write_or_readable(&mut self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
        (**self).write_or_readable(slices)
    }
    fn set_no_delay(&mut self, on: bool) -> io::Result<()> {
        (**self).set_no_delay(on)
    }
    fn set_keep_alive(&mut self, initial_delay: Option<Duration>) -> io::Result<()> {
        (**self).set_keep_alive(initial_delay)
    }
}

/// A socket whose closer costs no second descriptor.
#[derive(Debug)]
pub(crate) struct Shared<S> {
    socket: Arc<S>,
    /// Remembered, and not the system's: a write waits by itself.
    write_limit: Option<Duration>,
}

impl<S> Shared<S>
where
    for<'a> SockRef<'a>: From<&'a S>,
{
    pub(crate) fn new(socket: S) -> Self {
        socket::silence(SockRef::from(&socket));
        Self { socket: Arc::new(socket), write_limit: None }
    }
}

macro_rules! sockets {
    ($($(#[$cfg:meta])* $socket:ident, $local:expr, $peer:expr;)*) => {$(
        $(#[$cfg])*
        impl Transport for $socket {
            fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
                $socket::set_read_timeout(self, limit)
            }
            fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
                $socket::set_write_timeout(self, limit)
            }
            fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
                $socket::shutdown(self, how)
            }
            fn abort(&mut self) -> io::Result<()> {
                SockRef::from(&*self).set_linger(Some(Duration::ZERO))
            }
            fn closer(&self) -> Option<Closer> {
                let other = self.try_clone().ok()?;
                Some(Closer::new(move || { let _ = other.shutdown(Shutdown::Both); }))
            }
            fn local_addr(&self) -> Option<SocketAddr> {
                ($local)(self)
            }
            fn peer_addr(&self) -> Option<SocketAddr> {
                ($peer)(self)
            }
            fn poll_fd(&self) -> Option<PollFd<'_>> {
                Some(socket::poll_fd(self))
            }
            fn send(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
                socket::send_within(socket::poll_fd(self), slices, || self.write_timeout())
            }
            fn set_no_delay(&mut self, on: bool) -> io::Result<()> {
                socket::set_no_delay(SockRef::from(&*self), on)
            }
            fn set_keep_alive(&mut self, initial_delay: Option<Duration>) -> io::Result<()> {
                socket::set_keep_alive(SockRef::from(&*self), initial_delay)
            }
        }
        $(#[$cfg])*
        impl Read for Shared<$socket> {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                (&*self.socket).read(buf)
            }
        }
        $(#[$cfg])*
        impl Write for Shared<$socket> {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.send(&[IoSlice::new(buf)])
            }
            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.send(bufs)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        $(#[$cfg])*
        impl Transport for Shared<$socket> {
            fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
                self.socket.set_read_timeout(limit)
            }
            fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
                self.write_limit = limit;
                Ok(())
            }
            fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
                self.socket.shutdown(how)
            }
            fn abort(&mut self) -> io::Result<()> {
                SockRef::from(&*self.socket).set_linger(Some(Duration::ZERO))
            }
            fn closer(&self) -> Option<Closer> {
                let other = self.socket.clone();
                Some(Closer::new(move || { let _ = other.shutdown(Shutdown::Both); }))
            }
            fn local_addr(&self) -> Option<SocketAddr> {
                Transport::local_addr(&*self.socket)
            }
            fn peer_addr(&self) -> Option<SocketAddr> {
                Transport::peer_addr(&*self.socket)
            }
            fn poll_fd(&self) -> Option<PollFd<'_>> {
                Some(socket::poll_fd(&*self.socket))
            }
            fn send(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
                socket::send_within(socket::poll_fd(&*self.socket), slices, || Ok(self.write_limit))
            }
            fn write_or_readable(&mut self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
                socket::write_or_readable(socket::poll_fd(&*self.socket), slices, self.write_limit)
            }
            fn set_no_delay(&mut self, on: bool) -> io::Result<()> {
                socket::set_no_delay(SockRef::from(&*self.socket), on)
            }
            fn set_keep_alive(&mut self, initial_delay: Option<Duration>) -> io::Result<()> {
                socket::set_keep_alive(SockRef::from(&*self.socket), initial_delay)
            }
        }
    )*};
}

sockets! {
    TcpStream, |s: &TcpStream| s.local_addr().ok(), |s: &TcpStream| s.peer_addr().ok();
    #[cfg(unix)]
    UnixStream, |_| None, |_| None;
}
