//! [`Spec`]: a request as it was put together, and what follows from its options for its connection and its fields.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use h1wire_proto::pool::{Origin, PoolConfig, Tls};
use h1wire_proto::{
    BodyLen, Client, ClientConfig, Conn, FieldSource, Headers, Method, ResponseHead, Strictness, Timeouts,
};

use super::abort::AbortHandle;
use super::event::Event;
use super::url::{Place, basic};
use crate::agent::{Agent, Plan};
use crate::connect::How;
use crate::error::ErrorKind;
use crate::proxy::{Proxies, Proxy};

pub(crate) type OnInformational = Box<dyn FnMut(&ResponseHead<'_, '_>) + Send>;
pub(crate) type Observer = Box<dyn FnMut(&Event<'_>) + Send>;

/// Everything about a request but its content.
pub(crate) struct Spec {
    pub(crate) method: String,
    pub(crate) place: Place,
    pub(crate) headers: Headers,
    pub(crate) set_host: bool,
    pub(crate) default_headers: bool,
    /// Host or port were given as options, which excludes a socket path.
    pub(crate) host_given: bool,
    pub(crate) socket_path: Option<PathBuf>,
    pub(crate) how: How,
    pub(crate) agent: Option<Agent>,
    /// The agent's, unless set.
    pub(crate) proxies: Option<Proxies>,
    pub(crate) tunnel: bool,
    pub(crate) server_name: Option<String>,
    pub(crate) timeouts: Timeouts,
    /// The agent's, unless set; zero is none.
    pub(crate) idle: Option<Duration>,
    pub(crate) total: Option<Duration>,
    pub(crate) idle_notifies: bool,
    /// How long an upload may wait for somebody to read the answer.
    pub(crate) stall: Option<Duration>,
    pub(crate) config: ClientConfig,
    pub(crate) idempotent: Option<bool>,
    pub(crate) retries: bool,
    pub(crate) on_informational: Option<OnInformational>,
    pub(crate) observer: Option<Observer>,
    pub(crate) abort: Option<AbortHandle>,
    /// What was wrong with an option.
    pub(crate) fault: Option<ErrorKind>,
    /// The length that was declared and is the machine's to write.
    length: Option<u64>,
}

impl Spec {
    pub(crate) fn new(method: &str, place: Place) -> Self {
        Self {
            method: method.to_owned(),
            place,
            headers: Headers::new(),
            set_host: true,
            default_headers: true,
            host_given: false,
            socket_path: None,
            how: How::default(),
            agent: None,
            proxies: None,
            tunnel: false,
            server_name: None,
            timeouts: Timeouts::CLIENT,
            idle: None,
            total: None,
            idle_notifies: false,
            stall: Some(Duration::from_secs(30)),
            config: ClientConfig::default(),
            idempotent: None,
            retries: true,
            on_informational: None,
            observer: None,
            abort: None,
            fault: None,
            length: None,
        }
    }

    /// The agent that serves the request.
    pub(crate) fn agent(&self) -> &Agent {
        self.agent.as_ref().unwrap_or_else(|| Agent::global())
    }

    /// An observer that panics is told nothing more: the response may be dropped meanwhile, and that has its events too.
    pub(crate) fn tell(&mut self, event: &Event<'_>) {
        if let Some(mut observer) = self.observer.take() {
            observer(event);
            self.observer = Some(observer);
        }
    }

    /// What the connection must lead to.
    pub(crate) fn origin(&self) -> Result<Origin, ErrorKind> {
        if let Some(path) = &self.socket_path {
            use std::os::unix::ffi::OsStrExt;
            if self.host_given {
                return Err(ErrorKind::invalid("a socket path excludes a host and a port"));
            }
            return self.secured(Origin::unix(path.as_os_str().as_bytes()));
        }
        let proxy = self.proxy();
        let mut origin = match proxy {
            Some(proxy) if !self.tunnelled() => Origin::tcp(&proxy.host, proxy.port).with_tag("proxy"),
            Some(proxy) => Origin::tcp(&self.place.host, self.place.port()).with_tag(&proxy.tag()),
            None => Origin::tcp(&self.place.host, self.place.port()),
        };
        if let Some(address) = self.how.local_address {
            origin = origin.with_local_address(address);
        }
        if let Some(family) = self.how.family {
            origin = origin.with_family(family);
        }
        if let Some(port) = self.how.local_port {
            origin = origin.with_tag(&format!("from port {port}"));
        }
        self.secured(origin)
    }

    fn secured(&self, origin: Origin) -> Result<Origin, ErrorKind> {
        if !self.place.https {
            return Ok(origin);
        }
        if cfg!(not(feature = "tls")) && self.agent().0.hooks.create_connection.is_none() {
            return Err(ErrorKind::invalid("https needs the feature `tls` or a hook that connects"));
        }
        // The settings are the agent's, so they are the same for all its connections.
        let server_name = self.server_name.clone().or_else(|| {
            // A unix socket has no host of its own.
            self.socket_path.is_some().then(|| self.place.host.clone())
        });
        Ok(origin.with_tls(Tls { server_name, settings: String::new() }))
    }

    /// The proxy on the way, if there is one.
    fn proxy(&self) -> Option<&Proxy> {
        if self.socket_path.is_some() {
            return None;
        }
        let proxies = self.proxies.as_ref().unwrap_or(&self.agent().0.hooks.proxies);
        proxies.proxy(self.place.https, &self.place.host, self.place.port())
    }

    /// The proxy that gets the request to forward it.
    fn forwarded(&self) -> Option<&Proxy> {
        self.proxy().filter(|_| !self.tunnelled())
    }

    /// Whether a proxy is to give a tunnel instead of forwarding.
    fn tunnelled(&self) -> bool {
        self.place.https || self.tunnel
    }

    /// How a connection for it is made.
    pub(crate) fn plan(&self) -> Plan {
        let mut how = self.how.clone();
        how.keep_alive = how.keep_alive.or(self.agent().0.hooks.keep_alive_delay);
        let tunnel = self.proxy().filter(|_| self.tunnelled()).cloned();
        Plan { how, tunnel, config: self.config }
    }

    /// The target as it stands on the wire.
    pub(crate) fn target(&self) -> Cow<'_, str> {
        let target = &*self.place.target;
        // RFC 9112 section 3.2.2: the form for proxies that forward.
        if self.forwarded().is_none() || !(target.starts_with('/') || target == "*") {
            return target.into();
        }
        let path = if target == "*" { "" } else { target };
        format!("http://{}{path}", self.place.host_field()).into()
    }

    /// Has the machine write the head.
    pub(crate) fn encode(
        &self,
        conn: &mut Conn<Client>,
        length: BodyLen,
        out: &mut Vec<u8>,
    ) -> Result<(), ErrorKind> {
        let method = Method::from_bytes(self.method.as_bytes());
        let fields = self.fields(&self.agent().0.config);
        conn.request(method, self.target().as_bytes(), &fields, length, out).map_err(ErrorKind::Refused)
    }

    /// How long nothing may happen, the agent's limit unless the request has its own.
    pub(crate) fn idle_limit(&self) -> Option<Duration> {
        self.idle.or(self.agent().0.hooks.timeout).filter(|limit| !limit.is_zero())
    }

    /// The fields to send, with those that are added.
    pub(crate) fn fields(&self, pool: &PoolConfig) -> Fields<'_> {
        let add = |name: &str| self.default_headers && !self.headers.has(name);
        Fields {
            host: (self.set_host && add("host")).then(|| self.place.host_field()),
            headers: &self.headers,
            authorization: self
                .place
                .auth
                .as_ref()
                .filter(|_| !self.headers.has("authorization"))
                .map(|auth| basic(auth)),
            proxy_authorization: self
                .forwarded()
                .and_then(|proxy| proxy.auth.as_ref())
                .filter(|_| !self.headers.has("proxy-authorization"))
                .map(|auth| basic(auth)),
            connection: if self.default_headers {
                pool.connection_field(self.headers.has("connection"))
            } else {
                None
            },
        }
    }

    /// How long the content of a streamed request is, as its fields say: they are the machine's to write.
    pub(crate) fn take_length(&mut self) -> Result<BodyLen, ErrorKind> {
        if let Some(value) = self.headers.get("content-length") {
            // Digits only: `parse` alone would take a sign.
            let digits =
                std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
            let number = digits.and_then(|text| text.parse().ok());
            let invalid =
                || ErrorKind::Refused(h1wire_proto::SendError::ReservedField("Content-Length".into()));
            self.length = Some(number.ok_or_else(invalid)?);
        }
        self.drop_framing();
        Ok(self.length.map_or(BodyLen::Unknown, BodyLen::Exact))
    }

    /// Puts back the length that was taken, for whoever sends the request again.
    pub(crate) fn restore_length(&mut self) {
        if let Some(length) = self.length.take() {
            // A number is always a value.
            let _ = self.headers.set("Content-Length", length.to_string());
        }
    }

    /// Removes the fields that frame the content, where the content itself says how long it is.
    pub(crate) fn drop_framing(&mut self) {
        self.headers.remove("content-length");
        let chunked = |value: &[u8]| value.eq_ignore_ascii_case(b"chunked");
        if self.headers.get("transfer-encoding").is_some_and(chunked) {
            self.headers.remove("transfer-encoding");
        }
    }
}

/// The fields of a request: `Host` first (RFC 9110 section 7.2), then the user's, then what is added.
pub(crate) struct Fields<'s> {
    host: Option<String>,
    headers: &'s Headers,
    authorization: Option<String>,
    proxy_authorization: Option<String>,
    connection: Option<&'static str>,
}

impl FieldSource for Fields<'_> {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let host = self.host.as_ref().map(|host| (&b"Host"[..], host.as_bytes()));
        let authorization = self.authorization.as_ref().map(|v| (&b"Authorization"[..], v.as_bytes()));
        let proxy = self.proxy_authorization.as_ref();
        let proxy = proxy.map(|v| (&b"Proxy-Authorization"[..], v.as_bytes()));
        let connection = self.connection.map(|v| (&b"Connection"[..], v.as_bytes()));
        host.into_iter().chain(self.headers.iter()).chain(authorization).chain(proxy).chain(connection)
    }
    fn strictness(&self) -> Strictness {
        self.headers.strictness()
    }
}
