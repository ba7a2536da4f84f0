//! [`Client`]: a client for any thread, over a loop in a thread of its own.
//!
//! What is asked of it becomes a closure that the loop's thread runs. What comes of a request is kept for whoever waits for
//! it in `asked`.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;

use h1wire_proto::calling::{Counters, Proxies};
use h1wire_proto::pool::Totals;
use mio::{Events, Poll, Token, Waker};

use super::asked::Asked;
use super::call::Call;
use super::client_loop::{Caller, ClientLoop};
use super::event::Event;
use super::mailbox::Mailbox;
use super::options::Options;
use super::pending::Pending;
use super::request::Request;
use super::upload::Upload;

const WAKE: Token = Token(0);
const FIRST: Token = Token(1);
/// How many events one poll takes.
const EVENTS: usize = 256;

/// What is told about one call, in the thread of the loop.
pub(crate) type Callback = Box<dyn FnMut(Event<'_>, &mut Call<'_>) + Send>;
/// Something to do in the thread of the loop.
pub(crate) type Task = Box<dyn FnOnce(&mut ClientLoop<Dispatch>) + Send>;

/// Tells each call's own callback.
#[derive(Default)]
pub(crate) struct Dispatch {
    /// Nobody can ask for anything any more.
    left: bool,
}

impl Caller for Dispatch {
    type State = Callback;

    fn event(&mut self, callback: &mut Callback, event: Event<'_>, call: &mut Call<'_>) {
        callback(event, call);
    }
}

/// An HTTP client for any thread. One thread of its own runs the loop, however many requests and connections there are.
///
/// A clone is the same client. When the last is dropped, idle connections are closed, and requests under way go on to their
/// end.
///
/// | you want to | call |
/// |---|---|
/// | wait, or await | [`send`](Self::send): a [`Pending`] is a future of any runtime, and [waits](Pending::wait) without one |
/// | write content while it is sent | [`upload`](Self::upload) |
/// | be called with what happens | [`call`](Self::call) |
///
/// ```no_run
/// use h1wire_mio::client::{Client, Options, Request};
///
/// let client = Client::new(Options::default())?;
/// let response = client.send(Request::get("http://localhost:8080/")).wait()?;
/// println!("{}", response.status());
/// println!("{}", response.text().wait()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    tasks: Mailbox<Task>,
}

/// The loop ends with its last call.
impl Drop for Inner {
    fn drop(&mut self) {
        let _ = self.tasks.send(Box::new(|client| client.caller().left = true));
    }
}

