//! [`EventLoop`]: listeners and connections on one `mio` registry, the user's own or that of a server's worker.
//!
//! It hands events to connections and does what other threads ask for. What a connection does is in `drive`.

use std::collections::VecDeque;
use std::hash::RandomState;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::{Activity, Time, Wheel};
use mio::event::Event;
use mio::{Interest, Registry, Token, Waker};
use slab::Slab;

use crate::client::engine::Engine;
use crate::clock::Clock;
use crate::server::census::{Census, Guests};
use crate::server::connection::{Active, Connection, Link};
use crate::server::context::{Context, Scratch};
use crate::server::counters;
use crate::server::drive::{Fate, Turn};
use crate::server::handle::{Drained, Handle};
use crate::server::handler::Handler;
use crate::server::listener::{Door, Listener};
use crate::server::options::Options;
use crate::server::peers::Peers;
use crate::server::remote::{Command, Remote};
use crate::server::report::Tallies;
use crate::server::upstream::{self, TOKENS};
use crate::stream::Stream;
use crate::upgraded::Upgraded;

/// How many [`Active`] are kept for the next connection that needs one.
const SPARES: usize = 64;
/// Tokens set apart for listeners.
pub(crate) const LISTENERS: usize = 16;

/// An HTTP server inside a loop that the user runs.
///
/// | when | call |
/// |---|---|
/// | once | [`new`](Self::new), [`listen`](Self::listen) |
/// | before each `poll` | [`timeout`](Self::timeout): how long it may wait at most |
/// | for each event, whatever its token | [`event`](Self::event) |
/// | after the events of each `poll` | [`turn`](Self::turn) |
pub struct EventLoop<H: Handler> {
    pub(crate) handler: H,
    pub(crate) cx: Context,
    scratch: Scratch,
    pub(crate) listeners: Vec<Option<Door>>,
    pub(crate) connections: Slab<Connection<H::Exchange>>,
    pub(crate) guests: Guests,
    spares: Vec<Box<Active<H::Exchange>>>,
    /// Connections that have more to do.
    queue: VecDeque<usize>,
    /// Listeners that may have more to accept.
    pub(crate) accepting: VecDeque<usize>,
    /// When listeners that failed are tried again.
    pub(crate) accept_at: Option<Time>,
    wheel: Wheel,
    /// For requests that handlers make of other servers.
    pub(crate) client: Option<Box<Engine>>,
    pub(crate) random: RandomState,
    pub(super) commands: Vec<Command>,
    pub(crate) registry: Registry,
    pub(crate) first_token: usize,
    /// Never repeats while a connection with the same key is remembered anywhere.
    pub(crate) generation: u32,
    pub(crate) drain_until: Option<Time>,
    /// What was closed before the shutdown, and how much of what was closed since was cut off.
    pub(crate) closed_before: u64,
    pub(crate) cut: u64,
    /// The clock was read since the last poll.
    ticked: bool,
}

impl<H: Handler> EventLoop<H> {
    /// A loop without listeners. Its tokens are `first_token` and all above it. `waker` wakes the poll that `registry`
    /// belongs to; its own token may be any below.
    ///
    /// # Errors
    /// Those of cloning the registry.
    pub fn new(
        registry: &Registry,
        waker: Arc<Waker>,
        first_token: Token,
        options: Options,
        handler: H,
    ) -> io::Result<Self> {
        Self::among(Arc::default(), registry, waker, first_token, options, handler)
    }

    /// One of a server's, whose connections are counted together.
    pub(crate) fn among(
        census: Arc<Census>,
        registry: &Registry,
        waker: Arc<Waker>,
        first_token: Token,
        options: Options,
        handler: H,
    ) -> io::Result<Self> {
        let scratch = Scratch::new(&options);
        let client = upstream::client(&options, registry, &waker, first_token)?;
        let cx = Context {
            clock: Clock::new(),
            options: Arc::new(options),
            counters: Arc::new(counters::Shared::default()),
            remote: Arc::new(Remote::new(waker)),
            tallies: Tallies::default(),
            peers: Peers::default(),
            draining: false,
            is_timed: H::TIMED,
        };
        Ok(Self {
            handler,
            cx,
            scratch,
            listeners: Vec::new(),
            connections: Slab::new(),
            guests: Guests::new(census),
            spares: Vec::new(),
            queue: VecDeque::new(),
            accepting: VecDeque::new(),
            accept_at: None,
            wheel: Wheel::new(Time(0)),
            client,
            random: RandomState::new(),
            commands: Vec::new(),
            registry: registry.try_clone()?,
            first_token: first_token.0,
            generation: 0,
            drain_until: None,
            closed_before: 0,
            cut: 0,
            ticked: false,
        })
    }

