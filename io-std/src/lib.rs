//! HTTP over ordinary blocking sockets.
//!
//! A client whose connections are kept and shared by an [`Agent`], and a server with a thread for each connection at
//! work. Neither decides anything about the protocol: both move bytes and time, and obey `h1wire_proto`.
//!
//! ```no_run
//! let mut response = h1wire_std::get("http://localhost:8080/")?;
//! std::io::copy(&mut response, &mut std::io::stdout())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agent;
mod client;
mod clock;
mod connect;
mod error;
mod proxy;
#[cfg(unix)]
pub mod server;
mod socket;
mod stream;
#[cfg(feature = "tls")]
mod tls;
mod tunnel;

pub use agent::{Agent, AgentBuilder, Destination, OriginCounts};
pub use client::{AbortHandle, Event, IntoUrl, Request, Response, Upgraded, Upload};
pub use connect::Lookup;
pub use error::{BoxError, Error, ErrorKind, Timeout};
pub use h1wire_proto as proto;
pub use proxy::{Proxies, Proxy};
#[cfg(feature = "tls")]
pub use rustls;
#[cfg(unix)]
pub use server::Server;
pub use stream::{Closer, Stream, Wrote};

/// A configuration for [`AgentBuilder::tls_config`] that trusts these roots, and speaks HTTP/1.1 only.
#[cfg(feature = "tls")]
pub fn tls_config(roots: rustls::RootCertStore) -> rustls::ClientConfig {
    tls::config(roots)
}

/// Gets a URL through the [global agent](Agent::global).
///
/// # Errors
/// As [`Request::send`].
pub fn get(url: impl IntoUrl) -> Result<Response, Error> {
    Request::get(url).send()
}

/// The pages in `docs/` whose code is compiled with the documentation. A crate from the registry has no such folder,
/// and no reason to look for it.
#[cfg(all(doctest, unix))]
mod pages {
    #[doc = include_str!("../../docs/from-tiny-http.md")]
    struct FromTinyHttp;
}
