//! [`Lease`]: a connection in the hands of one request, from asking for it to giving it back.

use std::sync::{Arc, Condvar, PoisonError};
use std::time::Duration;

use h1wire_proto::Time;
use h1wire_proto::pool::{ConnId, Origin, OriginView, Reuse, Ticket};

use super::driver::{Caller, Driver, Outcome, State};
use super::making::Plan;
use crate::client::{AbortHandle, Wire};
use crate::clock;
use crate::error::{ErrorKind, Timeout};

/// A connection that belongs to one request until it is given back. Dropped, it is closed.
pub(crate) struct Lease {
    driver: Arc<Driver>,
    id: ConnId,
    wire: Option<Box<Wire>>,
    pub(crate) reused: bool,
}

/// What a request wants of a connection.
pub(crate) struct Wish<'w> {
    pub(crate) origin: Arc<Origin>,
    /// Whether the request can be sent at all, asked unless there is an idle connection.
    pub(crate) check: &'w dyn Fn() -> Result<(), ErrorKind>,
    /// How to make one, asked only if one must be made.
    pub(crate) plan: &'w dyn Fn() -> Arc<Plan>,
    pub(crate) abort: Option<&'w AbortHandle>,
    /// When the whole exchange is to be over.
    pub(crate) deadline: Option<Time>,
    /// How long a connection may take to be made.
    pub(crate) connect_limit: Option<Duration>,
    /// How long nothing may happen while it is being made.
    pub(crate) idle_limit: Option<Duration>,
}

/// What happens while a request waits.
pub(crate) enum Waiting {
    /// A connection is being made for it, or it was assigned one.
    Socket,
    /// The idle limit passed. Whether that is the end is for the answer to say.
    Idle,
}

impl Lease {
    /// Waits for a connection. `tell` is called from this thread, without the lock; it answers whether to go on.
    pub(crate) fn acquire(
        driver: &Arc<Driver>,
        wish: &Wish<'_>,
        tell: &mut dyn FnMut(Waiting) -> bool,
    ) -> Result<Self, ErrorKind> {
        let mut told = false;
        loop {
            let mut wait = Wait { driver, wish, tell, told: &mut told };
            let (id, wire, reused) = match wait.once()? {
                Outcome::Assigned { id, wire, reused } => (id, wire, reused),
                Outcome::Failed(kind) => return Err(kind),
                Outcome::Again => continue,
            };
            let mut lease = Self { driver: driver.clone(), id, wire: Some(wire), reused };
            if reused && lease.wire_mut().is_some_and(|wire| wire.stream.is_readable()) {
                // The peer closed it, or speaks out of turn: never used (RFC 9112 section 9.2).
                drop(lease);
                continue;
            }
            if !std::mem::replace(&mut told, true) {
                tell(Waiting::Socket);
            }
            if reused
                && let Some(hook) = &driver.hooks.reuse_connection
                && let Some(wire) = lease.wire_mut()
            {
                hook(&mut *wire.stream);
            }
            return Ok(lease);
        }
    }

    /// The connection; `None` once it was given away.
    pub(crate) fn wire_mut(&mut self) -> Option<&mut Wire> {
        self.wire.as_deref_mut()
    }

    /// The connection; `None` once it was given away.
    pub(crate) fn wire(&self) -> Option<&Wire> {
        self.wire.as_deref()
    }

    /// Gives the connection back.
    pub(crate) fn release(mut self, reuse: Reuse) {
        if let Some(wire) = self.wire.take() {
            let mut state = self.driver.lock();
            let gone = state.bring_back(self.id, wire).err();
            state.pool.release(clock::now(), self.id, reuse);
            let chores = self.driver.obey(&mut state, None, None);
            drop(state);
            drop(gone);
            self.driver.run(chores);
        }
    }

    /// Takes the connection out of the agent for good. Dropping what is returned closes it.
    pub(crate) fn detach(&mut self) {
        let mut state = self.driver.lock();
        state.pool.detach(clock::now(), self.id);
        state.forget(self.id);
        let chores = self.driver.obey(&mut state, None, None);
        drop(state);
        self.driver.run(chores);
    }

    /// [`detach`](Self::detach), and hands the connection over.
    pub(crate) fn into_wire(mut self) -> Option<Box<Wire>> {
        self.detach();
        self.wire.take()
    }

    /// Closes the other idle connections of the same origin, which are in doubt once one was found dead.
    pub(crate) fn doubt_others(driver: &Arc<Driver>, origin: &Arc<Origin>) {
        let mut state = driver.lock();
        state.pool.close_idle(clock::now(), Some(origin));
        let chores = driver.obey(&mut state, None, None);
        drop(state);
        driver.run(chores);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(wire) = self.wire.take() {
            // Closed before the pool makes another in its place, so that no limit is ever exceeded.
            drop(wire);
            let mut state = self.driver.lock();
            state.forget(self.id);
            state.pool.closed(clock::now(), self.id);
            let chores = self.driver.obey(&mut state, None, None);
            drop(state);
            self.driver.run(chores);
        }
    }
}

