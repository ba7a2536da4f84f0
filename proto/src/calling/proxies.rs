//! [`Proxies`]: which way a request goes: through which proxy, or to its server. Nothing here reads the environment: it
//! asks a function that does.

use alloc::string::String;
use alloc::vec::Vec;

use super::address::{address, is_loopback};
use super::exempt::Exempt;
use super::proxy::{Proxy, ProxyError};
use super::url::Url;

/// The way to the server of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route<'a> {
    /// To the host of its URL.
    Direct,
    /// To a unix socket, by its path.
    Unix(&'a [u8]),
    /// To a proxy that forwards it.
    Forward(&'a Proxy),
    /// Through a tunnel that a proxy is asked for by `CONNECT`.
    Tunnel(&'a Proxy),
    /// Through a SOCKS5 proxy.
    Socks(&'a Proxy),
}

/// The proxies of an agent: one for each scheme, and the hosts that are reached without.
#[derive(Clone, Default, Debug)]
pub struct Proxies {
    http: Choice,
    https: Choice,
    exempt: Vec<Exempt>,
    /// What was wrong with the list of those.
    fault: Option<ProxyError>,
    spare_loopback: bool,
}

#[derive(Clone, Default, Debug)]
enum Choice {
    #[default]
    None,
    Some(Proxy),
    Bad(ProxyError),
}

impl Proxies {
    /// No proxies.
    pub fn none() -> Self {
        Self::default()
    }

    /// One proxy for everything.
    pub fn all(proxy: Proxy) -> Self {
        Self { http: Choice::Some(proxy.clone()), https: Choice::Some(proxy), ..Self::default() }
    }

    /// What the environment says: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in lower or upper case, as
    /// `variable` answers them.
    ///
    /// `HTTP_PROXY` in upper case is not looked at where `REQUEST_METHOD` is set, because in a CGI program a request
    /// can set it. The local host is always reached directly. A variable that cannot be understood is an error of each
    /// request it is for: see [`check`](Self::check) and [`route`](Self::route).
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let either = |lower: &'static str, upper: &'static str| {
            let forged = lower == "http_proxy" && variable("REQUEST_METHOD").is_some();
            let of = |name: &'static str| Some((name, set(name)?));
            of(lower).or_else(|| if forged { None } else { of(upper) })
        };
        let choice = |lower, upper| {
            let found = either(lower, upper).or_else(|| either("all_proxy", "ALL_PROXY"));
            found.map_or(Choice::None, |(name, value)| match Proxy::parse(value.trim()) {
                Ok(proxy) => Choice::Some(proxy),
                Err(error) => Choice::Bad(ProxyError { variable: Some(name), ..error }),
            })
        };
        let mut proxies = Self {
            http: choice("http_proxy", "HTTP_PROXY"),
            https: choice("https_proxy", "HTTPS_PROXY"),
            spare_loopback: true,
            ..Self::default()
        };
        if let Some((name, list)) = either("no_proxy", "NO_PROXY") {
            proxies.fault =
                proxies.add(&list).err().map(|error| ProxyError { variable: Some(name), ..error });
        }
        proxies
    }

    /// Reaches some hosts without a proxy: names (with all below them), addresses, or networks such as `10.0.0.0/8`,
    /// each perhaps with `:port`, separated by commas or spaces; or `*` for all. Addresses are compared in their
    /// [canonical form](address).
    ///
    /// # Errors
    /// If a member of the list is none of these.
    pub fn except(mut self, list: &str) -> Result<Self, ProxyError> {
        self.add(list)?;
        Ok(self)
    }

    fn add(&mut self, list: &str) -> Result<(), ProxyError> {
        for member in list.split([',', ' ', '\t']).filter(|member| !member.is_empty()) {
            self.exempt.push(Exempt::parse(member)?);
        }
        Ok(())
    }

    /// Whether everything was understood, for programs that want to know it before the first request.
    ///
    /// # Errors
    /// The first variable that was not.
    pub fn check(&self) -> Result<(), ProxyError> {
        for choice in [&self.http, &self.https] {
            if let Choice::Bad(error) = choice {
                return Err(*error);
            }
        }
        self.fault.map_or(Ok(()), Err)
    }

    /// The way to the server of a URL. With `tunnel`, a proxy that could forward is asked for a tunnel all the same.
    ///
    /// # Errors
    /// If a proxy is set for this URL, or a list of hosts without one, that cannot be understood.
    pub fn route(&self, url: &Url<'_>, tunnel: bool) -> Result<Route<'_>, ProxyError> {
        let choice = if url.https { &self.https } else { &self.http };
        if matches!(choice, Choice::None) || self.exempts(url) {
            return Ok(Route::Direct);
        }
        match choice {
            Choice::None => Ok(Route::Direct),
            Choice::Bad(error) => Err(*error),
            Choice::Some(_) if self.fault.is_some() => self.fault.map_or(Ok(Route::Direct), Err),
            Choice::Some(proxy) if proxy.scheme().is_socks() => Ok(Route::Socks(proxy)),
            Choice::Some(proxy) if url.https || tunnel => Ok(Route::Tunnel(proxy)),
            Choice::Some(proxy) => Ok(Route::Forward(proxy)),
        }
    }

    fn exempts(&self, url: &Url<'_>) -> bool {
        let address = address(url.host);
        // The dot of the root changes no name, in either place.
        let name = url.host.strip_suffix('.').unwrap_or(url.host);
        self.spare_loopback && is_loopback(url.host)
            || self.exempt.iter().any(|exempt| exempt.covers(name, address, url.port()))
    }
}
