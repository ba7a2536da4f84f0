//! The usual key of a pool: everything that decides whether two requests may share a connection.
//!
//! Only names. Nothing here resolves, connects or parses.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;
use core::net::IpAddr;

use crate::calling::Credentials;

/// Where a connection leads, and how it is made. Equal origins share connections.
///
/// Two kinds of methods: *making* ([`tcp`](Self::tcp) or [`unix`](Self::unix), then any of
/// [`with_local_address`](Self::with_local_address), [`with_family`](Self::with_family), [`with_tls`](Self::with_tls), [`with_tag`](Self::with_tag), [`with_credentials`](Self::with_credentials)), and
/// *asking*, at any time (the rest). A clone copies its text: keep it in an `Arc` where that matters.
///
/// ```
/// use h1wire_proto::pool::Origin;
/// let origin = Origin::tcp("Example.org", 80).with_local_address("192.0.2.1".parse().unwrap());
/// assert_eq!(origin.name(), "example.org:80:192.0.2.1");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Origin {
    place: Place,
    tls: Option<Tls>,
    tag: Option<Box<str>>,
    credentials: Option<Box<Credentials>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Place {
    Tcp { host: Box<str>, port: u16, local_address: Option<IpAddr>, family: Option<Family> },
    Unix { path: Box<[u8]> },
}

/// An address family that a name has to resolve to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

/// What else must be equal when connections run over TLS.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tls {
    /// The server name that is asked for and verified, if it is not the host.
    pub server_name: Option<String>,
    /// A name for all the rest: trusted roots, own certificate, versions, suites. Requests whose settings differ
    /// must differ here; the connector that knows the settings gives the name. Empty for the default settings.
    pub settings: String,
}

impl Origin {
    /// A host, by name or address without brackets, and a port. An empty host is `localhost`. Host names are
    /// compared without case (RFC 9110 section 4.2.3).
    pub fn tcp(host: &str, port: u16) -> Self {
        let host = if host.is_empty() { "localhost" } else { host };
        let host = host.to_ascii_lowercase().into_boxed_str();
        Self {
            place: Place::Tcp { host, port, local_address: None, family: None },
            tls: None,
            tag: None,
            credentials: None,
        }
    }

    /// A unix socket, by its path as the system takes it.
    pub fn unix(path: &[u8]) -> Self {
        Self { place: Place::Unix { path: path.into() }, tls: None, tag: None, credentials: None }
    }

    /// Connects from this local address. Without effect on a unix socket.
    #[must_use]
    pub fn with_local_address(mut self, address: IpAddr) -> Self {
        if let Place::Tcp { local_address, .. } = &mut self.place {
            *local_address = Some(address);
        }
        self
    }

    /// Resolves to addresses of this family only. Without effect on a unix socket.
    #[must_use]
    pub fn with_family(mut self, only: Family) -> Self {
        if let Place::Tcp { family, .. } = &mut self.place {
            *family = Some(only);
        }
        self
    }

    /// Speaks TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Anything else that decides whether a connection may be shared, such as the proxy it is tunnelled through.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Who the connection was made as, such as at the proxy it is tunnelled through. Compared, and never shown.
    #[must_use]
    pub fn with_credentials(mut self, credentials: &Credentials) -> Self {
        self.credentials = Some(Box::new(credentials.clone()));
        self
    }

    /// The host; `None` for a unix socket.
    pub fn host(&self) -> Option<&str> {
        match &self.place {
            Place::Tcp { host, .. } => Some(host),
            Place::Unix { .. } => None,
        }
    }

    /// The port; `None` for a unix socket.
    pub fn port(&self) -> Option<u16> {
        match &self.place {
            Place::Tcp { port, .. } => Some(*port),
            Place::Unix { .. } => None,
        }
    }

    /// The local address to connect from, if one was chosen.
    pub fn local_address(&self) -> Option<IpAddr> {
        match &self.place {
            Place::Tcp { local_address, .. } => *local_address,
            Place::Unix { .. } => None,
        }
    }

    /// The only address family to use, if one was chosen.
    pub fn family(&self) -> Option<Family> {
        match &self.place {
            Place::Tcp { family, .. } => *family,
            Place::Unix { .. } => None,
        }
    }

    /// The path of the unix socket, if it is one.
    pub fn unix_path(&self) -> Option<&[u8]> {
        match &self.place {
            Place::Tcp { .. } => None,
            Place::Unix { path } => Some(path),
        }
    }

