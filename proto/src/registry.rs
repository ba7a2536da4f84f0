//! The registries: methods and status codes, as constants.
//!
//! Facts only. What a method or a status code does to a message is decided in `framing`, `cycle` and `send`.

/// A registered request method (RFC 9110 section 16.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MethodInfo {
    /// The name, which is case-sensitive.
    pub name: &'static str,
    /// Whether a request is essentially read-only (RFC 9110 section 9.2.1).
    pub safe: bool,
    /// Whether a request may be repeated without asking (RFC 9110 section 9.2.2).
    pub idempotent: bool,
}

const fn method(name: &'static str, safe: bool, idempotent: bool) -> MethodInfo {
    MethodInfo { name, safe, idempotent }
}

/// Every method of the IANA registry, sorted by name, as of 2026-06.
///
/// A method that is not here is an extension method, and no less valid. `*` and `PRI` are registered only so that
/// nobody gives them a meaning.
///
/// ```
/// use h1wire_proto::METHODS;
/// let put = METHODS.iter().find(|m| m.name == "PUT").unwrap();
/// assert!(put.idempotent && !put.safe);
/// ```
pub const METHODS: &[MethodInfo] = &[
    method("*", false, false),
    method("ACL", false, true),
    method("BASELINE-CONTROL", false, true),
    method("BIND", false, true),
    method("CHECKIN", false, true),
    method("CHECKOUT", false, true),
    method("CONNECT", false, false),
    method("COPY", false, true),
    method("DELETE", false, true),
    method("GET", true, true),
    method("HEAD", true, true),
    method("LABEL", false, true),
    method("LINK", false, true),
    method("LOCK", false, false),
    method("MERGE", false, true),
    method("MKACTIVITY", false, true),
    method("MKCALENDAR", false, true),
    method("MKCOL", false, true),
    method("MKREDIRECTREF", false, true),
    method("MKWORKSPACE", false, true),
    method("MOVE", false, true),
    method("OPTIONS", true, true),
    method("ORDERPATCH", false, true),
    method("PATCH", false, false),
    method("POST", false, false),
    method("PRI", true, true),
    method("PROPFIND", true, true),
    method("PROPPATCH", false, true),
    method("PUT", false, true),
    method("QUERY", true, true),
    method("REBIND", false, true),
    method("REPORT", true, true),
    method("SEARCH", true, true),
    method("TRACE", true, true),
    method("UNBIND", false, true),
    method("UNCHECKOUT", false, true),
    method("UNLINK", false, true),
    method("UNLOCK", false, true),
    method("UPDATE", false, true),
    method("UPDATEREDIRECTREF", false, true),
    method("VERSION-CONTROL", false, true),
];

/// What the registry says of the method named `name`.
pub(crate) fn method_info(name: &[u8]) -> Option<&'static MethodInfo> {
    let at = METHODS.binary_search_by(|m| m.name.as_bytes().cmp(name)).ok()?;
    METHODS.get(at)
}

/// The standard phrase of a status code: that of [`STATUS_CODES`], or `None`.
///
/// ```
/// assert_eq!(h1wire_proto::reason_phrase(404), Some("Not Found"));
/// assert_eq!(h1wire_proto::reason_phrase(599), None);
/// ```
pub fn reason_phrase(code: u16) -> Option<&'static str> {
    let at = STATUS_CODES.binary_search_by_key(&code, |(c, _)| *c).ok()?;
    STATUS_CODES.get(at).map(|(_, phrase)| *phrase)
}

/// The whole status line of a registered code, `HTTP/1.1 200 OK` with CRLF, ready to be sent.
#[inline]
pub(crate) fn status_line(code: u16) -> Option<&'static [u8]> {
    let place = *PLACES.get(usize::from(code.wrapping_sub(100)))?;
    STATUS_LINES.get(usize::from(place)).copied()
}

macro_rules! status_codes {
    ($($code:literal $phrase:literal)*) => {
        /// Every status code of the IANA registry with its standard phrase, sorted by code, as of 2025-09.
        ///
        /// The phrases are those of RFC 9110 and the later registrations. 306 is registered as unused and is
        /// left out; 418 is too, and keeps the phrase the world knows it by. Every other code from 100 to 999
        /// can be sent and received as well, and is understood by its first digit (RFC 9110 section 15).
        ///
        /// ```
        /// assert!(h1wire_proto::STATUS_CODES.contains(&(425, "Too Early")));
        /// ```
        pub const STATUS_CODES: &[(u16, &str)] = &[$(($code, $phrase),)*];

        /// As [`STATUS_CODES`].
        static STATUS_LINES: [&[u8]; STATUS_CODES.len()] =
            [$(concat!("HTTP/1.1 ", $code, " ", $phrase, "\r\n").as_bytes(),)*];
    };
}

