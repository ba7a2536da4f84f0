//! Hosts that are addresses, whatever way they are written: the one form in which addresses are compared.
//!
//! Nothing is resolved here, and no name is looked at.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address `host` stands for, if it is one, in its canonical form.
///
/// Brackets, the zone of an IPv6 address (RFC 9844) and a dot at the end do not matter. An IPv4 address mapped into IPv6
/// is the IPv4 address: a connection to `::ffff:127.0.0.1` ends at 127.0.0.1 (RFC 4291 section 2.5.5.2). The old forms of
/// an IPv4 address count, because systems and the URL standard take them: `127.1`, `0x7f.0.0.1`, `0177.0.0.1`,
/// `2130706433`.
///
/// ```
/// use h1wire_proto::calling::address;
/// assert_eq!(address("[::ffff:7f00:1]"), address("127.1"));
/// assert_eq!(address("localhost"), None);
/// ```
pub fn address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let bare = without_zone(bare);
    match bare.contains(':') {
        true => bare.parse::<Ipv6Addr>().ok().map(|address| IpAddr::V6(address).to_canonical()),
        false => ipv4(bare.strip_suffix('.').unwrap_or(bare)).map(IpAddr::V4),
    }
}

/// A host as others know it: the zone of an IPv6 address means something on this machine only (RFC 9844).
///
/// ```
/// use h1wire_proto::calling::without_zone;
/// assert_eq!(without_zone("fe80::1%eth0"), "fe80::1");
/// ```
pub fn without_zone(host: &str) -> &str {
    host.split_once('%').map_or(host, |(address, _)| if address.contains(':') { address } else { host })
}

/// Whether `host` names this machine: `localhost` and what is below it (RFC 6761 section 6.3), or an address of the
/// loopback.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let local = |text: &str| text.eq_ignore_ascii_case("localhost");
    local(name)
        || name.rsplit_once('.').is_some_and(|(_, last)| local(last))
        || address(host).is_some_and(|address| address.is_loopback())
}

/// One to four numbers, the last of which fills what is left of 32 bits.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let (mut bits, mut parts) = (0u64, 0u32);
    let mut labels = text.split('.').peekable();
    while let Some(label) = labels.next() {
        parts += 1;
        let value = number(label)?;
        let width = if labels.peek().is_some() { 8 } else { 8 * 5u32.checked_sub(parts)? };
        if width == 0 || value >> width != 0 {
            return None;
        }
        bits = bits << width | value;
    }
    u32::try_from(bits).ok().map(Ipv4Addr::from)
}

/// A number below 2^32 as `inet_aton` reads it: in hexadecimal after `0x`, in octal after `0`, else in decimal.
fn number(label: &str) -> Option<u64> {
    let (digits, radix) = match label.as_bytes() {
        [b'0', b'x' | b'X', ..] => (label.get(2..)?, 16),
        [b'0', _, ..] => (label.get(1..)?, 8),
        _ => (label, 10),
    };
    // `0x` alone is zero in the URL standard, but nothing that a person would write: a name, then.
    if digits.is_empty() {
        return None;
    }
    digits.chars().try_fold(0u64, |n, digit| {
        let n = n * radix + u64::from(digit.to_digit(radix as u32)?);
        (n >> 32 == 0).then_some(n)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str) -> Option<IpAddr> {
        Some(IpAddr::V4(text.parse().unwrap()))
    }

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "127.0.1",
            "0x7f.1",
            "0177.0.0.01",
            "2130706433",
            "0x7F000001",
            "::ffff:127.0.0.1",
            "[::ffff:7f00:1]",
            "::ffff:127.0.0.1%lo",
        ] {
            assert_eq!(address(host), v4("127.0.0.1"), "{host}");
        }
        assert_eq!(address("1.2.772"), v4("1.2.3.4"));
        assert_eq!(address("[fe80::1%eth0]"), address("fe80:0::0:1"));
    }

    #[test]
    fn a_name_is_no_address() {
        for host in [
            "",
            ".",
            "a",
            "1.2.3.4.5",
            "256.1.1.1",
            "1.2.3.256",
            "1..2",
            "0x",
            "08",
            "1.2.3.4a",
            "4294967296",
            "-1",
            "+1",
            "1.16777216",
            ":",
            "::1::",
            "[]",
            "1.2.3.4..",
        ] {
            assert_eq!(address(host), None, "{host}");
        }
    }

    #[test]
    fn the_local_machine_has_names_and_addresses() {
        for host in
            ["localhost", "LOCALHOST.", "app.localhost", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example", "notlocalhost", "128.0.0.1", "::2", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
