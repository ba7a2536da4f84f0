//! Where connections come from: TCP and unix listeners.

use std::io;
use std::net::SocketAddr;

use mio::event::Source;
use mio::net::TcpListener;
#[cfg(unix)]
use mio::net::UnixListener;
use socket2::{Domain, Protocol, Socket, Type};

use crate::stream::Stream;
#[cfg(feature = "tls")]
use {crate::tls::TlsStream, rustls::ServerConfig, std::sync::Arc};

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
    /// TLS over one of the others.
    #[cfg(feature = "tls")]
    Tls(Box<Self>, Arc<ServerConfig>),
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
    /// Has its connections speak TLS, see [`Server::tls`](crate::Server::tls).
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(self, config: Arc<ServerConfig>) -> Self {
        Self::Tls(Box::new(self), config)
    }

    pub(crate) fn accept(&mut self) -> io::Result<Stream> {
        match self {
            Self::Tcp(l) => l.accept().map(|(s, _)| Stream::Tcp(s)),
            #[cfg(unix)]
            Self::Unix(l) => l.accept().map(|(s, _)| Stream::Unix(s)),
            #[cfg(feature = "tls")]
            Self::Tls(l, config) => Ok(TlsStream::new(config.clone(), l.accept()?)?.into()),
        }
    }

    pub(crate) fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(l) => l,
            #[cfg(unix)]
            Self::Unix(l) => l,
            #[cfg(feature = "tls")]
            Self::Tls(l, _) => l.source(),
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
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<ServerConfig>>,
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
    fn new(socket: Std, shares_port: bool) -> Self {
        Self {
            socket,
            shares_port,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    pub(crate) fn tcp(addr: SocketAddr) -> io::Result<Self> {
        // A port that somebody else listens on is an error, also if he would share it. So the first socket does not
        // offer to share, and then gives way to one that does.
        let alone = bind(addr, false)?;
        if !PORTS_ARE_SHARED {
            return Ok(Self::new(Std::Tcp(listen(alone)?), false));
        }
        let bound = alone.local_addr()?.as_socket().unwrap_or(addr);
        drop(alone);
        Ok(Self::new(Std::Tcp(listen(bind(bound, true)?)?), true))
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
        let again = Self::new(socket, self.shares_port);
        #[cfg(feature = "tls")]
        let again = Self { tls: self.tls.clone(), ..again };
        again.into_listener()
    }

    pub(crate) fn into_listener(self) -> io::Result<Listener> {
        let listener = match self.socket {
            Std::Tcp(l) => {
                l.set_nonblocking(true)?;
                TcpListener::from_std(l).into()
            }
            #[cfg(unix)]
            Std::Unix(l) => {
                l.set_nonblocking(true)?;
                UnixListener::from_std(l).into()
            }
        };
        #[cfg(feature = "tls")]
        let listener = match self.tls {
            Some(config) => Listener::tls(listener, config),
            None => listener,
        };
        Ok(listener)
    }
}

impl From<std::net::TcpListener> for Listening {
    fn from(listener: std::net::TcpListener) -> Self {
        Self::new(Std::Tcp(listener), false)
    }
}
#[cfg(unix)]
impl From<std::os::unix::net::UnixListener> for Listening {
    fn from(listener: std::os::unix::net::UnixListener) -> Self {
        Self::new(Std::Unix(listener), false)
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
