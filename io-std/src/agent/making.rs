//! Making one connection: [`Plan`] says how, [`Job`] does it in a thread of its own and reports to the pool.
//!
//! A thread, because resolving, connecting, TLS and a user's hook all block, and whoever waits for the connection
//! must still be served by another one, be aborted, or run out of time.

use std::sync::{Arc, Weak};
use std::thread;

use h1wire_proto::ClientConfig;
use h1wire_proto::calling::{Proxy, ProxyScheme, Url, without_zone};
use h1wire_proto::pool::{ConnId, Origin};

use super::driver::Driver;
use super::hooks::{CreateConnection, Destination, Hooks};
use crate::client::Wire;
use crate::connect::{How, Wanted};
use crate::error::{Error, ErrorKind};
use crate::stream::Transport;
use crate::tunnel;

/// How to make a connection for a request.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) how: How,
    pub(crate) way: Way,
    pub(crate) config: ClientConfig,
    /// Who makes it, if it is not the agent.
    pub(crate) create: Option<Arc<CreateConnection>>,
}

/// What lies between us and the origin.
#[derive(Clone)]
pub(crate) enum Way {
    Straight,
    Forward(Proxy),
    Tunnel(Proxy),
    Socks(Proxy),
}

impl Plan {
    /// Makes a stream to `origin`, as the agent does without a hook and without TLS to the origin.
    pub(crate) fn plain(
        &self,
        origin: &Origin,
        wanted: &Wanted,
        hooks: &Hooks,
    ) -> Result<Box<dyn Transport>, ErrorKind> {
        if let Some(path) = origin.unix_path() {
            return self.how.unix(path, wanted);
        }
        let (host, port) = (origin.host().unwrap_or_default(), origin.port().unwrap_or_default());
        match &self.way {
            Way::Straight => self.how.tcp(host, port, wanted),
            Way::Forward(proxy) => self.to_proxy(proxy, wanted, hooks),
            Way::Tunnel(proxy) => {
                let stream = self.to_proxy(proxy, wanted, hooks)?;
                wanted.made_on(&*stream)?;
                let url = Url { host, port: Some(port), ..Url::default() };
                tunnel::connect(stream, &url, proxy.credentials(), self.how.limit)
            }
            Way::Socks(proxy) => {
                let here;
                let host = match proxy.scheme() {
                    ProxyScheme::Socks5 => {
                        here = self.how.resolve_one(host, port)?.to_string();
                        &here
                    }
                    _ => without_zone(host),
                };
                let stream = self.to_proxy(proxy, wanted, hooks)?;
                wanted.made_on(&*stream)?;
                tunnel::socks(stream, host, port, proxy.credentials(), self.how.limit)
            }
        }
    }

    /// Makes a stream to a proxy, with TLS if it is spoken to so.
    fn to_proxy(
        &self,
        proxy: &Proxy,
        wanted: &Wanted,
        hooks: &Hooks,
    ) -> Result<Box<dyn Transport>, ErrorKind> {
        let stream = self.how.tcp(proxy.host(), proxy.port(), wanted)?;
        match proxy.scheme() {
            ProxyScheme::Https => {
                wanted.made_on(&*stream)?;
                self.secure(proxy.host(), stream, hooks)
            }
            _ => Ok(stream),
        }
    }

    /// Makes a stream to `origin`, as the agent does without a hook.
    pub(super) fn stream(
        &self,
        origin: &Origin,
        wanted: &Wanted,
        hooks: &Hooks,
    ) -> Result<Box<dyn Transport>, ErrorKind> {
        let stream = self.plain(origin, wanted, hooks)?;
        match origin.tls() {
            None => Ok(stream),
            Some(tls) => {
                wanted.made_on(&*stream)?;
                let host = origin.host().map(without_zone);
                let name = tls.server_name.as_deref().or(host).unwrap_or_default();
                self.secure(name, stream, hooks)
            }
        }
    }

    #[cfg(feature = "tls")]
    fn secure(
        &self,
        name: &str,
        stream: Box<dyn Transport>,
        hooks: &Hooks,
    ) -> Result<Box<dyn Transport>, ErrorKind> {
        let config = hooks.tls.clone().unwrap_or_else(crate::tls::default_config);
        Ok(Box::new(crate::tls::TlsStream::connect(config, name, stream, self.how.limit)?))
    }

    #[cfg(not(feature = "tls"))]
    fn secure(&self, _: &str, _: Box<dyn Transport>, _: &Hooks) -> Result<Box<dyn Transport>, ErrorKind> {
        Err(ErrorKind::invalid("https needs the feature `tls` or a hook that connects"))
    }
}

/// A connection to be made, which reports once, whatever happens, unless its agent is gone.
pub(super) struct Job {
    driver: Weak<Driver>,
    hooks: Arc<Hooks>,
    id: ConnId,
    origin: Arc<Origin>,
    plan: Arc<Plan>,
    wanted: Arc<Wanted>,
    reported: bool,
}

impl Job {
    pub(super) fn new(
        driver: &Arc<Driver>,
        id: ConnId,
        origin: Arc<Origin>,
        plan: Arc<Plan>,
        wanted: Arc<Wanted>,
    ) -> Self {
        let hooks = driver.hooks.clone();
        Self { driver: Arc::downgrade(driver), hooks, id, origin, plan, wanted, reported: false }
    }

    /// Begins in a thread of its own.
    pub(super) fn start(self) {
        let mut job = self;
        // If there is no thread to be had, the job is dropped, and that reports as well.
        let _ = thread::Builder::new().name("h1wire connect".into()).spawn(move || {
            let made = job.make();
            job.report(made);
        });
    }

    fn make(&self) -> Result<Box<Wire>, ErrorKind> {
        let hooks = &self.hooks;
        let stream = match self.plan.create.as_deref().or(hooks.create_connection.as_deref()) {
            Some(hook) => {
                let to = Destination { origin: &self.origin, plan: &self.plan, wanted: &self.wanted, hooks };
                // An error of our own that the hook passes on is what it was.
                hook(&to).map_err(|error| match error.downcast::<Error>() {
                    Ok(error) => error.into_kind(),
                    Err(error) => ErrorKind::Hook(error),
                })?
            }
            None => self.plan.stream(&self.origin, &self.wanted, &self.hooks)?,
        };
        Ok(Box::new(Wire::new(stream, &self.plan.config)))
    }

    fn report(&mut self, made: Result<Box<Wire>, ErrorKind>) {
        self.reported = true;
        if let Some(driver) = self.driver.upgrade() {
            driver.made(self.id, made);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.reported {
            self.report(Err(ErrorKind::Hook("the thread that made the connection is gone".into())));
        }
    }
}