impl Client {
    /// A client, and the thread of its loop.
    ///
    /// # Errors
    /// Those of the system's event queue, and of starting the thread.
    pub fn new(options: Options) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let tasks = Mailbox::new(waker.clone());
        let client = ClientLoop::new(poll.registry(), waker, FIRST, options, Dispatch::default())?;
        let sent = tasks.clone();
        thread::Builder::new().name("h1wire-client".into()).spawn(move || run(poll, client, &sent))?;
        Ok(Self(Arc::new(Inner { tasks })))
    }

    /// The client of this process: with the usual options, and the proxies of the environment.
    ///
    /// # Errors
    /// As [`new`](Self::new), for the first that asks.
    pub fn global() -> io::Result<Self> {
        static GLOBAL: OnceLock<Client> = OnceLock::new();
        if let Some(client) = GLOBAL.get() {
            return Ok(client.clone());
        }
        let proxies = Proxies::from_variables(|name| std::env::var(name).ok());
        let client = Self::new(Options { proxies, ..Options::default() })?;
        Ok(GLOBAL.get_or_init(|| client).clone())
    }

    /// Sends a request, with its content if it is at hand. What comes of it can be waited for, or awaited; dropping that
    /// aborts the request.
    ///
    /// A request whose content is [streamed](Request::streamed) has none here: see [`upload`](Self::upload).
    pub fn send(&self, request: Request) -> Pending {
        let asked = Asked::new(self.0.tasks.clone());
        let streamed = request.is_streamed();
        self.begin(request, asked.callback(), {
            let asked = asked.clone();
            move |client, id| {
                asked.started(id);
                if streamed {
                    // It says itself what is wrong with that.
                    let _ = client.call(id).finish();
                }
            }
        });
        Pending::new(asked)
    }

    /// A `GET` request: see [`send`](Self::send).
    pub fn get(&self, url: impl AsRef<str>) -> Pending {
        self.send(Request::get(url))
    }

    /// Begins a request; its content is written to what is returned.
    pub fn upload(&self, request: Request) -> Upload {
        let asked = Asked::new(self.0.tasks.clone());
        let started = asked.clone();
        self.begin(request.streamed(), asked.callback(), move |_, id| started.started(id));
        Upload::new(asked)
    }

    /// Sends a request and has `callback` called with what happens to it, in the thread of the loop, where nothing may
    /// block. What is wrong with the request is told by [`Event::Error`], too.
    pub fn call<F>(&self, request: Request, callback: F)
    where
        F: FnMut(Event<'_>, &mut Call<'_>) + Send + 'static,
    {
        self.begin(request, Box::new(callback), |_, _| ());
    }

    fn begin(
        &self,
        request: Request,
        mut callback: Callback,
        then: impl FnOnce(&mut ClientLoop<Dispatch>, super::CallId) + Send + 'static,
    ) {
        let _ = self.0.tasks.send(Box::new(move |client| {
            // Whether it begins is known before the callback is given away.
            match client.engine.start(request, None) {
                Ok(id) => {
                    client.remember(id, callback);
                    then(client, id);
                }
                Err(error) => {
                    let mut call = client.dead_call();
                    callback(Event::Error(error), &mut call);
                    callback(Event::Close, &mut call);
                }
            }
        }));
    }

    /// Runs `f` with the loop's counts, and waits for what it says. Not for the thread of the loop.
    fn ask<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut ClientLoop<Dispatch>) -> T + Send + 'static,
    ) -> Option<T> {
        let (tell, told) = std::sync::mpsc::channel();
        self.0.tasks.send(Box::new(move |client| _ = tell.send(f(client)))).ok()?;
        told.recv().ok()
    }

    /// Counts over all origins. Waits for the loop, and so is not for its thread.
    pub fn totals(&self) -> Totals {
        self.ask(|client| client.totals()).unwrap_or_default()
    }

    /// What was counted so far. Waits for the loop, and so is not for its thread.
    pub fn counters(&self) -> Counters {
        self.ask(|client| client.counters()).unwrap_or_default()
    }

    /// What there is for each origin, in their order. Waits for the loop, and so is not for its thread.
    pub fn origins(&self) -> Vec<OriginCounts> {
        let counts = |client: &mut ClientLoop<Dispatch>| {
            let origins = client.origins().map(|of| OriginCounts {
                name: of.key().name(),
                busy: of.busy_count(),
                idle: of.idle_count(),
                waiting: of.waiting_count(),
            });
            origins.collect()
        };
        self.ask(counts).unwrap_or_default()
    }

    /// Closes the idle connections, soon.
    pub fn close_idle(&self) {
        let _ = self.0.tasks.send(Box::new(ClientLoop::close_idle));
    }

    /// Closes every connection, soon, also those in use, and fails every request that waits. The client can be used again.
    pub fn destroy(&self) {
        let _ = self.0.tasks.send(Box::new(ClientLoop::destroy));
    }
}

/// What a client holds for one origin.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OriginCounts {
    /// The name of the origin, as of `h1wire_proto::pool::Origin::name`.
    pub name: String,
    /// Connections in use or being made.
    pub busy: usize,
    /// Idle connections.
    pub idle: usize,
    /// Requests that wait for a connection.
    pub waiting: usize,
}

/// A `GET` request by the [client of this process](Client::global).
///
/// ```no_run
/// let response = h1wire_mio::client::get("http://localhost:8080/")?.wait()?;
/// println!("{}", response.text().wait()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Client::global`].
pub fn get(url: impl AsRef<str>) -> io::Result<Pending> {
    Ok(Client::global()?.get(url))
}

fn run(mut poll: Poll, mut client: ClientLoop<Dispatch>, tasks: &Mailbox<Task>) {
    let (mut events, mut list) = (Events::with_capacity(EVENTS), Vec::new());
    while !(client.caller().left && client.calls() == 0) {
        let timeout = if tasks.is_woken() { Some(std::time::Duration::ZERO) } else { client.timeout() };
        match poll.poll(&mut events, timeout) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            // Without events there is nothing to be done, and everybody is told.
            Err(_) => break,
            Ok(()) => {}
        }
        for event in &events {
            client.event(event);
        }
        tasks.take(&mut list);
        for task in list.drain(..) {
            task(&mut client);
        }
        client.turn();
    }
    tasks.close();
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
