//! How a response is framed: from its status, what is known of its content, and the request.
//!
//! What a request sends is in `request`; what is received is decided in `framing`.

use super::Tx;
use super::source::BodyLen;

/// The framing of one response: the field that says it, and what is sent.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
    pub(super) tx: Tx,
}

impl Plan {
    /// RFC 9112 section 6 and RFC 9110 section 8.6, from the sender's side.
    #[inline(always)]
    pub(super) fn new(code: u16, body: BodyLen, head: bool, tunnel: bool, http10: bool) -> Self {
        let bodyless = head || bodyless(code);
        let (length, chunked) = match (code, body) {
            // No framing field at all (RFC 9112 section 6.1, RFC 9110 section 8.6).
            (204, _) => (None, false),
            _ if tunnel => (None, false),
            // RFC 9110 section 15.3.6.
            (205, _) => (Some(0), false),
            // A length here must be what a 200 to GET would have: said only if the caller said it.
            (304, BodyLen::None | BodyLen::Unknown) => (None, false),
            (_, BodyLen::None) if head => (None, false),
            (_, BodyLen::None) => (Some(0), false),
            (_, BodyLen::Exact(n)) => (Some(n), false),
            (_, BodyLen::Unknown) => (None, !http10),
        };
        let tx = match body {
            BodyLen::None | BodyLen::Exact(0) => Tx::None,
            BodyLen::Exact(n) if bodyless => Tx::Discard(n),
            BodyLen::Unknown if bodyless => Tx::Discard(u64::MAX),
            BodyLen::Exact(n) => Tx::Length(n),
            BodyLen::Unknown if chunked => Tx::Chunked,
            BodyLen::Unknown => Tx::UntilClose,
        };
        Self { length, chunked, tx }
    }
}

/// Whether a final response with this status has no content whatever the request was.
pub(super) const fn bodyless(code: u16) -> bool {
    matches!(code, 204 | 205 | 304)
}
