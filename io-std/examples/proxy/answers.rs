//! What the proxy answers by itself.

use std::io;

use h1wire_std::proto::Method;
use h1wire_std::server::{Request, Response};

/// Answers with an error of the proxy's own.
pub fn refuse(response: &mut Response<'_>, status: u16, why: &str) -> io::Result<()> {
    response.status(status).header("Content-Type", "text/plain; charset=utf-8").end(format!("{why}\n"))
}

/// `Max-Forwards` is used up: this is the last hop (RFC 9110 section 7.6.2).
pub fn last_hop(request: &Request<'_>, response: &mut Response<'_>) -> io::Result<()> {
    if request.method() != Method::Trace {
        return response.header("Allow", "GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE").end("");
    }
    // RFC 9110 section 9.3.8: what was received, less what is secret.
    let mut echo = format!("TRACE {} HTTP/1.{}\r\n", request.target().escape_ascii(), request.head().minor);
    for (name, value) in request.fields() {
        let secret = ["authorization", "cookie", "proxy-authorization"];
        if !secret.iter().any(|s| name.eq_ignore_ascii_case(s.as_bytes())) {
            echo += &format!("{}: {}\r\n", name.escape_ascii(), value.escape_ascii());
        }
    }
    response.header("Content-Type", "message/http").end(echo + "\r\n")
}
