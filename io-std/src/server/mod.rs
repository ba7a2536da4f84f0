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
//! A handler has a thread to itself until it returns. There are as many as [`Options::threads`] says; connections
//! with something to read wait for one in a queue of [`Options::queue`], and are answered `503` with `Retry-After`
//! when it is full. Connections between two requests, or in the middle of a head, do not have a thread: they are
//! watched by one thread for all of them. A thread that answered a request stays for
//! [`Options::linger_at_idle`] milliseconds, unless another connection waits, so that a busy connection costs one
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

mod answer;
mod client_error;
mod connections;
mod core;
mod counters;
mod ending;
mod exchange;
mod front;
mod handle;
mod link;
mod listener;
mod options;
mod queue;
mod receive;
mod report;
mod request;
mod response;
mod send;
mod serve;
mod upgraded;

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::thread;

pub use client_error::ClientError;
pub use counters::Stats;
use h1wire_proto::RequestHead;
pub use handle::{Closed, Handle};
pub use options::Options;
pub use report::{ConnectionReport, Report};
pub use request::Request;
pub use response::Response;
pub use upgraded::Upgraded;

use self::core::{Core, Handler, Hooks};
use crate::stream::Stream;
use front::Front;
use listener::Listener;
use serve::Worker;

/// A server that is being set up.
///
/// - **where**: [`bind`](Self::bind), [`bind_unix`](Self::bind_unix), [`listener`](Self::listener),
///   [`unix_listener`](Self::unix_listener), any number of them; or none, with [`new`](Self::new), for connections
///   that are [injected](Handle::inject);
/// - **how**: [`options`](Self::options), and the short ways [`threads`](Self::threads) and [`queue`](Self::queue);
/// - **special requests**: [`check_continue`](Self::check_continue),
///   [`check_expectation`](Self::check_expectation), [`on_connect`](Self::on_connect),
///   [`on_upgrade`](Self::on_upgrade);
/// - **what else happens**: [`on_connection`](Self::on_connection), [`on_client_error`](Self::on_client_error),
///   [`on_timeout`](Self::on_timeout), [`on_refused`](Self::on_refused), [`on_exchange`](Self::on_exchange),
///   [`on_closed`](Self::on_closed), [`on_dropped_request`](Self::on_dropped_request);
/// - **go**: [`serve`](Self::serve), or [`start`](Self::start) in the background.
///
/// A handler that returns an error is answered for: with what the client did wrong if the error came from reading
/// the request, else with 500; if the response had begun, the connection is cut off, so that the client cannot take
/// a part for the whole. A handler that panics ends its connection and nothing else.
#[derive(Default)]
pub struct Server {
    listeners: Vec<Listener>,
    options: Options,
    hooks: Hooks,
}

