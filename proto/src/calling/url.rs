//! [`Url`]: the parts of a URL, and what is written of them. Parsing is not here.

use super::address::without_zone;
use super::credentials::Credentials;
use crate::digits::Digits;
use crate::out::Out;

/// The parts of an `http` or `https` URL, as a parser for URLs gives them.
#[derive(Clone, Copy, Debug)]
pub struct Url<'a> {
    /// Whether the scheme is `https`.
    pub https: bool,
    /// The host, without brackets if it is an IPv6 address.
    pub host: &'a str,
    /// The port, if it is not the usual one.
    pub port: Option<u16>,
    /// The usual port instead of 80, or 443 for `https`.
    pub default_port: Option<u16>,
    /// Path and query, as they are to stand on the wire.
    pub target: &'a str,
    /// User and password.
    pub credentials: Option<&'a Credentials>,
}

impl Default for Url<'_> {
    fn default() -> Self {
        Self {
            https: false,
            host: "localhost",
            port: None,
            default_port: None,
            target: "/",
            credentials: None,
        }
    }
}

impl Url<'_> {
    /// `http` or `https`.
    pub const fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or_else(|| self.usual_port())
    }

    fn usual_port(&self) -> u16 {
        self.default_port.unwrap_or(if self.https { 443 } else { 80 })
    }

    /// Appends the value of the field `Host` (RFC 9110 section 7.2): without the port where it is the usual one.
    pub fn put_host<O: Out + ?Sized>(&self, out: &mut O) {
        put_host(self.host, Some(self.port()).filter(|port| *port != self.usual_port()), out);
    }

    /// Appends host and port, as `CONNECT` names them (RFC 9112 section 3.2.3).
    pub fn put_authority<O: Out + ?Sized>(&self, out: &mut O) {
        put_host(self.host, Some(self.port()), out);
    }
}

fn put_host<O: Out + ?Sized>(host: &str, port: Option<u16>, out: &mut O) {
    let bracketed = host.contains(':') && !host.starts_with('[');
    let host = without_zone(host).as_bytes();
    if bracketed {
        out.put_static(b"[");
        out.put(host);
        out.put_static(b"]");
    } else {
        out.put(host);
    }
    if let Some(port) = port {
        out.put_static(b":");
        out.put(Digits::new(port.into()).as_bytes());
    }
}
