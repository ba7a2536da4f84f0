//! The PROXY protocol, versions 1 and 2: what a proxy says of a connection before the first byte of it, so that the server
//! after it knows the client's address.
//!
//! It is no part of HTTP. Who may say such a thing is decided by where one listens; what follows from it by who asks.

use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::digits;

/// What a proxy says of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ProxyHeader {
    /// It carries a client's connection from `source` to `destination`.
    Client {
        /// The client.
        source: SocketAddr,
        /// What it connected to.
        destination: SocketAddr,
    },
    /// The connection is the proxy's own, to look whether the server is well, or it does not tell whose it is.
    Own,
}

/// The bytes are no such header. There is nobody to answer: close the connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BadProxyHeader;

impl fmt::Display for BadProxyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection does not begin with a PROXY header")
    }
}
impl core::error::Error for BadProxyHeader {}

/// How version 2 begins: no text, and no beginning of another protocol.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, with its end.
const LONGEST_LINE: usize = 107;
/// The most that may follow the first 16 bytes of version 2. Addresses take 36, the rest are extensions.
const MOST: usize = 2048;

impl ProxyHeader {
    /// The most bytes that [`parse`](Self::parse) may want to see.
    pub const MAX_LEN: usize = 16 + MOST;

    /// Reads a header of either version from the front of `input`: what it says, and how long it is. `None` if more must
    /// come, of at most [`MAX_LEN`](Self::MAX_LEN) bytes in all. Extensions of version 2 are skipped, and addresses that
    /// are not of the internet are told as [`Own`](Self::Own).
    ///
    /// # Errors
    /// If `input` begins with anything else.
    ///
    /// ```
    /// use h1wire_proto::ProxyHeader;
    /// let input = b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\nGET / HTTP/1.1\r\n";
    /// let Ok(Some((ProxyHeader::Client { source, .. }, 40))) = ProxyHeader::parse(input) else { panic!() };
    /// assert_eq!(source.to_string(), "192.0.2.7:1234");
    /// ```
    pub fn parse(input: &[u8]) -> Result<Option<(Self, usize)>, BadProxyHeader> {
        if input.is_empty() {
            return Ok(None);
        }
        let common = |with: &[u8]| input.iter().zip(with).all(|(a, b)| a == b);
        if common(SIGNATURE) {
            return Self::version_2(input);
        }
        if common(b"PROXY ") {
            return Self::version_1(input);
        }
        Err(BadProxyHeader)
    }

    fn version_1(input: &[u8]) -> Result<Option<(Self, usize)>, BadProxyHeader> {
        let seen = input.get(..LONGEST_LINE).unwrap_or(input);
        let Some(end) = memchr::memmem::find(seen, b"\r\n") else {
            return if seen.len() < LONGEST_LINE { Ok(None) } else { Err(BadProxyHeader) };
        };
        let line = seen.get(..end).ok_or(BadProxyHeader)?;
        let mut words = line.split(|b| *b == b' ').skip(1);
        let mut word = || words.next().ok_or(BadProxyHeader);
        let family = word()?;
        if family == b"UNKNOWN" {
            return Ok(Some((Self::Own, end + 2)));
        }
        let mut address = || {
            let text = core::str::from_utf8(word()?).map_err(|_| BadProxyHeader)?;
            match family {
                b"TCP4" => text.parse().map(IpAddr::V4).map_err(|_| BadProxyHeader),
                b"TCP6" => text.parse().map(IpAddr::V6).map_err(|_| BadProxyHeader),
                _ => Err(BadProxyHeader),
            }
        };
        let (from, to) = (address()?, address()?);
        let mut port = || {
            let digits = word()?;
            let number = digits::number(digits).and_then(|n| u16::try_from(n).ok()).ok_or(BadProxyHeader)?;
            // No number begins with 0 there.
            if digits.len() > 1 && digits.first() == Some(&b'0') { Err(BadProxyHeader) } else { Ok(number) }
        };
        let (source, destination) = (SocketAddr::new(from, port()?), SocketAddr::new(to, port()?));
        if words.next().is_some() {
            return Err(BadProxyHeader);
        }
        Ok(Some((Self::Client { source, destination }, end + 2)))
    }

