//! Where connections come from: TCP and unix listeners.

use std::io;
use std::net::SocketAddr;

use mio::event::Source;
use mio::net::TcpListener;
#[cfg(unix)]
use mio::net::UnixListener;
use socket2::{Domain, Protocol, Socket, Type};

use crate::stream::Stream;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// A listening socket.
#[derive(Debug)]
#[non_exhaustive]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket.
    #[cfg(unix)]
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}
#[cfg(unix)]
impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

impl Listener {
    pub(crate) fn accept(&mut self) -> io::Result<Stream> {
        match self {
            Self::Tcp(l) => l.accept().map(|(s, _)| Stream::Tcp(s)),
            #[cfg(unix)]
            Self::Unix(l) => l.accept().map(|(s, _)| Stream::Unix(s)),
        }
    }

    pub(crate) fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(l) => l,
            #[cfg(unix)]
            Self::Unix(l) => l,
        }
    }
}

/// A listening socket of `std`, before it belongs to an event loop. Made of one the user has, or by
/// [`Server::bind`](crate::Server::bind).
#[derive(Debug)]
pub struct Listening {
    socket: Std,
    /// Others may be bound to the same port, and the system spreads connections over them.
    shares_port: bool,
}

#[derive(Debug)]
enum Std {
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

/// Whether the system spreads connections over the sockets of a port. Elsewhere the option exists and gives all of
/// them to one.
const PORTS_ARE_SHARED: bool = cfg!(any(target_os = "linux", target_os = "android"));

impl Listening {
    pub(crate) fn tcp(addr: SocketAddr) -> io::Result<Self> {
        // A port that somebody else listens on is an error, also if he would share it. So the first socket does not
        // offer to share, and then gives way to one that does.
        let alone = bind(addr, false)?;
        if !PORTS_ARE_SHARED {
            return Ok(Self { socket: Std::Tcp(listen(alone)?), shares_port: false });
        }
        let bound = alone.local_addr()?.as_socket().unwrap_or(addr);
        drop(alone);
        Ok(Self { socket: Std::Tcp(listen(bind(bound, true)?)?), shares_port: true })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.socket {
            Std::Tcp(l) => l.local_addr(),
            #[cfg(unix)]
            Std::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// One more listener for the same connections.
    pub(crate) fn again(&self) -> io::Result<Listener> {
        let socket = match &self.socket {
            Std::Tcp(l) if self.shares_port => Std::Tcp(listen(bind(l.local_addr()?, true)?)?),
            Std::Tcp(l) => Std::Tcp(l.try_clone()?),
            #[cfg(unix)]
            Std::Unix(l) => Std::Unix(l.try_clone()?),
        };
        Self { socket, shares_port: self.shares_port }.into_listener()
    }

    pub(crate) fn into_listener(self) -> io::Result<Listener> {
        Ok(match self.socket {
            Std::Tcp(l) => {
                l.set_nonblocking(true)?;
                TcpListener::from_std(l).into()
            }
            #[cfg(unix)]
            Std::Unix(l) => {
                l.set_nonblocking(true)?;
                UnixListener::from_std(l).into()
            }
        })
    }
}

impl From<std::net::TcpListener> for Listening {
    fn from(listener: std::net::TcpListener) -> Self {
        Self { socket: Std::Tcp(listener), shares_port: false }
    }
}
#[cfg(unix)]
impl From<std::os::unix::net::UnixListener> for Listening {
    fn from(listener: std::os::unix::net::UnixListener) -> Self {
        Self { socket: Std::Unix(listener), shares_port: false }
    }
}

fn bind(addr: SocketAddr, share_port: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows the option would let others take the port over.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_reuse_port(share_port)?;
    let _ = share_port;
    socket.bind(&addr.into())?;
    Ok(socket)
}

fn listen(socket: Socket) -> io::Result<std::net::TcpListener> {
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