status_codes! {
    100 "Continue"
    101 "Switching Protocols"
    102 "Processing"
    103 "Early Hints"
    104 "Upload Resumption Supported"
    200 "OK"
    201 "Created"
    202 "Accepted"
    203 "Non-Authoritative Information"
    204 "No Content"
    205 "Reset Content"
    206 "Partial Content"
    207 "Multi-Status"
    208 "Already Reported"
    226 "IM Used"
    300 "Multiple Choices"
    301 "Moved Permanently"
    302 "Found"
    303 "See Other"
    304 "Not Modified"
    305 "Use Proxy"
    307 "Temporary Redirect"
    308 "Permanent Redirect"
    400 "Bad Request"
    401 "Unauthorized"
    402 "Payment Required"
    403 "Forbidden"
    404 "Not Found"
    405 "Method Not Allowed"
    406 "Not Acceptable"
    407 "Proxy Authentication Required"
    408 "Request Timeout"
    409 "Conflict"
    410 "Gone"
    411 "Length Required"
    412 "Precondition Failed"
    413 "Content Too Large"
    414 "URI Too Long"
    415 "Unsupported Media Type"
    416 "Range Not Satisfiable"
    417 "Expectation Failed"
    418 "I'm a Teapot"
    421 "Misdirected Request"
    422 "Unprocessable Content"
    423 "Locked"
    424 "Failed Dependency"
    425 "Too Early"
    426 "Upgrade Required"
    428 "Precondition Required"
    429 "Too Many Requests"
    431 "Request Header Fields Too Large"
    451 "Unavailable For Legal Reasons"
    500 "Internal Server Error"
    501 "Not Implemented"
    502 "Bad Gateway"
    503 "Service Unavailable"
    504 "Gateway Timeout"
    505 "HTTP Version Not Supported"
    506 "Variant Also Negotiates"
    507 "Insufficient Storage"
    508 "Loop Detected"
    510 "Not Extended"
    511 "Network Authentication Required"
}

/// The place of a code less 100 in the tables, or one where there is nothing: one load instead of a search for each
/// response, in a byte each, for machines with little memory.
static PLACES: [u8; 412] = {
    let mut places = [u8::MAX; 412];
    let mut place = 0;
    while place < STATUS_CODES.len() {
        places[STATUS_CODES[place].0 as usize - 100] = place as u8;
        place += 1;
    }
    places
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Method, class};

    #[test]
    fn the_methods_are_sorted_tokens_and_a_safe_one_is_idempotent() {
        assert!(METHODS.windows(2).all(|w| w[0].name < w[1].name));
        assert_eq!(METHODS.len(), 41);
        for m in METHODS {
            assert!(class::is_token(m.name.as_bytes()), "{m:?}");
            assert!(m.idempotent || !m.safe, "{m:?}");
            assert_eq!(method_info(m.name.as_bytes()), Some(m));
        }
        assert_eq!(method_info(b"get"), None, "methods are case-sensitive");
        assert_eq!(method_info(b"PURGE"), None);
    }

    #[test]
    fn a_method_says_of_itself_what_the_registry_says() {
        for m in METHODS {
            let method = Method::from(m.name);
            assert_eq!((method.is_safe(), method.is_idempotent()), (m.safe, m.idempotent), "{m:?}");
        }
        let unknown = Method::from("BREW");
        assert!(!unknown.is_safe() && !unknown.is_idempotent());
    }

    #[test]
    fn every_status_line_is_rendered_from_its_code_and_phrase() {
        assert!(STATUS_CODES.windows(2).all(|w| w[0].0 < w[1].0));
        assert_eq!(STATUS_CODES.len(), 63);
        for code in 0..=u16::MAX {
            let line = reason_phrase(code).map(|phrase| format!("HTTP/1.1 {code} {phrase}\r\n"));
            assert_eq!(status_line(code), line.as_deref().map(str::as_bytes), "{code}");
        }
        assert_eq!(status_line(200), Some(&b"HTTP/1.1 200 OK\r\n"[..]));
        assert_eq!(reason_phrase(418), Some("I'm a Teapot"));
        assert_eq!(reason_phrase(306), None);
    }
}
