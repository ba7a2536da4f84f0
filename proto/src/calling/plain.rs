//! URLs of the plainest kind, which are most, taken apart without a parser for all the others.
//!
//! Here are only texts that the URL standard would not change in any way, so that there is nothing to decide; whatever
//! else is left to a parser, also to be refused.

use super::url::Url;

impl<'a> Url<'a> {
    /// The parts of a URL that stands for itself. `None`: ask a parser.
    ///
    /// ```
    /// use h1wire_proto::calling::Url;
    /// let url = Url::plain("http://example.org:8080/a?b").unwrap();
    /// assert_eq!((url.host, url.port(), url.target), ("example.org", 8080, "/a?b"));
    /// assert!(Url::plain("http://example.org/a/../b").is_none());
    /// ```
    pub fn plain(url: &'a str) -> Option<Self> {
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
            host,
            port: port.filter(|port| *port != if https { 443 } else { 80 }),
            default_port: None,
            target,
            credentials: None,
        })
    }
}

/// Whether a path and query stand for themselves (RFC 3986 section 3.3). Not with `%`, which has to be decoded to see
/// whether a segment goes up, nor with a segment that begins with a dot and may be one that does.
fn is_plain_target(target: &str) -> bool {
    let mut after_slash = false;
    target.bytes().all(|b| {
        let stays = b.is_ascii_alphanumeric()
            || matches!(b, b'-' | b'_' | b'~' | b'!' | b'$' | b'&' | b'(' | b')' | b'*' | b'+' | b',' | b';')
            || matches!(b, b'=' | b':' | b'@' | b'/' | b'?')
            || b == b'.' && !after_slash;
        after_slash = b == b'/';
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
        |label| core::str::from_utf8(label).ok().and_then(|label| plain_number(label, 255)).is_some();
    labels.clone().count() == 4 && labels.clone().all(numbers)
}
