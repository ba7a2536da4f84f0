//! [`Running`]: a server that was started, and [`Drained`]: how it ended.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::handle::Handle;

/// A server that was started. Dropped, it goes on running.
#[derive(Debug)]
pub struct Running {
    pub(crate) handle: Handle,
}

/// What became of the connections that were open when a server was shut down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Drained {
    /// Those that had nothing under way, or finished it.
    pub finished: u64,
    /// Those that were cut off when the deadline passed, or by [`Handle::close_all`] before it. Where the client had
    /// everything and only did not go, nothing was.
    pub cut: u64,
    /// Those of them whose handlers still ran when waiting was given up. Their threads end with them.
    pub stuck: u64,
}

impl Running {
    /// For steering it, from any thread.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The TCP address of the first listener.
    ///
    /// # Errors
    /// As [`Server::local_addr`](crate::Server::local_addr).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.handle.local_addr()
    }

    /// Ends the server: [`Handle::shutdown`].
    pub fn shutdown(&self, within: Duration) {
        self.handle.shutdown(within);
    }

    /// Waits for the end of the server, which [`shutdown`](Self::shutdown) brings about.
    ///
    /// # Errors
    /// Those of the system's event queue, without which it cannot go on.
    pub fn join(self) -> io::Result<Drained> {
        self.handle.core.ended.wait().map_err(io::Error::from)
    }
}
