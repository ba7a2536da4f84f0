//! [`Handle`]: a running server, seen from any thread.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use h1wire_proto::Timeouts;

use super::core::Core;
use super::counters::Stats;
use super::front::refusal;
use crate::stream::Stream;

/// How long connections that were ended by force may take to notice.
const GRACE: Duration = Duration::from_millis(500);

/// A running server: where it listens, what it has done, and how to end it. Clones are the same server. To drop one
/// ends nothing.
#[derive(Clone)]
pub struct Handle {
    pub(crate) core: Arc<Core>,
    pub(crate) addrs: Arc<[SocketAddr]>,
}

/// How a server ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Closed {
    /// Connections without a request, closed at once.
    pub idle: usize,
    /// Connections that ended by themselves before the deadline.
    pub finished: usize,
    /// Connections that were cut off at the deadline, or whose clients had everything by then and did not go.
    pub forced: usize,
    /// Those of them whose handlers still ran when waiting was given up. Their threads end with them.
    pub stuck: usize,
}

impl Handle {
    /// The address of the first listener that has one.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.addrs.first().copied()
    }

    /// The addresses of all TCP listeners.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Whether new connections are accepted.
    pub fn is_listening(&self) -> bool {
        !self.core.is_draining()
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.core.connections.count()
    }

    /// What the server has done so far.
    pub fn stats(&self) -> Stats {
        self.core.stats()
    }

    /// Changes the time limits. Connections that there are keep theirs.
    ///
    /// ```
    /// # let server = h1wire_std::Server::new().start(|_, _| Ok(()))?;
    /// server.set_timeouts(|timeouts| timeouts.keep_alive = Some(Duration::from_secs(65)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_timeouts(&self, change: impl FnOnce(&mut Timeouts)) {
        change(&mut self.core.timeouts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Serves a connection that was made elsewhere, as if it had been accepted. A stream without a
    /// [`poll_fd`](Stream::poll_fd) keeps a thread while it is idle, and is closed when it is idle and others wait.
    ///
    /// # Errors
    /// `ConnectionRefused` when the server is closing, has as many connections as allowed, or as many waiting. In the
    /// last two cases the peer was answered 503, as [`Options::queue`](super::Options::queue) says.
    pub fn inject(&self, stream: impl Stream + 'static) -> io::Result<()> {
        if self.core.is_draining() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let link = self.core.link(Box::new(stream));
        let queued = if link.membership.is_some() { self.core.queue.push(link) } else { Err(link) };
        let Err(mut link) = queued else { return Ok(()) };
        if let Some(answer) = refusal(&self.core, &mut link)
            && let Some(stream) = &mut link.stream
        {
            stream.set_write_timeout(Some(GRACE))?;
            stream.write_all(&answer)?;
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        Err(io::ErrorKind::ConnectionRefused.into())
    }

    /// Closes the connections that wait for a request, and says how many were closed at once. A thread that still
    /// waits at one closes it within [`linger_at_idle`](super::Options::linger_at_idle). Called in a hook it says 0: they
    /// are closed when that returns.
    pub fn close_idle_connections(&self) -> usize {
        self.core.idle_epoch.fetch_add(1, Ordering::Relaxed);
        self.core.door.close_idle()
    }

    /// Ends every connection, whatever it is doing, and says how many. Handlers at work find out when they read or
    /// write.
    pub fn close_all_connections(&self) -> usize {
        self.core.connections.close_all()
    }

    /// Ends the server: no new connections are accepted, idle ones are closed, requests in flight are answered with
    /// `Connection: close`. Blocks until that is done or `deadline` has passed, and ends the rest by force. So it is not
    /// for handlers and hooks, which it would wait for.
    pub fn close(&self, deadline: Duration) -> Closed {
        let core = &self.core;
        core.draining.store(true, Ordering::Relaxed);
        core.door.stop_accepting();
        let before = core.connections.count();
        let idle = self.close_idle_connections();
        let forced = core.connections.wait_for_none(deadline);
        let mut stuck = 0;
        if forced > 0 {
            core.connections.close_all();
            drop(core.queue.stop());
            core.door.stop();
            stuck = core.connections.wait_for_none(GRACE);
        }
        drop(core.queue.stop());
        core.door.stop();
        Closed { idle, finished: before.saturating_sub(idle).saturating_sub(forced), forced, stuck }
    }

    /// Blocks until the server was [closed](Self::close).
    pub fn wait(&self) {
        self.core.closed.wait();
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("addrs", &self.addrs).finish_non_exhaustive()
    }
}

/// Something that happens once.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    happened: Mutex<bool>,
    told: Condvar,
}

impl Signal {
    pub(crate) fn give(&self) {
        *self.happened.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }

    fn wait(&self) {
        let mut happened = self.happened.lock().unwrap_or_else(PoisonError::into_inner);
        while !*happened {
            happened = self.told.wait(happened).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
