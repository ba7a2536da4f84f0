//! [`Agent`]: connections kept and shared by the requests that go through it.
//!
//! The public face. Decisions are those of `h1wire_proto::pool`, doing them is in `driver`.

mod builder;
mod driver;
mod hooks;
mod lease;
mod making;
mod reaper;

use std::fmt;
use std::sync::{Arc, OnceLock};

use h1wire_proto::calling::Counters;
use h1wire_proto::pool::Totals;

pub use builder::AgentBuilder;
pub(crate) use driver::Driver;
pub use hooks::Destination;
pub(crate) use hooks::{CreateConnection, Hooks};
pub(crate) use lease::{Lease, Waiting, Want};
pub(crate) use making::{Plan, Way};

use crate::client::{IntoUrl, Request};
use crate::clock;
use crate::proxy::Proxies;

/// Connections, shared by requests: a pool for each origin, with limits over each and over all.
///
/// A clone is the same agent, and each request, response and error with a request in it holds one. Dropping the last one
/// closes the idle connections and those that are being made for nobody; those in use live on until their responses are read.
///
/// | kind | methods |
/// |---|---|
/// | making | [`new`](Self::new), [`builder`](Self::builder), [`global`](Self::global) |
/// | requests | [`get`](Self::get), [`request`](Self::request) |
/// | asking | [`totals`](Self::totals), [`origins`](Self::origins), [`counters`](Self::counters) |
/// | ending | [`close_idle`](Self::close_idle), [`destroy`](Self::destroy) |
#[derive(Clone)]
pub struct Agent(pub(crate) Arc<Driver>);

/// What an agent holds for one origin.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OriginCounts {
    /// The name of the origin, as of `h1wire_proto::pool::Origin::name`.
    pub name: String,
    /// Connections in use or being made.
    pub busy: usize,
    /// Idle connections.
    pub idle: usize,
    /// Requests that wait for a connection.
    pub waiting: usize,
}

impl Agent {
    /// An agent with the [default options](AgentBuilder): it keeps connections for later.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// The options of an agent to be.
    pub fn builder() -> AgentBuilder {
        AgentBuilder::default()
    }

    /// The agent of this process, which serves requests that name no agent. It uses the proxies of the environment.
    pub fn global() -> &'static Self {
        static GLOBAL: OnceLock<Agent> = OnceLock::new();
        GLOBAL.get_or_init(|| Self::builder().proxies(Proxies::from_env()).build())
    }

    /// A `GET` request through this agent.
    pub fn get(&self, url: impl IntoUrl) -> Request {
        self.request("GET", url)
    }

    /// A request through this agent.
    pub fn request(&self, method: &str, url: impl IntoUrl) -> Request {
        Request::new(method, url).agent(self)
    }

    /// Counts over all origins.
    pub fn totals(&self) -> Totals {
        self.0.sweep(false);
        self.0.lock().pool.totals()
    }

    /// What there is for each origin, ordered by origin.
    pub fn origins(&self) -> Vec<OriginCounts> {
        self.0.sweep(false);
        let state = self.0.lock();
        state
            .pool
            .origins()
            .map(|of| OriginCounts {
                name: of.key().name(),
                busy: of.busy_count(),
                idle: of.idle_count(),
                waiting: of.waiting_count(),
            })
            .collect()
    }

    /// What became of the requests so far.
    pub fn counters(&self) -> Counters {
        self.0.lock().counters
    }

    /// Closes the idle connections.
    pub fn close_idle(&self) {
        self.with_pool(|pool| pool.close_idle(clock::now(), None));
    }

    /// Closes every connection, also those in use, and fails every request that waits. The agent can be used
    /// again.
    pub fn destroy(&self) {
        self.with_pool(|pool| pool.destroy(clock::now()));
    }

    fn with_pool(&self, call: impl FnOnce(&mut h1wire_proto::pool::Pool<Arc<h1wire_proto::pool::Origin>>)) {
        let mut state = self.0.lock();
        call(&mut state.pool);
        let chores = self.0.obey(&mut state, None);
        drop(state);
        self.0.run(chores);
    }
}

impl Default for Agent {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("totals", &self.0.lock().pool.totals()).finish_non_exhaustive()
    }
}
