//! Which fields may be trailers (RFC 9110 section 6.5.1).

use super::encode::check_fields;
use super::source::FieldSource;
use crate::error::SendError;
use crate::field_name::FieldName;

/// Fields that frame, route, authenticate, make a request conditional, or say how content is to be processed may not be
/// trailers (RFC 9110 section 6.5.1).
static NOT_IN_TRAILERS: [&str; 28] = [
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

/// Checks every trailer, as a field and as a trailer.
pub(super) fn check<F: FieldSource + ?Sized>(trailers: &F) -> Result<(), SendError> {
    if let Some((name, _)) = trailers.fields().find(|(name, _)| !may_be_trailer(name)) {
        return Err(SendError::TrailerForbidden(FieldName::new(name)));
    }
    check_fields(trailers).map(drop)
}

/// Whether a field may stand in a trailer section (RFC 9110 section 6.5.1).
pub(crate) fn may_be_trailer(name: &[u8]) -> bool {
    !NOT_IN_TRAILERS.iter().any(|n| name.eq_ignore_ascii_case(n.as_bytes()))
}
