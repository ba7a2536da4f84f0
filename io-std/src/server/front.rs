//! The one thread that watches sockets nobody reads: listeners, connections between two requests, connections that
//! are read until their peer closes. It never blocks on one of them, and runs no handler.
//!
//! # Who has a connection
//!
//! A connection that has something to read is queued for a thread ([`Queue`](super::queue::Queue)). The thread keeps
//! it while requests come without a gap. If nothing comes for [`linger_at_idle`](super::Options::linger_at_idle)
//! milliseconds, or another connection waits in the queue, the thread leaves it here, also in the middle of a head.
//! So clients that say nothing or speak slowly cost a descriptor, and no thread.
//!
//! With the queue full, a connection that becomes readable is answered 503, or not, and closed: see `refusal`.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::Time;
use h1wire_proto::serving::{Io, Lapse, Next};
use mio::{Events, Poll, Token};
use slab::Slab;
use socket2::SockRef;

use super::core::Core;
use super::counters::Tally;
use super::door::Order;
use super::guard::guarded;
use super::link::Link;
use super::listener::Listener;
use super::refusal::refusal;
use super::running::Drained;
use crate::stream::Transport;
use crate::{clock, socket};

/// What the door wakes with.
pub(crate) const WAKER: Token = Token(usize::MAX);
/// The tokens of listeners count down from here, those of connections up from 0.
const LISTENER: usize = usize::MAX - 1;
/// How many connections are accepted before the others have their turn.
const ACCEPTS: usize = 64;
/// How long nothing is accepted after a failure, unless a descriptor can be freed.
const RETRY: Duration = Duration::from_millis(100);
/// How many connections without a place are read until their peers close. More are just closed.
const REFUSED: usize = 256;
/// How long connections that were ended by force may take to notice.
const GRACE: Duration = Duration::from_millis(500);

/// A connection that is watched.
struct Watched {
    link: Box<Link>,
    due: Option<Time>,
}

/// How far the end of the server is.
struct Ending {
    /// How many connections there were when it began.
    open: usize,
    /// When those that are left are cut off, or, once they were, when they are not waited for any more.
    due: Time,
    /// How many were cut off.
    cut: usize,
    /// All that were left were.
    is_over: bool,
}

pub(crate) struct Front {
    core: Arc<Core>,
    poll: Poll,
    listeners: Vec<Listener>,
    watched: Slab<Watched>,
    /// How many of them have no place among the connections.
    unplaced: usize,
    /// The deadlines of `watched`, earliest first.
    due: BTreeSet<(Time, usize)>,
    /// When to accept without being told that there is something to accept.
    accept_at: Option<Time>,
    ending: Option<Ending>,
    counters: Arc<Tally>,
}

impl Front {
    pub(crate) fn new(core: Arc<Core>, poll: Poll, listeners: Vec<Listener>) -> io::Result<Self> {
        let backlog = core.settings.rules().options.backlog;
        for (i, listener) in listeners.iter().enumerate() {
            listener.prepare(backlog)?;
            socket::watch(poll.registry(), listener.as_fd(), Token(LISTENER - i))?;
        }
        Ok(Self {
            counters: core.settings.tally(),
            core,
            poll,
            listeners,
            watched: Slab::new(),
            unplaced: 0,
            due: BTreeSet::new(),
            accept_at: None,
            ending: None,
        })
    }

