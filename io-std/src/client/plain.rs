//! URLs of the plainest kind, which are most, taken apart without a parser for all the others.
//!
//! The `url` crate says what a URL means. Here are only texts that it would not change in any way, so that there is
//! nothing to decide; whatever else is left to it, also to be refused.

use super::url::Place;

impl Place {
    /// Where such a URL leads. `None`: ask the parser.
    pub(super) fn plain(url: &str) -> Option<Self> {
        let (https, rest) = match url.strip_prefix("http://") {
            Some(rest) => (false, rest),
            None => (true, url.strip_prefix("https://")?),
        };
        let slash = rest.bytes().position(|b| b == b'/');
        let (authority, target) = slash.map_or((rest, "/"), |at| rest.split_at(at));
        let (host, port) = match authority.bytes().position(|b| b == b':') {
            Some(at) => (authority.get(..at)?, Some(plain_number(authority.get(at + 1..)?, 65_535)? as u16)),
            None => (authority, None),
        };
        if !is_plain_host(host) || !is_plain_target(target) {
            return None;
        }
        Some(Self {
            https,
            host: host.to_owned(),
            port: port.filter(|port| *port != if https { 443 } else { 80 }),
            default_port: None,
            target: target.to_owned(),
            auth: None,
        })
    }
}

/// Whether a path and query stand for themselves (RFC 3986 section 3.3). Not with `%`, which has to be decoded to see
/// whether a segment goes up, nor with a segment that begins with a dot and may be one that does.
fn is_plain_target(target: &str) -> bool {
    let mut behind_slash = false;
    target.bytes().all(|b| {
        let stays = b.is_ascii_alphanumeric()
            || matches!(b, b'-' | b'_' | b'~' | b'!' | b'$' | b'&' | b'(' | b')' | b'*' | b'+' | b',' | b';')
            || matches!(b, b'=' | b':' | b'@' | b'/' | b'?')
            || b == b'.' && !behind_slash;
        behind_slash = b == b'/';
        stays
    })
}

/// A decimal number as it would be written.
fn plain_number(digits: &str, most: u32) -> Option<u32> {
    let canonical = !digits.starts_with('0') || digits == "0";
    let sized = (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if canonical && sized { digits.parse().ok().filter(|n| *n <= most) } else { None }
}

/// Whether a host is a name in lower case that nobody takes for an address or an encoded name, or an IPv4 address.
fn is_plain_host(host: &str) -> bool {
    let mut last = b'.';
    for b in host.bytes() {
        let joins = matches!((last, b), (b'.', b'.') | (b'-', b'-'));
        if joins || !(b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.') {
            return false;
        }
        last = b;
    }
    // A name of this length has no label that is too long.
    if last == b'.' || host.len() > 63 {
        return false;
    }
    let label = host.bytes().rposition(|b| b == b'.').map_or(0, |at| at + 1);
    let is_number = host.as_bytes().get(label).is_some_and(u8::is_ascii_digit);
    !is_number || is_plain_address(host)
}

fn is_plain_address(host: &str) -> bool {
    let labels = host.as_bytes().split(|b| *b == b'.');
    let numbers =
        |label| std::str::from_utf8(label).ok().and_then(|label| plain_number(label, 255)).is_some();
    labels.clone().count() == 4 && labels.clone().all(numbers)
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

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
            let Some(place) = Place::plain(&url) else { continue };
            plain += 1;
            let parsed = Place::of(&Url::parse(&url).unwrap_or_else(|e| panic!("{url}: {e}"))).unwrap();
            let of = |p: &Place| (p.https, p.host.clone(), p.port, p.target.clone(), p.auth.clone());
            assert_eq!(of(&place), of(&parsed), "{url}");
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
            assert!(Place::plain(url).is_some(), "{url}");
        }
    }
}
