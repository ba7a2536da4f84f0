//! [`Plan`]: how a connection is made for a request: where its socket leads, and what is agreed on over it.
//!
//! It follows from the route that `h1wire_proto::calling` chose. Doing it is in `making` and `wiring`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::calling::{Credentials, Dial, ProxyScheme, Route, Url};

use super::error::ErrorKind;
use super::options::{CreateConnection, Lookup, Options};
use super::spec::Spec;

/// How a connection is made.
pub(crate) struct Plan {
    pub(crate) end: End,
    /// In the order in which they are done.
    pub(crate) hops: Vec<Hop>,
    pub(crate) dial: Dial,
    pub(crate) lookup: Option<Arc<Lookup>>,
    pub(crate) hook: Option<Arc<CreateConnection>>,
    pub(crate) limit: Option<Duration>,
    pub(crate) no_delay: bool,
    pub(crate) keep_alive: Option<Duration>,
}

/// Where the socket leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Host(String, u16),
    Unix(PathBuf),
}

/// What is agreed on over a connection before it can be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Hop {
    /// TLS with whoever is there, by this name.
    Tls(String),
    /// A tunnel by `CONNECT`.
    Tunnel(Leads),
    /// A tunnel by SOCKS5. With `true`, the host is to be resolved here.
    Socks(Leads, bool),
}

/// Where a proxy is to lead, and who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Leads {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) credentials: Option<Credentials>,
}

impl Leads {
    fn to(url: &Url<'_>, credentials: Option<&Credentials>) -> Self {
        Self { host: url.host.to_owned(), port: url.port(), credentials: credentials.cloned() }
    }

    /// As `CONNECT` names it.
    pub(crate) fn url(&self) -> Url<'_> {
        Url { host: &self.host, port: Some(self.port), ..Url::default() }
    }
}

impl Plan {
    /// How the connection for a request is made.
    pub(crate) fn new(spec: &Spec, options: &Options) -> Result<Self, ErrorKind> {
        let parts = spec.parts(options)?;
        let url = parts.url;
        let mut hops = Vec::new();
        let end = match parts.route {
            Route::Direct => End::Host(url.host.to_owned(), url.port()),
            Route::Unix(_) => spec.socket_path().map_or(End::Host(String::new(), 0), End::Unix),
            Route::Forward(proxy) | Route::Tunnel(proxy) | Route::Socks(proxy) => {
                if proxy.scheme() == ProxyScheme::Https {
                    hops.push(Hop::Tls(proxy.host().to_owned()));
                }
                let leads = Leads::to(&url, proxy.credentials());
                match parts.route {
                    Route::Tunnel(_) => hops.push(Hop::Tunnel(leads)),
                    Route::Socks(_) => {
                        let here =
                            proxy.scheme() == ProxyScheme::Socks5 && leads.host.parse::<IpAddr>().is_err();
                        hops.push(Hop::Socks(leads, here));
                    }
                    _ => {}
                }
                End::Host(proxy.host().to_owned(), proxy.port())
            }
        };
        if url.https {
            hops.push(Hop::Tls(spec.server_name.clone().unwrap_or_else(|| url.host.to_owned())));
        }
        let hook = spec.create_connection.clone().or_else(|| options.create_connection.clone());
        if hook.is_some() {
            hops.clear();
        }
        let patience = spec.patience(options);
        Ok(Self {
            end,
            hops,
            dial: spec.dial(options),
            lookup: spec.lookup.clone().or_else(|| options.lookup.clone()),
            hook,
            limit: patience.connect,
            no_delay: spec.no_delay.unwrap_or(options.no_delay),
            keep_alive: spec.keep_alive.or(options.probe_after()),
        })
    }

    /// Whether `https` could be spoken.
    pub(crate) fn can_speak_tls(options: &Options) -> bool {
        #[cfg(feature = "tls")]
        return options.tls.is_some();
        #[cfg(not(feature = "tls"))]
        {
            let _ = options;
            false
        }
    }

    /// The host that a SOCKS5 proxy is to be given resolved.
    pub(crate) fn host_behind(&self) -> Option<(String, u16)> {
        self.hops.iter().find_map(|hop| match hop {
            Hop::Socks(leads, true) => Some((leads.host.clone(), leads.port)),
            _ => None,
        })
    }
}
