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
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use h1wire_proto::{Expired, Status, Time};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use socket2::SockRef;

use super::core::{Core, guarded};
use super::counters::Counters;
use super::link::Link;
use super::listener::Listener;
use crate::clock::{self, WallDate};
use crate::stream::Stream;

const WAKER: Token = Token(usize::MAX);
/// The tokens of listeners count down from here, those of connections up from 0.
const LISTENER: usize = usize::MAX - 1;
/// How many connections are accepted before the others have their turn.
const ACCEPTS: usize = 64;
/// How long nothing is accepted after a failure, in milliseconds, unless a descriptor can be freed.
const RETRY: u64 = 100;
/// How many connections without a place are read until their peers close. More are just closed.
const REFUSED: usize = 256;

/// What the front is asked to do.
enum Order {
    Park(Box<Link>),
    Linger(Box<Link>),
    StopAccepting,
    CloseIdle(Sender<usize>),
    Stop,
}

/// The way to the front for other threads.
pub(crate) struct Door {
    /// `None` once nobody looks any more.
    orders: Mutex<Option<Vec<Order>>>,
    waker: Waker,
    /// The front's own thread, in which hooks run that may want something of it.
    inside: OnceLock<ThreadId>,
}

impl Door {
    /// Watches a connection until there is something to read or a time limit passes.
    pub(crate) fn park(&self, link: Box<Link>) {
        self.send(Order::Park(link));
    }

    /// Reads a connection that was shut down for writing until its peer closes.
    pub(crate) fn linger(&self, link: Box<Link>) {
        self.send(Order::Linger(link));
    }

    pub(crate) fn stop_accepting(&self) {
        self.send(Order::StopAccepting);
    }

    /// Closes the connections that are watched and idle, and says how many. Asked by the front itself, it is done
    /// next, and nobody knows yet.
    pub(crate) fn close_idle(&self) -> usize {
        let (sender, receiver) = channel();
        self.send(Order::CloseIdle(sender));
        if self.inside.get() == Some(&thread::current().id()) {
            return 0;
        }
        // Without an answer there is no front any more, and no connection that it watches.
        receiver.recv().unwrap_or_default()
    }

    pub(crate) fn stop(&self) {
        self.send(Order::Stop);
    }

    fn send(&self, order: Order) {
        if let Some(orders) = &mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner) {
            orders.push(order);
        }
        // The poll it wakes is gone only when nobody has to be woken.
        let _ = self.waker.wake();
    }

    fn orders(&self) -> Vec<Order> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// The poll of a front, and the door to it.
pub(crate) fn open() -> io::Result<(Poll, Door)> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKER)?;
    Ok((poll, Door { orders: Mutex::new(Some(Vec::new())), waker, inside: OnceLock::new() }))
}

/// A connection that is watched.
struct Watched {
    link: Box<Link>,
    due: Option<Time>,
    /// How many more bytes are read and dropped; `None` while it waits for a request.
    lingering: Option<u64>,
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
    counters: Arc<Counters>,
}

impl Front {
    pub(crate) fn new(core: Arc<Core>, poll: Poll, listeners: Vec<Listener>) -> io::Result<Self> {
        for (i, listener) in listeners.iter().enumerate() {
            listener.set_nonblocking()?;
            let fd = listener.as_fd().as_raw_fd();
            poll.registry().register(&mut SourceFd(&fd), Token(LISTENER - i), Interest::READABLE)?;
        }
        let counters = core.counters();
        let (watched, due) = (Slab::new(), BTreeSet::new());
        Ok(Self { core, poll, listeners, watched, unplaced: 0, due, accept_at: None, counters })
    }

    /// Runs until it is stopped.
    pub(crate) fn run(mut self) {
        let _ = self.core.door.inside.set(thread::current().id());
        let mut events = Events::with_capacity(256);
        while self.turn(&mut events).is_ok() {}
        *self.core.door.orders.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.core.closed.give();
    }

