//! [`Exempt`]: a host, or many, that is reached without a proxy: a member of `NO_PROXY`.

use alloc::string::String;
use core::net::IpAddr;

use super::address::address;
use super::proxy::ProxyError;

/// A host, or many, reached without a proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Exempt {
    All,
    /// A name, and those below it.
    Name(String, Option<u16>),
    /// The addresses whose first so many bits are these.
    Net(IpAddr, u8, Option<u16>),
}

impl Exempt {
    pub(super) fn parse(member: &str) -> Result<Self, ProxyError> {
        let bad = ProxyError::new("a host to reach directly is not a name, an address or a network");
        if member == "*" {
            return Ok(Self::All);
        }
        // An IPv6 address without brackets has no port beside it.
        let ported = if member.contains("]:") || member.matches(':').count() == 1 {
            member.rsplit_once(':')
        } else {
            None
        };
        let (place, port) = match ported {
            Some((place, port)) => (place, Some(port.parse().map_err(|_| bad)?)),
            None => (member, None),
        };
        if let Some((net, bits)) = place.split_once('/') {
            return Self::network(net, bits, port).ok_or(bad);
        }
        if let Some(address) = address(place) {
            return Ok(Self::Net(address, 128, port));
        }
        let name = place.strip_prefix('*').unwrap_or(place).trim_matches('.');
        if name.is_empty() || name.contains(['[', ']', ':', '*', '@']) {
            return Err(bad);
        }
        Ok(Self::Name(name.to_ascii_lowercase(), port))
    }

    fn network(net: &str, bits: &str, port: Option<u16>) -> Option<Self> {
        let mut bits: u8 = bits.parse().ok()?;
        let mapped = net.contains(':');
        let address = address(net)?;
        if mapped && address.is_ipv4() {
            // A network of IPv4 addresses mapped into IPv6 begins with 96 bits that say so.
            bits = bits.checked_sub(96)?;
        }
        (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some(Self::Net(address, bits, port))
    }

    pub(super) fn covers(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        let at = |only: &Option<u16>| only.is_none_or(|only| only == port);
        match self {
            Self::All => true,
            Self::Name(name, only) => is_below(host, name) && at(only),
            Self::Net(net, bits, only) => {
                address.is_some_and(|address| same_bits(*net, address, *bits)) && at(only)
            }
        }
    }
}

/// Whether `host` is `name`, or below it.
fn is_below(host: &str, name: &str) -> bool {
    let Some(at) = host.len().checked_sub(name.len()) else { return false };
    let (Some(above), Some(end)) = (host.get(..at), host.get(at..)) else { return false };
    end.eq_ignore_ascii_case(name) && (above.is_empty() || above.ends_with('.'))
}

fn same_bits(net: IpAddr, address: IpAddr, bits: u8) -> bool {
    let (a, b, width) = match (net, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(u32::from(a)), u128::from(u32::from(b)), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a), u128::from(b), 128),
        _ => return false,
    };
    let ignored = width - u32::from(bits).min(width);
    (a ^ b).checked_shr(ignored).unwrap_or(0) == 0
}
