//! The options and hooks of an [`Agent`](super::Agent).
//!
//! Their meaning for connections is decided by the pool; see `h1wire_proto::pool::PoolConfig`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use h1wire_proto::pool::{Origin, Pool, PoolConfig, Scheduling};

use super::Agent;
use super::driver::{Driver, State};
use super::making::Plan;
use super::reaper::Reaper;
use crate::connect::Wanted;
use crate::error::{BoxError, Error, ErrorKind};
use crate::proxy::Proxies;
use crate::stream::Stream;

pub(crate) type CreateConnection =
    dyn Fn(&Destination<'_>) -> Result<Box<dyn Stream>, BoxError> + Send + Sync;
pub(crate) type KeepConnection = dyn Fn(&mut dyn Stream) -> bool + Send + Sync;
pub(crate) type ReuseConnection = dyn Fn(&mut dyn Stream) + Send + Sync;

/// What the user hooked in, and the options that are not the pool's.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) create_connection: Option<Box<CreateConnection>>,
    pub(crate) keep_connection: Option<Box<KeepConnection>>,
    pub(crate) reuse_connection: Option<Box<ReuseConnection>>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) keep_alive_delay: Option<Duration>,
    pub(crate) drain: usize,
    pub(crate) proxies: Proxies,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
}

/// Where a [`create_connection`](AgentBuilder::create_connection) hook is to connect to.
pub struct Destination<'d> {
    pub(super) origin: &'d Origin,
    pub(super) plan: &'d Plan,
    pub(super) wanted: &'d Wanted,
    pub(super) hooks: &'d Hooks,
}

impl Destination<'_> {
    /// The origin: host and port, or the path of a unix socket.
    pub fn origin(&self) -> &Origin {
        self.origin
    }

    /// Connects as the agent would without the hook, with TLS for `https`: for hooks that only wrap the stream.
    ///
    /// # Errors
    /// As a request without the hook.
    pub fn connect(&self) -> Result<Box<dyn Stream>, Error> {
        self.told(self.plan.stream(self.origin, self.wanted, self.hooks))
    }

    /// As [`connect`](Self::connect), but without TLS, for hooks that speak it themselves. Through the tunnel of a
    /// proxy, if there is one.
    ///
    /// # Errors
    /// As a request without the hook.
    pub fn connect_plain(&self) -> Result<Box<dyn Stream>, Error> {
        self.told(self.plan.plain(self.origin, self.wanted))
    }

    fn told(&self, made: Result<Box<dyn Stream>, ErrorKind>) -> Result<Box<dyn Stream>, Error> {
        let attempt = h1wire_proto::retry::Attempt::new(h1wire_proto::Method::Get, false);
        made.map_err(|kind| Error::new(kind, &attempt, None))
    }
}

impl std::fmt::Debug for Destination<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Destination").field(&self.origin.name()).finish()
    }
}

/// Makes an [`Agent`](super::Agent). The defaults are those of the reference: see each option.
#[must_use]
pub struct AgentBuilder {
    pool: PoolConfig,
    hooks: Hooks,
    keep_alive_delay: Duration,
    sweep: Option<Duration>,
}

impl Default for AgentBuilder {
    fn default() -> Self {
        Self {
            pool: PoolConfig::NODE,
            hooks: Hooks { drain: 64 * 1024, ..Hooks::default() },
            keep_alive_delay: Duration::from_secs(1),
            sweep: Some(Duration::from_secs(1)),
        }
    }
}

impl AgentBuilder {
    /// Whether connections that nobody waits for are kept for later requests. Default off.
    pub fn keep_alive(mut self, on: bool) -> Self {
        self.pool.keep_alive = on;
        self
    }

    /// After how long a silence the system probes the peer of a kept connection, in whole seconds from 1 to 32,767; what
    /// is beyond is taken for the nearest of them. Default 1 s. Only with [`keep_alive`](Self::keep_alive).
    pub fn tcp_keep_alive(mut self, delay: Duration) -> Self {
        self.keep_alive_delay = delay;
        self
    }

    /// The most connections for one origin. Default, and for 0: no limit.
    pub fn max_connections(mut self, most: u32) -> Self {
        self.pool.max_connections = Some(most).filter(|most| *most > 0);
        self
    }

    /// The most connections over all origins. Default, and for 0: no limit.
    pub fn max_total_connections(mut self, most: u32) -> Self {
        self.pool.max_total_connections = Some(most).filter(|most| *most > 0);
        self
    }

