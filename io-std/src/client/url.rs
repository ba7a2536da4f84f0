//! Where a request goes, taken from URL text or a parsed URL.

use std::borrow::Cow;
use std::fmt;

use url::Url;

use crate::error::ErrorKind;

/// URL text, or a parsed URL. Implemented for `&str`, `String`, [`Url`] and references to them.
pub trait IntoUrl {
    /// The URL.
    ///
    /// # Errors
    /// If the text is none.
    fn into_url(self) -> Result<Url, url::ParseError>;

    /// The text, if it was not parsed yet. What is plain in it needs no parser.
    #[doc(hidden)]
    fn text(&self) -> Option<&str> {
        None
    }
}

impl IntoUrl for &str {
    fn into_url(self) -> Result<Url, url::ParseError> {
        Url::parse(self)
    }
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}
impl IntoUrl for String {
    fn into_url(self) -> Result<Url, url::ParseError> {
        Url::parse(&self)
    }
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}
impl IntoUrl for &String {
    fn into_url(self) -> Result<Url, url::ParseError> {
        Url::parse(self)
    }
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}
impl IntoUrl for Url {
    fn into_url(self) -> Result<Url, url::ParseError> {
        Ok(self)
    }
}
impl IntoUrl for &Url {
    fn into_url(self) -> Result<Url, url::ParseError> {
        Ok(self.clone())
    }
}

/// The place a request is for, and what it asks of it.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) https: bool,
    /// Without brackets, if it is an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) default_port: Option<u16>,
    /// Path and query, as they stand on the wire.
    pub(crate) target: String,
    /// `user:password`.
    pub(crate) auth: Option<String>,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            https: false,
            host: "localhost".into(),
            port: None,
            default_port: None,
            target: "/".into(),
            auth: None,
        }
    }
}

/// Without the password, for logs.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.host_field(), self.target)
    }
}

impl Place {
    pub(crate) fn of(url: &Url) -> Result<Self, ErrorKind> {
        let https = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(ErrorKind::invalid(format!("the protocol \"{other}:\" is not supported"))),
        };
        let Some(host) = url.host_str() else { return Err(ErrorKind::invalid("the URL has no host")) };
        let host = host.trim_matches(['[', ']']).to_owned();
        let auth = (!url.username().is_empty() || url.password().is_some())
            .then(|| format!("{}:{}", decode(url.username()), decode(url.password().unwrap_or_default())));
        let mut target = String::with_capacity(url.path().len() + 1 + url.query().map_or(0, str::len));
        target.push_str(url.path());
        if let Some(query) = url.query() {
            target.push('?');
            target.push_str(query);
        }
        Ok(Self { https, host, port: url.port(), default_port: None, target, auth })
    }

    /// The port to connect to.
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or_else(|| self.usual_port())
    }

    fn usual_port(&self) -> u16 {
        self.default_port.unwrap_or(if self.https { 443 } else { 80 })
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// The host as it stands in a URL: an IPv6 address in brackets.
    pub(crate) fn url_host(&self) -> Cow<'_, str> {
        let bare = self.host.contains(':') && !self.host.starts_with('[');
        if bare { format!("[{}]", without_zone(&self.host)).into() } else { Cow::from(&*self.host) }
    }

    /// The value of the `Host` field (RFC 9110 section 7.2): without the port where it is the usual one.
    pub(crate) fn host_field(&self) -> String {
        let port = self.port();
        let mut field = self.url_host().into_owned();
        if port != self.usual_port() {
            field.reserve_exact(6);
            field.push(':');
            push_number(&mut field, port);
        }
        field
    }
}

/// A host as others know it: the zone of an IPv6 address means something on this machine only (RFC 9844).
pub(crate) fn without_zone(host: &str) -> &str {
    host.split_once('%').map_or(host, |(address, _)| if address.contains(':') { address } else { host })
}

/// Appends a number in decimal. With each request, where `format!` takes ten times as long.
fn push_number(text: &mut String, number: u16) {
    let digits = number.checked_ilog10().unwrap_or(0);
    for place in (0..=digits).rev() {
        let digit = u32::from(number) / 10u32.pow(place) % 10;
        text.extend(char::from_digit(digit, 10));
    }
}

/// Percent-decoded, as the user and password of a URL are to be read (RFC 3986 section 2.1).
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Basic credentials for `user:password` (RFC 7617).
pub(crate) fn basic(auth: &str) -> String {
    format!("Basic {}", base64(auth.as_bytes()))
}

/// Base 64 (RFC 4648 section 4), for Basic credentials.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let group = three.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        for digit in 0..4 {
            let value = group >> (18 - 6 * digit) & 63;
            let filled = digit <= three.len();
            text.push(if filled { char::from(DIGITS[value as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Place {
        Place::of(&Url::parse(url).unwrap()).unwrap()
    }

    #[test]
    fn a_url_says_where_and_what() {
        let of = place("http://u%40x:p%3a@Example.org:8080/a/b?c=d#e");
        assert_eq!((&*of.host, of.port(), &*of.target), ("example.org", 8080, "/a/b?c=d"));
        assert_eq!(of.auth.as_deref(), Some("u@x:p:"));
        assert_eq!(of.host_field(), "example.org:8080");
    }

    #[test]
    fn the_usual_port_is_left_out_of_the_host_field() {
        assert_eq!(place("http://h/").host_field(), "h");
        assert_eq!(place("https://h:443/").host_field(), "h");
        assert_eq!(place("https://h:80/").host_field(), "h:80");
        for port in [0, 1, 9, 10, 99, 100, 8080, 65535] {
            assert_eq!(Place { port: Some(port), ..place("http://h/") }.host_field(), format!("h:{port}"));
        }
        assert_eq!(Place { default_port: Some(8080), ..place("http://h/") }.host_field(), "h");
    }

    #[test]
    fn an_ipv6_address_has_brackets_in_text_and_none_for_the_socket() {
        let of = place("http://[::1]:81/");
        assert_eq!((&*of.host, &*of.host_field()), ("::1", "[::1]:81"));
    }

    #[test]
    fn other_protocols_are_refused() {
        let kind = Place::of(&Url::parse("ftp://h/").unwrap()).unwrap_err();
        assert_eq!(kind.to_string(), "the protocol \"ftp:\" is not supported");
    }

    #[test]
    fn base_64_is_that_of_the_rfc() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
