//! Making one connection: [`Plan`] says how, [`Job`] does it in a thread of its own and reports to the pool.
//!
//! A thread, because resolving, connecting, TLS and a user's hook all block, and whoever waits for the connection
//! must still be served by another one, be aborted, or run out of time.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::thread;

use h1wire_proto::ClientConfig;
use h1wire_proto::pool::{ConnId, Origin, Tls};

use super::config::{Destination, Hooks};
use super::driver::Driver;
use crate::client::{Wire, without_zone};
use crate::connect::{How, Wanted};
use crate::error::{Error, ErrorKind};
use crate::proxy::Proxy;
use crate::stream::Stream;
use crate::tunnel;

/// How to make a connection for a request.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) how: How,
    /// The proxy to be asked for a tunnel.
    pub(crate) tunnel: Option<Proxy>,
    pub(crate) config: ClientConfig,
}

impl Plan {
    /// Makes a stream to `origin`, as the agent does without a hook and without TLS.
    pub(crate) fn plain(&self, origin: &Origin, wanted: &Wanted) -> Result<Box<dyn Stream>, ErrorKind> {
        if let Some(path) = origin.unix_path() {
            use std::os::unix::ffi::OsStrExt;
            return self.how.unix(Path::new(std::ffi::OsStr::from_bytes(path)), wanted);
        }
        let (host, port) = (origin.host().unwrap_or_default(), origin.port().unwrap_or_default());
        let Some(proxy) = &self.tunnel else { return self.how.tcp(host, port, wanted) };
        let stream = self.how.tcp(&proxy.host, proxy.port, wanted)?;
        wanted.made_on(&*stream)?;
        let host = without_zone(host);
        let literal = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        tunnel::open(stream, proxy, &literal, self.how.limit)
    }

    /// Makes a stream to `origin`, as the agent does without a hook.
    pub(super) fn stream(
        &self,
        origin: &Origin,
        wanted: &Wanted,
        hooks: &Hooks,
    ) -> Result<Box<dyn Stream>, ErrorKind> {
        let stream = self.plain(origin, wanted)?;
        match origin.tls() {
            None => Ok(stream),
            Some(tls) => {
                wanted.made_on(&*stream)?;
                self.secure(origin, tls, stream, hooks)
            }
        }
    }

    #[cfg(feature = "tls")]
    fn secure(
        &self,
        origin: &Origin,
        tls: &Tls,
        stream: Box<dyn Stream>,
        hooks: &Hooks,
    ) -> Result<Box<dyn Stream>, ErrorKind> {
        let config = hooks.tls.clone().unwrap_or_else(crate::tls::default_config);
        let name = tls.server_name.as_deref().or(origin.host().map(without_zone)).unwrap_or_default();
        Ok(Box::new(crate::tls::TlsStream::connect(config, name, stream, self.how.limit)?))
    }

    #[cfg(not(feature = "tls"))]
    fn secure(
        &self,
        _: &Origin,
        _: &Tls,
        _: Box<dyn Stream>,
        _: &Hooks,
    ) -> Result<Box<dyn Stream>, ErrorKind> {
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
        let stream = match &self.hooks.create_connection {
            Some(hook) => {
                let hooks = &self.hooks;
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
