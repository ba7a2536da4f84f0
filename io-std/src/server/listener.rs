//! [`Listener`]: where connections come from.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use crate::stream::{Shared, Stream};

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    /// With the path that is to be removed when it stops.
    Unix(UnixListener, Option<PathBuf>),
}

impl Listener {
    pub(crate) fn accept(&self) -> io::Result<Box<dyn Stream>> {
        // Where connections inherit the listener's mode, they are told otherwise.
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                if cfg!(not(any(target_os = "linux", target_os = "android"))) {
                    stream.set_nonblocking(false)?;
                }
                Box::new(Shared::new(stream))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept()?;
                if cfg!(not(any(target_os = "linux", target_os = "android"))) {
                    stream.set_nonblocking(false)?;
                }
                Box::new(Shared::new(stream))
            }
        })
    }

    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.set_nonblocking(true),
            Self::Unix(listener, _) => listener.set_nonblocking(true),
        }
    }

    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener, _) => listener.as_fd(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, Some(path)) = self {
            // Somebody else may have removed it.
            let _ = std::fs::remove_file(path);
        }
    }
}
