//! Which proxy a request goes through: from options or from the environment.
//!
//! What is different on the wire then is decided where requests are encoded; making tunnels is in `tunnel`.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use url::Url;

use crate::client::{decode, without_zone};
use crate::error::ErrorKind;

/// An HTTP proxy.
///
/// `http://` requests are sent to it in absolute form (RFC 9112 section 3.2.2), `https://` ones through a tunnel
/// (RFC 9110 section 9.3.6).
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) auth: Option<String>,
}

impl Proxy {
    /// A proxy from a URL such as `http://user:password@proxy.example:3128`; the scheme may be left out.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if it is no URL, or has another scheme.
    pub fn new(url: &str) -> Result<Self, ErrorKind> {
        let bad = |what: &dyn fmt::Display| ErrorKind::invalid(format!("bad proxy URL: {what}"));
        let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let url = Url::parse(&full).map_err(|e| bad(&e))?;
        if url.scheme() != "http" {
            return Err(bad(&"only http proxies are supported"));
        }
        let host = url.host_str().ok_or_else(|| bad(&"no host"))?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let auth = !url.username().is_empty() || url.password().is_some();
        Ok(Self {
            host: bare.unwrap_or(host).to_owned(),
            port: url.port_or_known_default().unwrap_or(80),
            auth: auth.then(|| {
                format!("{}:{}", decode(url.username()), decode(url.password().unwrap_or_default()))
            }),
        })
    }
}

impl Proxy {
    /// A name that differs where tunnels must not be shared, without the password in it.
    pub(crate) fn tag(&self) -> String {
        let Some(auth) = &self.auth else { return format!("via {}:{}", self.host, self.port) };
        let mut hasher = DefaultHasher::new();
        auth.hash(&mut hasher);
        format!("via {}:{} as {:x}", self.host, self.port, hasher.finish())
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// The proxies of an agent: one for each scheme, and the hosts that are reached without.
#[derive(Clone, Default, Debug)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    exempt: Vec<Exempt>,
    spare_loopback: bool,
}

/// A member of `NO_PROXY`.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Exempt {
    All,
    /// A name, and those below it.
    Name(String, Option<u16>),
    /// The addresses whose first so many bits are these.
    Net(IpAddr, u8, Option<u16>),
}

impl Proxies {
    /// No proxies.
    pub fn none() -> Self {
        Self::default()
    }

    /// One proxy for everything.
    pub fn all(proxy: Proxy) -> Self {
        Self { http: Some(proxy.clone()), https: Some(proxy), ..Self::default() }
    }

    /// What the environment says: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in lower or upper case.
    ///
    /// `HTTP_PROXY` in upper case is not looked at where `REQUEST_METHOD` is set, because in a CGI program a request
    /// can set it. The local host is always reached directly. A proxy that cannot be understood is none.
    pub fn from_env() -> Self {
        Self::from_vars(|name| std::env::var(name).ok())
    }

    fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        let either = |name: &str| {
            let upper = name.to_ascii_uppercase();
            let forged = name == "http_proxy" && var("REQUEST_METHOD").is_some();
            var(name).or_else(|| if forged { None } else { var(&upper) }).filter(|value| !value.is_empty())
        };
        let proxy = |name: &str| Proxy::new(&either(name).or_else(|| either("all_proxy"))?).ok();
        let proxies = Self {
            http: proxy("http_proxy"),
            https: proxy("https_proxy"),
            exempt: Vec::new(),
            spare_loopback: true,
        };
        proxies.except(&either("no_proxy").unwrap_or_default())
    }

    /// Reaches some hosts without a proxy: names (with all below them), addresses, or networks such as `10.0.0.0/8`,
    /// each perhaps with `:port`, separated by commas; or `*` for all.
    #[must_use]
    pub fn except(mut self, list: &str) -> Self {
        let members = list.split([',', ' ']).map(str::trim).filter(|member| !member.is_empty());
        self.exempt.extend(members.map(Exempt::parse));
        self
    }

    /// The proxy on the way to a host.
    pub(crate) fn proxy(&self, https: bool, host: &str, port: u16) -> Option<&Proxy> {
        let proxy = if https { &self.https } else { &self.http }.as_ref()?;
        // The dot of the root changes no name, in either place.
        let host = without_zone(host);
        let host = host.strip_suffix('.').unwrap_or(host);
        let address = host.parse::<IpAddr>().ok();
        let local = host.eq_ignore_ascii_case("localhost") || address.is_some_and(|a| a.is_loopback());
        let exempt =
            local && self.spare_loopback || self.exempt.iter().any(|e| e.covers(host, address, port));
        (!exempt).then_some(proxy)
    }
}

