//! [`Lease`]: a connection in the hands of one request, from asking for it to giving it back.

use std::sync::{Arc, Condvar, MutexGuard, PoisonError};
use std::time::Duration;

use h1wire_proto::Time;
use h1wire_proto::calling::{Lapse, Late, Wait, Why};
use h1wire_proto::pool::{ConnId, Origin, Reuse, Ticket};

use super::driver::{Driver, Outcome, State};
use super::making::Plan;
use crate::client::{Abortable, Wire};
use crate::clock;
use crate::error::ErrorKind;

/// A connection that belongs to one request until it is given back. Dropped, it is closed.
pub(crate) struct Lease {
    driver: Arc<Driver>,
    id: ConnId,
    wire: Option<Box<Wire>>,
    pub(crate) reused: bool,
    /// An exchange was begun on it.
    begun: bool,
    pub(crate) tally: Tally,
}

/// What is counted when the connection goes its way.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// What a request wants of a connection.
pub(crate) struct Want<'w> {
    pub(crate) origin: &'w Arc<Origin>,
    /// How to make one. `None`: only an idle one is wanted.
    pub(crate) plan: Option<Arc<Plan>>,
    pub(crate) abortable: Option<&'w Abortable>,
    pub(crate) wait: &'w mut Wait,
    /// When the whole exchange is to be over.
    pub(crate) ends_at: Option<Time>,
    /// Whether it must not have carried a request.
    pub(crate) fresh: bool,
}

/// What happens while a request waits.
pub(crate) enum Waiting {
    /// A connection is being made for it.
    Socket,
    /// A time limit passed.
    Late(Late),
}

