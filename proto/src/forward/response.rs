//! A response on its way back to the client: fields and framing.

use super::{EndToEnd, Forwarding, NotForwarded, is_coded};
use crate::digits;
use crate::message::{BodyKind, ResponseHead};
use crate::send::{BodyLen, FieldSource};

/// A response as it is sent back: the fields, as a [`FieldSource`], and what goes with them. Made by
/// [`Forwarding::response`].
///
/// ```text
/// conn.respond(Status::new(sent.status()).reason(head.reason), &sent, sent.body_len(), out)
/// ```
#[derive(Clone, Debug)]
pub struct ForwardResponse<'a> {
    status: u16,
    body: BodyLen,
    fields: EndToEnd<'a>,
    via: &'a [u8],
}

impl<'a> ForwardResponse<'a> {
    pub(super) fn new(policy: &'a Forwarding, head: &ResponseHead<'a, 'a>) -> Result<Self, NotForwarded> {
        if is_coded(&head.fields) {
            return Err(NotForwarded::TransferCoding);
        }
        // RFC 9110 section 15.5.22: a 426 says which protocol is required, or may not be sent.
        let hop = policy.hop_by_hop(&head.fields).keep_upgrade(policy.upgrade || head.status == 426);
        Ok(Self {
            status: head.status,
            body: body_len(head),
            fields: EndToEnd::new(hop, head.fields),
            via: policy.via(head.version),
        })
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The framing to send with. In an answer to `HEAD` and with 304 it is the length that was announced, which has
    /// no content after it (RFC 9110 section 8.6): as no `End` will come, [end](crate::BodyTx::end) the content at
    /// once where the received [body](ResponseHead::body) is empty and [`body`](crate::Conn::body) is not `None`.
    pub fn body_len(&self) -> BodyLen {
        self.body
    }
}

impl FieldSource for ForwardResponse<'_> {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().chain(core::iter::once((&b"Via"[..], self.via)))
    }
}

fn body_len(head: &ResponseHead<'_, '_>) -> BodyLen {
    if head.body != BodyKind::None || head.switched || matches!(head.status, 100..=199 | 204) {
        return BodyLen::from(head.body);
    }
    let mut lengths = head.fields.get_all("content-length");
    match (lengths.next().and_then(digits::number), lengths.next()) {
        (Some(n), None) => BodyLen::Exact(n),
        _ => BodyLen::None,
    }
}
