//! RFC 9112 section 6.3 as two total functions over the facts of a complete head: how long is the content?
//!
//! Called once for each head, before anything is shown to the user. Nothing else in the crate decides framing.

use crate::error::RecvErrorKind as Kind;
use crate::head::{Encoding, Facts};
use crate::leniency::Flags;
use crate::message::{BodyKind, Method, Version};

/// Whether a response can have content, which depends on the request (RFC 9112 section 6.3, rules 1 and 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ResponseTo {
    Head,
    Connect,
    Other,
}

/// The framing of a request, or what is wrong and where.
#[inline]
pub(crate) fn request(
    facts: &Facts,
    method: Method<'_>,
    version: Version,
    lenient: Flags,
) -> Result<BodyKind, (Kind, u32)> {
    if let Some(fault) = facts.fault {
        return Err(fault);
    }
    let body = match (facts.encoding, facts.length) {
        (Encoding::Absent, None) => return Ok(BodyKind::None),
        (Encoding::Absent, Some(length)) => BodyKind::Length(length),
        (encoding, length) => {
            coded(facts, version, length, lenient)?;
            // Rule 4: without `chunked` last, the length of a request cannot be determined.
            if encoding != Encoding::Chunked {
                return Err((Kind::ChunkedNotLast, facts.encoding_at));
            }
            known(facts)?;
            BodyKind::Chunked
        }
    };
    if matches!(method, Method::Connect) && !body.is_empty() && !lenient.any(Flags::CONNECT_CONTENT) {
        return Err((Kind::ConnectWithContent, facts.length_at.max(facts.encoding_at)));
    }
    Ok(body)
}

/// The framing of a response, or what is wrong and where. Malformed framing fields are an error even where they
/// would not be used, because whoever else reads the connection may use them.
#[inline]
pub(crate) fn response(
    facts: &Facts,
    to: ResponseTo,
    status: u16,
    version: Version,
    lenient: Flags,
) -> Result<BodyKind, (Kind, u32)> {
    // Rule 2: a tunnel starts right after the head; a client must ignore the framing fields.
    if to == ResponseTo::Connect && matches!(status, 200..=299) {
        return Ok(BodyKind::None);
    }
    if let Some(fault) = facts.fault {
        return Err(fault);
    }
    let body = match (facts.encoding, facts.length) {
        (Encoding::Absent, None) => BodyKind::UntilClose,
        (Encoding::Absent, Some(length)) => BodyKind::Length(length),
        (encoding, length) => {
            coded(facts, version, length, lenient)?;
            if encoding == Encoding::Chunked {
                known(facts)?;
                BodyKind::Chunked
            } else {
                // The content lasts until close whatever it is coded in, so nobody can disagree on its end.
                BodyKind::UntilClose
            }
        }
    };
    // Rule 1.
    let bodyless = to == ResponseTo::Head || matches!(status, 100..=199 | 204 | 304);
    Ok(if bodyless { BodyKind::None } else { body })
}

/// The rules that every message with `Transfer-Encoding` must keep (RFC 9112 sections 6.1 and 6.3 rule 3).
fn coded(facts: &Facts, version: Version, length: Option<u64>, lenient: Flags) -> Result<(), (Kind, u32)> {
    if version == Version::Http10 && !lenient.any(Flags::ENCODING_IN_HTTP10) {
        return Err((Kind::EncodingInHttp10, facts.encoding_at));
    }
    let chunked = facts.encoding == Encoding::Chunked;
    if length.is_some() && !(chunked && lenient.any(Flags::LENGTH_AND_ENCODING)) {
        return Err((Kind::LengthAndEncoding, facts.length_at.max(facts.encoding_at)));
    }
    Ok(())
}

/// Content in a coding nobody here can undo is refused (RFC 9112 section 6.1).
fn known(facts: &Facts) -> Result<(), (Kind, u32)> {
    if facts.unknown_coding { Err((Kind::UnknownTransferCoding, facts.encoding_at)) } else { Ok(()) }
}

/// Whether the peer would keep the connection (RFC 9112 section 9.3). A message whose framing was only tolerated
/// is always the last (sections 6.1 and 6.3).
#[inline]
pub(crate) fn persists(facts: &Facts, version: Version, body: BodyKind) -> bool {
    let tolerated =
        facts.encoding != Encoding::Absent && (facts.length.is_some() || version == Version::Http10);
    let asked = version == Version::Http11 || facts.keep_alive;
    asked && !facts.close && !tolerated && body != BodyKind::UntilClose
}