    /// Accepts connections from `listener` too.
    ///
    /// # Errors
    /// Those of registering it, and [`InvalidInput`](io::ErrorKind::InvalidInput) for a seventeenth.
    pub fn listen(&mut self, listener: impl Into<Listener>) -> io::Result<()> {
        self.open_door(listener.into().into())
    }

    pub(crate) fn open_door(&mut self, mut door: Door) -> io::Result<()> {
        if self.listeners.len() == LISTENERS {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let token = Token(self.first_token + self.listeners.len());
        self.registry.register(door.listener.source(), token, Interest::READABLE)?;
        self.listeners.push(Some(door));
        Ok(())
    }

    /// Serves a connection that was made elsewhere.
    ///
    /// # Errors
    /// Those of registering it.
    pub fn inject(&mut self, stream: impl Into<Stream>) -> io::Result<()> {
        let Some(key) = self.open(stream.into())? else { return Ok(()) };
        if let Some(c) = self.connections.get_mut(key) {
            // Somebody may have read of it what the stream has now, and no event would tell.
            c.link.readable = true;
            self.queue.push_back(key);
        }
        Ok(())
    }

    /// For other threads.
    pub fn handle(&self) -> Handle {
        let mut listeners = self.listeners.iter().flatten();
        let addr =
            listeners.next().map_or(Err(io::ErrorKind::Unsupported.into()), |d| d.listener.local_addr());
        Handle::new([self.shared()], &addr)
    }

    /// The handler.
    pub fn handler(&mut self) -> &mut H {
        &mut self.handler
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// How long the next poll may wait; `None` is for ever.
    pub fn timeout(&self) -> Option<Duration> {
        if !self.queue.is_empty() || !self.accepting.is_empty() || self.cx.remote.is_woken() {
            return Some(Duration::ZERO);
        }
        let next = [self.drain_until, self.accept_at, self.wheel.next()].into_iter().flatten().min();
        // Rounded up: a poll that returns too early would only come back.
        let own = next.map(|at| Duration::from_millis(at.since(self.cx.clock.read()).saturating_add(1)));
        let client = self.client.as_ref().and_then(|client| client.timeout());
        own.into_iter().chain(client).min()
    }

    /// Whether a [shutdown](Handle::shutdown) is complete: nothing is listened to and no connection is left.
    pub fn is_finished(&self) -> bool {
        self.cx.draining && self.connections.is_empty()
    }

    /// What became of the connections that were open at the shutdown, so far.
    pub fn drained(&self) -> Drained {
        if !self.cx.draining {
            return Drained::default();
        }
        let closed = self.cx.counters.closed.get() - self.closed_before;
        Drained { finished: closed.saturating_sub(self.cut), cut: self.cut }
    }

    pub(crate) fn shared(&self) -> (Arc<Remote>, Arc<counters::Shared>) {
        (self.cx.remote.clone(), self.cx.counters.clone())
    }

    /// Takes an event. Those with tokens of others are ignored.
    pub fn event(&mut self, event: &Event) {
        let Some(at) = event.token().0.checked_sub(self.first_token) else { return };
        if at >= TOKENS {
            if let Some(client) = &mut self.client {
                client.event(event);
            }
            return;
        }
        self.tick();
        let Some(key) = at.checked_sub(LISTENERS) else {
            // Not before the other events of this poll, of which one may be for a connection that is over: another must
            // not have its key yet.
            if !self.accepting.contains(&at) {
                self.accepting.push_back(at);
            }
            return;
        };
        let Some(Connection { link, active }) = self.connections.get_mut(key) else { return };
        let half_closed = event.is_read_closed() && !link.ends;
        link.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        link.writable |= event.is_writable();
        link.ends |= event.is_read_closed() || event.is_error();
        // What is closed in both directions, and not by us, is gone.
        let is_http = active.as_ref().is_none_or(|active| !active.raw) && !link.session.is_lingering();
        link.gone |= event.is_error() || event.is_write_closed() && is_http;
        let half_closed = half_closed && !link.gone;
        if half_closed || event.is_priority() {
            return self.run_with(key, |turn| {
                turn.active.urgent |= event.is_priority();
                if half_closed {
                    turn.half_closed();
                }
            });
        }
        self.run(key);
    }

    /// Does what is due without an event: connections that have more to do, what other threads asked for, time
    /// limits.
    pub fn turn(&mut self) {
        self.tick();
        self.ticked = false;
        if self.accept_at.is_some_and(|at| at <= self.cx.clock.now()) {
            self.accept_at = None;
            self.accepting.extend(0..self.listeners.len());
        }
        for _ in 0..self.accepting.len() {
            if let Some(at) = self.accepting.pop_front() {
                self.accept(at);
            }
        }
        for _ in 0..self.queue.len() {
            if let Some(key) = self.queue.pop_front() {
                if let Some(active) = self.connections.get_mut(key).and_then(|c| c.active.as_mut()) {
                    active.queued = false;
                }
                self.run(key);
            }
        }
        if self.cx.remote.is_woken() {
            self.obey_commands();
        }
        let now = self.cx.clock.now();
        while let Some(key) = self.wheel.poll(now) {
            self.run_with(key, |turn| turn.expire(now));
            self.schedule(key);
        }
        if self.drain_until.is_some_and(|at| at <= self.cx.clock.now()) {
            self.drain_until = None;
            self.close_all();
        }
        self.turn_client();
    }

    /// Reads the clock, once between two polls.
    #[inline]
    fn tick(&mut self) {
        if !self.ticked {
            self.ticked = true;
            self.cx.clock.advance();
        }
    }

    /// Has a connection looked at when its next time limit passes.
    pub(crate) fn schedule(&mut self, key: usize) {
        if let Some(at) = self.connections.get(key).and_then(|c| c.link.next_deadline()) {
            self.wheel.schedule(key, at);
        }
    }

    #[inline]
    fn run(&mut self, key: usize) {
        self.run_with(key, |_| ());
    }

    #[inline]
    pub(crate) fn run_with(&mut self, key: usize, first: impl FnOnce(&mut Turn<'_, H>)) {
        let Some(c) = self.connections.get_mut(key) else { return };
        let was_idle = c.active.is_none();
        let active = c.active.take().or_else(|| self.spares.pop());
        let active = active.unwrap_or_else(|| Box::new(Active::new()));
        let requests = c.link.session.requests();
        let mut turn = Turn {
            link: &mut c.link,
            active,
            handler: &mut self.handler,
            cx: &mut self.cx,
            client: self.client.as_deref_mut(),
            ended_calls: Vec::new(),
            key,
            was_idle,
            over: false,
            timers_changed: false,
            activity: Activity::default(),
            requests,
            received: 0,
            sent: 0,
        };
        first(&mut turn);
        let fate = turn.run(&mut self.scratch);
        turn.count();
        match fate {
            Fate::Wait | Fate::Again => {}
            Fate::Close { reset } => {
                if reset {
                    turn.link.stream.reset();
                } else {
                    turn.say_goodbye();
                }
                turn.ended();
                let active = turn.active;
                if let Some(Link { stream: Stream::Other(mut stream), .. }) = self.remove(key) {
                    // Sockets leave the registry when they are closed, which saves a system call.
                    let _ = self.registry.deregister(&mut **stream);
                }
                return self.keep(active);
            }
            Fate::Leave(taker) => {
                let leftover = turn.active.rest.bytes().to_vec();
                turn.left();
                let active = turn.active;
                if let Some(mut link) = self.remove(key) {
                    let _ = self.registry.deregister(&mut link.stream);
                    self.cx.counters.guard(|| taker.take_over(Upgraded::new(link.stream, leftover)));
                }
                return self.keep(active);
            }
        }
        turn.observe();
        if turn.timers_changed {
            match turn.link.next_deadline() {
                Some(at) => self.wheel.schedule(key, at),
                None => self.wheel.cancel(key),
            }
        }
        let mut active = turn.active;
        if matches!(fate, Fate::Again) && !std::mem::replace(&mut active.queued, true) {
            self.queue.push_back(key);
        }
        if active.is_idle() {
            self.keep(active);
        } else {
            c.active = Some(active);
        }
    }

    #[cold]
    fn remove(&mut self, key: usize) -> Option<Link> {
        let link = self.connections.try_remove(key)?.link;
        self.wheel.cancel(key);
        self.guests.leave(key);
        self.cx.counters.closed.add(1);
        Some(link)
    }

    /// Keeps what a connection no longer needs for the next one.
    #[inline]
    fn keep(&mut self, mut active: Box<Active<H::Exchange>>) {
        if self.spares.len() < SPARES {
            active.trim();
            self.spares.push(active);
        }
    }
}

impl<H: Handler> Drop for EventLoop<H> {
    fn drop(&mut self) {
        self.cx.remote.close();
    }
}

impl<H: Handler> std::fmt::Debug for EventLoop<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventLoop").field("connections", &self.connections.len()).finish_non_exhaustive()
    }
}
