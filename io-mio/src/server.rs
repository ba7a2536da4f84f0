//! [`Server`]: listeners, options, and the threads that run event loops.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use crate::event_loop::EventLoop;
use crate::handle::{Drained, Handle};
use crate::handler::{Closure, Handler, Outcome};
use crate::listener::{Listener, Listening};
use crate::options::Options;
use crate::request::Request;
use crate::response::Response;

const WAKE: Token = Token(0);
const FIRST: Token = Token(1);
/// How many events one poll takes.
const EVENTS: usize = 1024;

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

    /// Listens on a unix socket at a path where nothing is yet. The file stays when the server ends.
    ///
    /// # Errors
    /// Those of binding and listening.
    #[cfg(unix)]
    pub fn bind_unix(path: impl AsRef<std::path::Path>) -> io::Result<Self> {
        std::os::unix::net::UnixListener::bind(path).map(Self::on)
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
    /// [`Handler::connection`](crate::Handler::connection) sees a connection before its handshake, which has the time of
    /// a first request, [`Timeouts::headers`](h1wire_proto::Timeouts::headers) from the connect on.
    ///
    /// A connection that ends in order says so by `close_notify`; one that is cut off, in the middle of an answer for
    /// example, does not. A client that goes without it in the middle of a request or a tunnel was cut off:
    /// [`Handler::stream_error`](crate::Handler::stream_error) is told, and what was incomplete is
    /// [aborted](crate::Handler::aborted). Between two requests that is an end like any other.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: Arc<rustls::ServerConfig>) -> Self {
        for listening in &mut self.listening {
            listening.tls = Some(config.clone());
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

    /// Sets all options.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Answers every request by calling `f`, until the process ends. As [`serve_with`](Self::serve_with), one event loop
    /// runs in this thread.
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
        let addr = self.local_addr();
        let mut shares = share(self.listening, self.workers)?.into_iter().enumerate();
        let poll = Poll::new()?;
        let (number, listeners) = shares.next().ok_or(io::ErrorKind::Unsupported)?;
        let here = prepare(&poll, self.options.clone(), listeners, make(number))?;
        let others = start(shares, self.options, make, addr)?;
        let ended = run(poll, here);
        others.handle.shutdown(Duration::ZERO);
        others.join()?;
        ended.map(drop)
    }

    /// Answers every request by calling `f`, in threads of their own.
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
        let addr = self.local_addr();
        start(share(self.listening, self.workers)?.into_iter().enumerate(), self.options, make, addr)
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

/// Starts event loops in threads of their own: all, or none.
fn start<H, M>(
    shares: impl Iterator<Item = (usize, Vec<Listener>)>,
    options: Options,
    make: M,
    addr: io::Result<SocketAddr>,
) -> io::Result<Running>
where
    H: Handler + 'static,
    M: Fn(usize) -> H + Send + Sync + 'static,
{
    let make = Arc::new(make);
    let (tell, told) = mpsc::channel();
    let mut threads = Vec::new();
    for (number, listeners) in shares {
        let poll = Poll::new()?;
        let (make, options, tell) = (make.clone(), options.clone(), tell.clone());
        let run = move || {
            let made = prepare(&poll, options, listeners, make(number));
            let event_loop = match made {
                Ok(event_loop) => event_loop,
                Err(e) => {
                    let _ = tell.send(Err(e));
                    return Ok(Drained::default());
                }
            };
            let _ = tell.send(Ok(event_loop.shared()));
            drop(tell);
            run(poll, event_loop)
        };
        threads.push(thread::Builder::new().name(format!("h1wire-mio-{number}")).spawn(run)?);
    }
    drop(tell);
    let (mut loops, mut error) = (Vec::new(), None);
    for made in told {
        match made {
            Ok(made) => loops.push(made),
            Err(e) => error = Some(e),
        }
    }
    let running = Running { handle: Handle::new(loops), threads, addr };
    match error {
        None => Ok(running),
        Some(error) => {
            // Those that could begin would go on for ever with nobody to end them.
            running.handle.shutdown(Duration::ZERO);
            running.join()?;
            Err(error)
        }
    }
}

/// A server whose event loops run. Dropped, it goes on running.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
    threads: Vec<JoinHandle<io::Result<Drained>>>,
    addr: io::Result<SocketAddr>,
}

impl Running {
    /// For steering it, from any thread.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The TCP address of the first listener.
    ///
    /// # Errors
    /// As [`Server::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.addr {
            Ok(addr) => Ok(*addr),
            Err(e) => Err(e.kind().into()),
        }
    }

    /// Waits for the end of the server, which [`Handle::shutdown`] brings about.
    ///
    /// # Errors
    /// Those of the system's event queue.
    pub fn join(self) -> io::Result<Drained> {
        let mut sum = Drained::default();
        for thread in self.threads {
            let drained = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            sum.finished += drained.finished;
            sum.cut += drained.cut;
        }
        Ok(sum)
    }
}

/// The listeners of each worker.
fn share(listening: Vec<Listening>, workers: usize) -> io::Result<Vec<Vec<Listener>>> {
    let mut shares = Vec::new();
    for _ in 1..workers {
        shares.push(listening.iter().map(Listening::again).collect::<io::Result<_>>()?);
    }
    shares.push(listening.into_iter().map(Listening::into_listener).collect::<io::Result<_>>()?);
    Ok(shares)
}

fn prepare<H: Handler>(
    poll: &Poll,
    options: Options,
    listeners: Vec<Listener>,
    handler: H,
) -> io::Result<EventLoop<H>> {
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let mut event_loop = EventLoop::new(poll.registry(), waker, FIRST, options, handler)?;
    for listener in listeners {
        event_loop.listen(listener)?;
    }
    Ok(event_loop)
}

fn run<H: Handler>(mut poll: Poll, mut event_loop: EventLoop<H>) -> io::Result<Drained> {
    let mut events = Events::with_capacity(EVENTS);
    while !event_loop.is_finished() {
        match poll.poll(&mut events, event_loop.timeout()) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            done => done?,
        }
        for event in &events {
            event_loop.event(event);
        }
        event_loop.turn();
    }
    Ok(event_loop.drained())
}
