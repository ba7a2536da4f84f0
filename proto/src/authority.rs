//! The authority of a URI: `[ userinfo "@" ] host [ ":" port ]` (RFC 3986 section 3.2), which is also the grammar
//! of the `Host` field and, with a port, of the target of `CONNECT`.
//!
//! Only what may stand where. Which host a request is for is decided in `target`.

use crate::class::REG_NAME;
use crate::digits;
use crate::scan;

/// An authority, taken apart and checked against the grammar.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Authority<'a> {
    /// What stands before `@`. It is never valid in a request (RFC 9110 section 4.2.4): it is shown so that it
    /// can be refused, and must not be sent on.
    pub userinfo: Option<&'a [u8]>,
    /// The host as written: a name, an IPv4 address, or an IP literal with its brackets. Empty only in a URI of
    /// another scheme than `http` and `https`.
    pub host: &'a [u8],
    /// The port, if one is written. `h:` has none.
    pub port: Option<u16>,
    /// Host and port as written: what a `Host` field for this authority contains (RFC 9112 section 3.2).
    pub host_and_port: &'a [u8],
}

/// As it was written, with everything but printable ASCII escaped.
impl core::fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if let Some(userinfo) = self.userinfo {
            write!(f, "{}@", userinfo.escape_ascii())?;
        }
        write!(f, "{}", self.host_and_port.escape_ascii())
    }
}

impl<'a> Authority<'a> {
    /// Takes `[ userinfo "@" ] host [ ":" port ]` apart. `None` if it is not that, or the port is above 65,535.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        // `@` can stand nowhere else, so a second one makes the host invalid.
        let (userinfo, host_and_port) = match memchr::memchr(b'@', text) {
            Some(at) => (Some(text.get(..at)?), text.get(at + 1..)?),
            None => (None, text),
        };
        if userinfo.is_some_and(|u| !is_encoded(u, b":")) {
            return None;
        }
        let (host, port) = host_and_port_of(host_and_port)?;
        Some(Self { userinfo, host, port, host_and_port })
    }
}

/// Whether `value` may stand in a `Host` field: `uri-host [ ":" port ]`, or nothing at all, which is what a client
/// sends for a target without authority (RFC 9112 section 3.2). A port without a host names nothing and is refused.
#[inline]
pub(crate) fn valid_host(value: &[u8]) -> bool {
    scan::all_plain(value) || host_and_port_of(value).is_some_and(|(host, _)| !host.is_empty())
}

/// `uri-host [ ":" port ]` as its two parts.
pub(crate) fn host_and_port_of(text: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let mut end = text.iter().position(|b| !REG_NAME[usize::from(*b)]).unwrap_or(text.len());
    match text.get(end) {
        None => return Some((text, None)),
        Some(b':') => {}
        Some(b'%') => {
            end = memchr::memchr(b':', text).unwrap_or(text.len());
            if !is_encoded(text.get(..end)?, b"") {
                return None;
            }
        }
        Some(b'[') if end == 0 => {
            end = memchr::memchr(b']', text)? + 1;
            if !is_ip_literal(text.get(1..end - 1)?) {
                return None;
            }
        }
        Some(_) => return None,
    }
    let port = match text.get(end..)? {
        [] | [b':'] => None,
        [b':', port @ ..] => Some(digits::number(port)?.try_into().ok()?),
        _ => return None,
    };
    Some((text.get(..end)?, port))
}

/// `*( unreserved / pct-encoded / sub-delims / more )`.
fn is_encoded(text: &[u8], more: &[u8]) -> bool {
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'%', [a, b, after @ ..]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => after,
            (b, after) if REG_NAME[usize::from(*b)] || more.contains(b) => after,
            _ => return false,
        };
    }
    true
}

/// `IPv6address / IPvFuture`. No zone: it means nothing to another machine.
#[cold]
fn is_ip_literal(text: &[u8]) -> bool {
    if let [b'v' | b'V', future @ ..] = text {
        let Some(dot) = memchr::memchr(b'.', future) else { return false };
        let (version, address) = future.split_at(dot);
        let address = address.get(1..).unwrap_or_default();
        return !version.is_empty()
            && version.iter().all(u8::is_ascii_hexdigit)
            && !address.is_empty()
            && address.iter().all(|b| REG_NAME[usize::from(*b)] || *b == b':');
    }
    is_ipv6(text)
}

