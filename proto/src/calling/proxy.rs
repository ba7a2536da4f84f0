//! [`Proxy`]: where a proxy is, how it is spoken to, and who it is told that we are.
//!
//! What it is sent is in `request` and `socks`, whom it is used for in `proxies`.

use alloc::boxed::Box;
use core::fmt;

use super::credentials::Credentials;
use crate::authority::host_and_port_of;

/// How a proxy is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ProxyScheme {
    /// `http`: requests are forwarded in absolute form (RFC 9112 section 3.2.2), or go through a tunnel by `CONNECT`
    /// (RFC 9110 section 9.3.6).
    Http,
    /// `https`: the same over TLS.
    Https,
    /// `socks5` (RFC 1928) with a host that was resolved here.
    Socks5,
    /// `socks5h`: the proxy resolves the host.
    Socks5h,
}

impl ProxyScheme {
    const ALL: [(&'static str, Self, u16); 4] = [
        ("http", Self::Http, 80),
        ("https", Self::Https, 443),
        ("socks5", Self::Socks5, 1080),
        ("socks5h", Self::Socks5h, 1080),
    ];

    /// As it stands in a URL.
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, scheme, _)| *scheme == self).map_or("", |(name, ..)| name)
    }

    /// Whether it is one of the two that speak SOCKS5.
    pub const fn is_socks(self) -> bool {
        matches!(self, Self::Socks5 | Self::Socks5h)
    }
}

/// A proxy.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Proxy {
    scheme: ProxyScheme,
    host: Box<str>,
    port: u16,
    credentials: Option<Credentials>,
}

/// Text that names no proxy, or no host to reach without one. Says why without repeating it: there may be a password
/// in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProxyError {
    pub(super) variable: Option<&'static str>,
    pub(super) why: &'static str,
}

impl ProxyError {
    pub(super) const fn new(why: &'static str) -> Self {
        Self { variable: None, why }
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.variable {
            Some(variable) => write!(f, "the variable {variable} cannot be understood: {}", self.why),
            None => write!(f, "the proxy cannot be understood: {}", self.why),
        }
    }
}
impl core::error::Error for ProxyError {}

impl Proxy {
    /// A proxy from text such as `http://user:password@proxy.example:3128`; without a scheme it is `http`.
    ///
    /// # Errors
    /// If it is no such text.
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let known = ProxyScheme::ALL.into_iter().find(|(name, ..)| scheme.eq_ignore_ascii_case(name));
        let Some((_, scheme, usual)) = known else {
            return Err(ProxyError::new("its scheme is none of http, https, socks5 and socks5h"));
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        let bad = ProxyError::new("it is not a host with perhaps a port");
        let (host, port) = host_and_port_of(place.as_bytes()).ok_or(bad)?;
        let host = core::str::from_utf8(host).map_err(|_| bad)?;
        if host.is_empty() || host.contains('%') || port == Some(0) {
            return Err(bad);
        }
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let credentials = user.map(|user| {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            Credentials::of_url(user, password)
        });
        Ok(Self { scheme, host: bare.to_ascii_lowercase().into(), port: port.unwrap_or(usual), credentials })
    }

    /// How it is spoken to.
    pub fn scheme(&self) -> ProxyScheme {
        self.scheme
    }

    /// Its host, without brackets if it is an IPv6 address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Who it is told that we are.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }
}

/// Without user and password, for logs.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = self.host.contains(':');
        let (open, close) = if bare { ("[", "]") } else { ("", "") };
        write!(f, "{}://{open}{}{close}:{}", self.scheme.as_str(), self.host, self.port)
    }
}
