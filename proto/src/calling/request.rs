//! [`Request`]: a request as its parts, and what follows from them: the pool's key, the target and the head.
//!
//! Everything is borrowed. URLs are parsed elsewhere; what goes on the wire is checked by `crate::send`.

use alloc::string::String;
use core::fmt::Write as _;
use core::net::IpAddr;

use smallvec::SmallVec;

use super::credentials::Credentials;
use super::fields::{Fields, Line};
use super::proxies::Route;
use super::proxy::Proxy;
use super::url::Url;
use crate::conn::{Client, Conn};
use crate::digits;
use crate::error::SendError;
use crate::headers::Headers;
use crate::message::Method;
use crate::out::Out;
use crate::pool::{Family, Origin, Tls};
use crate::send::BodyLen;

/// How the socket of a request is to be made: what decides, beside its route, whether it can be shared.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Dial {
    /// The only address family to use.
    pub family: Option<Family>,
    /// The address to connect from.
    pub local_address: Option<IpAddr>,
    /// The port to connect from.
    pub local_port: Option<u16>,
    /// A number for the resolver that is asked, if it is not the usual one: equal for the same resolver, and given to no
    /// other as long as the pool lives. Connections to what one resolver answered are none of another's.
    pub resolver: Option<u64>,
    /// Such a number for whoever makes the stream, if it is not the agent.
    pub connector: Option<u64>,
}

/// A request without its content, by its parts.
///
/// | to get | call |
/// |---|---|
/// | the key of its connection in the pool | [`origin`](Self::origin) |
/// | its head on the wire | [`encode`](Self::encode), or [`Call::begin`](super::Call::begin), which calls it |
/// | how long its content is, where fields say it | [`declared_length`](Self::declared_length) |
///
/// ```
/// use h1wire_proto::calling::{Request, Url};
/// use h1wire_proto::{BodyLen, Client, ClientConfig, Conn, Headers};
///
/// let headers = Headers::new();
/// let url = Url { host: "example.org", port: Some(8080), target: "/notes", ..Url::default() };
/// let request = Request { persistence: Some("keep-alive"), ..Request::new("GET", url, &headers) };
/// assert_eq!(request.origin(&Default::default(), None).name(), "example.org:8080:");
///
/// let (mut conn, mut out) = (Conn::<Client>::new(&ClientConfig::default()), Vec::new());
/// request.encode(&mut conn, BodyLen::None, &mut out)?;
/// assert_eq!(out, b"GET /notes HTTP/1.1\r\nHost: example.org:8080\r\nConnection: keep-alive\r\n\r\n");
/// # Ok::<(), h1wire_proto::SendError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method. Methods are case-sensitive.
    pub method: &'a str,
    /// What it is about.
    pub url: Url<'a>,
    /// The way there.
    pub route: Route<'a>,
    /// Its fields. Those that frame the content are left out: the content itself says how long it is, or
    /// [`declared_length`](Self::declared_length) does.
    pub headers: &'a Headers,
    /// Fields of all requests, each sent unless `headers` has one of its name.
    pub common: Option<&'a Headers>,
    /// Whether `Host` is added, unless it is among the fields. Without it a request is refused.
    pub host: bool,
    /// Whether `Host` and `Connection` are added at all.
    pub default_fields: bool,
    /// The value of `Connection`, if one is to be sent and there is none among the fields:
    /// [`PoolConfig::connection_field`](crate::pool::PoolConfig::connection_field).
    pub persistence: Option<&'static str>,
}

impl<'a> Request<'a> {
    /// A request with the usual options, straight to its server.
    pub const fn new(method: &'a str, url: Url<'a>, headers: &'a Headers) -> Self {
        Self {
            method,
            url,
            route: Route::Direct,
            headers,
            common: None,
            host: true,
            default_fields: true,
            persistence: None,
        }
    }

