//! An HTTP server on event loops.
//!
//! Here is [`Server`], where everything begins: listeners, options, and which handler. The threads it comes to are in
//! `running`.

mod accept;
mod answer;
mod census;
mod closure;
mod commands;
mod connection;
mod context;
mod control;
mod counters;
mod draft;
mod drain;
mod drive;
mod ending;
mod event_loop;
mod exchange;
mod handle;
mod handler;
mod listener;
#[cfg(feature = "log")]
mod log;
mod options;
mod peers;
mod progress;
mod remote;
mod report;
mod request;
mod responder;
mod response;
mod running;
mod upstream;

pub use closure::Outcome;
pub use event_loop::EventLoop;
pub use h1wire_proto::serving::Counters;
pub use handle::{Drained, Handle};
pub use handler::Handler;
pub use listener::{Listener, Listening};
pub use options::Options;
pub use report::{ConnectionReport, Failure, Report};
pub use request::{ClientError, Request};
pub use responder::Responder;
pub use response::Response;
pub use running::Running;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use mio::Poll;

use crate::server::closure::{Closure, Whole};
use crate::server::running::Common;

/// A server that is being set up.
#[derive(Debug)]
pub struct Server {
    listening: Vec<Listening>,
    options: Options,
    workers: usize,
}

impl Server {
    /// Listens on a TCP address. Port 0 lets the system choose one, see [`local_addr`](Self::local_addr).
    ///
    /// # Errors
    /// Those of resolving, binding and listening.
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let mut error = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for addr in addr.to_socket_addrs()? {
            match Listening::tcp(addr) {
                Ok(listening) => return Ok(Self::on(listening)),
                Err(e) => error = e,
            }
        }
        Err(error)
    }

    /// Listens on a unix socket at a path where nothing is yet. The file is removed when the server listens no more.
    ///
    /// # Errors
    /// Those of binding and listening.
    #[cfg(unix)]
    pub fn bind_unix(path: impl AsRef<std::path::Path>) -> io::Result<Self> {
        Listening::unix(path.as_ref()).map(Self::on)
    }

    /// Serves a unix listener made elsewhere. Its file stays.
    #[cfg(unix)]
    pub fn on_unix(listener: std::os::unix::net::UnixListener) -> Self {
        Self::on(listener)
    }

    /// Serves a listener made elsewhere, of `std`.
    pub fn on(listening: impl Into<Listening>) -> Self {
        Self { listening: vec![listening.into()], options: Options::default(), workers: 1 }
    }

    /// Listens on what `other` listens on as well. At most 16 listeners are possible.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.listening.extend(other.listening);
        self
    }

    /// Has the connections of all listeners so far speak TLS: `Server::bind(a)?.tls(config).and(Server::bind(b)?)`
    /// speaks it on `a` and not on `b`. [`tls_config`](crate::tls_config) makes a configuration of a certificate and
    /// its key; one of your own should have `http/1.1` in `alpn_protocols`.
    ///
    /// [`Handler::connection`] sees a connection before its handshake, which has the time of
    /// a first request, [`Timeouts::headers`](h1wire_proto::Timeouts::headers) from the connect on.
    ///
    /// A connection that ends in order says so by `close_notify`; one that is cut off, in the middle of an answer for
    /// example, does not. A client that goes without it in the middle of a request or a tunnel was cut off:
    /// [`Handler::stream_error`] is told, and what was incomplete is
    /// [aborted](crate::Handler::aborted). Between two requests that is an end like any other.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: Arc<rustls::ServerConfig>) -> Self {
        for listening in &mut self.listening {
            listening.tls = Some(config.clone());
        }
        self
    }

    /// Has the connections of all listeners so far begin with a header of the PROXY protocol, version 1 or 2, by which a
    /// proxy in front tells who the client is: [`Response::peer_addr`] is then the client. What begins with anything else
    /// is closed. Only for listeners that nobody but such proxies can reach, for whoever can says what he likes. The header
    /// comes before TLS, and has the time of a first request.
    #[must_use]
    pub fn proxy_protocol(mut self) -> Self {
        for listening in &mut self.listening {
            listening.announced = true;
        }
        self
    }

    /// The TCP address of the first listener.
    ///
    /// # Errors
    /// Those of the system, and [`Unsupported`](io::ErrorKind::Unsupported) for a unix socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.listening.first() {
            Some(listening) => listening.local_addr(),
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// How many event loops there are, each in a thread of its own. Default 1. More than one share the port by
    /// `SO_REUSEPORT` where the system spreads connections over such sockets, and the listening socket elsewhere.
    #[must_use]
    pub fn workers(mut self, n: usize) -> Self {
        self.workers = n.max(1);
        self
    }

    /// Gives each event loop a client, by which handlers make requests of other servers: see
    /// [`Response::upstream`]. Sets [`Options::client`].
    #[must_use]
    pub fn client(mut self, options: crate::client::Options) -> Self {
        self.options.client = Some(options);
        self
    }

    /// Sets all options.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Answers every request by calling `f` as soon as its head is there, until the process ends. Content is discarded:
    /// [`serve_whole`](Self::serve_whole) gives it to the closure, [`serve_with`](Self::serve_with) to a handler piece by
    /// piece. A `CONNECT` is not shown and answered with 501. An error that `f` returns is answered with 500, and
    /// [counted](Counters::handler_errors).
    ///
    /// As in [`serve_with`](Self::serve_with), one event loop runs in this thread.
    ///
    /// # Errors
    /// Those of the system's event queue, and of starting threads.
    pub fn serve<F, R>(self, f: F) -> io::Result<()>
    where
        F: Fn(&Request<'_>, &mut Response<'_>) -> R + Send + Sync + 'static,
        R: Outcome + 'static,
    {
        self.serve_with(closures(f))
    }

    /// Runs a [`Handler`] in each event loop, as [`start_with`](Self::start_with) does, until the process ends.
    ///
    /// One event loop runs in this thread. A server with one worker then needs no other, and a process with a single
    /// thread has cheaper system calls on Linux: nobody else could close its descriptors meanwhile.
    ///
    /// # Errors
    /// Those of the system's event queue, and of starting threads.
    pub fn serve_with<H, M>(self, make: M) -> io::Result<()>
    where
        H: Handler + 'static,
        M: Fn(usize) -> H + Send + Sync + 'static,
    {
        let common = Common::new(self.options.clone(), &self.local_addr());
        let mut shares = common.share(self.listening, self.workers)?.into_iter().enumerate();
        let poll = Poll::new()?;
        let (number, doors) = shares.next().ok_or(io::ErrorKind::Unsupported)?;
        let here = running::prepare(&poll, &common, doors, make(number))?;
        let others = running::start(shares, &common, make)?;
        let ended = running::run(poll, here);
        others.handle().shutdown(Duration::ZERO);
        others.join()?;
        ended.map(drop)
    }

    /// As [`serve`](Self::serve), in threads of their own.
    ///
    /// # Errors
    /// Those of the system's event queue, and of starting threads.
    pub fn start<F, R>(self, f: F) -> io::Result<Running>
    where
        F: Fn(&Request<'_>, &mut Response<'_>) -> R + Send + Sync + 'static,
        R: Outcome + 'static,
    {
        self.start_with(closures(f))
    }

    /// Answers every request by calling `f` when all of it is there, with its content: at most `limit` bytes, which wait
    /// in memory. A client that sends more is answered 413. Otherwise as [`serve`](Self::serve).
    ///
    /// ```no_run
    /// h1wire_mio::Server::bind("127.0.0.1:8080")?
    ///     .serve_whole(1 << 20, |_, content, res| res.end(format!("{} bytes\n", content.len())))
    /// # ; Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the system's event queue, and of starting threads.
    pub fn serve_whole<F, R>(self, limit: usize, f: F) -> io::Result<()>
    where
        F: Fn(&Request<'_>, &[u8], &mut Response<'_>) -> R + Send + Sync + 'static,
        R: Outcome + 'static,
    {
        let f = Arc::new(f);
        self.serve_with(move |_| Whole { f: f.clone(), limit })
    }

    /// As [`serve_whole`](Self::serve_whole), in threads of their own.
    ///
    /// # Errors
    /// Those of the system's event queue, and of starting threads.
    pub fn start_whole<F, R>(self, limit: usize, f: F) -> io::Result<Running>
    where
        F: Fn(&Request<'_>, &[u8], &mut Response<'_>) -> R + Send + Sync + 'static,
        R: Outcome + 'static,
    {
        let f = Arc::new(f);
        self.start_with(move |_| Whole { f: f.clone(), limit })
    }

    /// Runs a [`Handler`] in each event loop, made by `make` in the loop's own thread from the loop's number, in
    /// threads of their own.
    ///
    /// # Errors
    /// Those of the system's event queue, and of starting threads.
    pub fn start_with<H, M>(self, make: M) -> io::Result<Running>
    where
        H: Handler + 'static,
        M: Fn(usize) -> H + Send + Sync + 'static,
    {
        let common = Common::new(self.options.clone(), &self.local_addr());
        running::start(common.share(self.listening, self.workers)?.into_iter().enumerate(), &common, make)
    }
}

/// Makes a handler for each event loop. All of them call `f`.
fn closures<F, R>(f: F) -> impl Fn(usize) -> Closure<F> + Send + Sync + 'static
where
    F: Fn(&Request<'_>, &mut Response<'_>) -> R + Send + Sync + 'static,
{
    let f = Arc::new(f);
    move |_| Closure(f.clone())
}
