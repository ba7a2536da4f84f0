//! What the gateway answers by itself where it is the final recipient (RFC 9110 section 7.6.2).

use h1wire_mio::Response;
use h1wire_mio::proto::{Method, RequestHead, SendError, Version};

/// An answer of the gateway's own.
pub enum Own {
    /// To `OPTIONS`: what this hop can do.
    Options,
    /// To `TRACE`: the request itself, as `message/http`.
    Trace(Vec<u8>),
}

/// Fields that a `TRACE` does not show, for they may be secret (RFC 9110 section 9.3.8).
const SECRET: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

/// The answer to a request whose `Max-Forwards` is used up.
pub fn as_final_recipient(head: &RequestHead<'_, '_>) -> Own {
    if head.method != Method::Trace {
        return Own::Options;
    }
    let version: &[u8] = match head.version {
        Version::Http10 => b"HTTP/1.0",
        Version::Http11 => b"HTTP/1.1",
    };
    let mut text = [head.method.as_bytes(), b" ", head.target, b" ", version, b"\r\n"].concat();
    for (name, value) in head.fields.iter() {
        if !SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret.as_bytes())) {
            for part in [name, b": ", value, b"\r\n"] {
                text.extend_from_slice(part);
            }
        }
    }
    text.extend_from_slice(b"\r\n");
    Own::Trace(text)
}

impl Own {
    pub fn answer(self, res: &mut Response<'_>) -> Result<(), SendError> {
        match self {
            Self::Options => {
                res.status(204).header("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, TRACE, PATCH").end("")
            }
            Self::Trace(text) => res.header("Content-Type", "message/http").end(text),
        }
    }
}