impl Server {
    /// A server that listens nowhere yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A server that listens on a TCP address, on the first one that can be bound if there are several. Port 0 is
    /// any free one: [`local_addr`](Self::local_addr) tells.
    ///
    /// # Errors
    /// Those of the system, such as `AddrInUse`.
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::new().listener(TcpListener::bind(addr)?))
    }

    /// A server that listens on a Unix socket. The path must be free, and is removed when the server closes.
    ///
    /// # Errors
    /// Those of the system, such as `AddrInUse`.
    pub fn bind_unix(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let mut server = Self::new();
        server.listeners.push(Listener::Unix(UnixListener::bind(path)?, Some(path.to_owned())));
        Ok(server)
    }

    /// Listens on this socket too.
    #[must_use]
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listeners.push(Listener::Tcp(listener));
        self
    }

    /// Listens on this socket too. Its path is left alone.
    #[must_use]
    pub fn unix_listener(mut self, listener: UnixListener) -> Self {
        self.listeners.push(Listener::Unix(listener, None));
        self
    }

    /// The address of the first listener that has one.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listeners.iter().find_map(Listener::local_addr)
    }

    /// How many threads run handlers: [`Options::threads`].
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.options.threads = threads;
        self
    }

    /// How many connections may wait for a thread: [`Options::queue`].
    #[must_use]
    pub fn queue(mut self, connections: usize) -> Self {
        self.options.queue = connections;
        self
    }

    /// Changes the options.
    ///
    /// ```
    /// # use h1wire_std::Server;
    /// let server = Server::bind("127.0.0.1:0")?.options(|options| {
    ///     options.timeouts.keep_alive = Some(Duration::from_secs(65));
    ///     options.max_connections = 10_000;
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    /// Shows each stream to its user before anything is read from it; called by a thread that will serve it. The hook
    /// may look, keep a clone, or wrap the stream, for instance in TLS. An error closes it. It should not block: a
    /// protocol that is agreed on when the stream is first read from holds no thread while the peer says nothing.
    #[must_use]
    pub fn on_connection(
        mut self,
        hook: impl Fn(Box<dyn Stream>) -> io::Result<Box<dyn Stream>> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.connection = Some(Box::new(hook));
        self
    }

    /// Handles requests with `Expect: 100-continue` in place of the ordinary handler. Without this, that one gets
    /// them, and the first read of the content sends `100 Continue`.
    #[must_use]
    pub fn check_continue(
        mut self,
        handler: impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.check_continue = Some(Box::new(handler));
        self
    }

    /// Handles requests that expect something else. Without this, they are answered 417.
    #[must_use]
    pub fn check_expectation(
        mut self,
        handler: impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.check_expectation = Some(Box::new(handler));
        self
    }

    /// Handles `CONNECT`, by way of [`Response::tunnel`] or with a refusal. Without this, the connection is closed.
    #[must_use]
    pub fn on_connect(
        mut self,
        handler: impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.connect = Some(Box::new(handler));
        self
    }

    /// Handles requests that offer another protocol, by way of [`Response::switch`] or with an ordinary answer.
    /// Without this, the ordinary handler gets them, and can switch as well.
    #[must_use]
    pub fn on_upgrade(
        mut self,
        handler: impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.upgrade = Some(Box::new(handler));
        self
    }

    /// Chooses which offers go to [`on_upgrade`](Self::on_upgrade). Default: all.
    #[must_use]
    pub fn should_upgrade(
        mut self,
        choose: impl Fn(&RequestHead<'_, '_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.hooks.should_upgrade = Some(Box::new(choose));
        self
    }

    /// Is told of a request that could not be received, and may answer it with the response it is given; the
    /// connection ends after that. If it does not answer, the client gets the status of the error.
    /// [`Response::abort`] closes without a word. Where an answer was under way when the client failed, nothing is
    /// asked and nothing written.
    #[must_use]
    pub fn on_client_error(
        mut self,
        hook: impl Fn(&ClientError<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.client_error = Some(Box::new(hook));
        self
    }

    /// Is asked before a connection is closed on which nothing moved for
    /// [`Timeouts::idle`](h1wire_proto::Timeouts::idle); `true` keeps it. It must not block.
    #[must_use]
    pub fn on_timeout(mut self, hook: impl Fn(Option<SocketAddr>) -> bool + Send + Sync + 'static) -> Self {
        self.hooks.timeout = Some(Arc::new(hook));
        self
    }

    /// Is told of each exchange when its handler is done, before content nobody read is discarded: for logs and
    /// measurements, which cost nothing without this. It delays the connection, so it should not block.
    #[must_use]
    pub fn on_exchange(mut self, hook: impl Fn(&Report<'_>) + Send + Sync + 'static) -> Self {
        self.hooks.report = Some(Box::new(hook));
        self
    }

    /// Is told of each connection when it is over. It must not block.
    #[must_use]
    pub fn on_closed(mut self, hook: impl Fn(&ConnectionReport) + Send + Sync + 'static) -> Self {
        self.hooks.closed = Some(Arc::new(hook));
        self
    }

    /// Is told, once for a connection, that more was received behind the last request it may have by
    /// [`Options::max_requests`], with the client's address. That is not looked at, as RFC 9112 section 9.6 demands: the
    /// answer before says `Connection: close`. Only what was read along with that request is told of. What comes later,
    /// and be it while the request is answered, is read and dropped without a look, until the client closes or
    /// [`Options::linger_limit`] is reached. It must not block.
    #[must_use]
    pub fn on_dropped_request(mut self, hook: impl Fn(Option<SocketAddr>) + Send + Sync + 'static) -> Self {
        self.hooks.dropped = Some(Box::new(hook));
        self
    }

    /// Is told of each connection that is turned away because there are too many, connections or waiting ones. It must
    /// not block.
    #[must_use]
    pub fn on_refused(mut self, hook: impl Fn(Option<SocketAddr>) + Send + Sync + 'static) -> Self {
        self.hooks.refused = Some(Box::new(hook));
        self
    }

    /// Serves requests with `handler` until the server is closed, which another thread needs a [`Handle`] for.
    ///
    /// # Errors
    /// Those of the system when the threads are started; `InvalidInput` if [`Options::server`] may not be sent.
    pub fn serve(
        self,
        handler: impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<()> {
        self.start(handler)?.wait();
        Ok(())
    }

    /// Serves requests with `handler` in the background.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn start(
        self,
        handler: impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Handle> {
        let (poll, door) = front::open()?;
        let addrs = self.listeners.iter().filter_map(Listener::local_addr).collect();
        let core = Arc::new(Core::new(self.options, self.hooks, door)?);
        let handler: Arc<Handler> = Arc::new(handler);
        let front = Front::new(core.clone(), poll, self.listeners)?;
        let spawned = spawn(&core, &handler, front);
        if spawned.is_err() {
            core.queue.stop();
            core.door.stop();
        }
        spawned?;
        Ok(Handle { core, addrs })
    }
}

fn spawn(core: &Arc<Core>, handler: &Arc<Handler>, front: Front) -> io::Result<()> {
    for i in 0..core.options.threads.max(1) {
        let worker = Worker::new(core.clone(), handler.clone());
        thread::Builder::new().name(format!("h1wire-{i}")).spawn(move || worker.run())?;
    }
    thread::Builder::new().name("h1wire-front".into()).spawn(move || front.run())?;
    Ok(())
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}
