//! [`Handle`]: steering a running server from any thread. What takes time is an order to the thread that watches sockets.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::serving::Counters;

use super::core::Core;
use super::door::Order;
use super::options::Options;
use crate::stream::Transport;

/// Steers a running server. Clones are for the same server; to drop one ends nothing.
#[derive(Clone)]
pub struct Handle {
    pub(crate) core: Arc<Core>,
    pub(crate) addrs: Arc<[SocketAddr]>,
}

impl Handle {
    /// The TCP address of the first listener that has one.
    ///
    /// # Errors
    /// [`Unsupported`](io::ErrorKind::Unsupported) if there is none, as with unix sockets alone.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.addrs.first().copied().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// The addresses of all TCP listeners.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Whether new connections are accepted.
    pub fn is_listening(&self) -> bool {
        !self.core.settings.is_draining()
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.core.settings.counters()
    }

    /// How many connections there are now.
    pub fn connections(&self) -> usize {
        self.core.connections.count()
    }

    /// How many connections wait for a thread now.
    pub fn queued(&self) -> usize {
        self.core.queue.len()
    }

    /// How many times a connection was left to the one thread that watches all that have nothing to read.
    pub fn parked(&self) -> u64 {
        self.core.settings.parked()
    }

    /// Sets the options. They apply to new connections; [`Options::queue`] and [`Options::backlog`] stay as they are.
    ///
    /// ```
    /// # use h1wire_std::{Server, server::Options};
    /// # let server = Server::new().start(|_, _| Ok(()))?;
    /// let mut options = Options::default();
    /// options.policy.timeouts.keep_alive = Some(std::time::Duration::from_secs(65));
    /// server.handle().set_options(options);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_options(&self, options: Options) {
        self.core.settings.set_options(options);
    }

    /// Serves a connection that was made elsewhere, as if it had been accepted. A stream without a
    /// [`poll_fd`](Transport::poll_fd) keeps a thread while it is idle, and is closed when it is idle and others wait.
    ///
    /// # Errors
    /// `ConnectionRefused` when the server is closing, has as many connections as allowed, or as many waiting. In the
    /// last two cases the peer was answered 503, as [`Options::queue`] says.
    pub fn inject(&self, stream: impl Transport + 'static) -> io::Result<()> {
        self.core.inject(Box::new(stream))
    }

    /// Closes the connections that wait for a next request. A thread that still waits at one closes it within
    /// [`Options::linger_at_idle`].
    pub fn close_idle(&self) {
        self.core.settings.end_idle();
        self.core.door.send(Order::CloseIdle);
    }

    /// Closes all connections, whatever they are doing. Handlers at work find out when they read or write.
    pub fn close_all(&self) {
        self.core.door.send(Order::CloseAll);
    }

    /// Stops accepting, closes idle connections, lets every answer under way be the last of its connection, and cuts
    /// off what is left after `within`. Handlers can ask whether it is so
    /// ([`Request::is_shutting_down`](super::Request::is_shutting_down)). The server's threads then end, which
    /// [`Running::join`](super::Running::join) waits for. Called again, the earlier end counts.
    pub fn shutdown(&self, within: Duration) {
        let open = self.core.connections.count();
        self.core.settings.drain();
        self.core.settings.end_idle();
        self.core.door.send(Order::Shutdown { within, open });
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("addrs", &self.addrs).finish_non_exhaustive()
    }
}
