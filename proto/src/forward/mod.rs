//! Forwarding as an intermediary must do it (RFC 9110 section 7.6): what a proxy or gateway sends on, given the head
//! it received.
//!
//! Framing is never copied: it is rebuilt from the typed [`BodyKind`](crate::BodyKind) as a
//! [`BodyLen`](crate::BodyLen). Which server to connect to, and whether a client may use the proxy at all, is the
//! user's decision.

mod end_to_end;
mod forwarded;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub use end_to_end::{EndToEnd, HopByHop};
pub use forwarded::{ForwardedFields, ForwardedForm};
pub use request::{ForwardRequest, NotForwarded};
pub use response::ForwardResponse;

use crate::authority::valid_host;
use crate::class::is_token;
use crate::error::SendError;
use crate::fields::Fields;
use crate::message::{RequestHead, ResponseHead, Version};
use crate::values::members_with_comments;
use alloc::vec::Vec;

/// How an intermediary forwards. Made once for each, used for every message.
///
/// What is sent on has
/// - the target in the form the next hop takes, and one `Host` that fits it (RFC 9112 section 3.2.2);
/// - every end-to-end field in order, as received: not those that [stay on the connection](HopByHop);
/// - the framing of [`ForwardRequest::body_len`] and [`ForwardResponse::body_len`], which the machine writes;
/// - `Max-Forwards` less one with `OPTIONS` and `TRACE` (RFC 9110 section 7.6.2);
/// - a last `Via` member with the received version and the name of this intermediary (RFC 9110 section 7.6.3).
///
/// ```
/// use h1wire_proto::{Client, ClientConfig, Conn, Forwarding, Recv, Server, ServerConfig, ServerEvent, Slots};
/// let edge = Forwarding::new("edge")?;
/// let (mut client, mut slots) = (Conn::<Server>::new(&ServerConfig::default()), Slots::new());
/// let mut origin = Conn::<Client>::new(&ClientConfig::default());
/// let mut out = Vec::new();
/// let mut input = &b"GET http://example.com/a HTTP/1.1\r\nHost: ignored\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n"[..];
/// if let Ok(Recv::Event(ServerEvent::Request(head))) = client.recv(&mut input, &mut slots) {
///     let sent = edge.request(&head).unwrap();
///     origin.request(sent.method(), sent.target(), &sent, sent.body_len(), &mut out)?;
/// }
/// assert_eq!(out, b"GET /a HTTP/1.1\r\nHost: example.com\r\nVia: 1.1 edge\r\n\r\n");
/// # Ok::<(), h1wire_proto::SendError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Forwarding {
    /// `1.1 name`. What is sent for HTTP/1.0 differs in the third byte.
    via_11: Vec<u8>,
    via_10: Vec<u8>,
    next: NextHop,
    proxy_authentication: bool,
    upgrade: bool,
}

/// What the next server is, which decides the form of the target.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum NextHop {
    /// The origin server, or a gateway in its place: it takes a path, or `*`. The default.
    #[default]
    Origin,
    /// Another proxy: it takes an absolute URI, or with `CONNECT` a host and port. A request that came without a
    /// scheme is sent on with this one, such as `http`.
    Proxy {
        /// The scheme.
        scheme: &'static str,
    },
}

impl Forwarding {
    /// An intermediary called `name` in `Via`: a pseudonym, or its host and perhaps port. It must be its own among all
    /// intermediaries on the way, for it is also how a loop is found.
    ///
    /// # Errors
    /// [`BadFieldValue`](SendError::BadFieldValue) if it is neither a token nor a host, or is a host with a comma or
    /// parentheses: a URI may have them, but in `Via` they would be read as the end of the name.
    pub fn new(name: &str) -> Result<Self, SendError> {
        let name = name.as_bytes();
        let host = !name.is_empty() && valid_host(name) && !name.iter().any(|b| b",()".contains(b));
        if !is_token(name) && !host {
            return Err(SendError::BadFieldValue("Via".into()));
        }
        Ok(Self {
            via_11: [b"1.1 ", name].concat(),
            via_10: [b"1.0 ", name].concat(),
            next: NextHop::Origin,
            proxy_authentication: false,
            upgrade: false,
        })
    }

    /// What the next server is. Default [`NextHop::Origin`].
    #[must_use]
    pub fn next_hop(self, next: NextHop) -> Self {
        Self { next, ..self }
    }

    /// Whether `Proxy-Authenticate`, `Proxy-Authentication-Info` and `Proxy-Authorization` are sent on. They are meant
    /// for the next proxy on the way (RFC 9110 section 11.7), so the default is `false`: this one has consumed them.
    /// Proxies that share one authentication turn it on.
    #[must_use]
    pub fn keep_proxy_authentication(self, keep: bool) -> Self {
        Self { proxy_authentication: keep, ..self }
    }

    /// Whether `Upgrade` is sent on, with requests that [offer](RequestHead::upgrade) one and with every response; a 426
    /// has it in any case. The
    /// machine adds `Connection: upgrade`. Default `false`. Whoever turns it on must connect both sides after a 101.
    #[must_use]
    pub fn keep_upgrade(self, keep: bool) -> Self {
        Self { upgrade: keep, ..self }
    }

    /// What to send on for `head`.
    ///
    /// # Errors
    /// [`NotForwarded`] if the request must be answered here.
    pub fn request<'a>(&'a self, head: &RequestHead<'a, 'a>) -> Result<ForwardRequest<'a>, NotForwarded> {
        ForwardRequest::new(self, head)
    }

    /// What to send back for `head`, interim or final.
    ///
    /// # Errors
    /// [`NotForwarded::TransferCoding`]: answer 502.
    pub fn response<'a>(&'a self, head: &ResponseHead<'a, 'a>) -> Result<ForwardResponse<'a>, NotForwarded> {
        ForwardResponse::new(self, head)
    }

    /// The trailers to send on. What the head's `Connection` named stays here too (RFC 9110 section 7.6.1), and so does
    /// what may not be a trailer.
    pub fn trailers<'a>(&self, head: &Fields<'a, 'a>, trailers: &Fields<'a, 'a>) -> EndToEnd<'a> {
        EndToEnd::new(self.hop_by_hop(head), *trailers).trailers()
    }

    /// Whether a request with these fields was here before (RFC 9110 section 7.6.3).
    pub fn is_loop(&self, fields: &Fields<'_, '_>) -> bool {
        let name = self.via_11.get(4..).unwrap_or_default();
        fields.get_all("via").flat_map(members_with_comments).any(|member| {
            // received-protocol RWS received-by [ RWS comment ]
            let mut words = member.split(|b| matches!(b, b' ' | b'\t')).filter(|w| !w.is_empty());
            words.nth(1).is_some_and(|by| by.eq_ignore_ascii_case(name))
        })
    }

    fn via(&self, received: Version) -> &[u8] {
        match received {
            Version::Http10 => &self.via_10,
            Version::Http11 => &self.via_11,
        }
    }

    fn hop_by_hop<'a>(&self, fields: &Fields<'a, 'a>) -> HopByHop<'a> {
        HopByHop::of(fields).keep_proxy_authentication(self.proxy_authentication)
    }
}

/// Whether the content is coded with anything but `chunked`. The machine takes chunks off; a coding below them would be
/// lost with the field that names it.
fn is_coded(fields: &Fields<'_, '_>) -> bool {
    fields
        .get_all("transfer-encoding")
        .flat_map(crate::values::members)
        .any(|coding| !coding.eq_ignore_ascii_case(b"chunked"))
}
