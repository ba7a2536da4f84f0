//! What a head says: method, version, how the content is framed, and the borrowed heads themselves.
//!
//! Plain data. How it is found in bytes is `head`, what follows from it is `framing` and `cycle`.

use crate::class;
use crate::fields::Fields;
use crate::registry::method_info;
use crate::target::Target;

/// A request method (RFC 9110 section 9). Methods are case-sensitive; the common ones have a variant, every
/// other token is [`Other`](Self::Other).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method<'i> {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `CONNECT`
    Connect,
    /// `OPTIONS`
    Options,
    /// `TRACE`
    Trace,
    /// `PATCH` (RFC 5789)
    Patch,
    /// Any other token, registered or not. See [`METHODS`](crate::METHODS) for the registry.
    Other(Extension<'i>),
}

/// The name of a method that has no variant of its own. Only [`Method::from_bytes`] makes one, so that no method has two
/// spellings.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Extension<'i>(&'i [u8]);

impl<'i> Extension<'i> {
    /// The name as it stands on the wire.
    pub const fn as_bytes(&self) -> &'i [u8] {
        self.0
    }
}

impl core::fmt::Debug for Extension<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl<'i> Method<'i> {
    /// The method these bytes name. Whether they are a token is not checked here.
    #[inline]
    pub fn from_bytes(name: &'i [u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"CONNECT" => Self::Connect,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"PATCH" => Self::Patch,
            other => Self::Other(Extension(other)),
        }
    }

    /// The method as it stands on the wire.
    #[inline]
    pub fn as_bytes(&self) -> &'i [u8] {
        match self {
            Self::Get => b"GET",
            Self::Head => b"HEAD",
            Self::Post => b"POST",
            Self::Put => b"PUT",
            Self::Delete => b"DELETE",
            Self::Connect => b"CONNECT",
            Self::Options => b"OPTIONS",
            Self::Trace => b"TRACE",
            Self::Patch => b"PATCH",
            Self::Other(name) => name.0,
        }
    }

    /// Whether a request may be repeated without asking (RFC 9110 section 9.2.2), by the registry
    /// ([`METHODS`](crate::METHODS)). Methods that are not registered are not.
    pub fn is_idempotent(&self) -> bool {
        match self {
            Self::Other(name) => method_info(name.0).is_some_and(|m| m.idempotent),
            Self::Put | Self::Delete => true,
            known => known.is_safe(),
        }
    }

    /// Whether the request is essentially read-only (RFC 9110 section 9.2.1), by the registry
    /// ([`METHODS`](crate::METHODS)). Methods that are not registered are not.
    pub fn is_safe(&self) -> bool {
        match self {
            Self::Other(name) => method_info(name.0).is_some_and(|m| m.safe),
            known => matches!(known, Self::Get | Self::Head | Self::Options | Self::Trace),
        }
    }

    /// Whether content is anticipated, so that its absence is stated with `Content-Length: 0`
    /// (RFC 9110 section 8.6).
    pub fn expects_content(&self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }
}

impl core::fmt::Debug for Method<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}
impl core::fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}
impl<'i> From<&'i [u8]> for Method<'i> {
    fn from(name: &'i [u8]) -> Self {
        Self::from_bytes(name)
    }
}
impl AsRef<[u8]> for Method<'_> {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}
impl<'i> From<&'i str> for Method<'i> {
    fn from(name: &'i str) -> Self {
        Self::from_bytes(name.as_bytes())
    }
}

/// The version of a message. A higher minor version is processed as 1.1 (RFC 9110 section 6.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// As it stands on the wire.
impl core::fmt::Display for Version {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        })
    }
}

/// How the peer framed the content that follows a head (RFC 9112 section 6.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BodyKind {
    /// No content: the message ended with its head.
    None,
    /// Exactly so many bytes. Zero means the message ended with its head.
    Length(u64),
    /// Chunks, then perhaps trailers.
    Chunked,
    /// Everything until the connection closes (responses only).
    UntilClose,
}

impl BodyKind {
    /// Whether nothing follows the head.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

/// What the `Expect` field of a request asks for (RFC 9110 section 10.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Expect {
    /// Nothing, or the request is HTTP/1.0, where the field is ignored.
    None,
    /// `100-continue`, with content announced.
    Continue,
    /// Something else, which a server may refuse with 417.
    Other,
}

/// A complete, validated request head.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestHead<'i, 's> {
    /// The method.
    pub method: Method<'i>,
    /// The request target as received. [`Target`](crate::Target) tells its form.
    pub target: &'i [u8],
    /// The version the message is processed as.
    pub version: Version,
    /// The minor version as received, 0 to 9.
    pub minor: u8,
    /// The field lines.
    pub fields: Fields<'i, 's>,
    /// How the content is framed. If it [is empty](BodyKind::is_empty), the request is complete: neither `Data`
    /// nor `End` follows.
    pub body: BodyKind,
    /// What the client expects before it sends the content.
    pub expect: Expect,
    /// Whether the client would keep the connection open (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// Whether the client offers another protocol: HTTP/1.1, with `Upgrade` named by `Connection`
    /// (RFC 9110 section 7.8). The content comes first.
    pub upgrade: bool,
}

/// What a request wants beside an ordinary answer: whose business it is first. Told by [`RequestHead::asks`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Asks {
    /// A tunnel: the method is `CONNECT`. Whatever else it names is the tunnel's affair.
    Tunnel,
    /// Something nobody here knows ([`Expect::Other`]): 417, unless somebody does (RFC 9110 section 10.1.1).
    Expectation,
    /// A word before it sends its content: 100, or the answer.
    Continue,
    /// Another protocol, once the content is there; or an ordinary answer, which is always allowed (RFC 9110 section
    /// 7.8).
    Upgrade,
    /// Nothing.
    Nothing,
}

