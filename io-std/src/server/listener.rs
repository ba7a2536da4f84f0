//! [`Listener`]: where connections come from.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use socket2::SockRef;

use super::announced::Announced;
use crate::socket::{self, PollFd, UnixListener};
use crate::stream::{Shared, Transport};

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    /// Its connections begin with a word of the proxy in front.
    pub(crate) is_announced: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<std::sync::Arc<rustls::ServerConfig>>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    /// With the path that is to be removed when it stops.
    Unix(UnixListener, Option<PathBuf>),
}

impl Listener {
    pub(crate) fn tcp(listener: TcpListener) -> Self {
        Self::new(Socket::Tcp(listener))
    }

    pub(crate) fn unix(listener: UnixListener, path: Option<PathBuf>) -> Self {
        Self::new(Socket::Unix(listener, path))
    }

    fn new(socket: Socket) -> Self {
        Self {
            socket,
            is_announced: false,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    pub(crate) fn accept(&self) -> io::Result<Box<dyn Transport>> {
        // Where connections inherit the listener's mode, they are told otherwise.
        let inherits = cfg!(not(any(target_os = "linux", target_os = "android")));
        let stream: Box<dyn Transport> = match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                if inherits {
                    stream.set_nonblocking(false)?;
                }
                Box::new(Shared::new(stream))
            }
            Socket::Unix(listener, _) => {
                let (stream, _) = listener.accept()?;
                if inherits {
                    stream.set_nonblocking(false)?;
                }
                Box::new(Shared::new(stream))
            }
        };
        let stream = if self.is_announced { Box::new(Announced::new(stream)) } else { stream };
        #[cfg(feature = "tls")]
        if let Some(config) = &self.tls {
            let accepted = crate::tls::TlsStream::accept(config.clone(), stream);
            return accepted.map(|stream| Box::new(stream) as _).map_err(io::Error::other);
        }
        Ok(stream)
    }

    /// Makes it one that is watched, with room for so many connections that were not accepted yet.
    pub(crate) fn prepare(&self, backlog: u32) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(listener) => listener.set_nonblocking(true)?,
            Socket::Unix(listener, _) => listener.set_nonblocking(true)?,
        }
        // It listens already; the system takes the new number.
        let fd = self.as_fd();
        SockRef::from(&fd).listen(i32::try_from(backlog).unwrap_or(i32::MAX))
    }

    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            Socket::Unix(..) => None,
        }
    }

    pub(crate) fn as_fd(&self) -> PollFd<'_> {
        match &self.socket {
            Socket::Tcp(listener) => socket::poll_fd(listener),
            Socket::Unix(listener, _) => socket::poll_fd(listener),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Socket::Unix(_, Some(path)) = &self.socket {
            // Somebody else may have removed it.
            let _ = std::fs::remove_file(path);
        }
    }
}
