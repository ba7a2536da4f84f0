//! Where connections come from: TCP and unix listeners.

use std::io;
use std::net::SocketAddr;

use mio::event::Source;
use mio::net::TcpListener;
#[cfg(unix)]
use mio::net::UnixListener;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::sync::Arc;

use crate::announced::AnnouncedStream;
use crate::stream::Stream;
#[cfg(feature = "tls")]
use {crate::tls::TlsStream, rustls::ServerConfig};

/// How many connections may wait to be accepted before the options are known.
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
    /// One of the others, whose connections begin with a PROXY header.
    Announced(Box<Self>),
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

    /// Has its connections begin with a PROXY header, see [`Server::proxy_protocol`](crate::Server::proxy_protocol).
    #[must_use]
    pub fn proxy_protocol(self) -> Self {
        Self::Announced(Box::new(self))
    }

    /// The address of a TCP listener.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(l) => l.local_addr(),
            #[cfg(unix)]
            Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
            Self::Announced(l) => l.local_addr(),
            #[cfg(feature = "tls")]
            Self::Tls(l, _) => l.local_addr(),
        }
    }

    pub(crate) fn accept(&mut self) -> io::Result<Stream> {
        match self {
            Self::Tcp(l) => l.accept().map(|(s, _)| Stream::Tcp(s)),
            #[cfg(unix)]
            Self::Unix(l) => l.accept().map(|(s, _)| Stream::Unix(s)),
            Self::Announced(l) => Ok(AnnouncedStream::new(l.accept()?).into()),
            #[cfg(feature = "tls")]
            Self::Tls(l, config) => Ok(TlsStream::new(config.clone(), l.accept()?)?.into()),
        }
    }

    pub(crate) fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(l) => l,
            #[cfg(unix)]
            Self::Unix(l) => l,
            Self::Announced(l) => l.source(),
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
    /// It was made here, so that its backlog is the options'.
    is_own: bool,
    /// Others may be bound to the same port, and the system spreads connections over them.
    shares_port: bool,
    /// The file of a unix socket that goes with the last listener.
    file: Option<Arc<SocketFile>>,
    /// Its connections begin with a PROXY header.
    pub(crate) announced: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// A listener of an event loop, with what is kept while it listens.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) listener: Listener,
    #[allow(dead_code, reason = "it is dropped")]
    file: Option<Arc<SocketFile>>,
}

impl From<Listener> for Door {
    fn from(listener: Listener) -> Self {
        Self { listener, file: None }
    }
}

/// The file of a unix socket, removed when nobody listens any more.
#[derive(Debug)]
pub(crate) struct SocketFile(std::path::PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else may have removed it.
        let _ = std::fs::remove_file(&self.0);
    }
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
    fn new(socket: Std, is_own: bool, shares_port: bool) -> Self {
        Self {
            socket,
            is_own,
            shares_port,
            file: None,
            announced: false,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    pub(crate) fn tcp(addr: SocketAddr) -> io::Result<Self> {
        // A port that somebody else listens on is an error, also if he would share it. So the first socket does not
        // offer to share, and then gives way to one that does.
        let alone = bind(addr, false)?;
        if !PORTS_ARE_SHARED {
            return Ok(Self::new(Std::Tcp(listen(alone)?), true, false));
        }
        let bound = alone.local_addr()?.as_socket().unwrap_or(addr);
        drop(alone);
        Ok(Self::new(Std::Tcp(listen(bind(bound, true)?)?), true, true))
    }

    #[cfg(unix)]
    pub(crate) fn unix(path: &std::path::Path) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixListener::bind(path)?;
        let file = Some(Arc::new(SocketFile(path.to_owned())));
        Ok(Self { file, ..Self::new(Std::Unix(socket), true, false) })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.socket {
            Std::Tcp(l) => l.local_addr(),
            #[cfg(unix)]
            Std::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// One more listener for the same connections.
    pub(crate) fn again(&self) -> io::Result<Self> {
        let socket = match &self.socket {
            Std::Tcp(l) if self.shares_port => Std::Tcp(listen(bind(l.local_addr()?, true)?)?),
            Std::Tcp(l) => Std::Tcp(l.try_clone()?),
            #[cfg(unix)]
            Std::Unix(l) => Std::Unix(l.try_clone()?),
        };
        Ok(Self {
            socket,
            file: self.file.clone(),
            #[cfg(feature = "tls")]
            tls: self.tls.clone(),
            ..*self
        })
    }

    /// What belongs to an event loop.
    pub(crate) fn into_door(self, backlog: u32) -> io::Result<Door> {
        let file = self.file;
        if self.is_own {
            let backlog = backlog.try_into().unwrap_or(i32::MAX);
            match &self.socket {
                Std::Tcp(l) => SockRef::from(l).listen(backlog)?,
                #[cfg(unix)]
                Std::Unix(l) => SockRef::from(l).listen(backlog)?,
            }
        }
        let listener = match self.socket {
            Std::Tcp(l) => {
                l.set_nonblocking(true)?;
                // Its connections are to have urgent data where they were sent: who sends them would otherwise lose a
                // byte of a head. A system may not pass the option on, and who reads on does without.
                let _ = SockRef::from(&l).set_out_of_band_inline(true);
                TcpListener::from_std(l).into()
            }
            #[cfg(unix)]
            Std::Unix(l) => {
                l.set_nonblocking(true)?;
                UnixListener::from_std(l).into()
            }
        };
        let listener: Listener = if self.announced { Listener::proxy_protocol(listener) } else { listener };
        #[cfg(feature = "tls")]
        let listener = match self.tls {
            Some(config) => Listener::tls(listener, config),
            None => listener,
        };
        Ok(Door { listener, file })
    }
}

impl From<std::net::TcpListener> for Listening {
    fn from(listener: std::net::TcpListener) -> Self {
        Self::new(Std::Tcp(listener), false, false)
    }
}
#[cfg(unix)]
impl From<std::os::unix::net::UnixListener> for Listening {
    fn from(listener: std::os::unix::net::UnixListener) -> Self {
        Self::new(Std::Unix(listener), false, false)
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
