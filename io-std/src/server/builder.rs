//! [`Server`]: what is set before a server is started, and its start.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use h1wire_proto::{Expired, RequestHead};

use super::answer::{Handler, Handlers, Upgrade};
use super::client_error::ClientError;
use super::core::Core;
use super::door::{Door, Order};
use super::front::{self, Front};
use super::handle::Handle;
use super::incoming::{self, Incoming};
use super::listener::Listener;
use super::options::Options;
use super::queue::Queue;
use super::rehearsal::Rehearsal;
use super::report::{ConnectionReport, Report};
use super::running::Running;
use super::serve::Worker;
use super::settings::{Hooks, Settings};
use super::{Request, Response, whole};
use crate::socket::UnixListener;
use crate::stream::Transport;

/// A server that is being set up.
///
/// - **where**: [`bind`](Self::bind), [`bind_unix`](Self::bind_unix), [`on`](Self::on), [`on_unix`](Self::on_unix), and
///   [`and`](Self::and) for more of them; or nowhere, with [`new`](Self::new), for connections that are
///   [injected](Handle::inject);
/// - **how**: [`options`](Self::options) and [`threads`](Self::threads);
/// - **special requests**: [`on_check_continue`](Self::on_check_continue),
///   [`on_check_expectation`](Self::on_check_expectation), [`on_connect`](Self::on_connect),
///   [`on_upgrade`](Self::on_upgrade);
/// - **what else happens**: [`on_connection`](Self::on_connection), [`on_client_error`](Self::on_client_error),
///   [`on_timeout`](Self::on_timeout), [`on_stream_error`](Self::on_stream_error),
///   [`on_drop_connection`](Self::on_drop_connection), [`on_drop_request`](Self::on_drop_request),
///   [`on_report`](Self::on_report), [`on_closed`](Self::on_closed);
/// - **go**: [`serve`](Self::serve), or [`start`](Self::start) in the background;
///   [`serve_whole`](Self::serve_whole) and [`start_whole`](Self::start_whole) for handlers that want the content in one
///   piece; [`incoming`](Self::incoming) for a loop of your own.
///
/// A handler that returns an error is answered for: with what the client did wrong if the error came from reading
/// the request, else with 500; if the response had begun, the connection is cut off, so that the client cannot take
/// a part for the whole. The text of the error is in the [report](Report::error). A handler that panics ends its
/// connection and nothing else.
#[derive(Default)]
pub struct Server {
    listeners: Vec<Listener>,
    threads: Option<NonZero<usize>>,
    options: Options,
    hooks: Hooks,
    handlers: Handlers,
}

