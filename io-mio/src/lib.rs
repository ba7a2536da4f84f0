//! An HTTP/1.1 server and client on [`mio`] event loops, driving [`h1wire_proto`]. The client is in [`client`].
//!
//! The first answer:
//!
//! ```no_run
//! h1wire_mio::Server::bind("127.0.0.1:8080")?
//!     .workers(2)
//!     .serve(|_, res| res.header("content-type", "text/plain").end("hello\n"))
//! # ; Ok::<(), std::io::Error>(())
//! ```
//!
//! From there on, without another style:
//!
//! | you want to | see |
//! |---|---|
//! | read content while it comes, answer while it comes, be told of everything | [`Handler`], with [`Server::serve_with`] or [`Server::start_with`] |
//! | answer later, from any thread | [`Response::responder`] |
//! | stop a fast writer or reader | [`Response::pause`], and what [`Response::write`] says |
//! | send files without reading them | [`Response::write_file`] |
//! | go over to WebSockets, or open a tunnel | [`Response::switch_to`], [`Response::tunnel_to`] |
//! | change limits and times | [`Options`] |
//! | shut down gracefully, count, inject connections | [`Running::handle`] |
//! | ask other servers | [`Response::upstream`] in the same loop, [`client::Client`] from any thread, [`client::ClientLoop`] in a loop of yours |
//! | run it in a loop you have already | [`EventLoop`] |
//! | see what went wrong in a log | the feature `log`; [`Handler::report`] |
//! | speak TLS | the feature `tls`: `Server::tls`, `tls_config`, `TlsStream` |
//! | use another stream below | [`Transport`] |
//!
//! # What it does by itself
//!
//! Every phase of a connection has a time limit, and everything a peer can make it hold has a bound. Requests are read
//! at once and answered with one write; a connection on which nothing is pending costs 264 bytes and no buffer. What
//! the protocol asks for is decided by `h1wire_proto` alone: framing, `Connection`, what may follow an error, when to
//! linger. A handler that panics loses its connection, not the server. A request past
//! [`Lifetime::max_requests`](proto::Lifetime::max_requests) is not answered with 503, as in Node: its connection was told `Connection: close` before,
//! and what comes after that is not looked at (RFC 9112 section 9.6).
//!
//! A handler runs in the thread of its event loop. While it computes or waits, the other connections of that loop
//! wait: answer such requests [from another thread](Response::responder).

mod announced;
pub mod client;
mod clock;
mod files;
mod outbox;
pub mod server;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod sigpipe;
mod stream;
#[cfg(feature = "tls")]
mod tls;
mod upgraded;

pub use announced::AnnouncedStream;
pub use server::{
    ClientError, ConnectionReport, Counters, Drained, EventLoop, Failure, Handle, Handler, Listener,
    Listening, Options, Outcome, Report, Request, Responder, Response, Running, Server,
};
pub use stream::{Stream, Transport};
pub use upgraded::Upgraded;

#[cfg(feature = "tls")]
pub use tls::{TlsStream, client_tls_config, tls_config};

pub use h1wire_proto as proto;
#[cfg(feature = "tls")]
pub use rustls;
