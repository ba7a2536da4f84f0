//! The options of a [`Request`]: where it goes, how long it may take, what is tolerated and repeated.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use h1wire_proto::calling::{Credentials, Patience, Proxies};
use h1wire_proto::pool::{Family, Origin};
use h1wire_proto::{ClientLeniency, Limits};

use super::abort::AbortHandle;
use super::options::BoxError;
#[cfg(doc)]
use super::options::Options;
use super::request::Request;
use super::spec::{Limited, Spec};
use crate::stream::Stream;

/// A number that no other resolver or connector has.
fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Where it goes.
impl Request {
    /// The connection is for no other request.
    pub(super) fn unshared(mut self) -> Self {
        self.way().dial.connector = Some(number());
        self
    }

    /// What decides about its connection, to be changed.
    fn way(&mut self) -> &mut Spec {
        self.0.origin = None;
        &mut self.0
    }

    /// Connects to this host instead of the URL's. An IPv6 address is written without brackets. A
    /// zone after it (`fe80::1%eth0`) is for connecting, and goes no further.
    pub fn host(mut self, host: &str) -> Self {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        self.way().place.host = bare.unwrap_or(host).to_owned();
        self.way().host_given = true;
        self
    }

    /// Connects to this port instead of the URL's.
    pub fn port(mut self, port: u16) -> Self {
        self.way().place.port = Some(port);
        self.way().host_given = true;
        self
    }

    /// The port to connect to if neither the URL nor [`port`](Self::port) names one. Default 80; 443 for `https`.
    pub fn default_port(mut self, port: u16) -> Self {
        self.way().place.default_port = Some(port);
        self
    }

    /// The request target as it is to stand on the wire, instead of the URL's path and query. One with bytes that may
    /// not stand there is refused before a byte is sent.
    pub fn path(mut self, target: &str) -> Self {
        target.clone_into(&mut self.0.place.target);
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
        self.way().socket_path = Some(path.into());
        self
    }

    /// Goes through these proxies, or through none. Default: [the client's](Options::proxies).
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.way().proxies = Some(proxies);
        self
    }

    /// Asks a proxy for a tunnel also where it could forward. Default `false`: only for `https`.
    pub fn tunnel(mut self, on: bool) -> Self {
        self.way().tunnel = on;
        self
    }

    /// The name that TLS asks for and verifies, instead of the host.
    pub fn server_name(mut self, name: &str) -> Self {
        self.way().server_name = Some(name.to_owned());
        self
    }

    /// Uses addresses of this family only. Default: [the client's](Options::family).
    pub fn family(mut self, family: Family) -> Self {
        self.way().dial.family = Some(family);
        self
    }

    /// Connects from this local address.
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.way().dial.local_address = Some(address);
        self
    }

    /// Connects from this local port.
    pub fn local_port(mut self, port: u16) -> Self {
        self.way().dial.local_port = Some(port);
        self
    }

    /// Resolves the host's name, given with the port, instead of [the client's](Options::lookup) resolver. Not asked
    /// about addresses. Called in a thread of its own. The connection is for this request alone, as with
    /// [`one_shot`](Self::one_shot).
    pub fn lookup<F>(mut self, lookup: F) -> Self
    where
        F: Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    {
        self.way().lookup = Some(Arc::new(lookup));
        self.way().dial.resolver = Some(number());
        self.0.one_shot = true;
        self
    }

    /// Makes the connection of this request, instead of [the client's](Options::create_connection) hook. It is for
    /// this request alone, as with [`one_shot`](Self::one_shot).
    pub fn create_connection<F>(mut self, hook: F) -> Self
    where
        F: Fn(&Origin) -> Result<Stream, BoxError> + Send + Sync + 'static,
    {
        self.way().create_connection = Some(Arc::new(hook));
        self.way().dial.connector = Some(number());
        self.0.one_shot = true;
        self
    }

    /// Uses a connection of its own, which is closed afterwards (`agent: false` in Node).
    pub fn one_shot(mut self) -> Self {
        self.0.one_shot = true;
        self.unshared()
    }

    /// Whether small writes leave at once (`TCP_NODELAY`), on the connection that the request will have. Default
    /// [the client's](Options::no_delay). Later requests on that connection find it so.
    pub fn no_delay(mut self, on: bool) -> Self {
        self.0.no_delay = Some(on);
        self
    }

    /// Probes the peer after so long a silence (TCP keep-alive), on the connection that the request will have; in
    /// whole seconds from 1 to 32,767. Default: [the client's](Options::tcp_keep_alive). Later requests on that
    /// connection find it so.
    pub fn tcp_keep_alive(mut self, initial_delay: Duration) -> Self {
        self.0.keep_alive = Some(initial_delay);
        self
    }
}