impl Server {
    /// A server that listens nowhere yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens on a TCP address, on the first one that can be bound if there are several. Port 0 lets the system choose
    /// one, see [`local_addr`](Self::local_addr).
    ///
    /// # Errors
    /// Those of the system, such as `AddrInUse`.
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::on(TcpListener::bind(addr)?))
    }

    /// Listens on a unix socket at a path where nothing is yet. The file is removed when the server stops.
    ///
    /// # Errors
    /// Those of the system, such as `AddrInUse`.
    pub fn bind_unix(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let listener = UnixListener::bind(path)?;
        Ok(Self { listeners: vec![Listener::unix(listener, Some(path.to_owned()))], ..Self::default() })
    }

    /// Serves a listener made elsewhere.
    pub fn on(listener: TcpListener) -> Self {
        Self { listeners: vec![Listener::tcp(listener)], ..Self::default() }
    }

    /// Serves a listener made elsewhere. Its file is left alone.
    pub fn on_unix(listener: UnixListener) -> Self {
        Self { listeners: vec![Listener::unix(listener, None)], ..Self::default() }
    }

    /// Listens on what `other` listens on as well. Of `other`, nothing else counts.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.listeners.extend(other.listeners);
        self
    }

    /// Has the connections of all listeners so far speak TLS: `Server::bind(a)?.tls(config).and(Server::bind(b)?)`
    /// speaks it on `a` and not on `b`. [`server_tls_config`](crate::server_tls_config) makes a configuration of a
    /// certificate and its key; one of your own has `http/1.1` and `http/1.0` in `alpn_protocols`, or leaves it empty.
    ///
    /// A client agrees on TLS while its first head is waited for, and both together have the time of a head
    /// ([`Timeouts::headers`](h1wire_proto::Timeouts::headers)). One that is slow or silent costs a descriptor and no
    /// thread, as with a slow head.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: Arc<rustls::ServerConfig>) -> Self {
        for listener in &mut self.listeners {
            listener.tls = Some(config.clone());
        }
        self
    }

    /// Has the connections of all listeners so far begin with a header of the PROXY protocol, version 1 or 2, by which a
    /// proxy in front tells who the client is: `peer_addr` and `local_addr` are then what it tells, and so are the
    /// addresses that hooks get and that [`Options::max_connections_per_peer`] counts. What begins with anything else is
    /// closed. Only for listeners that nobody but such proxies can reach, for whoever can says what he likes. The header
    /// comes before TLS, and has the time of a first request.
    #[must_use]
    pub fn proxy_protocol(mut self) -> Self {
        for listener in &mut self.listeners {
            listener.is_announced = true;
        }
        self
    }

    /// The TCP address of the first listener that has one.
    ///
    /// # Errors
    /// [`Unsupported`](io::ErrorKind::Unsupported) if there is none, as with unix sockets alone.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let found = self.listeners.iter().find_map(Listener::local_addr);
        found.ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// How many threads run handlers, and so how many handlers run at once. At least one. Default: four for each
    /// processor, at least eight.
    #[must_use]
    pub fn threads(mut self, n: usize) -> Self {
        self.threads = NonZero::new(n.max(1));
        self
    }

    /// Sets all options.
    ///
    /// ```
    /// # use h1wire_std::{Server, server::Options};
    /// let mut options = Options::default();
    /// options.policy.timeouts.keep_alive = Some(std::time::Duration::from_secs(65));
    /// options.max_connections = Some(10_000);
    /// let server = Server::bind("127.0.0.1:0")?.options(options);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Shows each stream to its user before anything is read from it; called by a thread that will serve it. The hook
    /// may look, keep a clone, or wrap the stream, for instance in TLS. An error closes it. It should not block: a
    /// protocol that is agreed on when the stream is first read from holds no thread while the peer says nothing.
    #[must_use]
    pub fn on_connection(
        mut self,
        hook: impl Fn(Box<dyn Transport>) -> io::Result<Box<dyn Transport>> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.connection = Some(Box::new(hook));
        self
    }

    /// Handles requests with `Expect: 100-continue` in place of the ordinary handler. Without this, that one gets
    /// them, and the first read of the content sends `100 Continue`.
    #[must_use]
    pub fn on_check_continue(
        mut self,
        handler: impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.handlers.check_continue = Some(Box::new(handler));
        self
    }

    /// Handles requests that expect something else. Without this, they are answered 417.
    #[must_use]
    pub fn on_check_expectation(
        mut self,
        handler: impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.handlers.check_expectation = Some(Box::new(handler));
        self
    }

    /// Handles `CONNECT`, by way of [`Response::tunnel`] or with a refusal. Without this, it is answered 501.
    #[must_use]
    pub fn on_connect(
        mut self,
        handler: impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.handlers.connect = Some(Box::new(handler));
        self
    }

    /// Handles requests that offer one of these protocols, by way of [`Response::switch`] or with an ordinary answer. The
    /// ordinary handler gets all other offers, for a client cannot insist (RFC 9110 section 7.8): browsers and curl offer
    /// `h2c`, and it can switch as well. A name without a version stands for all of them.
    ///
    /// ```no_run
    /// # use h1wire_std::Server;
    /// Server::bind("127.0.0.1:8080")?
    ///     .on_upgrade(["websocket"], |request, response| {
    ///         let accept = "…"; // from `Sec-WebSocket-Key`
    ///         let _socket = response.switch(&[("Upgrade", "websocket"), ("Sec-WebSocket-Accept", accept)])?;
    ///         Ok(())
    ///     })
    ///     .serve(|_, response| response.end("hello\n"))
    /// # ; Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn on_upgrade(
        mut self,
        protocols: impl IntoIterator<Item = impl Into<String>>,
        handler: impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let protocols = protocols.into_iter().map(Into::into).collect();
        self.handlers.upgrade = Some(Upgrade { protocols, handler: Box::new(handler) });
        self
    }

    /// Chooses which of those offers go to [`on_upgrade`](Self::on_upgrade). Default: all.
    #[must_use]
    pub fn should_upgrade(
        mut self,
        choose: impl Fn(&RequestHead<'_, '_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.handlers.should_upgrade = Some(Box::new(choose));
        self
    }

    /// Called when a request broke the protocol. The hook may answer it with the response it is given; the connection ends
    /// after that. If it does not answer, the client gets the status of the error. [`Response::abort`] closes without a
    /// word. Where an answer was under way when the client failed, nothing is asked and nothing written.
    #[must_use]
    pub fn on_client_error(
        mut self,
        hook: impl Fn(&ClientError<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.handlers.client_error = Some(Box::new(hook));
        self
    }

    /// Called when a time limit passed, with the address of the client. After [`Expired::Idle`], answering `true` keeps
    /// the connection; all others end it, after a 408 if a request was begun and no answer was. Then there is a response,
    /// and an answer that is given with it goes in place of the 408. Connections that wait for a request in vain are
    /// closed without a word. It must not block.
    #[must_use]
    pub fn on_timeout(
        mut self,
        hook: impl Fn(Expired, Option<SocketAddr>, Option<&mut Response<'_>>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let hook = Arc::new(hook);
        let idle = hook.clone();
        self.handlers.timeout = Some(hook);
        self.hooks.idle = Some(Box::new(move |peer| idle(Expired::Idle, peer, None)));
        self
    }

    /// Called when reading from the stream of a connection failed in the middle of a head, with the address of the
    /// client: a reset, a TLS handshake that failed. A handler that reads and writes gets such an error itself.
    #[must_use]
    pub fn on_stream_error(
        mut self,
        hook: impl Fn(&io::Error, Option<SocketAddr>) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.stream_error = Some(Box::new(hook));
        self
    }

    /// Called for each exchange when it is answered, before content nobody read is discarded: for logs and measurements,
    /// which cost nothing without this. Without a head where the client broke the protocol, or was late, before it was
    /// complete, and the machine has answered. It delays the connection, so it should not block.
    ///
    /// ```no_run
    /// # use h1wire_std::Server;
    /// Server::bind("127.0.0.1:8080")?
    ///     .on_report(|head, report| {
    ///         let target = head.map_or("-".into(), |head| String::from_utf8_lossy(head.target));
    ///         println!("{:?} {target} {:?} {:?} {:?}", report.peer, report.status, report.took, report.error);
    ///     })
    ///     .serve(|_, response| response.end("hello\n"))
    /// # ; Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn on_report(
        mut self,
        hook: impl Fn(Option<&RequestHead<'_, '_>>, &Report) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.report = Some(Box::new(hook));
        self
    }

    /// Called when a connection ends. It must not block.
    #[must_use]
    pub fn on_closed(mut self, hook: impl Fn(&ConnectionReport) + Send + Sync + 'static) -> Self {
        self.hooks.closed = Some(Box::new(hook));
        self
    }

    /// Called once for a connection that had the last request it may have
    /// ([`Lifetime::max_requests`](h1wire_proto::Lifetime::max_requests)), with the client's address, if the client has
    /// sent more by the time that it is shut down. That is not looked at, as RFC 9112 section 9.6 demands: the answer before
    /// says `Connection: close`. It must not block.
    #[must_use]
    pub fn on_drop_request(mut self, hook: impl Fn(Option<SocketAddr>) + Send + Sync + 'static) -> Self {
        self.hooks.drop_request = Some(Box::new(hook));
        self
    }

    /// Called for each connection that is turned away because there are too many, in all, from its address, or waiting. It
    /// must not block.
    #[must_use]
    pub fn on_drop_connection(mut self, hook: impl Fn(Option<SocketAddr>) + Send + Sync + 'static) -> Self {
        self.hooks.drop_connection = Some(Box::new(hook));
        self
    }

    /// Serves requests with `handler`, until the process ends.
    ///
    /// # Errors
    /// Those of the system when the threads are started, and of its event queue.
    pub fn serve(
        self,
        handler: impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<()> {
        self.start(handler)?.join().map(|_drained| ())
    }

    /// Serves requests with `handler` in the background.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn start(
        self,
        handler: impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Running> {
        self.begin(Arc::new(handler))
    }

    /// Serves requests whose content is at most `limit` bytes, which `handler` gets in one piece; with more, the client is
    /// answered 413.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn serve_whole(
        self,
        limit: usize,
        handler: impl Fn(&mut Request<'_>, &[u8], &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<()> {
        self.serve(whole::reading(limit, handler))
    }

    /// The same in the background.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn start_whole(
        self,
        limit: usize,
        handler: impl Fn(&mut Request<'_>, &[u8], &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Running> {
        self.start(whole::reading(limit, handler))
    }

    /// Serves requests to whoever takes them, in a loop of its own or in several. As many wait for that as there are
    /// [`threads`](Self::threads).
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn incoming(self) -> io::Result<Incoming> {
        let calls = Arc::new(Queue::new(0));
        let running = self.start(incoming::handler(calls.clone()))?;
        Ok(Incoming::new(running, calls))
    }

    /// Has a single client played from a script, without sockets and without waiting: for the tests of a handler. Nothing
    /// is listened on.
    pub fn rehearse(
        self,
        handler: impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Rehearsal {
        Rehearsal::new(self.options, self.hooks, self.handlers, Arc::new(handler))
    }

    fn begin(self, handler: Arc<Handler>) -> io::Result<Running> {
        let (poll, door) = Door::open(front::WAKER)?;
        let addrs = self.listeners.iter().filter_map(Listener::local_addr).collect();
        let settings = Arc::new(Settings::new(self.options, self.hooks));
        let threads = self.threads.map_or_else(default_threads, NonZero::get);
        let core = Arc::new(Core::new(settings, threads, door));
        let front = Front::new(core.clone(), poll, self.listeners)?;
        let spawned = spawn(&core, &Arc::new(self.handlers), &handler, front);
        if spawned.is_err() {
            core.queue.stop();
            core.door.send(Order::Stop);
        }
        spawned?;
        Ok(Running { handle: Handle { core, addrs } })
    }
}

fn default_threads() -> usize {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    (4 * processors).max(8)
}

fn spawn(core: &Arc<Core>, handlers: &Arc<Handlers>, handler: &Arc<Handler>, front: Front) -> io::Result<()> {
    for i in 0..core.threads {
        let worker = Worker::new(core.clone(), handlers.clone(), handler.clone());
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
