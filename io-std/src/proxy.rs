//! Which proxy a request goes through: [`Proxies`], from options or from the environment.
//!
//! What they mean is decided by `h1wire_proto::calling`; here the environment is read.

use std::env;

use h1wire_proto::calling::{self, Route, Url};
pub use h1wire_proto::calling::{Proxy, ProxyError};

/// The proxies of an agent: one for each scheme, and the hosts that are reached without.
#[derive(Clone, Default, Debug)]
pub struct Proxies(calling::Proxies);

impl Proxies {
    /// No proxies.
    pub fn none() -> Self {
        Self::default()
    }

    /// One proxy for everything.
    pub fn all(proxy: Proxy) -> Self {
        Self(calling::Proxies::all(proxy))
    }

    /// What the environment says: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in lower or upper case. See
    /// [`from_variables`](calling::Proxies::from_variables) for the rules.
    ///
    /// A variable that cannot be understood is an error of each request it is for; [`check`](Self::check) tells before.
    pub fn from_env() -> Self {
        Self(calling::Proxies::from_variables(|name| {
            // What is no text is no proxy either, and is said to be none that can be understood.
            env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        }))
    }

    /// Reaches some hosts without a proxy: see [`except`](calling::Proxies::except).
    ///
    /// # Errors
    /// If a member of the list cannot be understood.
    pub fn except(self, list: &str) -> Result<Self, ProxyError> {
        self.0.except(list).map(Self)
    }

    /// Whether everything was understood.
    ///
    /// # Errors
    /// The first variable that was not.
    pub fn check(&self) -> Result<(), ProxyError> {
        self.0.check()
    }

    /// The way to the server of a URL.
    pub(crate) fn route(&self, url: &Url<'_>, tunnel: bool) -> Result<Route<'_>, ProxyError> {
        self.0.route(url, tunnel)
    }
}
