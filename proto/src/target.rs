//! The request target: its four forms told apart, and the URI it stands for (RFC 9112 sections 3.2 and 3.3).
//!
//! The form must suit the method. Which bytes a target may consist of at all is the head parser's decision, and its
//! leniencies'; here no control character and no space passes, whoever calls.

use crate::authority::{Authority, host_and_port_of, valid_host};
use crate::digits::Digits;
use crate::error::RecvErrorKind;
use crate::message::Method;
use crate::out::Out;

/// A request target in one of its four forms.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target<'a> {
    /// `/path?query`: the ordinary form (RFC 9112 section 3.2.1).
    Origin {
        /// The path, which starts with `/`.
        path: &'a [u8],
        /// What follows the first `?`.
        query: Option<&'a [u8]>,
    },
    /// `http://host/path?query`: to a proxy, and accepted by every server (RFC 9112 section 3.2.2). Its host is
    /// the one that counts; a `Host` field beside it is ignored.
    Absolute {
        /// The scheme as written. Schemes are case-insensitive.
        scheme: &'a [u8],
        /// The authority. Present, with a host, if the scheme is `http` or `https`.
        authority: Option<Authority<'a>>,
        /// What follows the authority, or the scheme. Empty for `http://host`.
        path_and_query: &'a [u8],
    },
    /// `host:port`, with `CONNECT` only (RFC 9112 section 3.2.3).
    Authority {
        /// The host: a name, an IPv4 address, or an IP literal with its brackets. Never empty.
        host: &'a [u8],
        /// The port, 1 to 65,535.
        port: u16,
    },
    /// `*`, with `OPTIONS` only: the server as a whole (RFC 9112 section 3.2.4).
    Asterisk,
}

/// As it stands on the wire, with everything but printable ASCII escaped.
impl core::fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Origin { path, query } => {
                write!(f, "{}", path.escape_ascii())?;
                query.map_or(Ok(()), |query| write!(f, "?{}", query.escape_ascii()))
            }
            Self::Absolute { scheme, authority, path_and_query } => {
                write!(f, "{}:", scheme.escape_ascii())?;
                if let Some(authority) = authority {
                    write!(f, "//{authority}")?;
                }
                write!(f, "{}", path_and_query.escape_ascii())
            }
            Self::Authority { host, port } => write!(f, "{}:{port}", host.escape_ascii()),
            Self::Asterisk => f.write_str("*"),
        }
    }
}

impl<'a> Target<'a> {
    /// Takes `target` apart, in the form that suits `method`.
    ///
    /// # Errors
    /// [`BadTarget`](RecvErrorKind::BadTarget) if it is empty or contains a space or a control character,
    /// [`BadTargetForm`](RecvErrorKind::BadTargetForm) if it is in none of the forms that suit the method:
    /// `CONNECT` takes `host:port` with a port and nothing else; `*` is for `OPTIONS`; everything else is `/…` or an
    /// absolute URI, for `http` and `https` with a host (RFC 9110 section 4.2.1).
    ///
    /// ```
    /// use h1wire_proto::{Method, RecvErrorKind, Target};
    /// let target = Target::parse(Method::Get, b"/search?q=1").unwrap();
    /// assert_eq!(target, Target::Origin { path: b"/search", query: Some(b"q=1") });
    /// let target = Target::parse(Method::Connect, b"[::1]:443").unwrap();
    /// assert_eq!(target, Target::Authority { host: b"[::1]", port: 443 });
    /// assert_eq!(Target::parse(Method::Get, b"*"), Err(RecvErrorKind::BadTargetForm));
    /// ```
    pub fn parse(method: Method<'_>, target: &'a [u8]) -> Result<Self, RecvErrorKind> {
        if target.is_empty() || target.iter().any(|b| *b <= b' ' || *b == 0x7f) {
            return Err(RecvErrorKind::BadTarget);
        }
        let form = match (method, target) {
            (Method::Connect, _) => tunnel(target),
            (_, [b'/', ..]) => {
                let (path, query) = split_query(target);
                Some(Self::Origin { path, query })
            }
            (Method::Options, b"*") => Some(Self::Asterisk),
            _ => absolute(target),
        };
        form.ok_or(RecvErrorKind::BadTargetForm)
    }

