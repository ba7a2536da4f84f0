//! A request on its way to the next server: target, `Host`, fields, framing.

use super::{EndToEnd, ForwardedFields, Forwarding, NextHop, is_coded};
use crate::digits::{self, Digits};
use crate::message::{BodyKind, Expect, Method, RequestHead, Version};
use crate::send::{BodyLen, FieldSource};
use crate::target::Target;
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// Why a request is not sent on but answered here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum NotForwarded {
    /// The target is in the wrong form, or there is no authority to send it to. Answer 400.
    BadTarget,
    /// The request was here before (RFC 9110 section 7.6.3). Answer 508.
    Loop,
    /// `Max-Forwards` is used up: answer as the final recipient (RFC 9110 section 7.6.2), an `OPTIONS` with what this
    /// intermediary can do, a `TRACE` with the request itself.
    FinalRecipient,
    /// The content has a transfer coding below `chunked` that would be lost. Answer 501, or 502 for a response.
    TransferCoding,
    /// A `CONNECT` whose next hop is the origin: it asks for a tunnel, not for a message to be sent on.
    Tunnel,
}

impl NotForwarded {
    /// The status to answer the request with. `None` if that takes more than a status.
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::BadTarget => Some(400),
            Self::Loop => Some(508),
            Self::TransferCoding => Some(501),
            Self::FinalRecipient | Self::Tunnel => None,
        }
    }
}

impl core::fmt::Display for NotForwarded {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::BadTarget => "request target that cannot be sent on",
            Self::Loop => "request was here before",
            Self::FinalRecipient => "Max-Forwards is used up",
            Self::TransferCoding => "transfer coding that would be lost",
            Self::Tunnel => "CONNECT asks for a tunnel",
        })
    }
}
impl core::error::Error for NotForwarded {}

/// A request as it is sent on: the fields, as a [`FieldSource`], and what goes with them. Made by
/// [`Forwarding::request`].
///
/// ```text
/// conn.request(sent.method(), sent.target(), &sent, sent.body_len(), out)
/// ```
#[derive(Clone, Debug)]
pub struct ForwardRequest<'a> {
    method: Method<'a>,
    target: Cow<'a, [u8]>,
    scheme: Option<&'a [u8]>,
    host: &'a [u8],
    body: BodyKind,
    fields: EndToEnd<'a>,
    expect: Expect,
    max_forwards: Option<Digits>,
    via: &'a [u8],
    version: Version,
    forwarded: Option<&'a ForwardedFields>,
}

impl<'a> ForwardRequest<'a> {
    pub(super) fn new(policy: &'a Forwarding, head: &RequestHead<'a, 'a>) -> Result<Self, NotForwarded> {
        let target = Target::parse(head.method, head.target).map_err(|_| NotForwarded::BadTarget)?;
        if policy.is_loop(&head.fields) {
            return Err(NotForwarded::Loop);
        }
        if is_coded(&head.fields) {
            return Err(NotForwarded::TransferCoding);
        }
        let max_forwards = match max_forwards(head) {
            Some(0) => return Err(NotForwarded::FinalRecipient),
            received => received.map(|n| Digits::new(n - 1)),
        };
        let host = match (target.authority(), &target) {
            // RFC 9112 section 3.2.2: a received `Host` is ignored beside an absolute target.
            (Some(authority), _) => authority.host_and_port,
            (None, Target::Authority { .. }) => head.target,
            (None, Target::Absolute { .. }) => b"",
            // RFC 9112 section 3.2: without any authority, `Host` is sent with an empty value.
            (None, Target::Origin { .. } | Target::Asterisk) => head.fields.get("host").unwrap_or_default(),
        };
        let scheme = match target {
            Target::Absolute { scheme, .. } => Some(scheme),
            _ => None,
        };
        let hop = policy.hop_by_hop(&head.fields).keep_upgrade(policy.upgrade && head.upgrade);
        Ok(Self {
            method: head.method,
            target: next_target(policy.next, &target, head, host)?,
            scheme,
            host,
            body: head.body,
            fields: EndToEnd::new(hop, head.fields),
            expect: head.expect,
            max_forwards,
            via: policy.via(head.version),
            version: head.version,
            forwarded: None,
        })
    }

    /// Sends this `Host` instead of the one the client named, as a gateway does that hides the servers behind it.
    /// The target is not changed.
    #[must_use]
    pub fn with_host(self, host: &'a [u8]) -> Self {
        Self { host, ..self }
    }

    /// Sends what there is to tell of the client (RFC 7239), in place of what the request says of itself.
    #[must_use]
    pub fn with_forwarded(self, fields: &'a ForwardedFields) -> Self {
        Self { forwarded: Some(fields), ..self }
    }

