//! The options of a [`Request`]: who serves it, where it goes, how long it may take, what is tolerated, who is told.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::calling::Credentials;
use h1wire_proto::pool::Family;
use h1wire_proto::{ClientLeniency, Limits, ResponseHead};

use super::abort::AbortHandle;
use super::event::Event;
use super::report::Report;
use super::request::Request;
use crate::agent::{Agent, Destination};
use crate::connect::Numbered;
use crate::error::BoxError;
use crate::proxy::Proxies;
use crate::stream::Transport;

/// Who serves the request, and where it goes.
impl Request {
    /// The agent whose connections are used. Default: [`Agent::global`].
    pub fn agent(mut self, agent: &Agent) -> Self {
        self.0.agent = Some(agent.clone());
        self
    }

    /// Uses a connection of its own, which is closed afterwards: an agent for this request only.
    pub fn one_shot(self) -> Self {
        self.agent(&Agent::builder().keep_alive(false).build())
    }

    /// Connects to this host instead of the URL's. An IPv6 address is written without brackets. A
    /// zone after it (`fe80::1%eth0`) is for connecting, and goes no further.
    pub fn host(mut self, host: &str) -> Self {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        self.0.place.host = bare.unwrap_or(host).to_owned();
        self.0.host_given = true;
        self
    }

    /// Connects to this port instead of the URL's.
    pub fn port(mut self, port: u16) -> Self {
        self.0.place.port = Some(port);
        self.0.host_given = true;
        self
    }

    /// The port to connect to if neither the URL nor [`port`](Self::port) names one. Default 80; 443 for `https`.
    pub fn default_port(mut self, port: u16) -> Self {
        self.0.place.default_port = Some(port);
        self
    }

    /// The request target as it is to stand on the wire, instead of the URL's path and query. One with bytes that may
    /// not stand there is refused when the request is sent, before a byte is.
    pub fn path(mut self, target: &str) -> Self {
        self.0.place.target = target.to_owned();
        self
    }

    /// Sends Basic credentials (RFC 7617), unless there is a field `Authorization`. Also taken from a URL with
    /// `user:password@`.
    pub fn auth(mut self, user: &str, password: &str) -> Self {
        self.0.place.credentials = Some(Credentials::new(user, password));
        self
    }

    /// Whether the field `Host` is added. Default on. A request without one is refused, so set it then.
    pub fn set_host(mut self, on: bool) -> Self {
        self.0.set_host = on;
        self
    }

    /// Whether the fields `Host` and `Connection` are added. Default on. A request without `Host` is refused, so set
    /// it then.
    pub fn default_headers(mut self, on: bool) -> Self {
        self.0.default_headers = on;
        self
    }

    /// Connects to a unix socket. The URL's host is only sent in the field `Host` then; [`host`](Self::host) and
    /// [`port`](Self::port) are an error beside it.
    pub fn socket_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.socket_path = Some(path.into());
        self
    }

    /// Goes through these proxies, or through none. Default: [the agent's](crate::AgentBuilder::proxies).
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.0.proxies = Some(proxies);
        self
    }

    /// Asks a proxy for a tunnel also where it could forward. Default `false`: only for `https`.
    pub fn tunnel(mut self, on: bool) -> Self {
        self.0.tunnel = on;
        self
    }

    /// The name that TLS asks for and verifies, instead of the host.
    pub fn server_name(mut self, name: &str) -> Self {
        self.0.server_name = Some(name.to_owned());
        self
    }

    /// Uses addresses of this family only. Default: both, taking turns.
    pub fn family(mut self, family: Family) -> Self {
        self.0.how.family = Some(family);
        self
    }

    /// Connects from this local address.
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.0.how.local_address = Some(address);
        self
    }

    /// Connects from this local port.
    pub fn local_port(mut self, port: u16) -> Self {
        self.0.how.local_port = Some(port);
        self
    }

    /// Resolves the host's name, given with the port, instead of the system. Not asked about addresses. The request gets a
    /// connection of its own, which is closed afterwards: what one resolver answers is none of another's. For all requests
    /// of an agent, which share connections: [`AgentBuilder::lookup`](crate::AgentBuilder::lookup).
    pub fn lookup<F>(mut self, lookup: F) -> Self
    where
        F: Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    {
        self.0.how.lookup = Some(Numbered::new(Arc::new(lookup)));
        self
    }

    /// Makes the connection: any duplex stream will do. As [`AgentBuilder::create_connection`](crate::AgentBuilder::create_connection),
    /// for this request alone, whose connection is closed afterwards.
    pub fn create_connection<F>(mut self, hook: F) -> Self
    where
        F: Fn(&Destination<'_>) -> Result<Box<dyn Transport>, BoxError> + Send + Sync + 'static,
    {
        self.0.create_connection = Some(Numbered::new(Arc::new(hook)));
        self
    }

    /// Whether small writes leave at once (`TCP_NODELAY`), on the connection that the request will have. Default on.
    /// Later requests on that connection find it so. Once it has one: [`Upload::set_no_delay`](crate::Upload::set_no_delay).
    pub fn no_delay(mut self, on: bool) -> Self {
        self.0.how.no_delay = Some(on);
        self
    }

    /// Probes the peer after so long a silence (TCP keep-alive), on the connection that the request will have; in
    /// whole seconds from 1 to 32,767. Default: what the agent says. Later requests on that connection find it so. Once it has one:
    /// [`Upload::set_tcp_keep_alive`](crate::Upload::set_tcp_keep_alive).
    pub fn tcp_keep_alive(mut self, initial_delay: Duration) -> Self {
        self.0.how.keep_alive = Some(initial_delay);
        self
    }
}