    /// The authority the target itself names, host and port as written. If there is one, it is the one that counts,
    /// whatever `Host` says (RFC 9112 section 3.2.2).
    pub fn authority(&self) -> Option<Authority<'a>> {
        match self {
            Self::Absolute { authority, .. } => *authority,
            _ => None,
        }
    }

    /// The path, as written and without the query: `/` for `http://host`, `*` for `OPTIONS *`, empty for `CONNECT`. It
    /// is not decoded, and `..` in it is as it was sent.
    ///
    /// ```
    /// use h1wire_proto::{Method, Target};
    /// for target in [&b"/a/b?x=1"[..], b"http://h/a/b?x=1"] {
    ///     let target = Target::parse(Method::Get, target).unwrap();
    ///     assert_eq!((target.path(), target.query()), (&b"/a/b"[..], Some(&b"x=1"[..])));
    /// }
    /// ```
    pub fn path(&self) -> &'a [u8] {
        match self {
            Self::Origin { path, .. } => path,
            Self::Absolute { path_and_query, .. } => match split_query(path_and_query).0 {
                [] => b"/",
                path => path,
            },
            Self::Asterisk => b"*",
            Self::Authority { .. } => b"",
        }
    }

    /// What follows the first `?`, if there is one.
    pub fn query(&self) -> Option<&'a [u8]> {
        match self {
            Self::Origin { query, .. } => *query,
            Self::Absolute { path_and_query, .. } => split_query(path_and_query).1,
            Self::Asterisk | Self::Authority { .. } => None,
        }
    }

    /// Writes the target URI (RFC 9112 section 3.3): an absolute target as it is; for the other forms, `scheme`
    /// (that of the connection: `http`, or `https` under TLS), `://`, the authority (the target's own, else a valid
    /// and not empty `host`, else `default`), path and query.
    ///
    /// # Errors
    /// [`MissingHost`](RecvErrorKind::MissingHost) if there is no authority to be had. Nothing is written then.
    ///
    /// ```
    /// use h1wire_proto::{Method, Target};
    /// let target = Target::parse(Method::Get, b"/x?y").unwrap();
    /// let mut uri = Vec::new();
    /// target.write_uri("https", Some(b"h:8443"), None, &mut uri).unwrap();
    /// assert_eq!(uri, b"https://h:8443/x?y");
    /// ```
    pub fn write_uri<O: Out + ?Sized>(
        &self,
        scheme: &str,
        host: Option<&[u8]>,
        default: Option<&[u8]>,
        out: &mut O,
    ) -> Result<(), RecvErrorKind> {
        if let Self::Absolute { scheme, authority, path_and_query } = self {
            out.put(scheme);
            out.put_static(b":");
            if let Some(authority) = authority {
                out.put_static(b"//");
                if let Some(userinfo) = authority.userinfo {
                    out.put(userinfo);
                    out.put_static(b"@");
                }
                out.put(authority.host_and_port);
            }
            out.put(path_and_query);
            return Ok(());
        }
        let host = host.filter(|h| !h.is_empty() && valid_host(h)).or(default);
        if host.is_none() && !matches!(self, Self::Authority { .. }) {
            return Err(RecvErrorKind::MissingHost);
        }
        out.put(scheme.as_bytes());
        out.put_static(b"://");
        match self {
            Self::Authority { host, port } => {
                out.put(host);
                put_port(*port, out);
            }
            Self::Origin { path, query } => {
                out.put(host.unwrap_or_default());
                out.put(path);
                if let Some(query) = query {
                    out.put_static(b"?");
                    out.put(query);
                }
            }
            _ => out.put(host.unwrap_or_default()),
        }
        Ok(())
    }
}

/// Whether the form of `target` suits `method`: what [`Target::parse`] decides, for a target whose bytes are known
/// to be good. Nearly always one comparison.
#[inline]
pub(crate) fn has_valid_form(method: Method<'_>, target: &[u8]) -> bool {
    match (method, target) {
        (Method::Connect, _) => tunnel(target).is_some(),
        (_, [b'/', ..]) | (Method::Options, b"*") => true,
        _ => absolute(target).is_some(),
    }
}

/// `uri-host ":" port`. A port must be there and be one (RFC 9110 section 9.3.6).
fn tunnel(target: &[u8]) -> Option<Target<'_>> {
    match host_and_port_of(target)? {
        (host, Some(port @ 1..)) if !host.is_empty() => Some(Target::Authority { host, port }),
        _ => None,
    }
}