impl Exempt {
    fn parse(member: &str) -> Self {
        if member == "*" {
            return Self::All;
        }
        if let Ok(address) = member.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Self::Net(address, 128, None);
        }
        let (name, port) = match member.rsplit_once(':') {
            Some((name, port)) => match port.parse() {
                Ok(port) => (name, Some(port)),
                Err(_) => (member, None),
            },
            None => (member, None),
        };
        let (address, bits) = match name.split_once('/') {
            Some((address, bits)) => (address, bits.parse().unwrap_or(128)),
            None => (name, 128),
        };
        if let Ok(address) = address.trim_matches(['[', ']']).parse() {
            return Self::Net(address, bits, port);
        }
        let name = name.strip_prefix('*').unwrap_or(name).trim_matches('.');
        Self::Name(name.to_ascii_lowercase(), port)
    }

    fn covers(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::Name(name, only) => {
                let host = host.to_ascii_lowercase();
                let below =
                    host.strip_suffix(&**name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                below && only.is_none_or(|only| only == port)
            }
            Self::Net(net, bits, only) => {
                address.is_some_and(|address| same_bits(*net, address, *bits))
                    && only.is_none_or(|only| only == port)
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(set: &'static [(&str, &str)]) -> Proxies {
        Proxies::from_vars(|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    fn host_of(proxies: &Proxies, https: bool, host: &str) -> Option<String> {
        proxies.proxy(https, host, if https { 443 } else { 80 }).map(|p| format!("{}:{}", p.host, p.port))
    }

    #[test]
    fn each_scheme_has_its_variable_and_lower_case_wins() {
        let proxies = vars(&[("HTTP_PROXY", "a:1"), ("http_proxy", "http://b:2"), ("HTTPS_PROXY", "c")]);
        assert_eq!(host_of(&proxies, false, "x.org").as_deref(), Some("b:2"));
        assert_eq!(host_of(&proxies, true, "x.org").as_deref(), Some("c:80"));
        let proxies = vars(&[("all_proxy", "a:1"), ("https_proxy", "")]);
        assert_eq!(host_of(&proxies, true, "x.org").as_deref(), Some("a:1"));
    }

    #[test]
    fn a_cgi_program_is_not_told_its_proxy_by_a_request() {
        let proxies = vars(&[("HTTP_PROXY", "evil:1"), ("REQUEST_METHOD", "GET")]);
        assert_eq!(host_of(&proxies, false, "x.org"), None);
    }

    #[test]
    fn the_local_host_needs_no_proxy_from_the_environment() {
        let proxies = vars(&[("http_proxy", "a:1")]);
        for host in ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.9.9.9", "::1", "::1%lo"] {
            assert_eq!(host_of(&proxies, false, host), None, "{host}");
        }
        let own = Proxies::all(Proxy::new("a:1").unwrap());
        assert_eq!(host_of(&own, false, "localhost").as_deref(), Some("a:1"));
    }

    #[test]
    fn exempt_hosts_are_names_with_all_below_them_addresses_networks_and_ports() {
        let proxies = Proxies::all(Proxy::new("a:1").unwrap()).except(
            "x.org, .y.org.,*.z.org 10.0.0.0/8,192.0.2.7,[2001:db8::]/32,fe80::/10,w.org:80,1.2.3.4:81",
        );
        for host in [
            "x.org",
            "a.x.org",
            "y.org",
            "a.Y.org",
            "z.org",
            "10.9.8.7",
            "192.0.2.7",
            "2001:db8::9",
            "w.org",
            "a.x.org.",
            "fe80::1%eth0",
        ] {
            assert_eq!(host_of(&proxies, false, host), None, "{host}");
        }
        for host in ["ax.org", "x.org.uk", "11.0.0.1", "192.0.2.8", "2001:db9::1", "1.2.3.4"] {
            assert!(host_of(&proxies, false, host).is_some(), "{host}");
        }
        assert!(host_of(&proxies, true, "w.org").is_some(), "another port");
        assert_eq!(host_of(&Proxies::all(Proxy::new("a").unwrap()).except("*"), true, "x.org"), None);
    }

    #[test]
    fn a_proxy_may_have_a_user_and_only_speaks_http() {
        let proxy = Proxy::new("http://u:p%40@[::1]:3128/").unwrap();
        assert_eq!((&*proxy.host, proxy.port, proxy.auth.as_deref()), ("::1", 3128, Some("u:p@")));
        assert!(Proxy::new("socks5://h:1").is_err());
        assert!(!format!("{proxy:?}").contains("p@"), "a password is not for logs");
    }
}
