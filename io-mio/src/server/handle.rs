//! [`Handle`]: steering a running server from any thread. Each call becomes a command to its event loops.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use h1wire_proto::serving::Counters;

use crate::server::counters;
use crate::server::options::Options;
use crate::server::remote::{Command, Remote};
use crate::stream::Stream;

type Loop = (Arc<Remote>, Arc<counters::Shared>);

/// Steers a running server. Clones are for the same server.
#[derive(Clone)]
pub struct Handle {
    loops: Arc<[Loop]>,
    next: Arc<AtomicUsize>,
    /// Of the first listener, or why there is none.
    addr: Result<SocketAddr, io::ErrorKind>,
}

impl Handle {
    pub(crate) fn new(loops: impl IntoIterator<Item = Loop>, addr: &io::Result<SocketAddr>) -> Self {
        let addr = addr.as_ref().copied().map_err(io::Error::kind);
        Self { loops: loops.into_iter().collect(), next: Arc::default(), addr }
    }

    /// The TCP address of the first listener.
    ///
    /// # Errors
    /// As [`Server::local_addr`](crate::Server::local_addr).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.addr.map_err(io::Error::from)
    }

    /// Whether connections are accepted: the server was not shut down and did not end.
    pub fn is_listening(&self) -> bool {
        self.loops.iter().any(|(remote, _)| remote.is_listening())
    }

    /// Stops accepting, closes idle connections, lets every answer under way be the last of its connection, tells
    /// [handlers](crate::Handler::shutdown), and cuts off what is left after `within`. The server's threads then end.
    pub fn shutdown(&self, within: Duration) {
        self.to_all(|| Command::Shutdown(within));
    }

    /// Closes the connections that wait for a next request.
    pub fn close_idle(&self) {
        self.to_all(|| Command::CloseIdle);
    }

    /// Closes all connections, whatever they are doing.
    pub fn close_all(&self) {
        self.to_all(|| Command::CloseAll);
    }

    /// Sets the options. They apply to new connections;
    /// [`server`](h1wire_proto::serving::Policy::server) and [`send_date`](h1wire_proto::serving::Policy::send_date) to all
    /// answers from now on. The size of the read buffer stays.
    pub fn set_options(&self, options: Options) {
        let options = Arc::new(options);
        self.to_all(|| Command::Options(options.clone()));
    }

    /// Serves a connection that was made elsewhere, in one of the event loops. Once that has ended, it is closed.
    pub fn inject(&self, stream: impl Into<Stream>) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some((remote, _)) = self.loops.get(turn % self.loops.len().max(1)) {
            remote.send(Command::Inject(stream.into()));
        }
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for (_, counters) in self.loops.iter() {
            counters.add_to(&mut sum);
        }
        sum
    }

    fn to_all(&self, command: impl Fn() -> Command) {
        for (remote, _) in self.loops.iter() {
            remote.send(command());
        }
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("counters", &self.counters()).finish_non_exhaustive()
    }
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
}
