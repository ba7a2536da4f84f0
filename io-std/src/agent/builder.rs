//! [`AgentBuilder`]: the options and hooks of an [`Agent`](super::Agent).
//!
//! Their meaning for connections is decided by the pool; see `h1wire_proto::pool::PoolConfig`.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use h1wire_proto::calling::Patience;
use h1wire_proto::pool::{Family, Pool, PoolConfig, Scheduling};
use h1wire_proto::{ClientLeniency, Headers, Limits, SendError};

use super::Agent;
use super::driver::{Driver, State};
use super::hooks::{Destination, Hooks};
use super::reaper::Reaper;
use crate::client::{Report, Waits};
use crate::connect::{How, Numbered};
use crate::error::BoxError;
use crate::proxy::Proxies;
use crate::stream::Transport;

/// Makes an [`Agent`](super::Agent). It keeps connections by default, for 90 s; [`node`](Self::node) has the defaults of
/// Node 12, which kept none.
#[must_use]
pub struct AgentBuilder {
    pool: PoolConfig,
    hooks: Hooks,
    waits: Waits,
    keep_alive_delay: Duration,
    fault: Option<SendError>,
    sweep: Option<Duration>,
}

impl Default for AgentBuilder {
    fn default() -> Self {
        Self {
            pool: PoolConfig::DEFAULT,
            hooks: Hooks {
                create_connection: None,
                keep_connection: None,
                reuse_connection: None,
                on_report: None,
                patience: Patience::DEFAULT,
                headers: Headers::new(),
                how: How::default(),
                limits: Limits::DEFAULT,
                leniency: ClientLeniency::STRICT,
                drain: 64 * 1024,
                proxies: Proxies::none(),
                fault: None,
                #[cfg(feature = "tls")]
                tls: None,
            },
            waits: Waits::default(),
            keep_alive_delay: Duration::from_secs(1),
            fault: None,
            sweep: Some(Duration::from_secs(1)),
        }
    }
}

impl AgentBuilder {
    /// The defaults of Node 12: no connection is kept for later requests, and nothing has a time limit.
    pub fn node(mut self) -> Self {
        self.pool = PoolConfig::NODE;
        self.hooks.patience = Patience { stall: Patience::DEFAULT.stall, ..Patience::NONE };
        self
    }

    /// Whether connections that nobody waits for are kept for later requests. Default on.
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

    /// The most connections for one origin. Default `None`: no limit.
    pub fn max_connections(mut self, most: impl Into<Option<u32>>) -> Self {
        self.pool.max_connections = most.into();
        self
    }

    /// The most connections over all origins. Default `None`: no limit.
    pub fn max_total_connections(mut self, most: impl Into<Option<u32>>) -> Self {
        self.pool.max_total_connections = most.into();
        self
    }

    /// The most idle connections for one origin. Default 256.
    ///
    /// Those that are being made and that nobody waits for any more count as well: with
    /// [`keep_alive`](Self::keep_alive), a connection outlives a request that was aborted, timed out, or served by
    /// another one meanwhile, and is there for the next. Its making, in a thread, ends with the limits of the request it
    /// was begun for ([`connect_timeout`](crate::Request::connect_timeout),
    /// [`total_timeout`](crate::Request::total_timeout)), when the system gives it up, or with the agent.
    pub fn max_idle(mut self, most: impl Into<Option<u32>>) -> Self {
        self.pool.max_idle = most.into();
        self
    }

    /// The most requests, over all origins, that wait with no connection being made for them; the next one fails.
    /// Default: no limit.
    pub fn max_queued(mut self, most: impl Into<Option<u32>>) -> Self {
        self.pool.max_queued = most.into();
        self
    }

    /// Which idle connection serves the next request. Default: the one that has been idle longest.
    pub fn scheduling(mut self, scheduling: Scheduling) -> Self {
        self.pool.scheduling = scheduling;
        self
    }