impl Lease {
    /// Waits for a connection. `None`: only an idle one was wanted, and there is none. `tell` is called from this thread,
    /// without the lock.
    pub(crate) fn acquire(
        driver: &Arc<Driver>,
        want: &mut Want<'_>,
        tell: &mut dyn FnMut(Waiting),
    ) -> Result<Option<Self>, ErrorKind> {
        loop {
            let (id, wire, reused) = match once(driver, want, tell)? {
                None => return Ok(None),
                Some(Outcome::Assigned { id, wire, reused }) => (id, wire, reused),
                Some(Outcome::Failed(kind)) => return Err(kind),
                Some(Outcome::Again) => continue,
            };
            let tally = Tally::default();
            let mut lease =
                Self { driver: driver.clone(), id, wire: Some(wire), reused, begun: false, tally };
            let Some(wire) = lease.wire_mut() else { continue };
            if reused && wire.stream.is_readable() {
                // The peer closed it, or speaks out of turn: never used (RFC 9112 section 9.2).
                lease.give_up();
                continue;
            }
            if reused && let Some(hook) = &driver.hooks.reuse_connection {
                hook(&mut *wire.stream);
            }
            return Ok(Some(lease));
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

    /// An exchange is begun on the connection.
    pub(crate) fn begin(&mut self) {
        self.begun = true;
        self.driver.lock().counters.begin(self.reused);
    }

    /// Gives the connection back after a complete exchange, or before one.
    pub(crate) fn release(mut self, reuse: Reuse) {
        if let Some(wire) = self.wire.take() {
            let mut state = self.driver.lock();
            self.count(&mut state, None);
            let gone = state.bring_back(self.id, wire).err();
            state.pool.release(clock::now(), self.id, reuse);
            let chores = self.driver.obey(&mut state, None);
            drop(state);
            drop(gone);
            self.driver.run(chores);
        }
    }

    /// Closes the connection, after an exchange that is over for this reason.
    pub(crate) fn close(mut self, why: Why) {
        self.count(&mut self.driver.lock(), Some(why));
        self.give_up();
    }

    /// Takes the connection out of the agent for good. Dropping what is returned closes it.
    pub(crate) fn detach(&mut self) {
        let mut state = self.driver.lock();
        state.pool.detach(clock::now(), self.id);
        state.forget(self.id);
        let chores = self.driver.obey(&mut state, None);
        drop(state);
        self.driver.run(chores);
    }

    /// [`detach`](Self::detach), and hands the connection over.
    pub(crate) fn into_wire(mut self) -> Option<Box<Wire>> {
        self.detach();
        let wire = self.wire.take()?;
        let mut state = self.driver.lock();
        state.counters.switched += 1;
        self.count_bytes(&mut state);
        drop(state);
        Some(wire)
    }

    fn count(&self, state: &mut State, why: Option<Why>) {
        if self.begun {
            state.counters.end(why);
        }
        self.count_bytes(state);
    }

    fn count_bytes(&self, state: &mut State) {
        state.counters.bytes_sent += self.tally.sent;
        state.counters.bytes_received += self.tally.received;
    }

    fn give_up(&mut self) {
        if let Some(wire) = self.wire.take() {
            // Closed before the pool makes another in its place, so that no limit is ever exceeded.
            drop(wire);
            let mut state = self.driver.lock();
            state.forget(self.id);
            state.pool.closed(clock::now(), self.id);
            let chores = self.driver.obey(&mut state, None);
            drop(state);
            self.driver.run(chores);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.wire.is_some() {
            self.count(&mut self.driver.lock(), Some(Why::Aborted));
            self.give_up();
        }
    }
}

/// What a waiting request does next.
enum Turn {
    Return(Outcome),
    Fail(ErrorKind),
    Tell(Lapse),
    Connecting,
    Wait(Option<Time>),
}

/// One ticket, from drawing it to its end.
fn once(
    driver: &Arc<Driver>,
    want: &mut Want<'_>,
    tell: &mut dyn FnMut(Waiting),
) -> Result<Option<Outcome>, ErrorKind> {
    // Before the lock: an abort rings it.
    let bell = want.abortable.map(|abortable| {
        let bell: Arc<Condvar> = Arc::default();
        abortable.while_waiting(driver, &bell).map(|()| bell)
    });
    let bell = bell.transpose()?;
    let mut state = driver.lock();
    let now = clock::now();
    if want.plan.is_none() && state.pool.peek_idle(now, want.origin).is_none() {
        return Ok(None);
    }
    let patience = driver.config.acquire_timeout.map(|limit| now + limit);
    let deadline = want.ends_at.into_iter().chain(patience).min();
    let ticket = match want.fresh {
        true => state.pool.acquire_fresh(now, want.origin, deadline),
        false => state.pool.acquire_until(now, want.origin, deadline),
    };
    state.enter(ticket, want.plan.clone(), bell);
    let mut chores = driver.obey(&mut state, None);
    loop {
        if !chores.is_empty() {
            drop(state);
            driver.run(std::mem::take(&mut chores));
            state = driver.lock();
            continue;
        }
        match turn(&mut state, ticket, want) {
            Turn::Return(outcome) => return Ok(Some(outcome)),
            Turn::Fail(kind) => {
                leave(driver, state, ticket);
                return Err(kind);
            }
            Turn::Connecting => {
                drop(state);
                tell(Waiting::Socket);
                state = driver.lock();
            }
            Turn::Tell(Lapse::Over(late)) => {
                leave(driver, state, ticket);
                tell(Waiting::Late(late));
                return Err(ErrorKind::Timeout(late));
            }
            Turn::Tell(Lapse::Notice(late)) => {
                drop(state);
                tell(Waiting::Late(late));
                state = driver.lock();
            }
            Turn::Tell(Lapse::Continue) => {}
            Turn::Wait(at) => {
                let at = at.into_iter().chain(deadline).min();
                if at.is_some_and(|at| at <= clock::now()) {
                    state.pool.handle_timeout(clock::now());
                    chores = driver.obey(&mut state, None);
                    continue;
                }
                let bell = state.bell(ticket);
                state = match at {
                    None => bell.wait(state).unwrap_or_else(PoisonError::into_inner),
                    Some(at) => {
                        // One millisecond more, because the clock counts in whole ones.
                        let limit = clock::until(at) + Duration::from_millis(1);
                        bell.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0
                    }
                };
            }
        }
    }
}

fn turn(state: &mut State, ticket: Ticket, want: &mut Want<'_>) -> Turn {
    let now = clock::now();
    if state.waiter(ticket).is_some_and(|waiter| waiter.making) && want.wait.connecting(now) {
        return Turn::Connecting;
    }
    if let Some(outcome) = state.outcome(ticket) {
        return Turn::Return(outcome);
    }
    if want.abortable.is_some_and(Abortable::is_aborted) {
        return Turn::Fail(ErrorKind::Aborted);
    }
    match want.wait.expire(now) {
        Some(lapse) => Turn::Tell(lapse),
        None => Turn::Wait(want.wait.deadline()),
    }
}

/// The request gives up waiting.
fn leave(driver: &Arc<Driver>, mut state: MutexGuard<'_, State>, ticket: Ticket) {
    state.pool.cancel(clock::now(), ticket);
    state.leave(ticket);
    let chores = driver.obey(&mut state, None);
    drop(state);
    driver.run(chores);
}