    /// One round. `Err` when it is to stop, or cannot go on.
    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        let due = self.due.first().map(|(at, _)| *at).into_iter().chain(self.accept_at).min();
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
                Token(token) => self.readable(token),
            }
        }
        self.pass_time();
        for order in self.core.door.orders() {
            match order {
                Order::Park(link) => self.park(link),
                Order::Linger(link) => self.linger(link),
                Order::StopAccepting => self.stop_accepting(),
                Order::CloseIdle(reply) => {
                    let _ = reply.send(self.close_idle());
                }
                Order::Stop => return Err(ErrorKind::Other.into()),
            }
        }
        Ok(())
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
                        let wait = if self.close_longest_idle() { 0 } else { RETRY };
                        self.accept_at = Some(clock::now().after(wait));
                        return;
                    }
                },
            }
        }
        // The system tells once about many connections.
        self.accept_at = Some(clock::now());
    }

    fn admit(&mut self, stream: Box<dyn Stream>) {
        self.counters.accepted.add(1);
        let link = self.core.link(stream);
        if link.membership.is_none() {
            self.counters.refused_limit.add(1);
            return self.refuse(link);
        }
        self.enqueue(link);
    }

    fn enqueue(&mut self, link: Box<Link>) {
        if let Err(link) = self.core.queue.push(link) {
            self.counters.refused_busy.add(1);
            self.refuse(link);
        }
    }

    /// Answers 503 without waiting, and lets the peer read it.
    fn refuse(&mut self, mut link: Box<Link>) {
        if let Some(hook) = &self.core.hooks.refused {
            let _ = guarded(|| hook(link.peer));
        }
        let Some(answer) = refusal(&self.core, &mut link) else { return };
        let Some(stream) = link.stream.as_mut().filter(|_| self.unplaced < REFUSED) else { return };
        let Some(Ok(())) = stream.poll_fd().map(|fd| SockRef::from(&fd).set_nonblocking(true)) else {
            return;
        };
        // A new socket takes a few bytes. If it does not, its peer has not earned more. Streams that wait for theirs, as
        // TLS does, are not waited for.
        let _ = stream.set_write_timeout(Some(Duration::from_millis(1)));
        let wrote = stream.write(&answer);
        if matches!(wrote, Ok(n) if n == answer.len()) && stream.shutdown(Shutdown::Write).is_ok() {
            self.linger(link);
        }
    }

    fn park(&mut self, mut link: Box<Link>) {
        let told = self.core.is_draining() || link.idle_epoch != self.core.idle_epoch();
        if told && link.is_idle() {
            return;
        }
        self.counters.parked.add(1);
        let now = clock::now();
        link.observe(now);
        let due = link.timers.next(&link.limits);
        self.watch(Watched { link, due, lingering: None });
    }

    fn linger(&mut self, link: Box<Link>) {
        let Some(fd) = link.stream.as_ref().and_then(|stream| stream.poll_fd()) else { return };
        if SockRef::from(&fd).set_nonblocking(true).is_err() {
            return;
        }
        let limit = link.limits.linger;
        let due = limit.map(|limit| clock::now() + limit);
        self.watch(Watched { link, due, lingering: Some(self.core.options.linger_limit) });
    }

    fn watch(&mut self, watched: Watched) {
        let Some(fd) = watched.link.stream.as_ref().and_then(|stream| stream.poll_fd()) else { return };
        let fd = fd.as_raw_fd();
        let place = self.watched.vacant_entry();
        let key = place.key();
        // What cannot be watched ends here.
        if self.poll.registry().register(&mut SourceFd(&fd), Token(key), Interest::READABLE).is_ok() {
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
            let _ = self.poll.registry().deregister(&mut SourceFd(&fd.as_raw_fd()));
        }
        Some(watched)
    }

    fn readable(&mut self, key: usize) {
        // An event may be older than the connection that has its key now. Nothing is lost by looking.
        let Some(watched) = self.watched.get_mut(key) else { return };
        let is_lingering = watched.lingering.is_some();
        if is_lingering && drop_input(watched) {
            return;
        }
        if let Some(watched) = self.release(key)
            && !is_lingering
        {
            self.enqueue(watched.link);
        }
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
            if watched.lingering.is_some() {
                self.counters.count_expired(Expired::Linger);
                continue;
            }
            match watched.link.poll_expired() {
                None => self.park(watched.link),
                Some(expired) => {
                    self.counters.count_expired(expired);
                    // Whoever waited for a request in vain is not answered; all others by a thread.
                    if expired != Expired::KeepAlive {
                        watched.link.expired = Some(expired);
                        self.core.queue.push_anyway(watched.link);
                    }
                }
            }
        }
    }

    fn stop_accepting(&mut self) {
        for listener in self.listeners.drain(..) {
            let fd = listener.as_fd().as_raw_fd();
            let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        }
    }

    fn close_idle(&mut self) -> usize {
        let idle = |(key, watched): (usize, &Watched)| {
            (watched.lingering.is_none() && watched.link.is_idle()).then_some(key)
        };
        let keys: Vec<usize> = self.watched.iter().filter_map(idle).collect();
        keys.into_iter().filter_map(|key| self.release(key)).count()
    }

    /// Says whether there was one to close.
    fn close_longest_idle(&mut self) -> bool {
        let is_idle =
            |key: &usize| self.watched.get(*key).is_some_and(|w| w.lingering.is_none() && w.link.is_idle());
        // They all wait equally long, so that the first to end has waited longest.
        let key = self.due.iter().map(|(_, key)| *key).find(is_idle);
        key.and_then(|key| self.release(key)).is_some()
    }
}

/// The bytes of a 503, as the machine writes them. None where the stream is still to be shown to its user, who may be the
/// one to know what is spoken on it.
pub(crate) fn refusal(core: &Core, link: &mut Link) -> Option<Vec<u8>> {
    if link.is_new && core.hooks.connection.is_some() {
        return None;
    }
    let mut out = Vec::new();
    let mut date = WallDate::new();
    let date = core.options.send_date.then(|| date.now());
    let status = Status { code: 503, reason: None, date };
    let retry_after = [("Retry-After", core.options.retry_after.to_string())];
    // Refused only where an answer is under way, and then there is nothing to say.
    let _ = link.conn.respond_with(status, &retry_after, b"", &mut out);
    Some(out)
}

/// Reads and drops what is there. `false`: that was all, or enough.
fn drop_input(watched: &mut Watched) -> bool {
    let (Some(stream), Some(left)) = (&mut watched.link.stream, &mut watched.lingering) else { return false };
    let mut scrap = [0; 16 * 1024];
    loop {
        match stream.read(&mut scrap) {
            Ok(0) => return false,
            Ok(n) => match left.checked_sub(n as u64) {
                Some(fewer) => *left = fewer,
                None => return false,
            },
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}