    /// The idle limit of requests that have none of their own ([`Request::timeout`](crate::Request::timeout)), and how long a
    /// connection may be idle before it is closed. Default: 120 s for the one, 90 s for the other.
    pub fn timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        let limit = limit.into();
        self.waits.idle = Some(limit);
        self.pool.idle_timeout = limit;
        self
    }

    /// How long a connection may be idle before it is closed, if not for [`timeout`](Self::timeout). Default 90 s.
    pub fn idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.pool.idle_timeout = limit.into();
        self
    }

    /// [`Request::connect_timeout`](crate::Request::connect_timeout) of requests that have none of their own.
    pub fn connect_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.waits.connect = Some(limit.into());
        self
    }

    /// [`Request::response_timeout`](crate::Request::response_timeout) of requests that have none of their own.
    pub fn response_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.waits.response = Some(limit.into());
        self
    }

    /// [`Request::total_timeout`](crate::Request::total_timeout) of requests that have none of their own.
    pub fn total_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.waits.total = Some(limit.into());
        self
    }

    /// How long a request waits for a connection before it fails. Default `None`: for ever.
    pub fn acquire_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.pool.acquire_timeout = limit.into();
        self
    }

    /// A field of every request, unless the request has one of this name. The name is sent in the case given here.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        if let Err(error) = self.hooks.headers.set(name, value) {
            self.fault.get_or_insert(error);
        }
        self
    }

    /// Resolves host names, given with the port, instead of the system. Not asked about addresses.
    pub fn lookup<F>(mut self, lookup: F) -> Self
    where
        F: Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    {
        self.hooks.how.lookup = Some(Numbered::new(Arc::new(lookup)));
        self
    }

    /// Uses addresses of this family only, for requests that do not say it themselves. Default: both, taking turns.
    pub fn family(mut self, family: Family) -> Self {
        self.hooks.how.family = Some(family);
        self
    }

    /// Connects from this local address, for requests that do not say it themselves.
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.hooks.how.local_address = Some(address);
        self
    }

    /// How long an address may be silent before the next one of the host is tried as well (RFC 8305 section 5). Default
    /// 250 ms.
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.hooks.how.attempt_delay = Some(delay);
        self
    }

    /// Reads responses within these limits, for requests that do not say it themselves.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.hooks.limits = limits;
        self
    }

    /// Reads responses with these leniencies, for requests that do not say it themselves. Default: none.
    pub fn leniency(mut self, leniency: ClientLeniency) -> Self {
        self.hooks.leniency = leniency;
        self
    }

    /// By how much a connection is closed before the server said it would close it. Default 1 s.
    pub fn hint_buffer(mut self, time: Duration) -> Self {
        self.pool.hint_buffer = time;
        self
    }

    /// How often idle connections are looked at by a thread that runs while there are any; `None`, or zero: only when
    /// they are to be used. Default 1 s.
    pub fn sweep(mut self, period: impl Into<Option<Duration>>) -> Self {
        self.sweep = period.into().filter(|period| !period.is_zero());
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
        F: Fn(&Destination<'_>) -> Result<Box<dyn Transport>, BoxError> + Send + Sync + 'static,
    {
        self.hooks.create_connection = Some(Arc::new(hook));
        self
    }

    /// Called with a connection that becomes idle; `false`, or a panic, closes it. Called without a lock, in the thread whose
    /// request was the last on the connection.
    pub fn keep_connection<F>(mut self, hook: F) -> Self
    where
        F: Fn(&mut dyn Transport) -> bool + Send + Sync + 'static,
    {
        self.hooks.keep_connection = Some(Box::new(hook));
        self
    }

    /// Called with a used connection that is given to the next request, in the thread of that request.
    pub fn reuse_connection<F>(mut self, hook: F) -> Self
    where
        F: Fn(&mut dyn Transport) + Send + Sync + 'static,
    {
        self.hooks.reuse_connection = Some(Box::new(hook));
        self
    }

    /// Called with what each request came to, once it is over, in the thread that used it.
    pub fn on_report<F>(mut self, hook: F) -> Self
    where
        F: Fn(&Report<'_>) + Send + Sync + 'static,
    {
        self.hooks.on_report = Some(Box::new(hook));
        self
    }

    /// The agent.
    pub fn build(self) -> Agent {
        let mut hooks = self.hooks;
        hooks.how.keep_alive = self.pool.keep_alive.then_some(self.keep_alive_delay);
        hooks.patience = self.waits.over(&hooks.patience);
        hooks.fault = self.fault;
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