/// How long it may take. Each limit is a `Duration`, or `None` for no limit; zero is a limit that passes at once. Those that
/// are not set are [the agent's](crate::AgentBuilder::timeout), and where it has none set
/// [`Patience::DEFAULT`](h1wire_proto::calling::Patience::DEFAULT).
impl Request {
    /// How long nothing may move on the connection while the exchange is under way, from the moment the connection is
    /// begun. Default 120 s.
    pub fn timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.0.waits.idle = Some(limit.into());
        self
    }

    /// With `true`, the idle limit is only told to the [observer](Self::observe), and ends nothing. Default `false`.
    pub fn timeout_notifies(mut self, on: bool) -> Self {
        self.0.idle_notifies = on;
        self
    }

    /// How long a connection may take to be made, with resolving and TLS. Default 30 s.
    pub fn connect_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.0.waits.connect = Some(limit.into());
        self
    }

    /// How long the response may take to begin, once the last byte was sent. Default none.
    pub fn response_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.0.waits.response = Some(limit.into());
        self
    }

    /// How long the next piece of the response may take while it is waited for. Default none.
    pub fn read_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.0.waits.content = Some(limit.into());
        self
    }

    /// How long the server may take no more of the request. Default none.
    pub fn write_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.0.waits.write = Some(limit.into());
        self
    }

    /// How long the server may take no more of the request while it sends an answer that nobody reads: it may be waiting
    /// for its reader, and would wait for ever. Default 30 s. An [`Upload`](crate::Upload) can be read from meanwhile.
    pub fn stall_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.0.waits.stall = Some(limit.into());
        self
    }

    /// How long everything may take together: waiting for a connection, making it, sending, and reading the response
    /// to its end. Default none.
    pub fn total_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.0.waits.total = Some(limit.into());
        self
    }

    /// How long content is held back for a `100 Continue` before it is sent all the same, if there is a field
    /// `Expect: 100-continue` (RFC 9110 section 10.1.1). Default 1 s.
    pub fn continue_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.0.waits.continue_wait = Some(limit.into());
        self
    }
}

/// What is tolerated, and what may be repeated.
impl Request {
    /// Reads the response with every leniency that Node's `insecureHTTPParser` has. Default off, and
    /// dangerous: see [`ClientLeniency`].
    pub fn insecure_http_parser(self, on: bool) -> Self {
        self.leniency(if on { ClientLeniency::INSECURE } else { ClientLeniency::STRICT })
    }

    /// Reads the response with these leniencies. Default: none.
    pub fn leniency(mut self, leniency: ClientLeniency) -> Self {
        self.0.leniency = Some(leniency);
        self
    }

    /// Reads the response within these limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.limits = Some(limits);
        self
    }

    /// The most bytes of the response's head. Default 16 KiB.
    pub fn max_header_size(mut self, bytes: u32) -> Self {
        self.0.limits.get_or_insert(Limits::DEFAULT).head_bytes = bytes;
        self
    }

    /// The most field lines of the response; `None` is no limit. Default 2,000.
    pub fn max_headers_count(mut self, most: Option<u32>) -> Self {
        self.0.limits.get_or_insert(Limits::DEFAULT).fields = most;
        self
    }

    /// Says that repeating this request does no harm, or does, whatever its method. Default: by the method (RFC 9110
    /// section 9.2.2).
    pub fn idempotent(mut self, is: bool) -> Self {
        self.0.idempotent = Some(is);
        self
    }

    /// Whether the request is sent again by itself where that is safe: once, if a reused connection turned out to be
    /// dead. Default on.
    pub fn automatic_retry(mut self, on: bool) -> Self {
        self.0.retries = on;
        self
    }
}

/// Who is told.
impl Request {
    /// Called with each interim (1xx) response, before the call that waits for the final one returns.
    pub fn on_informational<F>(mut self, hook: F) -> Self
    where
        F: FnMut(&ResponseHead<'_, '_>) + Send + 'static,
    {
        self.0.on_informational = Some(Box::new(hook));
        self
    }

    /// Called with everything that happens to the request and its response, in order: see [`Event`].
    pub fn observe<F>(mut self, observer: F) -> Self
    where
        F: FnMut(&Event<'_>) + Send + 'static,
    {
        self.0.observer = Some(Box::new(observer));
        self
    }

    /// Called once the request is over, with what it came to.
    pub fn on_report<F>(mut self, hook: F) -> Self
    where
        F: FnMut(&Report<'_>) + Send + 'static,
    {
        self.0.on_report = Some(Box::new(hook));
        self
    }

    /// Lets this handle abort the request, as it may others.
    pub fn abort_with(mut self, handle: &AbortHandle) -> Self {
        self.0.abort = Some(handle.clone());
        self
    }

    /// A handle that aborts the request from another thread.
    pub fn abort_handle(&mut self) -> AbortHandle {
        self.0.abort.get_or_insert_default().clone()
    }
}
