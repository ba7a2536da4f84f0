//! The two error types, told apart by blame: [`RecvError`] is the peer's fault, [`SendError`] the caller's.
//!
//! Both are small `Copy` values without boxes; a mistake in a field names it. The maps from a kind to a status code and to the rule
//! of the RFC that was broken are total and live here, and nowhere else.

use core::fmt;

use crate::field_name::FieldName;

/// The peer broke the protocol. Fatal for the receive half; the send half can still answer once.
///
/// At most 16 bytes. Two errors are equal when kind and offset are equal, however the input was split.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RecvError {
    offset: u64,
    kind: RecvErrorKind,
}

impl RecvError {
    /// An error of `kind` at `offset`, for code that reports in the machine's terms.
    pub const fn new(kind: RecvErrorKind, offset: u64) -> Self {
        Self { offset, kind }
    }

    /// What was wrong.
    pub const fn kind(&self) -> RecvErrorKind {
        self.kind
    }

    /// The offset of the byte that was wrong, counted from the first byte the connection received.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The status code a server answers with (400, 413, 414, 431, 501 or 505). A gateway that received a
    /// bad *response* answers 502 instead (RFC 9112 section 6.3).
    pub const fn status(&self) -> u16 {
        self.kind.facts().0
    }

    /// The section of the RFC whose rule was broken, such as `"RFC 9112 section 6.3"`.
    pub const fn rule(&self) -> &'static str {
        self.kind.facts().1
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} ({})", self.kind, self.offset, self.rule())
    }
}
impl core::error::Error for RecvError {}

/// What was wrong, without where.
impl fmt::Display for RecvErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.facts().2)
    }
}

