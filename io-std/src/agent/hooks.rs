//! [`Hooks`]: what the user of an agent hooked in, and the options that are not the pool's.

use std::sync::Arc;

use h1wire_proto::calling::Patience;
use h1wire_proto::pool::Origin;
use h1wire_proto::{ClientLeniency, Headers, Limits};

use super::making::Plan;
use crate::client::Report;
use crate::connect::{How, Wanted};
use crate::error::{BoxError, Error, ErrorKind};
use crate::proxy::Proxies;
use crate::stream::Transport;

pub(crate) type CreateConnection =
    dyn Fn(&Destination<'_>) -> Result<Box<dyn Transport>, BoxError> + Send + Sync;
pub(crate) type KeepConnection = dyn Fn(&mut dyn Transport) -> bool + Send + Sync;
pub(crate) type OnReport = dyn Fn(&Report<'_>) + Send + Sync;
pub(crate) type ReuseConnection = dyn Fn(&mut dyn Transport) + Send + Sync;

/// What the user hooked in, and the options that are not the pool's.
pub(crate) struct Hooks {
    pub(crate) create_connection: Option<Arc<CreateConnection>>,
    pub(crate) keep_connection: Option<Box<KeepConnection>>,
    pub(crate) reuse_connection: Option<Box<ReuseConnection>>,
    pub(crate) on_report: Option<Box<OnReport>>,
    /// What requests that say nothing else of it have of their agent.
    pub(crate) patience: Patience,
    pub(crate) headers: Headers,
    pub(crate) how: How,
    pub(crate) limits: Limits,
    pub(crate) leniency: ClientLeniency,
    pub(crate) drain: usize,
    pub(crate) proxies: Proxies,
    /// What was wrong with an option.
    pub(crate) fault: Option<h1wire_proto::SendError>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
}

/// Where a [`create_connection`](crate::AgentBuilder::create_connection) hook is to connect to.
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
    pub fn connect(&self) -> Result<Box<dyn Transport>, Error> {
        self.told(self.plan.stream(self.origin, self.wanted, self.hooks))
    }

    /// As [`connect`](Self::connect), but without TLS, for hooks that speak it themselves. Through the tunnel of a
    /// proxy, if there is one.
    ///
    /// # Errors
    /// As a request without the hook.
    pub fn connect_plain(&self) -> Result<Box<dyn Transport>, Error> {
        self.told(self.plan.plain(self.origin, self.wanted, self.hooks))
    }

    fn told(&self, made: Result<Box<dyn Transport>, ErrorKind>) -> Result<Box<dyn Transport>, Error> {
        let attempt = h1wire_proto::retry::Attempt::new(h1wire_proto::Method::Get, false);
        made.map_err(|kind| Error::new(kind, &attempt, format!("connecting to {}", self.origin.name()), None))
    }
}

impl std::fmt::Debug for Destination<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Destination").field(&self.origin.name()).finish()
    }
}