    /// The method.
    pub fn method(&self) -> Method<'a> {
        self.method
    }

    /// The target, in the form the next hop takes.
    pub fn target(&self) -> &[u8] {
        &self.target
    }

    /// The scheme the client asked for, if it said one. An origin is not told: whoever sends the request to one must
    /// connect as the scheme says, with TLS for `https` in whatever case it is written, or refuse it.
    pub fn scheme(&self) -> Option<&'a [u8]> {
        self.scheme
    }

    /// The value of `Host`, which tells where to connect to if the next hop is the origin.
    pub fn host(&self) -> &'a [u8] {
        self.host
    }

    /// Whether a proxy may not keep the connection the request came on: a client of HTTP/1.0 that asks for it may not have
    /// meant us (RFC 9112 sections 9.3 and C.2.2). Have its answer be the last then
    /// ([`close_after_response`](crate::Conn::close_after_response)). A gateway is the server its clients mean, and need
    /// not.
    pub fn closes(&self) -> bool {
        self.version == Version::Http10
    }

    /// The framing to send with.
    pub fn body_len(&self) -> BodyLen {
        BodyLen::from(self.body)
    }

    /// Fields that are sent with another value, or not at all.
    fn is_replaced(&self, name: &[u8], value: &[u8]) -> bool {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        is("host")
            || (is("expect") && !self.is_expected(value))
            || (self.max_forwards.is_some() && is("max-forwards"))
            || self.forwarded.is_some_and(|fields| fields.replaces(name))
    }

    /// Whether a line of `Expect` is sent on: `100-continue` only where there is content to wait with, everything else
    /// wherever it means something (RFC 9110 section 10.1.1).
    fn is_expected(&self, value: &[u8]) -> bool {
        match self.expect {
            Expect::None => false,
            Expect::Continue => true,
            Expect::Other => !self.body.is_empty() || !value.eq_ignore_ascii_case(b"100-continue"),
        }
    }
}

impl FieldSource for ForwardRequest<'_> {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        // RFC 9110 section 7.2: `Host` first.
        core::iter::once((&b"Host"[..], self.host))
            .chain(self.fields.iter().filter(|(name, value)| !self.is_replaced(name, value)))
            .chain(self.forwarded.iter().flat_map(|fields| fields.iter()))
            .chain(self.max_forwards.iter().map(|n| (&b"Max-Forwards"[..], n.as_bytes())))
            .chain(core::iter::once((&b"Via"[..], self.via)))
    }
}

/// The value of `Max-Forwards` if it counts (RFC 9110 section 7.6.2). Of several, the least; what is not a number is
/// not this field's value and is sent on.
fn max_forwards(head: &RequestHead<'_, '_>) -> Option<u64> {
    if !matches!(head.method, Method::Options | Method::Trace) {
        return None;
    }
    head.fields.get_all("max-forwards").filter_map(digits::number).min()
}

fn next_target<'a>(
    next: NextHop,
    target: &Target<'a>,
    head: &RequestHead<'a, 'a>,
    host: &[u8],
) -> Result<Cow<'a, [u8]>, NotForwarded> {
    let as_received = Ok(Cow::Borrowed(head.target));
    match (next, target) {
        (NextHop::Origin, Target::Origin { .. } | Target::Asterisk) => as_received,
        (NextHop::Origin, Target::Authority { .. }) => Err(NotForwarded::Tunnel),
        (NextHop::Origin, Target::Absolute { .. }) if host.is_empty() => Err(NotForwarded::BadTarget),
        (NextHop::Origin, Target::Absolute { path_and_query, .. }) => Ok(match path_and_query {
            // RFC 9112 section 3.2.4: the last proxy asks for the server as a whole.
            [] if head.method == Method::Options => Cow::Borrowed(b"*"),
            // RFC 9112 section 3.2.1: an empty path is sent as `/`.
            [] => Cow::Borrowed(b"/"),
            [b'/', ..] => Cow::Borrowed(path_and_query),
            query => Cow::Owned([b"/", *query].concat()),
        }),
        (NextHop::Proxy { .. }, Target::Authority { .. }) => as_received,
        (NextHop::Proxy { .. }, Target::Absolute { scheme, authority, path_and_query }) => match authority {
            // RFC 9110 section 4.2.4: user and password are not sent on.
            Some(a) if a.userinfo.is_some() => {
                Ok(Cow::Owned([scheme, &b"://"[..], a.host_and_port, path_and_query].concat()))
            }
            _ => as_received,
        },
        (NextHop::Proxy { scheme }, Target::Origin { .. } | Target::Asterisk) => {
            let mut uri = Vec::new();
            target.write_uri(scheme, Some(host), None, &mut uri).map_err(|_| NotForwarded::BadTarget)?;
            Ok(Cow::Owned(uri))
        }
    }
}