    /// Runs until the server has ended.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(256);
        let ended = loop {
            match self.turn(&mut events) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(drained)) => break Ok(drained),
                Err(error) => break Err(error.kind()),
            }
        };
        let core = self.core.clone();
        core.door.close();
        drop(core.queue.stop());
        // Listeners are closed, and their paths removed, before anybody is told.
        drop(self);
        core.ended.give(ended);
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<ControlFlow<Drained>> {
        let due = self.due.first().map(|(at, _)| *at).into_iter();
        let due = due.chain(self.accept_at).chain(self.ending.as_ref().map(|ending| ending.due)).min();
        let now = clock::now();
        // Deadlines are passed, not just reached, when they are looked at.
        let limit = due.map(|at| Duration::from_millis(at.since(now).saturating_add(1)));
        match self.poll.poll(events, limit) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in events.iter() {
            match event.token() {
                WAKER => {}
                Token(token) if token > LISTENER - self.listeners.len() => self.accept(LISTENER - token),
                Token(token) => self.readable(token, event.is_read_closed()),
            }
        }
        self.pass_time();
        for order in self.core.door.orders() {
            match order {
                Order::Park(link) => self.park(link),
                Order::CloseIdle => self.close_idle(),
                Order::CloseAll => {
                    let closed = self.core.connections.close_all();
                    self.ending.iter_mut().for_each(|ending| ending.cut += closed);
                }
                Order::Shutdown { within, open } => self.shut_down(within, open),
                Order::Stop => return Ok(ControlFlow::Break(Drained::default())),
            }
        }
        Ok(self.end())
    }

    /// Begins the end, or has it come earlier.
    fn shut_down(&mut self, within: Duration, open: usize) {
        let due = clock::now() + within;
        if let Some(ending) = &mut self.ending {
            if !ending.is_over {
                ending.due = ending.due.min(due);
            }
            return;
        }
        for listener in self.listeners.drain(..) {
            socket::unwatch(self.poll.registry(), listener.as_fd());
        }
        self.accept_at = None;
        self.ending = Some(Ending { open, due, cut: 0, is_over: false });
        self.close_idle();
    }

    /// Whether the server has ended, and what it came to.
    fn end(&mut self) -> ControlFlow<Drained> {
        let Some(ending) = &mut self.ending else { return ControlFlow::Continue(()) };
        let left = self.core.connections.count();
        let is_due = clock::now() >= ending.due;
        if left > 0 && is_due && !ending.is_over {
            ending.is_over = true;
            ending.cut += self.core.connections.close_all();
            ending.due = clock::now() + GRACE;
            // Nobody begins with what still waits for a thread, or to be read.
            drop(self.core.queue.stop());
            self.watched.clear();
            self.due.clear();
            return self.end();
        }
        if left > 0 && !is_due {
            return ControlFlow::Continue(());
        }
        // Some may have been cut off twice.
        let cut = ending.cut.min(ending.open);
        let finished = ending.open - cut;
        ControlFlow::Break(Drained { finished: finished as u64, cut: cut as u64, stuck: left as u64 })
    }

    fn accept(&mut self, index: usize) {
        for _ in 0..ACCEPTS {
            let Some(listener) = self.listeners.get(index) else { return };
            match listener.accept() {
                Ok(stream) => self.admit(stream),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    // The peer gave up before its turn came.
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {}
                    // Out of descriptors, most of all. An idle connection less, and the next one can come in.
                    _ => {
                        self.counters.accept_errors.add(1);
                        let wait = if self.close_longest_idle() { Duration::ZERO } else { RETRY };
                        self.accept_at = Some(clock::now() + wait);
                        return;
                    }
                },
            }
        }
        // The system tells once about many connections.
        self.accept_at = Some(clock::now());
    }

    fn admit(&mut self, stream: Box<dyn Transport>) {
        self.counters.accepted.add(1);
        let link = Link::accept(&self.core.settings, &self.core.connections, stream);
        if link.membership.is_some() { self.enqueue(link) } else { self.refuse(link) }
    }

    fn enqueue(&mut self, link: Box<Link>) {
        if let Err(link) = self.core.queue.push(link) {
            self.refuse(link);
        }
    }

    /// Answers 503 without waiting, and lets the peer read it.
    fn refuse(&mut self, mut link: Box<Link>) {
        self.counters.refused.add(1);
        if let Some(hook) = &self.core.settings.hooks.drop_connection
            && guarded(|| hook(link.peer)).is_none()
        {
            self.counters.panics.add(1);
        }
        let Some(answer) = refusal(&mut link) else { return };
        let Some(stream) = link.stream.as_mut().filter(|_| self.unplaced < REFUSED) else { return };
        // A new socket takes a few bytes. If it does not, its peer has not earned more. Streams that wait for theirs, as
        // TLS does, are not waited for.
        let _ = stream.set_write_timeout(Some(Duration::from_millis(1)));
        let wrote = stream.write(&answer);
        if matches!(wrote, Ok(n) if n == answer.len()) {
            self.park(link);
        }
    }

    /// Watches a connection, if there is something to wait for.
    fn park(&mut self, mut link: Box<Link>) {
        let (settings, now) = (&self.core.settings, clock::now());
        let told = settings.is_draining() || link.idle_epoch != settings.idle_epoch();
        if told && link.is_idle() {
            link.session.wind_up();
        }
        link.observe(now);
        match link.follow() {
            Some(Next::Read | Next::Wait | Next::Discard { .. }) => {}
            _ => return,
        }
        let is_lingering = link.session.is_lingering();
        if told && link.is_idle() && !is_lingering {
            // It is not at rest after all: a request lies in the socket.
            return self.core.queue.push_anyway(link);
        }
        self.counters.parked.add(1);
        // It waits for something else now.
        link.observe(now);
        if is_lingering {
            let fd = link.stream.as_ref().and_then(|stream| stream.poll_fd());
            let Some(Ok(())) = fd.map(|fd| SockRef::from(&fd).set_nonblocking(true)) else { return };
        }
        let due = link.deadline();
        self.watch(Watched { link, due });
    }

    fn watch(&mut self, watched: Watched) {
        let Some(fd) = watched.link.stream.as_ref().and_then(|stream| stream.poll_fd()) else { return };
        let place = self.watched.vacant_entry();
        let key = place.key();
        // What cannot be watched ends here.
        if socket::watch(self.poll.registry(), fd, Token(key)).is_ok() {
            self.due.extend(watched.due.map(|at| (at, key)));
            self.unplaced += usize::from(watched.link.membership.is_none());
            place.insert(watched);
        }
    }

    /// Watches a connection no longer.
    fn release(&mut self, key: usize) -> Option<Watched> {
        let watched = self.watched.try_remove(key)?;
        self.unplaced -= usize::from(watched.link.membership.is_none());
        if let Some(at) = watched.due {
            self.due.remove(&(at, key));
        }
        if let Some(fd) = watched.link.stream.as_ref().and_then(|stream| stream.poll_fd()) {
            socket::unwatch(self.poll.registry(), fd);
        }
        Some(watched)
    }

    fn readable(&mut self, key: usize, ended: bool) {
        // An event may be older than the connection that has its key now. Nothing is lost by looking.
        let Some(watched) = self.watched.get_mut(key) else { return };
        if !watched.link.session.is_lingering() {
            if let Some(watched) = self.release(key) {
                self.enqueue(watched.link);
            }
        } else if !drop_input(&mut watched.link, ended, &self.counters) {
            self.over(key);
        } else {
            let due = watched.link.deadline();
            if due != watched.due {
                let before = std::mem::replace(&mut watched.due, due);
                self.due.extend(due.map(|at| (at, key)));
                before.map(|at| self.due.remove(&(at, key)));
            }
        }
    }

    /// A connection that lingered is over.
    fn over(&mut self, key: usize) {
        let Some(mut watched) = self.release(key) else { return };
        let _ = watched.link.follow();
        let Link { session, peer, .. } = &mut *watched.link;
        self.core.settings.note_dropped(session, *peer, &self.counters);
    }

    fn pass_time(&mut self) {
        let now = clock::now();
        if self.accept_at.is_some_and(|at| at <= now) {
            self.accept_at = None;
            for index in 0..self.listeners.len() {
                self.accept(index);
            }
        }
        while let Some((at, key)) = self.due.first().copied()
            && at <= now
        {
            let Some(mut watched) = self.release(key) else {
                self.due.remove(&(at, key));
                continue;
            };
            match watched.link.lapse(now, false) {
                // Whoever is late is answered, by a thread.
                Some(Lapse::Late(expired)) => {
                    self.counters.time_limit(expired);
                    watched.link.late = Some(expired);
                    self.core.queue.push_anyway(watched.link);
                }
                Some(Lapse::Over(expired)) => {
                    self.counters.time_limit(expired);
                    let _ = watched.link.follow();
                }
                Some(Lapse::Read | Lapse::Idle) | None => self.park(watched.link),
            }
        }
    }

    fn close_idle(&mut self) {
        let idle = |(key, watched): (usize, &Watched)| {
            (!watched.link.session.is_lingering() && watched.link.is_idle()).then_some(key)
        };
        let keys: Vec<usize> = self.watched.iter().filter_map(idle).collect();
        for key in keys {
            if let Some(watched) = self.release(key) {
                self.park(watched.link);
            }
        }
    }

    /// Says whether there was one to close.
    fn close_longest_idle(&mut self) -> bool {
        let is_idle = |key: &usize| {
            self.watched.get(*key).is_some_and(|w| !w.link.session.is_lingering() && w.link.is_idle())
        };
        // They all wait equally long, so that the first to end has waited longest.
        let key = self.due.iter().map(|(_, key)| *key).find(is_idle);
        key.and_then(|key| self.release(key)).is_some()
    }
}

/// Reads and drops what is there, as far as the session lets. `false`: that was all, or enough.
fn drop_input(link: &mut Link, ended: bool, counters: &Tally) -> bool {
    let io = Io { unread: false, ended };
    let mut scrap = [0; 16 * 1024];
    loop {
        let now = clock::now();
        let room = match link.session.next(&link.rules.options.policy, now, io) {
            Next::Discard { most } => usize::try_from(most).unwrap_or(usize::MAX).min(scrap.len()),
            next => return next == Next::Wait,
        };
        if !link.drop_some(&mut scrap[..room], counters) {
            return true;
        }
        link.observe(now);
    }
}
