//! A blocking HTTP/1.1 server: a handler with the request as [`Read`](std::io::Read) and the response as
//! [`Write`](std::io::Write), run by a bounded number of threads.
//!
//! ```no_run
//! use h1wire_std::Server;
//!
//! Server::bind("127.0.0.1:8080")?
//!     .threads(8)
//!     .serve(|req, res| res.header("content-type", "text/plain").end("hello\n"))
//! # ; Ok::<(), std::io::Error>(())
//! ```
//!
//! # Threads, and connections without one
//!
//! A handler has a thread to itself until it returns. There are as many as [`Server::threads`] says; connections
//! with something to read wait for one in a queue of [`Options::queue`], and are answered `503` with `Retry-After`
//! when it is full. Connections between two requests, or in the middle of a head, do not have a thread: they are
//! watched by one thread for all of them. A thread that answered a request stays for
//! [`Options::linger_at_idle`], unless another connection waits, so that a busy connection costs one
//! read and one write for each request and nothing else.
//!
//! # What a client can make it hold
//!
//! Every wait has a limit ([`Timeouts`](h1wire_proto::Timeouts)), which bytes that drip in do not extend. Heads,
//! trailers and chunk lines are bounded ([`Limits`](h1wire_proto::Limits)), content is handed to the handler as it
//! comes and never gathered. What goes on when a client breaks the protocol is decided by [`h1wire_proto`].
//!
//! What it can hold is a thread: a handler waits for content that is slow, and for a client that reads slowly. The first
//! ends with `body`, and with `request` below `body_rate`; the second with `write` if nothing is taken, and not while the
//! client takes a little now and then. As many such clients as there are threads keep the others waiting. Where clients
//! are not to be trusted, have more threads, shorter limits, and small answers; or something in front that reads and
//! writes for them.

mod announced;
mod answer;
mod builder;
mod client_error;
mod connections;
mod core;
mod counters;
mod door;
mod ending;
mod exchange;
mod fault;
mod front;
mod guard;
mod handle;
mod incoming;
mod link;
mod listener;
#[cfg(feature = "log")]
mod log;
mod moving;
mod options;
mod queue;
mod ready;
mod receive;
mod refusal;
mod rehearsal;
mod report;
mod request;
mod response;
mod running;
mod send;
mod serve;
mod settings;
mod signal;
mod upgraded;
mod whole;

pub use builder::Server;
pub use client_error::ClientError;
pub use h1wire_proto::serving::{Counters, Policy, Why};
pub use handle::Handle;
pub use incoming::{Call, Calls, Incoming};
pub use options::Options;
pub use rehearsal::{Played, Rehearsal};
pub use report::{ConnectionReport, Failure, Report};
pub use request::Request;
pub use response::Response;
pub use running::{Drained, Running};
pub use upgraded::Upgraded;