    fn version_2(input: &[u8]) -> Result<Option<(Self, usize)>, BadProxyHeader> {
        let Some(&[command, family, high, low]) = input.get(12..16) else {
            // What is wrong with the byte after the signature shows early.
            return if matches!(input.get(12), None | Some(0x20 | 0x21)) {
                Ok(None)
            } else {
                Err(BadProxyHeader)
            };
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !matches!(command, 0x20 | 0x21) || length > MOST {
            return Err(BadProxyHeader);
        }
        let Some(rest) = input.get(16..16 + length) else { return Ok(None) };
        let used = 16 + length;
        if command == 0x20 {
            return Ok(Some((Self::Own, used)));
        }
        let port = |at: usize| match rest.get(at..at + 2) {
            Some(&[high, low]) => Ok(u16::from_be_bytes([high, low])),
            _ => Err(BadProxyHeader),
        };
        let said = match family {
            0x11 => {
                let ip = |at: usize| -> Result<IpAddr, BadProxyHeader> {
                    let bytes: [u8; 4] = bytes(rest, at)?;
                    Ok(Ipv4Addr::from(bytes).into())
                };
                Self::Client {
                    source: SocketAddr::new(ip(0)?, port(8)?),
                    destination: SocketAddr::new(ip(4)?, port(10)?),
                }
            }
            0x21 => {
                let ip = |at: usize| -> Result<IpAddr, BadProxyHeader> {
                    let bytes: [u8; 16] = bytes(rest, at)?;
                    Ok(Ipv6Addr::from(bytes).into())
                };
                Self::Client {
                    source: SocketAddr::new(ip(0)?, port(32)?),
                    destination: SocketAddr::new(ip(16)?, port(34)?),
                }
            }
            // Datagrams and unix sockets: no address that means something here.
            0x00 | 0x12 | 0x22 | 0x31 | 0x32 => Self::Own,
            _ => return Err(BadProxyHeader),
        };
        Ok(Some((said, used)))
    }

    /// Writes it as version 1, a line of text.
    pub fn write_v1(&self, out: &mut Vec<u8>) {
        let mut text = Text(out);
        // Nothing that is written to memory fails.
        let _ = match self.addresses() {
            Some((IpAddr::V4(from), IpAddr::V4(to), ports)) => {
                write!(text, "PROXY TCP4 {from} {to} {} {}\r\n", ports.0, ports.1)
            }
            Some((from, to, ports)) => {
                write!(text, "PROXY TCP6 {} {} {} {}\r\n", v6(from), v6(to), ports.0, ports.1)
            }
            None => text.write_str("PROXY UNKNOWN\r\n"),
        };
    }

    /// Writes it as version 2, in binary.
    pub fn write_v2(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(SIGNATURE);
        let ports = match self.addresses() {
            None => return out.extend_from_slice(&[0x20, 0x00, 0, 0]),
            Some((IpAddr::V4(from), IpAddr::V4(to), ports)) => {
                out.extend_from_slice(&[0x21, 0x11, 0, 12]);
                out.extend_from_slice(&from.octets());
                out.extend_from_slice(&to.octets());
                ports
            }
            Some((from, to, ports)) => {
                out.extend_from_slice(&[0x21, 0x21, 0, 36]);
                out.extend_from_slice(&v6(from).octets());
                out.extend_from_slice(&v6(to).octets());
                ports
            }
        };
        out.extend_from_slice(&ports.0.to_be_bytes());
        out.extend_from_slice(&ports.1.to_be_bytes());
    }

    /// The addresses, those of version 4 as such, and the ports.
    fn addresses(&self) -> Option<(IpAddr, IpAddr, (u16, u16))> {
        let Self::Client { source, destination } = self else { return None };
        let ports = (source.port(), destination.port());
        Some((source.ip().to_canonical(), destination.ip().to_canonical(), ports))
    }
}

/// An address as one of version 6, for where the other is.
fn v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

fn bytes<const N: usize>(from: &[u8], at: usize) -> Result<[u8; N], BadProxyHeader> {
    from.get(at..at + N).and_then(|bytes| bytes.try_into().ok()).ok_or(BadProxyHeader)
}

struct Text<'a>(&'a mut Vec<u8>);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(source: &str, destination: &str) -> ProxyHeader {
        ProxyHeader::Client { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
    }

