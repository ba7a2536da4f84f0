//! [`Stream`]: the duplex byte stream that connections run on, client's and server's alike.
//!
//! What blocking code needs of a socket and no more: read, write, time limits, closing. TCP and Unix sockets have it;
//! a TLS session, a tunnel or a pipe in memory can. Nothing here knows HTTP.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// A duplex stream of bytes that blocks, with limits on how long.
///
/// Implemented for `TcpStream`, for `UnixStream`, and for boxed streams. Implement it to run HTTP over something else.
/// Where a method has a default, the default is what a stream can do that has nothing to offer there.
pub trait Stream: Read + Write + Send {
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
    #[cfg(unix)]
    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// Ends a [`Stream`] from any thread, at any moment. Afterwards its reads and writes return at once.
pub struct Closer(Box<dyn Fn() + Send + Sync>);

impl Closer {
    /// What `close` does. It may be called more than once, and after the stream is gone.
    pub fn new(close: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Box::new(close))
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

impl Stream for Box<dyn Stream> {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        (**self).set_read_timeout(limit)
    }
    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        (**self).set_write_timeout(limit)
    }
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        (**self).shutdown(how)
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
    #[cfg(unix)]
    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        (**self).poll_fd()
    }
}

/// A socket whose closer costs no second descriptor.
#[derive(Debug)]
#[allow(dead_code)]
pub(crate) struct Shared<S>(pub(crate) Arc<S>);

#[allow(dead_code)]
impl<S> Shared<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self(Arc::new(socket))
    }
}

macro_rules! sockets {
    ($($(#[$cfg:meta])* $socket:ident, $local:expr, $peer:expr;)*) => {$(
        $(#[$cfg])*
        impl Stream for $socket {
            fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
                $socket::set_read_timeout(self, limit)
            }
            fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
                $socket::set_write_timeout(self, limit)
            }
            fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
                $socket::shutdown(self, how)
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
            #[cfg(unix)]
            fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
                Some(self.as_fd())
            }
        }
        $(#[$cfg])*
        impl Read for Shared<$socket> {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                (&*self.0).read(buf)
            }
        }
        $(#[$cfg])*
        impl Write for Shared<$socket> {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                (&*self.0).write(buf)
            }
            fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
                (&*self.0).write_vectored(bufs)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        $(#[$cfg])*
        impl Stream for Shared<$socket> {
            fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
                self.0.set_read_timeout(limit)
            }
            fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
                self.0.set_write_timeout(limit)
            }
            fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
                self.0.shutdown(how)
            }
            fn closer(&self) -> Option<Closer> {
                let other = self.0.clone();
                Some(Closer::new(move || { let _ = other.shutdown(Shutdown::Both); }))
            }
            fn local_addr(&self) -> Option<SocketAddr> {
                Stream::local_addr(&*self.0)
            }
            fn peer_addr(&self) -> Option<SocketAddr> {
                Stream::peer_addr(&*self.0)
            }
            #[cfg(unix)]
            fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
                Some(self.0.as_fd())
            }
        }
    )*};
}

sockets! {
    TcpStream, |s: &TcpStream| s.local_addr().ok(), |s: &TcpStream| s.peer_addr().ok();
    #[cfg(unix)]
    UnixStream, |_| None, |_| None;
}