/// `scheme ":" hier-part [ "?" query ]` (RFC 3986 section 4.3).
fn absolute(target: &[u8]) -> Option<Target<'_>> {
    let colon = memchr::memchr(b':', target)?;
    let (scheme, rest) = (target.get(..colon)?, target.get(colon + 1..)?);
    let [first, others @ ..] = scheme else { return None };
    if !first.is_ascii_alphabetic()
        || !others.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    {
        return None;
    }
    let web = is_web(scheme);
    let Some(after) = rest.strip_prefix(b"//") else {
        // A name, a colon and digits at the end: whoever expects `host:port` there would take it for that, so it is
        // refused as an authority with the wrong method.
        let like_port = rest.rsplit(|b| *b == b':').next().is_some_and(|d| d.iter().all(u8::is_ascii_digit));
        return (!web && !like_port).then_some(Target::Absolute {
            scheme,
            authority: None,
            path_and_query: rest,
        });
    };
    let end = after.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(after.len());
    let authority = Authority::parse(after.get(..end)?)?;
    if web && authority.host.is_empty() {
        return None;
    }
    Some(Target::Absolute { scheme, authority: Some(authority), path_and_query: after.get(end..)? })
}

/// The scheme of an absolute target with user and password, which are never sent. A recipient is to take them for an
/// error in `http` and `https` (RFC 9110 section 4.2.4); other schemes may have them (RFC 3986 section 3.2.1).
pub(crate) fn scheme_with_user<'t>(method: Method<'_>, target: &'t [u8]) -> Option<&'t [u8]> {
    match Target::parse(method, target).ok()? {
        Target::Absolute { scheme, authority, .. } => authority?.userinfo.map(|_| scheme),
        _ => None,
    }
}

/// `http` or `https`.
pub(crate) fn is_web(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https")
}

fn split_query(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'?', target) {
        Some(at) => (target.get(..at).unwrap_or_default(), target.get(at + 1..)),
        None => (target, None),
    }
}