/// Who may end it.
impl Request {
    /// Ends with everything else that has this handle, from any thread.
    pub fn abort_with(mut self, handle: &AbortHandle) -> Self {
        self.0.abort = Some(handle.clone());
        self
    }

    /// A handle that aborts the request from any thread.
    pub fn abort_handle(&mut self) -> AbortHandle {
        self.0.abort.get_or_insert_default().clone()
    }
}

/// How long it may take: where nothing is said here, [the client's patience](Options::patience). None is no limit.
impl Request {
    /// All limits at once.
    pub fn patience(mut self, patience: Patience) -> Self {
        self.0.patience = Limited { all: Some(patience), ..Limited::default() };
        self
    }

    fn limit(mut self, set: impl FnOnce(&mut Limited)) -> Self {
        set(&mut self.0.patience);
        self
    }

    /// How long nothing may move on the connection while the exchange is under way, from the moment the connection is
    /// begun.
    pub fn timeout(self, limit: impl Into<Option<Duration>>) -> Self {
        self.limit(|own| own.idle = Some(limit.into()))
    }

    /// With `true`, the idle limit is only told, and ends nothing. Default `false`.
    pub fn timeout_notifies(mut self, on: bool) -> Self {
        self.0.timeout_notifies = on;
        self
    }

    /// How long a connection may take to be made, with resolving, proxies and TLS.
    pub fn connect_timeout(self, limit: impl Into<Option<Duration>>) -> Self {
        self.limit(|own| own.connect = Some(limit.into()))
    }

    /// How long the response may take to begin, once the last byte was sent.
    pub fn response_timeout(self, limit: impl Into<Option<Duration>>) -> Self {
        self.limit(|own| own.response = Some(limit.into()))
    }

    /// How long the next piece of the response may take while it is waited for.
    pub fn read_timeout(self, limit: impl Into<Option<Duration>>) -> Self {
        self.limit(|own| own.content = Some(limit.into()))
    }

    /// How long the server may take no more of the request.
    pub fn write_timeout(self, limit: impl Into<Option<Duration>>) -> Self {
        self.limit(|own| own.write = Some(limit.into()))
    }

    /// How long the server may take no more of the request while it sends an answer that nobody reads.
    pub fn stall_timeout(self, limit: impl Into<Option<Duration>>) -> Self {
        self.limit(|own| own.stall = Some(limit.into()))
    }

    /// How long everything may take together: waiting for a connection, making it, sending, and reading the response
    /// to its end.
    pub fn total_timeout(self, limit: impl Into<Option<Duration>>) -> Self {
        self.limit(|own| own.total = Some(limit.into()))
    }

    /// How long content is held back for a `100 Continue` before it is sent all the same, if there is a field
    /// `Expect: 100-continue` (RFC 9110 section 10.1.1).
    pub fn continue_timeout(self, limit: impl Into<Option<Duration>>) -> Self {
        self.limit(|own| own.continue_wait = Some(limit.into()))
    }
}

/// What is tolerated, and what may be repeated.
impl Request {
    /// Reads the response with every leniency that Node's `insecureHTTPParser` has. Default off, and dangerous: see
    /// [`ClientLeniency`].
    pub fn insecure_http_parser(self, on: bool) -> Self {
        self.leniency(if on { ClientLeniency::INSECURE } else { ClientLeniency::STRICT })
    }

    fn limited(mut self, set: impl FnOnce(&mut Limits)) -> Self {
        set(self.0.limits.get_or_insert_default());
        self
    }

    /// Reads the response with these leniencies. Default: [the client's](Options::protocol).
    pub fn leniency(mut self, leniency: ClientLeniency) -> Self {
        self.0.leniency = Some(leniency);
        self
    }

    /// Reads the response within these limits. Default: [the client's](Options::protocol).
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.limits = Some(limits);
        self
    }

    /// The most bytes of the response's head. This and the next start from the default limits.
    pub fn max_header_size(self, bytes: u32) -> Self {
        self.limited(|limits| limits.head_bytes = bytes)
    }

    /// The most field lines of the response; none is no limit.
    pub fn max_headers_count(self, most: Option<u32>) -> Self {
        self.limited(|limits| limits.fields = most)
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