/// `IPv6address` (RFC 3986 section 3.2.2). The parser of `core` says the same, and needs three times the code.
fn is_ipv6(text: &[u8]) -> bool {
    // There are eight, or `::` stands for at least one of them.
    let right = |groups, gap| if gap { groups < 8 } else { groups == 8 };
    let (mut rest, mut groups, mut gap) = (text, 0usize, false);
    if let [b':', b':', after @ ..] = rest {
        (rest, gap) = (after, true);
        if rest.is_empty() {
            return true;
        }
    }
    loop {
        let digits = rest.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        if rest.get(digits) == Some(&b'.') {
            groups += 2;
            return is_ipv4(rest) && right(groups, gap);
        }
        groups += 1;
        if !matches!(digits, 1..=4) {
            return false;
        }
        rest = match rest.get(digits..).unwrap_or_default() {
            [] => return right(groups, gap),
            [b':', b':'] => return !gap && right(groups, true),
            [b':', b':', after @ ..] if !gap => {
                gap = true;
                after
            }
            [b':', after @ ..] => after,
            _ => return false,
        };
    }
}

/// `IPv4address` (RFC 3986 section 3.2.2): no zero before another digit.
fn is_ipv4(text: &[u8]) -> bool {
    let mut parts = 0;
    let octets = text.split(|b| *b == b'.').all(|part| {
        parts += 1;
        matches!(part.len(), 1..=3)
            && (part.len() == 1 || !part.starts_with(b"0"))
            && part.iter().all(u8::is_ascii_digit)
            && part.iter().fold(0, |n, b| n * 10 + u32::from(b - b'0')) < 256
    });
    octets && parts == 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_field_is_a_host_and_perhaps_a_port_or_nothing() {
        for good in [
            "",
            "a",
            "example.com",
            "EXAMPLE.com:80",
            "a:",
            "a:0",
            "a:65535",
            "a:000080",
            "127.0.0.1:8080",
            "home_0.example",
            "0.0.0.0=5000",
            "%C3%B1",
            "H%4fSt:80",
            "[::1]",
            "[::1]:443",
            "[1:2:3:4:5:6:7::]",
            "[::ffff:1.2.3.4]",
            "[v1.a:b]",
        ] {
            assert!(valid_host(good.as_bytes()), "{good}");
        }
        for bad in [
            ":80",
            ":",
            "a/b",
            "a b",
            " a",
            "a,b c",
            "a:b",
            "a:80:80",
            "a:-1",
            "a:+80",
            "a:65536",
            "a:99999999999999999999",
            "u@a",
            "a%",
            "a%2",
            "a%zz",
            "a%4f:x",
            "[::1",
            "::1",
            "[]",
            "[::1]x",
            "[::1]:x",
            "a[::1]",
            "[::1%25eth0]",
            "[1:2]",
            "[1.2.3.4]",
            "[v.a]",
            "[v1.]",
            "[vg.a]",
            "[v1a]",
            "a\\b",
            "a#b",
            "a?b",
            "a<b",
            "\"a\"",
            "a\tb",
        ] {
            assert!(!valid_host(bad.as_bytes()), "{bad}");
        }
        assert!(!valid_host(b"a\0") && !valid_host(b"\xc3\xb1") && !valid_host(b"a\x7f"));
    }

    /// Every text of up to so many of these pieces.
    fn for_each_text(pieces: &[&str], most: usize, text: &mut String, look: &mut impl FnMut(&str)) {
        look(text);
        if most > 0 {
            for piece in pieces {
                let before = text.len();
                text.push_str(piece);
                for_each_text(pieces, most - 1, text, look);
                text.truncate(before);
            }
        }
    }

    #[test]
    fn an_ipv6_address_is_what_the_standard_library_takes_for_one() {
        let (mut good, mut bad) = (0, 0);
        let mut look = |text: &str| {
            let right = text.parse::<core::net::Ipv6Addr>().is_ok();
            assert_eq!(is_ipv6(text.as_bytes()), right, "{text}");
            *(if right { &mut good } else { &mut bad }) += 1;
        };
        for_each_text(&["1:", ":", "abcd", "1:2:3:", "0.0.0.1", "g"], 6, &mut String::new(), &mut look);
        for_each_text(&["0", "2", "5", "6", ".", "01"], 7, &mut "::1.1.".to_owned(), &mut look);
        for_each_text(&["0", "aF9", "12345", "::", ":", "1.2.3.4"], 5, &mut "a:b:c:".to_owned(), &mut look);
        assert!(good > 1000 && bad > 1000, "{good} {bad}");
    }

    #[test]
    fn an_authority_is_taken_apart_and_its_userinfo_is_kept_apart_from_its_host() {
        let a = Authority::parse(b"a%12:b!&*$@example.org:1234").unwrap();
        assert_eq!(a.userinfo, Some(&b"a%12:b!&*$"[..]));
        assert_eq!((a.host, a.port), (&b"example.org"[..], Some(1234)));
        assert_eq!(a.host_and_port, b"example.org:1234");
        let a = Authority::parse(b"@h:").unwrap();
        assert_eq!(
            (a.userinfo, a.host, a.port, a.host_and_port),
            (Some(&b""[..]), &b"h"[..], None, &b"h:"[..])
        );
        for bad in ["u@v@h", "u\\@h", "u[@h", "u%g0@h", "u@h:70000", "]ufd", "h/p"] {
            assert_eq!(Authority::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