    /// The most idle connections for one origin. Default 256.
    ///
    /// Those that are being made and that nobody waits for any more count as well: with
    /// [`keep_alive`](Self::keep_alive), a connection outlives a request that was aborted, timed out, or served by
    /// another one meanwhile, and is there for the next. Its making, in a thread, ends with the limits of the request it
    /// was begun for ([`connect_timeout`](crate::Request::connect_timeout),
    /// [`total_timeout`](crate::Request::total_timeout)), when the system gives it up, or with the agent.
    pub fn max_idle(mut self, most: u32) -> Self {
        self.pool.max_idle = Some(most);
        self
    }

    /// The most requests, over all origins, that wait with no connection being made for them; the next one fails.
    /// Default: no limit.
    pub fn max_queued(mut self, most: u32) -> Self {
        self.pool.max_queued = Some(most);
        self
    }

    /// Which idle connection serves the next request. Default: the one that has been idle longest.
    pub fn scheduling(mut self, scheduling: Scheduling) -> Self {
        self.pool.scheduling = scheduling;
        self
    }

    /// The idle limit of requests that have none of their own ([`Request::timeout`](crate::Request::timeout)), and
    /// how long a connection may be idle before it is closed. Default, and for zero: none.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.hooks.timeout = Some(limit).filter(|limit| !limit.is_zero());
        self.pool.idle_timeout = Some(limit).filter(|limit| !limit.is_zero());
        self
    }

    /// How long a request waits for a connection before it fails. Default, and for zero: for ever.
    pub fn acquire_timeout(mut self, limit: Duration) -> Self {
        self.pool.acquire_timeout = Some(limit).filter(|limit| !limit.is_zero());
        self
    }

    /// By how much a connection is closed before the server said it would close it. Default 1 s.
    pub fn hint_buffer(mut self, time: Duration) -> Self {
        self.pool.hint_buffer = time;
        self
    }

    /// How often idle connections are looked at by a thread that runs while there are any; `None`: only when they
    /// are to be used. Default 1 s.
    pub fn sweep(mut self, period: Option<Duration>) -> Self {
        self.sweep = period;
        self
    }

    /// How many bytes of a response that is dropped unread are discarded to keep its connection, as far as they are
    /// there; beyond, it is closed. Default 64 KiB.
    pub fn drain(mut self, bytes: usize) -> Self {
        self.hooks.drain = bytes;
        self
    }

    /// The proxies requests go through. Default: none; the [global agent](Agent::global) has those
    /// [of the environment](Proxies::from_env).
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.hooks.proxies = proxies;
        self
    }

    /// How TLS is spoken, and whom it trusts. Default: [`tls_config`](crate::tls_config) with the roots that Mozilla
    /// trusts.
    #[cfg(feature = "tls")]
    pub fn tls_config(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.hooks.tls = Some(config);
        self
    }

    /// Makes the connections: any duplex stream will do. Called in a thread of its own, and may block. For `https` the
    /// hook's stream is used as it is.
    pub fn create_connection<F>(mut self, hook: F) -> Self
    where
        F: Fn(&Destination<'_>) -> Result<Box<dyn Stream>, BoxError> + Send + Sync + 'static,
    {
        self.hooks.create_connection = Some(Box::new(hook));
        self
    }

    /// Called with a connection that becomes idle; `false`, or a panic, closes it. Called without a lock, in the thread whose
    /// request was the last on the connection.
    pub fn keep_connection<F>(mut self, hook: F) -> Self
    where
        F: Fn(&mut dyn Stream) -> bool + Send + Sync + 'static,
    {
        self.hooks.keep_connection = Some(Box::new(hook));
        self
    }

    /// Called with a used connection that is given to the next request, in the thread of that request.
    pub fn reuse_connection<F>(mut self, hook: F) -> Self
    where
        F: Fn(&mut dyn Stream) + Send + Sync + 'static,
    {
        self.hooks.reuse_connection = Some(Box::new(hook));
        self
    }

    /// The agent.
    pub fn build(self) -> Agent {
        let mut hooks = self.hooks;
        hooks.keep_alive_delay = self.pool.keep_alive.then_some(self.keep_alive_delay);
        Agent(Arc::new(Driver {
            state: Mutex::new(State::new(Pool::new(self.pool))),
            config: self.pool,
            hooks: Arc::new(hooks),
            reaper: Arc::new(Reaper::new(self.sweep)),
        }))
    }
}

impl std::fmt::Debug for AgentBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentBuilder").field("pool", &self.pool).finish_non_exhaustive()
    }
}