/// One ticket, from drawing it to its end.
struct Wait<'a, 'w> {
    driver: &'a Arc<Driver>,
    wish: &'a Wish<'w>,
    tell: &'a mut dyn FnMut(Waiting) -> bool,
    told: &'a mut bool,
}

/// What a waiting request does next.
enum Turn {
    Return(Outcome),
    Fail(ErrorKind),
    Tell(Waiting),
    Wait(Option<Time>),
}

impl Wait<'_, '_> {
    fn once(&mut self) -> Result<Outcome, ErrorKind> {
        let mut bell = None;
        if let Some(abort) = self.wish.abort {
            abort.while_waiting(self.driver, bell.get_or_insert_default())?;
        }
        let mut state = self.driver.lock();
        let has_idle = |of: OriginView<'_, _>| of.idle_count() > 0;
        if !state.pool.origin(&self.wish.origin).is_some_and(has_idle) {
            (self.wish.check)()?;
        }
        let now = clock::now();
        let patience = self.driver.config.acquire_timeout;
        let deadline = self.wish.deadline.into_iter().chain(patience.map(|limit| now + limit)).min();
        let ticket = state.pool.acquire_until(now, &self.wish.origin, deadline);
        let mut caller = Caller { ticket, make: self.wish.plan, plan: None, outcome: None, making: false };
        let mut chores = self.driver.obey(&mut state, Some(&mut caller), None);
        if let Some(outcome) = caller.outcome {
            drop(state);
            self.driver.run(chores);
            return Ok(outcome);
        }
        let bell: Arc<Condvar> = bell.unwrap_or_default();
        state.wait(&bell, caller);
        let mut clocks = Clocks { deadline, since: None, idle_at: None, gave_up: false };
        loop {
            if !chores.is_empty() {
                drop(state);
                self.driver.run(std::mem::take(&mut chores));
                state = self.driver.lock();
                continue;
            }
            match self.turn(&mut state, ticket, &mut clocks) {
                Turn::Return(outcome) => return Ok(outcome),
                Turn::Fail(kind) => {
                    state.pool.cancel(clock::now(), ticket);
                    state.leave(ticket);
                    let chores = self.driver.obey(&mut state, None, None);
                    drop(state);
                    self.driver.run(chores);
                    return Err(kind);
                }
                Turn::Tell(what) => {
                    let is_idle = matches!(what, Waiting::Idle);
                    drop(state);
                    let go_on = (self.tell)(what);
                    state = self.driver.lock();
                    if is_idle && !go_on {
                        clocks.gave_up = true;
                    }
                }
                Turn::Wait(Some(at)) if at <= clock::now() => {
                    state.pool.handle_timeout(clock::now());
                    chores = self.driver.obey(&mut state, None, None);
                }
                Turn::Wait(None) => state = bell.wait(state).unwrap_or_else(PoisonError::into_inner),
                Turn::Wait(Some(at)) => {
                    // One millisecond more, because the clock counts in whole ones.
                    let limit = clock::until(at) + Duration::from_millis(1);
                    state = bell.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn turn(&mut self, state: &mut State, ticket: Ticket, clocks: &mut Clocks) -> Turn {
        let now = clock::now();
        if clocks.since.is_none() && state.waiter(ticket).is_some_and(|waiter| waiter.making) {
            clocks.since = Some(now);
            clocks.idle_at = self.wish.idle_limit.map(|limit| now.after(clock::millis(limit)));
            if !std::mem::replace(self.told, true) {
                return Turn::Tell(Waiting::Socket);
            }
        }
        if let Some(outcome) = state.outcome(ticket) {
            return Turn::Return(outcome);
        }
        let connect_at =
            clocks.since.zip(self.wish.connect_limit).map(|(at, limit)| at.after(clock::millis(limit)));
        let over = |at: Option<Time>| at.is_some_and(|at| at <= now);
        if self.wish.abort.is_some_and(AbortHandle::is_aborted) {
            return Turn::Fail(ErrorKind::Aborted);
        }
        if clocks.gave_up {
            return Turn::Fail(ErrorKind::Timeout(Timeout::Idle));
        }
        if over(self.wish.deadline) {
            return Turn::Fail(ErrorKind::Timeout(Timeout::Total));
        }
        if over(connect_at) {
            return Turn::Fail(ErrorKind::Timeout(Timeout::Connect));
        }
        if over(clocks.idle_at) {
            clocks.idle_at = None;
            return Turn::Tell(Waiting::Idle);
        }
        Turn::Wait([clocks.deadline, connect_at, clocks.idle_at].into_iter().flatten().min())
    }
}

/// The times of one wait.
struct Clocks {
    /// When the ticket ends.
    deadline: Option<Time>,
    /// Since when a connection is being made for it.
    since: Option<Time>,
    /// When nothing will have happened for too long.
    idle_at: Option<Time>,
    /// Nothing happened for too long, and that is the end.
    gave_up: bool,
}
