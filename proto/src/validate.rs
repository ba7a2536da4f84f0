//! What may be sent as a field: names and values checked before they are taken.
//!
//! The same questions are asked once more by the serializer, which is the last place before bytes; asked here, the
//! error appears where the mistake was made.

use crate::error::SendError;
use crate::field_name::FieldName;
use crate::scan;

/// How much a field value may contain.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Strictness {
    /// The grammar of RFC 9110 section 5.5: visible ASCII, bytes from 0x80, and SP and HTAB between them. The
    /// default, and the only level that every recipient understands in the same way.
    #[default]
    Strict,
    /// Everything that cannot end a line: all bytes but NUL, CR and LF. A recipient may refuse the message, strips
    /// white space at the ends, and may act on control characters. Only [`Headers`](crate::Headers) that were
    /// [made so](crate::Headers::with_strictness) are sent with such values.
    Relaxed,
}

/// Whether `name` may be sent as a field name: a token (RFC 9110 section 5.1).
///
/// # Errors
/// [`BadFieldName`](SendError::BadFieldName) if it is empty or has another byte.
///
/// ```
/// assert!(h1wire_proto::validate_name("X-Own").is_ok());
/// assert!(h1wire_proto::validate_name("X Own").is_err());
/// ```
#[inline]
pub fn validate_name(name: impl AsRef<[u8]>) -> Result<(), SendError> {
    let name = name.as_ref();
    if scan::all_token(name) { Ok(()) } else { Err(SendError::BadFieldName(FieldName::new(name))) }
}

/// Whether `value` may be sent as a field value. An empty value may.
///
/// # Errors
/// [`BadFieldValue`](SendError::BadFieldValue) if it has a byte that `strictness` forbids; with
/// [`Strict`](Strictness::Strict) also if it has white space at an end, which would not arrive.
///
/// ```
/// use h1wire_proto::{Strictness, validate_value};
/// assert!(validate_value("a\tb", Strictness::Strict).is_ok());
/// assert!(validate_value("a\x01b", Strictness::Strict).is_err());
/// assert!(validate_value("a\x01b", Strictness::Relaxed).is_ok());
/// assert!(validate_value("a\r\nb: c", Strictness::Relaxed).is_err());
/// ```
#[inline]
pub fn validate_value(value: impl AsRef<[u8]>, strictness: Strictness) -> Result<(), SendError> {
    validate_field_value(b"", value.as_ref(), strictness)
}

/// [`validate_value`] of the field `name`.
#[inline]
pub(crate) fn validate_field_value(
    name: &[u8],
    value: &[u8],
    strictness: Strictness,
) -> Result<(), SendError> {
    let valid = match strictness {
        Strictness::Strict => {
            !matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t']) && scan::all_value(value)
        }
        Strictness::Relaxed => memchr::memchr3(b'\0', b'\r', b'\n', value).is_none(),
    };
    if valid { Ok(()) } else { Err(SendError::BadFieldValue(FieldName::new(name))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_judged_alike_wherever_it_stands() {
        for b in 0..=255u8 {
            let text = |at: usize| {
                let mut text = *b"aaaaaaaaaaaaaaaaaaaa";
                text[at] = b;
                text
            };
            let token = b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            let blank = b == b' ' || b == b'\t';
            let strict = blank || b.is_ascii_graphic() || b >= 0x80;
            let relaxed = !b"\0\r\n".contains(&b);
            for at in 0..20 {
                let inside = at > 0 && at < 19;
                assert_eq!(validate_name(text(at)).is_ok(), token, "{b:#x}");
                let strictly = validate_value(text(at), Strictness::Strict).is_ok();
                assert_eq!(strictly, strict && (inside || !blank), "{b:#x}");
                assert_eq!(validate_value(text(at), Strictness::Relaxed).is_ok(), relaxed, "{b:#x}");
            }
        }
    }

    #[test]
    fn a_value_may_be_empty_and_a_name_may_not() {
        assert_eq!(validate_name(""), Err(SendError::BadFieldName("".into())));
        assert_eq!(validate_value("", Strictness::Strict), Ok(()));
        assert_eq!(validate_value("", Strictness::Relaxed), Ok(()));
        assert_eq!(validate_value(" ", Strictness::Strict), Err(SendError::BadFieldValue("".into())));
    }
}