fn put_port<O: Out + ?Sized>(port: u16, out: &mut O) {
    out.put_static(b":");
    out.put(Digits::new(port.into()).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: Option<RecvErrorKind> = Some(RecvErrorKind::BadTargetForm);

    /// Both questions of this file, which must agree.
    fn verdict(method: &str, target: &str) -> Option<RecvErrorKind> {
        let method = Method::from(method);
        let verdict = Target::parse(method, target.as_bytes()).err();
        assert_eq!(has_valid_form(method, target.as_bytes()), verdict.is_none(), "{method} {target}");
        verdict
    }

    fn uri(method: Method<'_>, target: &str, host: Option<&str>, default: Option<&str>) -> Option<String> {
        let target = Target::parse(method, target.as_bytes()).unwrap();
        let mut out = Vec::new();
        let written = target.write_uri("http", host.map(str::as_bytes), default.map(str::as_bytes), &mut out);
        assert_eq!(written.is_err(), out.is_empty(), "nothing is written with an error");
        written.ok().map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn each_form_is_taken_with_the_methods_it_suits_and_with_no_other() {
        for (target, get, options, connect) in [
            ("/", true, true, false),
            ("/a?b", true, true, false),
            ("//a//b", true, true, false),
            ("/a:443", true, true, false),
            ("*", false, true, false),
            ("/*", true, true, false),
            ("**", false, false, false),
            ("h:443", false, false, true),
            ("[::1]:443", false, false, true),
            ("http://h", true, true, false),
            ("https://h:1/p?q", true, true, false),
            ("HTTP://h/", true, true, false),
            ("http://user:pass@h/", true, true, false),
            ("ftp://h/", true, true, false),
            ("file:///x", true, true, false),
            ("htt:p//", true, true, false),
            ("a/b", false, false, false),
            ("?x", false, false, false),
            ("h", false, false, false),
        ] {
            for (method, suits) in
                [("GET", get), ("OPTIONS", options), ("CONNECT", connect), ("M-SEARCH", get)]
            {
                assert_eq!(verdict(method, target), REFUSED.filter(|_| !suits), "{method} {target}");
            }
        }
    }

    #[test]
    fn connect_takes_a_host_and_a_port_from_1_to_65535_and_nothing_else() {
        for good in ["h:1", "h:65535", "h:0443", "127.0.0.1:80", "[fe80::1]:80", "a_b.example:443"] {
            assert_eq!(verdict("CONNECT", good), None, "{good}");
        }
        for bad in [
            "h",
            "h:",
            ":443",
            "h:0",
            "h:65536",
            "h:x",
            "u@h:1",
            "[::1]",
            "[::1]:",
            "::1:80",
            "h:1/",
            "h:1?",
            "http://h:1",
        ] {
            assert_eq!(verdict("CONNECT", bad), REFUSED, "{bad}");
        }
    }

    #[test]
    fn an_absolute_target_for_http_names_a_valid_host() {
        for bad in [
            "http:///x",
            "http://",
            "https://:80/",
            "http://u@/",
            "http:/x",
            "http:x",
            "http:",
            "http://a b",
            "http://h:x/",
            "http://h:65536/",
            "http://[::1/",
            "http://]/",
            "http://a\\@b/",
            "http://a@b@c/",
            "s://]ufd/:",
            "1http://h/",
            "://h/",
            "ht_tp://h/",
        ] {
            let expected = if bad.contains(' ') { Some(RecvErrorKind::BadTarget) } else { REFUSED };
            assert_eq!(Target::parse(Method::Get, bad.as_bytes()).err(), expected, "{bad}");
        }
    }

    #[test]
    fn what_could_be_read_as_host_and_port_is_not_an_absolute_uri() {
        for target in ["example.com:443", "a:80", "a:", "ietf:rfc:2648"] {
            assert_eq!(verdict("GET", target), REFUSED, "{target}");
        }
    }

    #[test]
    fn no_space_and_no_control_character_passes_and_neither_does_nothing() {
        assert_eq!(Target::parse(Method::Get, b""), Err(RecvErrorKind::BadTarget));
        for b in (0..=b' ').chain([0x7f]) {
            let target = [b'/', b, b'x'];
            assert_eq!(Target::parse(Method::Get, &target), Err(RecvErrorKind::BadTarget), "{b:#x}");
        }
    }

    #[test]
    fn the_parts_of_an_absolute_target_are_shown_userinfo_too() {
        let target = Target::parse(Method::Get, b"http://u:p@h:8080?q=/x").unwrap();
        let Target::Absolute { scheme, authority: Some(a), path_and_query } = target else {
            panic!("{target:?}")
        };
        assert_eq!((scheme, path_and_query), (&b"http"[..], &b"?q=/x"[..]));
        assert_eq!((a.userinfo, a.host, a.port), (Some(&b"u:p"[..]), &b"h"[..], Some(8080)));
        assert_eq!(target.authority(), Some(a));
    }

    #[test]
    fn the_uri_comes_from_the_target_then_host_then_the_default() {
        let get = Method::Get;
        assert_eq!(uri(get, "/x?y", Some("h:81"), Some("d")).as_deref(), Some("http://h:81/x?y"));
        assert_eq!(uri(get, "/x?", Some("h"), None).as_deref(), Some("http://h/x?"));
        assert_eq!(uri(get, "http://t/x", Some("h"), Some("d")).as_deref(), Some("http://t/x"));
        assert_eq!(uri(get, "https://u@t", None, None).as_deref(), Some("https://u@t"));
        assert_eq!(uri(get, "htt:p//", None, None).as_deref(), Some("htt:p//"));
        assert_eq!(uri(Method::Options, "*", Some("h"), None).as_deref(), Some("http://h"));
        assert_eq!(uri(Method::Connect, "h:65535", Some("x"), None).as_deref(), Some("http://h:65535"));
        assert_eq!(uri(Method::Connect, "h:7", None, None).as_deref(), Some("http://h:7"));
    }

    #[test]
    fn a_missing_empty_or_invalid_host_gives_way_to_the_default_and_without_one_there_is_no_uri() {
        for host in [None, Some(""), Some("a/b"), Some("a b")] {
            assert_eq!(uri(Method::Get, "/", host, Some("d:1")).as_deref(), Some("http://d:1/"), "{host:?}");
            assert_eq!(uri(Method::Get, "/", host, None), None, "{host:?}");
            assert_eq!(uri(Method::Options, "*", host, None), None, "{host:?}");
        }
    }

    #[test]
    fn a_target_is_shown_as_it_was_written() {
        for (method, target) in [
            (Method::Get, "/a?b"),
            (Method::Get, "/a?"),
            (Method::Get, "http://u:p@h:080/a?b"),
            (Method::Get, "urn:a:b"),
            (Method::Get, "HTTP://h"),
            (Method::Connect, "[::1]:443"),
            (Method::Options, "*"),
        ] {
            assert_eq!(Target::parse(method, target.as_bytes()).unwrap().to_string(), target);
        }
    }
}