    /// Everything that decides whether two requests may share a connection. `server_name` is the name that TLS asks for
    /// and verifies, if it is not the URL's host.
    pub fn origin(&self, dial: &Dial, server_name: Option<&str>) -> Origin {
        let (host, port) = (self.url.host, self.url.port());
        let mut tag = String::new();
        let mut credentials = None;
        let mut note = |proxy: &Proxy, how: &str| {
            // A `String` takes whatever it is given.
            let _ = write!(tag, "{how} {proxy}");
        };
        let mut origin = match self.route {
            Route::Unix(path) => Origin::unix(path),
            Route::Direct => Origin::tcp(host, port),
            Route::Forward(proxy) => {
                note(proxy, "proxy");
                Origin::tcp(proxy.host(), proxy.port())
            }
            Route::Tunnel(proxy) | Route::Socks(proxy) => {
                note(proxy, "via");
                credentials = proxy.credentials();
                Origin::tcp(host, port)
            }
        };
        if let Some(address) = dial.local_address {
            origin = origin.with_local_address(address);
        }
        if let Some(family) = dial.family {
            origin = origin.with_family(family);
        }
        let numbered = [
            ("from port", dial.local_port.map(u64::from)),
            ("resolver", dial.resolver),
            ("connector", dial.connector),
        ];
        for (what, number) in numbered {
            if let Some(number) = number {
                let space = if tag.is_empty() { "" } else { " " };
                let _ = write!(tag, "{space}{what} {number}");
            }
        }
        if !tag.is_empty() {
            origin = origin.with_tag(&tag);
        }
        if let Some(credentials) = credentials {
            origin = origin.with_credentials(credentials);
        }
        if self.url.https {
            // A unix socket has no host of its own. The settings are the agent's, so the same for all it connects.
            let of_url = matches!(self.route, Route::Unix(_)).then_some(host);
            let server_name = server_name.or(of_url).map(String::from);
            origin = origin.with_tls(Tls { server_name, settings: String::new() });
        }
        origin
    }

    /// How long the content is, as the field `Content-Length` says, for content that does not say it itself.
    ///
    /// # Errors
    /// [`ReservedField`](SendError::ReservedField) if it is no number.
    pub fn declared_length(&self) -> Result<BodyLen, SendError> {
        let Some(value) = self.headers.get("content-length") else { return Ok(BodyLen::Unknown) };
        digits::number(value)
            .filter(|n| *n < u64::MAX)
            .map(BodyLen::Exact)
            .ok_or_else(|| SendError::ReservedField("Content-Length".into()))
    }

    /// Has `conn` write the head, for content of this length.
    ///
    /// # Errors
    /// As [`Conn::request`]. Nothing is written then.
    pub fn encode<O: Out + ?Sized>(
        &self,
        conn: &mut Conn<Client>,
        length: BodyLen,
        out: &mut O,
    ) -> Result<(), SendError> {
        let method = Method::from_bytes(self.method.as_bytes());
        let (target, mut absolute) = (self.url.target, Line::new());
        let forwarded = matches!(self.route, Route::Forward(_));
        // RFC 9112 section 3.2.2: the form for proxies that forward. For the server as a whole without a path (section
        // 3.2.4).
        let target = if forwarded && (target.starts_with('/') || target == "*") {
            absolute.0.extend_from_slice(b"http://");
            self.url.put_host(&mut absolute);
            absolute.put(if target == "*" { b"" } else { target.as_bytes() });
            &absolute.0[..]
        } else {
            target.as_bytes()
        };
        conn.request(method, target, &self.fields(), length, out)
    }

    /// The fields to send, in order: `Host` first (RFC 9110 section 7.2), then the request's, then what is added.
    pub fn fields(&self) -> Fields<'a> {
        Fields::of(self)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.headers.has(name) || self.common.is_some_and(|common| common.has(name))
    }
}

/// Has `conn` ask a proxy for a tunnel to the server of `url` (RFC 9110 section 9.3.6). Its answer is an ordinary
/// response: with 2xx it switches, and the stream then leads to the server.
///
/// # Errors
/// As [`Conn::request`]: a host that cannot stand on the wire is a [`BadTarget`](SendError::BadTarget).
pub fn encode_connect<O: Out + ?Sized>(
    conn: &mut Conn<Client>,
    url: &Url<'_>,
    credentials: Option<&Credentials>,
    out: &mut O,
) -> Result<(), SendError> {
    let (mut authority, mut basic) = (Line::new(), Line::new());
    url.put_authority(&mut authority);
    let mut fields: SmallVec<[(&str, &[u8]); 2]> = SmallVec::new();
    fields.push(("Host", &authority.0[..]));
    if let Some(credentials) = credentials {
        credentials.put_basic(&mut basic);
        fields.push(("Proxy-Authorization", &basic.0[..]));
    }
    conn.request(Method::Connect, &authority.0, &fields[..], BodyLen::None, out)
}
