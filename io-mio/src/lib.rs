//! An HTTP/1.1 server on a [`mio`] event loop, driving [`h1wire_proto`].
//!
//! ```no_run
//! h1wire_mio::Server::bind("127.0.0.1:8080")?
//!     .workers(2)
//!     .serve(|_, res| res.header("content-type", "text/plain").end("hello\n"))
//! # ; Ok::<(), std::io::Error>(())
//! ```

mod accept;
mod answer;
mod clock;
mod connection;
mod context;
mod control;
mod counters;
mod drain;
mod drive;
mod event_loop;
mod exchange;
mod files;
mod flush;
mod handle;
mod handler;
mod listener;
mod options;
mod remote;
mod request;
mod response;
mod server;
mod stream;
mod upgraded;

pub use counters::Counters;
pub use event_loop::EventLoop;
pub use handle::{Drained, Handle};
pub use handler::{Handler, Outcome};
pub use listener::{Listener, Listening};
pub use options::Options;
pub use remote::Responder;
pub use request::{ClientError, Request};
pub use response::Response;
pub use server::{Running, Server};
pub use stream::{Stream, Transport};
pub use upgraded::Upgraded;

pub use h1wire_proto as proto;