    /// The TLS part, if TLS is spoken.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Node's `getName`: `host:port:local_address`, then `:family` (4 or 6) if one was chosen;
    /// `localhost:::path` for a unix socket. With TLS, `:tls:server_name:settings` follows, then `:tag` if there
    /// is one. Text for people and tables: equality is that of the origins.
    pub fn name(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp { host, port, local_address, family } => {
                write!(f, "{host}:{port}:")?;
                if let Some(address) = local_address {
                    write!(f, "{address}")?;
                }
                match family {
                    Some(Family::V4) => f.write_str(":4")?,
                    Some(Family::V6) => f.write_str(":6")?,
                    None => {}
                }
            }
            Place::Unix { path } => match core::str::from_utf8(path) {
                Ok(text) => write!(f, "localhost:::{text}")?,
                Err(_) => write!(f, "localhost:::{}", path.escape_ascii())?,
            },
        }
        if let Some(Tls { server_name, settings }) = &self.tls {
            write!(f, ":tls:{}:{settings}", server_name.as_deref().unwrap_or(""))?;
        }
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> IpAddr {
        "192.168.1.1".parse().unwrap()
    }

    #[test]
    fn a_name_is_host_port_and_local_address_as_in_the_reference() {
        assert_eq!(Origin::tcp("0.0.0.0", 80).with_local_address(local()).name(), "0.0.0.0:80:192.168.1.1");
        assert_eq!(Origin::tcp("", 80).with_local_address(local()).name(), "localhost:80:192.168.1.1");
        assert_eq!(Origin::tcp("localhost", 8080).name(), "localhost:8080:");
    }

    #[test]
    fn a_family_is_part_of_the_name_only_if_it_was_chosen() {
        let origin = Origin::tcp("localhost", 80);
        assert_eq!(origin.clone().with_family(Family::V4).name(), "localhost:80::4");
        assert_eq!(
            origin.clone().with_family(Family::V6).with_local_address(local()).name(),
            "localhost:80:192.168.1.1:6"
        );
        assert_ne!(origin.clone().with_family(Family::V4), origin);
    }

    #[test]
    fn a_unix_socket_is_named_by_its_path() {
        assert_eq!(Origin::unix(b"/tmp/foo").name(), "localhost:::/tmp/foo");
        assert_eq!(Origin::unix(b"/tmp/\xff").name(), "localhost:::/tmp/\\xff");
        assert_eq!(
            Origin::unix(b"/a").with_local_address(local()).with_family(Family::V6),
            Origin::unix(b"/a")
        );
    }

    #[test]
    fn tls_and_its_settings_keep_connections_apart() {
        let plain = Origin::tcp("h", 443);
        let tls = |server_name: Option<&str>, settings: &str| {
            let tls = Tls { server_name: server_name.map(String::from), settings: settings.into() };
            plain.clone().with_tls(tls)
        };
        let all = [
            plain.clone(),
            tls(None, ""),
            tls(Some("other"), ""),
            tls(None, "own roots"),
            plain.clone().with_tag("p"),
        ];
        for (at, origin) in all.iter().enumerate() {
            for other in &all[at + 1..] {
                assert_ne!(origin, other);
                assert_ne!(origin.name(), other.name());
            }
        }
        assert_eq!(tls(Some("other"), "own roots").name(), "h:443::tls:other:own roots");
    }

    #[test]
    fn the_case_of_a_host_does_not_matter() {
        assert_eq!(Origin::tcp("EXAMPLE.org", 80), Origin::tcp("example.ORG", 80));
    }

    #[test]
    fn what_was_put_in_can_be_asked_for() {
        let tcp = Origin::tcp("h", 1).with_local_address(local()).with_family(Family::V4);
        assert_eq!((tcp.host(), tcp.port(), tcp.unix_path()), (Some("h"), Some(1), None));
        assert_eq!((tcp.local_address(), tcp.family()), (Some(local()), Some(Family::V4)));
        let unix = Origin::unix(b"/s").with_tls(Tls { server_name: None, settings: String::new() });
        assert_eq!((unix.host(), unix.port(), unix.unix_path()), (None, None, Some(&b"/s"[..])));
        assert!(unix.tls().is_some() && tcp.tls().is_none());
        assert_eq!((unix.local_address(), unix.family()), (None, None));
    }
}