impl<'i> RequestHead<'i, '_> {
    /// The path of the target, whatever its form, without the query: [`Target::path`](crate::Target::path). Compare this,
    /// and not [`target`](Self::target), with the names of resources.
    pub fn path(&self) -> &'i [u8] {
        Target::parse(self.method, self.target).map_or(b"", |target| target.path())
    }

    /// The query of the target, without its `?`: [`Target::query`](crate::Target::query).
    pub fn query(&self) -> Option<&'i [u8]> {
        Target::parse(self.method, self.target).ok()?.query()
    }

    /// Whether the request offers to switch to `protocol` (RFC 9110 section 7.8), letters without case. Without a version,
    /// in any.
    ///
    /// ```
    /// use h1wire_proto::{Conn, Recv, Server, ServerConfig, ServerEvent, Slots};
    /// let mut conn = Conn::<Server>::new(&ServerConfig::default());
    /// let mut input = &b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c, Foo/2\r\n\r\n"[..];
    /// let mut slots = Slots::new();
    /// let Recv::Event(ServerEvent::Request(head)) = conn.recv(&mut input, &mut slots)? else { return Ok(()) };
    /// assert!(head.offers("h2c") && head.offers("foo") && head.offers("foo/2"));
    /// assert!(!head.offers("foo/1") && !head.offers("websocket"));
    /// # Ok::<(), h1wire_proto::RecvError>(())
    /// ```
    pub fn offers(&self, protocol: &str) -> bool {
        let is_it = |offer: &[u8]| {
            let name = offer.split(|b| *b == b'/').next().unwrap_or_default();
            [offer, name].iter().any(|offer| offer.eq_ignore_ascii_case(protocol.as_bytes()))
        };
        let offers = self.fields.get_all("upgrade").flat_map(|value| value.split(|b| *b == b','));
        self.upgrade && offers.map(class::trim_ows).any(is_it)
    }

    /// Whom the request is for, where a server has somebody else for what is special. `decides_on_100` says whether
    /// there is somebody who decides on `100 Continue`; where 100 is sent when content is first read, a client that waits
    /// for it asks for nothing special, or for the upgrade it also offers.
    #[inline]
    pub fn asks(&self, decides_on_100: bool) -> Asks {
        match self.expect {
            _ if self.method == Method::Connect => Asks::Tunnel,
            Expect::Other => Asks::Expectation,
            Expect::Continue if decides_on_100 => Asks::Continue,
            Expect::Continue | Expect::None if self.upgrade => Asks::Upgrade,
            Expect::Continue | Expect::None => Asks::Nothing,
        }
    }
}

/// A complete, validated response head.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ResponseHead<'i, 's> {
    /// The status code, 100 to 999.
    pub status: u16,
    /// The reason phrase as received. Means nothing (RFC 9112 section 4).
    pub reason: &'i [u8],
    /// The version the message is processed as.
    pub version: Version,
    /// The minor version as received, 0 to 9.
    pub minor: u8,
    /// The field lines.
    pub fields: Fields<'i, 's>,
    /// How the content is framed. If it [is empty](BodyKind::is_empty), the response is complete: neither `Data`
    /// nor `End` follows.
    pub body: BodyKind,
    /// Whether the server would keep the connection open (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// Whether this response hands the connection over: 101, or 2xx to `CONNECT`.
    pub switched: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_a_path_and_a_query_whatever_the_form_of_its_target() {
        for (method, target, path, query) in [
            (Method::Get, "/a?b?c", "/a", Some("b?c")),
            (Method::Get, "/a?", "/a", Some("")),
            (Method::Get, "http://h/a?b", "/a", Some("b")),
            (Method::Get, "http://h", "/", None),
            (Method::Get, "http://h?b", "/", Some("b")),
            (Method::Options, "*", "*", None),
            (Method::Connect, "h:1", "", None),
        ] {
            let (version, body, expect) = (Version::Http11, BodyKind::None, Expect::None);
            let (target, fields) = (target.as_bytes(), Fields::EMPTY);
            let head = RequestHead {
                method,
                target,
                version,
                minor: 1,
                fields,
                body,
                expect,
                keep_alive: true,
                upgrade: false,
            };
            assert_eq!((head.path(), head.query()), (path.as_bytes(), query.map(str::as_bytes)));
        }
    }

    #[test]
    fn a_request_that_asks_for_several_things_is_for_the_first_who_must_decide() {
        let fields = crate::Headers::new();
        let asks = |method, expect, upgrade, decides| {
            let (version, body, fields) = (Version::Http11, BodyKind::Length(1), fields.as_fields());
            let target = b"/";
            RequestHead { method, target, version, minor: 1, fields, body, expect, keep_alive: true, upgrade }
                .asks(decides)
        };
        for upgrade in [false, true] {
            let rest = if upgrade { Asks::Upgrade } else { Asks::Nothing };
            for decides in [false, true] {
                for expect in [Expect::None, Expect::Continue, Expect::Other] {
                    assert_eq!(asks(Method::Connect, expect, upgrade, decides), Asks::Tunnel);
                }
                assert_eq!(asks(Method::Get, Expect::Other, upgrade, decides), Asks::Expectation);
                assert_eq!(asks(Method::Get, Expect::None, upgrade, decides), rest);
            }
            assert_eq!(asks(Method::Get, Expect::Continue, upgrade, true), Asks::Continue);
            assert_eq!(asks(Method::Get, Expect::Continue, upgrade, false), rest);
        }
    }
}