    #[test]
    fn what_is_written_is_read_whole_and_byte_by_byte_and_not_a_byte_more() {
        for header in [
            client("192.0.2.7:1234", "192.0.2.8:80"),
            client("[2001:db8::1]:65535", "[2001:db8::2]:1"),
            ProxyHeader::Own,
        ] {
            for write in [ProxyHeader::write_v1, ProxyHeader::write_v2] {
                let mut out = Vec::new();
                write(&header, &mut out);
                let length = out.len();
                out.extend_from_slice(b"GET / HTTP/1.1\r\n");
                for cut in 0..length {
                    assert_eq!(ProxyHeader::parse(&out[..cut]), Ok(None), "{header:?} at {cut}");
                }
                assert_eq!(ProxyHeader::parse(&out), Ok(Some((header, length))));
            }
        }
    }

    #[test]
    fn addresses_of_both_versions_are_written_as_of_version_6() {
        let mut out = Vec::new();
        client("192.0.2.7:1", "[2001:db8::2]:2").write_v1(&mut out);
        assert_eq!(out, b"PROXY TCP6 ::ffff:192.0.2.7 2001:db8::2 1 2\r\n");
        let mut out = Vec::new();
        client("[::ffff:192.0.2.7]:1", "192.0.2.8:2").write_v1(&mut out);
        assert_eq!(out, b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n");
    }

    #[test]
    fn what_is_no_header_is_refused_at_its_first_wrong_byte() {
        for bad in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PROXX",
            b"PROXY TCP4 192.0.2.7 192.0.2.8 1234\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 80 1\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.8 01 80\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.8 +1 80\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.8 65536 80\r\n",
            b"PROXY TCP4 ::1 ::1 1 80\r\n",
            b"PROXY TCP6 192.0.2.7 192.0.2.8 1 80\r\n",
            b"PROXY UDP4 192.0.2.7 192.0.2.8 1 80\r\n",
            b"PROXY  TCP4 192.0.2.7 192.0.2.8 1 80\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.8 1 80\r",
            b"\r\n\r\n\0\r\nQUIT\n\x31",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\x01\x02\x03\x04",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x99\0\0",
            b"\r\n\r\n\0\r\nQUIX",
        ] {
            let bad =
                if bad.ends_with(b"80\r") { [bad, &[b'x'; LONGEST_LINE]].concat() } else { bad.to_vec() };
            assert_eq!(ProxyHeader::parse(&bad), Err(BadProxyHeader), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn extensions_are_skipped_and_other_families_tell_nothing() {
        let mut out = Vec::new();
        client("192.0.2.7:1234", "192.0.2.8:80").write_v2(&mut out);
        out[15] += 7;
        out.extend_from_slice(b"\x04\0\x04noop");
        let header = client("192.0.2.7:1234", "192.0.2.8:80");
        assert_eq!(ProxyHeader::parse(&out), Ok(Some((header, out.len()))));
        let unix = [&SIGNATURE[..], &[0x21, 0x31, 0, 216], &[0; 216]].concat();
        assert_eq!(ProxyHeader::parse(&unix), Ok(Some((ProxyHeader::Own, unix.len()))));
        let line = b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n";
        assert_eq!(ProxyHeader::parse(line), Ok(Some((ProxyHeader::Own, line.len()))));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic_and_within_the_bound() {
        let mut state = 7u64;
        for _ in 0..20_000 {
            let mut input = Vec::new();
            let mut next = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 33) as u8
            };
            if next() & 1 == 0 {
                client("192.0.2.7:1234", "[::1]:80").write_v1(&mut input);
            } else {
                client("[::1]:7", "192.0.2.8:80").write_v2(&mut input);
            }
            for _ in 0..next() & 3 {
                let at = usize::from(next()) % input.len();
                input[at] = next();
            }
            if let Ok(Some((_, used))) = ProxyHeader::parse(&input) {
                assert!(used <= input.len() && used <= ProxyHeader::MAX_LEN);
            }
        }
    }
}
