//! HTTP over ordinary blocking sockets.
//!
//! A client whose connections are kept and shared by an [`Agent`], and a server with a thread for each connection at
//! work. Neither decides anything about the protocol: both move bytes and time, and obey `h1wire_proto`.
//!
//! Unix only, so far.
//!
//! # The client
//!
//! | to | see |
//! |---|---|
//! | get something | [`get`], [`Request`] |
//! | send content that becomes known bit by bit | [`Request::start`], [`Upload`] |
//! | read what comes back | [`Response`], which is a [`Read`](std::io::Read) |
//! | keep connections, limit them, look at them | [`Agent`] |
//! | go through a proxy (http, https, SOCKS5), TLS, or any stream | [`Proxies`], the features `tls` and `tls-platform`, [`AgentBuilder::create_connection`] |
//! | speak another protocol on the connection | [`Response::into_upgraded`], [`Upgraded`] |
//! | end it from another thread, or in time | [`AbortHandle`], [`Request::timeout`] and its neighbours |
//! | count and measure | [`Agent::counters`], [`Request::on_report`], [`Report`] |
//! | know what went wrong and whether to try again | [`Error::kind`], [`Error::retry`] |
//! | hear everything that happens | [`Request::observe`], [`Event`] |
//!
//! It speaks HTTP and no more: redirections are answers like any other, content is handed out as it was sent, and cookies are
//! fields.
//!
//! Calls block, and nothing else does: a response that nobody reads holds its connection and no more, a request that
//! waits for a connection takes the first that is free, and every wait can be aborted or limited. A connection is made
//! in a thread that ends with it; what cannot be interrupted there, such as the system's resolver, does not keep the
//! request waiting. One more thread watches the idle connections of an agent while it has any.
//!
//! ```no_run
//! let mut response = h1wire_std::get("http://localhost:8080/")?;
//! std::io::copy(&mut response, &mut std::io::stdout())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agent;
pub mod client;
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
pub use client::{AbortHandle, Event, IntoUrl, Report, Request, Response, Upgraded, Upload};
pub use connect::Lookup;
pub use error::{BoxError, Error, ErrorKind, Timeout};
pub use h1wire_proto as proto;
pub use proxy::{Proxies, Proxy, ProxyError};
#[cfg(feature = "tls")]
pub use rustls;
#[cfg(unix)]
pub use server::Server;
pub use socket::PollFd;
pub use stream::{Closer, Transport, Wrote};

/// A configuration for [`AgentBuilder::tls_config`] that trusts these roots, and speaks HTTP/1.1 only.
#[cfg(feature = "tls")]
pub fn tls_config(roots: rustls::RootCertStore) -> rustls::ClientConfig {
    tls::config(roots)
}

/// A configuration for [`AgentBuilder::tls_config`] that trusts whom the system trusts, by way of
/// `rustls-platform-verifier`, and speaks HTTP/1.1 only. Without it, the roots are those that Mozilla trusts.
///
/// # Errors
/// If the system has no roots, or no verifier.
///
/// ```no_run
/// # use h1wire_std::Agent;
/// let tls = h1wire_std::tls_platform_config()?;
/// let agent = Agent::builder().tls_config(tls.into()).build();
/// agent.get("https://intranet.example/").send()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "tls-platform")]
pub fn tls_platform_config() -> Result<rustls::ClientConfig, rustls::Error> {
    tls::platform_config()
}

/// A configuration for servers with this chain of certificates, the server's own first, that speaks HTTP/1.1 and 1.0. That
/// is said by ALPN (RFC 7301), too: clients that offer other protocols and neither of these are refused.
///
/// # Errors
/// A key that does not fit the certificate.
///
/// ```no_run
/// use h1wire_std::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
///
/// let chain = CertificateDer::pem_file_iter("chain.pem")?.collect::<Result<_, _>>()?;
/// let config = h1wire_std::server_tls_config(chain, PrivateKeyDer::from_pem_file("key.pem")?)?;
/// h1wire_std::Server::bind("0.0.0.0:8443")?
///     .tls(config.into())
///     .serve(|_, response| response.end("hello\n"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "tls")]
pub fn server_tls_config(
    chain: Vec<rustls::pki_types::CertificateDer<'static>>,
    key: rustls::pki_types::PrivateKeyDer<'static>,
) -> Result<rustls::ServerConfig, rustls::Error> {
    tls::server_config(chain, key)
}

/// Speaks TLS with the clients of a server: a hook for [`Server::on_connection`]. [`server_tls_config`] makes a
/// configuration of a certificate and its key. One made elsewhere has `http/1.1` and `http/1.0` in `alpn_protocols`, or
/// leaves it empty: with `http/1.1` alone, clients that offer only the older version by ALPN are refused.
///
/// A client agrees on TLS while its first head is waited for, and both together have the time of a head
/// ([`Timeouts::headers`](h1wire_proto::Timeouts::headers)). One that is slow or silent costs a descriptor and no thread,
/// as with a slow head.
///
/// ```no_run
/// # use std::{io, sync::Arc};
/// fn serve(config: Arc<h1wire_std::rustls::ServerConfig>) -> io::Result<()> {
///     h1wire_std::Server::bind("0.0.0.0:8443")?
///         .on_connection(h1wire_std::tls_acceptor(config))
///         .serve(|_, response| response.end("hello\n"))
/// }
/// ```
#[cfg(all(feature = "tls", unix))]
pub fn tls_acceptor(
    config: std::sync::Arc<rustls::ServerConfig>,
) -> impl Fn(Box<dyn Transport>) -> std::io::Result<Box<dyn Transport>> + Send + Sync + 'static {
    move |stream| match tls::TlsStream::accept(config.clone(), stream) {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(std::io::Error::other(error)),
    }
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