macro_rules! recv_error_kinds {
    ($($(#[$doc:meta])* $name:ident $status:literal $rule:literal $text:literal)*) => {
        /// What was wrong with the bytes of the peer.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum RecvErrorKind { $($(#[$doc])* $name,)* }

        impl RecvErrorKind {
            /// Every kind, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            const fn facts(self) -> (u16, &'static str, &'static str) {
                match self { $(Self::$name => ($status, $rule, $text),)* }
            }

            /// A stable name for logs and counters, equal to the variant's.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

recv_error_kinds! {
    /// A byte that is not a token character where the method should be, or no method at all.
    BadMethod 400 "RFC 9112 section 3.1" "bad method"
    /// A method longer than [`Limits::method_bytes`](crate::Limits::method_bytes).
    MethodTooLong 501 "RFC 9112 section 3" "method too long"
    /// A byte that cannot stand in a request target.
    BadTarget 400 "RFC 9112 section 3.2" "bad byte in the request target"
    /// A target whose form does not suit the method, or that names no valid authority.
    BadTargetForm 400 "RFC 9112 section 3.2" "request target in the wrong form"
    /// An absolute target of `http` or `https` with user or password, or with an `@` and neither.
    UserinfoInTarget 400 "RFC 9110 section 4.2.4" "user and password in the request target"
    /// A target longer than [`Limits::target_bytes`](crate::Limits::target_bytes).
    TargetTooLong 414 "RFC 9110 section 15.5.15" "request target too long"
    /// The request line is not `method SP target SP version CRLF`.
    BadRequestLine 400 "RFC 9112 section 3" "bad request line"
    /// The version is not `HTTP/` digit `.` digit.
    BadVersion 400 "RFC 9112 section 2.3" "bad protocol version"
    /// A well-formed version whose major number is not 1.
    VersionUnsupported 505 "RFC 9110 section 15.6.6" "unsupported protocol version"
    /// The status line is not `version SP 3DIGIT SP [reason] CRLF`.
    BadStatusLine 400 "RFC 9112 section 4" "bad status line"
    /// A control character in the reason phrase.
    BadReason 400 "RFC 9112 section 4" "bad byte in the reason phrase"
    /// A CR that is not followed by LF.
    BareCr 400 "RFC 9112 section 2.2" "CR without LF"
    /// An LF that is not preceded by CR.
    BareLf 400 "RFC 9112 section 2.2" "LF without CR"
    /// An empty field name, or a byte in it that is not a token character.
    BadFieldName 400 "RFC 9112 section 5" "bad field name"
    /// A field line that ends without a colon.
    MissingColon 400 "RFC 9112 section 5" "field line without a colon"
    /// White space between a field name and its colon.
    SpaceBeforeColon 400 "RFC 9112 section 5.1" "white space before the colon"
    /// White space between the start line and the first field line.
    SpaceBeforeField 400 "RFC 9112 section 2.2" "white space before the first field"
    /// A folded field value where folding is not allowed.
    ObsFold 400 "RFC 9112 section 5.2" "folded field value"
    /// A control character in a field value.
    BadFieldValue 400 "RFC 9110 section 5.5" "bad byte in a field value"
    /// A head longer than [`Limits::head_bytes`](crate::Limits::head_bytes).
    HeadTooLarge 431 "RFC 9110 section 5.4" "header section too large"
    /// More field lines than [`Limits::fields`](crate::Limits::fields).
    TooManyFields 431 "RFC 9110 section 5.4" "too many fields"
    /// A `Content-Length` that is not digits only.
    BadContentLength 400 "RFC 9112 section 6.3" "bad Content-Length"
    /// Different `Content-Length` values in one message.
    ConflictingContentLength 400 "RFC 9112 section 6.3" "conflicting Content-Length"
    /// The same `Content-Length` value more than once.
    RepeatedContentLength 400 "RFC 9112 section 6.3" "repeated Content-Length"
    /// A `Content-Length` of 2^63 or more.
    ContentLengthTooLarge 413 "RFC 9110 section 8.6" "Content-Length too large"
    /// `Content-Length` and `Transfer-Encoding` in one message.
    LengthAndEncoding 400 "RFC 9112 section 6.3" "Content-Length beside Transfer-Encoding"
    /// A `Transfer-Encoding` that is not a list of codings, is empty, or gives `chunked` a parameter.
    BadTransferEncoding 400 "RFC 9112 section 6.1" "bad Transfer-Encoding"
    /// `chunked` named more than once.
    RepeatedChunked 400 "RFC 9112 section 6.1" "chunked applied twice"
    /// A transfer coding this engine does not know.
    UnknownTransferCoding 501 "RFC 9112 section 6.1" "unknown transfer coding"
    /// A request whose last transfer coding is not `chunked`.
    ChunkedNotLast 400 "RFC 9112 section 6.3" "chunked is not the last transfer coding"
    /// `Transfer-Encoding` in an HTTP/1.0 message.
    EncodingInHttp10 400 "RFC 9112 section 6.1" "Transfer-Encoding in an HTTP/1.0 message"
    /// A `CONNECT` request with content.
    ConnectWithContent 400 "RFC 9110 section 9.3.6" "CONNECT with content"
    /// An HTTP/1.1 request without `Host`.
    MissingHost 400 "RFC 9112 section 3.2" "missing Host"
    /// More than one `Host` line.
    RepeatedHost 400 "RFC 9112 section 3.2" "more than one Host"
    /// A `Host` that is not `uri-host [ ":" port ]`.
    BadHost 400 "RFC 9112 section 3.2" "bad Host"
    /// A chunk size that is not hexadecimal digits.
    BadChunkSize 400 "RFC 9112 section 7.1" "bad chunk size"
    /// A chunk size of 2^63 or more.
    ChunkTooLarge 413 "RFC 9112 section 7.1" "chunk size too large"
    /// A malformed chunk extension.
    BadChunkExtension 400 "RFC 9112 section 7.1.1" "bad chunk extension"
    /// A chunk line longer than [`Limits::chunk_line_bytes`](crate::Limits::chunk_line_bytes).
    ChunkLineTooLong 400 "RFC 9112 section 7.1.1" "chunk line too long"
    /// Chunk data that is not followed by CRLF.
    BadChunkEnd 400 "RFC 9112 section 7.1" "chunk data not followed by CRLF"
    /// More framing than [`Limits::chunk_overhead`](crate::Limits::chunk_overhead) allows for the content it frames.
    ChunkOverhead 400 "RFC 9112 section 7.1.1" "too much chunk framing for too little content"
    /// A trailer section longer than [`Limits::trailer_bytes`](crate::Limits::trailer_bytes).
    TrailersTooLarge 431 "RFC 9110 section 5.4" "trailer section too large"
    /// More content than [`Limits::content_bytes`](crate::Limits::content_bytes).
    ContentTooLarge 413 "RFC 9110 section 15.5.14" "content too large"
    /// More interim responses than [`Limits::informational`](crate::Limits::informational).
    TooManyInformational 400 "RFC 9110 section 15.2" "too many interim responses"
    /// A 101 response to a request that offered no upgrade, or that names a protocol it did not offer.
    BadUpgrade 400 "RFC 9110 section 7.8" "switch to a protocol that was not offered"
    /// Bytes from a server that was not asked anything.
    UnsolicitedResponse 400 "RFC 9112 section 9.2" "bytes without an outstanding request"
    /// The connection ended inside a message.
    UnexpectedEof 400 "RFC 9112 section 8" "connection ended inside a message"
}

/// The caller asked for something illegal. Nothing was written and no state changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The call does not fit the state of the connection (a second response, content without a head, …).
    WrongState,
    /// The method is empty or has a byte that is not a token character.
    BadMethod,
    /// The target is empty, has a byte that may not be sent, or has the wrong form for the method.
    BadTarget,
    /// The status code is outside 100 to 999, or of the wrong class for this call.
    BadStatus,
    /// The reason phrase has a control character.
    BadReason,
    /// A field name is empty or has a byte that is not a token character.
    BadFieldName(FieldName),
    /// The value of this field has a control character, or white space at an end. The name is empty where a value was
    /// checked by itself.
    BadFieldValue(FieldName),
    /// A field the machine writes itself (`Content-Length`, `Transfer-Encoding`), or one that contradicts the
    /// message (`Expect` without content, `TE: chunked`, a second `Host`).
    ReservedField(FieldName),
    /// A request without the `Host` field (RFC 9112 section 3.2).
    MissingHost,
    /// A 101 or 426 response without `Upgrade` (RFC 9110 section 7.8).
    MissingUpgrade,
    /// The response may not have content, and some was declared.
    BodyNotAllowed,
    /// More content than was declared.
    BodyTooLong,
    /// The content ended before it was as long as declared.
    BodyTooShort,
    /// A field that may not be sent as a trailer (RFC 9110 section 6.5.1).
    TrailerForbidden(FieldName),
    /// The peer speaks HTTP/1.0 and cannot be sent this.
    Http10Peer,
    /// The machine was told that earlier bytes were lost ([`Conn::send_failed`](crate::Conn::send_failed)).
    Poisoned,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadFieldName(name) => return write!(f, "bad field name {name:?}"),
            Self::BadFieldValue(name) if name.as_bytes().is_empty() => "bad field value",
            Self::BadFieldValue(name) => return write!(f, "bad value of the field {name}"),
            Self::ReservedField(name) => {
                return write!(f, "field {name} is the machine's own to write, or contradicts the message");
            }
            Self::TrailerForbidden(name) => return write!(f, "field {name} may not be sent as a trailer"),
            Self::WrongState => "the call does not fit the state of the connection",
            Self::BadMethod => "bad method",
            Self::BadTarget => "bad request target",
            Self::BadStatus => "bad status code",
            Self::BadReason => "bad reason phrase",
            Self::MissingHost => "request without Host",
            Self::MissingUpgrade => "response without Upgrade",
            Self::BodyNotAllowed => "content in a message that may not have any",
            Self::BodyTooLong => "more content than declared",
            Self::BodyTooShort => "less content than declared",
            Self::Http10Peer => "an HTTP/1.0 peer cannot be sent this",
            Self::Poisoned => "earlier bytes were lost",
        })
    }
}
impl core::error::Error for SendError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_a_field_names_it() {
        for (error, text) in [
            (SendError::BadFieldName("a b".into()), "bad field name \"a b\""),
            (SendError::BadFieldValue("X-Y".into()), "bad value of the field X-Y"),
            (SendError::BadFieldValue("".into()), "bad field value"),
            (SendError::TrailerForbidden("Host".into()), "field Host may not be sent as a trailer"),
        ] {
            assert_eq!(error.to_string(), text);
        }
        assert!(size_of::<SendError>() <= 40);
    }

    #[test]
    fn an_error_is_two_words_and_every_kind_has_a_status_and_a_rule() {
        assert!(size_of::<RecvError>() <= 16);
        for kind in RecvErrorKind::ALL {
            let e = RecvError::new(*kind, 7);
            assert!((400..=505).contains(&e.status()), "{kind:?}");
            assert!(e.rule().starts_with("RFC 911"), "{kind:?}");
            assert_eq!(e.offset(), 7);
        }
    }
}
