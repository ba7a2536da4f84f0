//! Where a request goes, taken from URL text or a parsed URL.

use std::fmt;

use h1wire_proto::calling::{Credentials, Url};

use crate::error::ErrorKind;

/// URL text, or a parsed URL. Implemented for `&str`, `String`, [`url::Url`] and references to them.
pub trait IntoUrl {
    /// The URL.
    ///
    /// # Errors
    /// If the text is none.
    fn into_url(self) -> Result<url::Url, url::ParseError>;

    /// The text, if it was not parsed yet. What is plain in it needs no parser.
    #[doc(hidden)]
    fn text(&self) -> Option<&str> {
        None
    }
}

impl IntoUrl for &str {
    fn into_url(self) -> Result<url::Url, url::ParseError> {
        url::Url::parse(self)
    }
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}
impl IntoUrl for String {
    fn into_url(self) -> Result<url::Url, url::ParseError> {
        url::Url::parse(&self)
    }
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}
impl IntoUrl for &String {
    fn into_url(self) -> Result<url::Url, url::ParseError> {
        url::Url::parse(self)
    }
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}
impl IntoUrl for url::Url {
    fn into_url(self) -> Result<url::Url, url::ParseError> {
        Ok(self)
    }
}
impl IntoUrl for &url::Url {
    fn into_url(self) -> Result<url::Url, url::ParseError> {
        Ok(self.clone())
    }
}

/// The place a request is for, and what it asks of it: a [`calling::Url`](Url) that owns its parts.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) https: bool,
    /// Without brackets, if it is an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) default_port: Option<u16>,
    /// Path and query, as they stand on the wire.
    pub(crate) target: String,
    pub(crate) credentials: Option<Credentials>,
}

impl Default for Place {
    fn default() -> Self {
        Self::of_parts(&Url::default())
    }
}

/// Without user and password, and without the query, where secrets are found as well: for logs.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut host = Vec::new();
        self.url().put_host(&mut host);
        let path = self.target.split('?').next().unwrap_or_default();
        write!(f, "{}://{}{path}", self.url().scheme(), String::from_utf8_lossy(&host))
    }
}

impl Place {
    /// From URL text, or a parsed URL.
    pub(crate) fn new(url: impl IntoUrl) -> Result<Self, ErrorKind> {
        if let Some(parts) = url.text().and_then(Url::plain) {
            return Ok(Self::of_parts(&parts));
        }
        Self::of(&url.into_url().map_err(|error| ErrorKind::invalid(format!("bad URL: {error}")))?)
    }

    fn of_parts(url: &Url<'_>) -> Self {
        Self {
            https: url.https,
            host: url.host.to_owned(),
            port: url.port,
            default_port: url.default_port,
            target: url.target.to_owned(),
            credentials: url.credentials.cloned(),
        }
    }

    fn of(url: &url::Url) -> Result<Self, ErrorKind> {
        let https = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(ErrorKind::invalid(format!("the protocol \"{other}:\" is not supported"))),
        };
        let Some(host) = url.host_str() else { return Err(ErrorKind::invalid("the URL has no host")) };
        let host = host.trim_matches(['[', ']']).to_owned();
        let named = !url.username().is_empty() || url.password().is_some();
        let credentials =
            named.then(|| Credentials::of_url(url.username(), url.password().unwrap_or_default()));
        let mut target = String::with_capacity(url.path().len() + 1 + url.query().map_or(0, str::len));
        target.push_str(url.path());
        if let Some(query) = url.query() {
            target.push('?');
            target.push_str(query);
        }
        Ok(Self { https, host, port: url.port(), default_port: None, target, credentials })
    }

    /// Its parts.
    pub(crate) fn url(&self) -> Url<'_> {
        Url {
            https: self.https,
            host: &self.host,
            port: self.port,
            default_port: self.default_port,
            target: &self.target,
            credentials: self.credentials.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Place {
        Place::new(url).unwrap()
    }

    #[test]
    fn a_url_says_where_and_what() {
        let of = place("http://u%40x:p%3a@Example.org:8080/a/b?c=d#e");
        assert_eq!((&*of.host, of.url().port(), &*of.target), ("example.org", 8080, "/a/b?c=d"));
        let credentials = of.credentials.clone().unwrap();
        assert_eq!((credentials.user(), credentials.password()), ("u@x", "p:"));
        assert_eq!(of.to_string(), "http://example.org:8080/a/b", "no secrets");
    }

    #[test]
    fn an_ipv6_address_has_brackets_in_text_and_none_for_the_socket() {
        let of = place("http://[::1]:81/");
        assert_eq!((&*of.host, of.to_string()), ("::1", "http://[::1]:81/".into()));
    }

    #[test]
    fn other_protocols_are_refused() {
        let kind = Place::new("ftp://h/").err().unwrap();
        assert_eq!(kind.to_string(), "the protocol \"ftp:\" is not supported");
    }

    const PARTS: [&str; 58] = [
        "http://",
        "https://",
        "HTTP://",
        "ftp://",
        "h",
        "example.org",
        "Example",
        "127.0.0.1",
        "1.2.3",
        "0x7f.1",
        "a.1",
        "1",
        "01",
        "256",
        "[::1]",
        "xn--a",
        "a--b",
        "-",
        "..",
        ".",
        ":",
        ":80",
        ":443",
        ":0",
        ":080",
        ":65535",
        ":65536",
        ":8080",
        "/",
        "//",
        "/a",
        "/.",
        "/..",
        "/./",
        "/%2e",
        "%",
        "%41",
        "?",
        "?q",
        "=",
        "&",
        "#",
        "#f",
        "@",
        "u:p@",
        "\\",
        " ",
        "\t",
        "\"",
        "'",
        "|",
        "^",
        "{",
        "`",
        "\u{e9}",
        "~",
        "+",
        "",
    ];

    #[test]
    fn what_is_plain_is_what_the_parser_says() {
        let mut state = 7u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut plain = 0;
        for _ in 0..300_000 {
            let scheme = PARTS[random(3)];
            let rest: String = (0..1 + random(6)).map(|_| PARTS[4 + random(PARTS.len() - 4)]).collect();
            let url = format!("{scheme}{rest}");
            let Some(parts) = Url::plain(&url) else { continue };
            plain += 1;
            let parsed = url::Url::parse(&url).unwrap_or_else(|e| panic!("{url}: {e}"));
            let parsed = Place::of(&parsed).unwrap();
            let of = |p: &Place| (p.https, p.host.clone(), p.port, p.target.clone(), p.credentials.clone());
            assert_eq!(of(&Place::of_parts(&parts)), of(&parsed), "{url}");
        }
        assert!(plain > 1000, "{plain}");
    }

    #[test]
    fn ordinary_urls_are_plain() {
        for url in [
            "http://localhost:8080/",
            "https://example.org",
            "http://127.0.0.1:1/a/b?c=d&e=f",
            "http://h:80/",
        ] {
            assert!(Url::plain(url).is_some(), "{url}");
        }
    }
}
