//! What the pool decides, done: connections handed out, made, kept and closed behind one lock.
//!
//! The lock is held over a call of the pool and the taking of its actions, never while connecting, reading or
//! writing, nor over a hook. Which connection goes where is the pool's decision alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use h1wire_proto::calling::Counters;
use h1wire_proto::pool::{Action, ConnId, Origin, Pool, PoolConfig, PoolError, Ticket};

use super::hooks::Hooks;
use super::making::{Job, Plan};
use super::reaper::Reaper;
use crate::client::Wire;
use crate::clock;
use crate::connect::Wanted;
use crate::error::ErrorKind;
use crate::stream::Closer;

/// The shared part of an agent.
pub(crate) struct Driver {
    pub(crate) state: Mutex<State>,
    pub(crate) config: PoolConfig,
    pub(crate) hooks: Arc<Hooks>,
    pub(super) reaper: Arc<Reaper>,
}

pub(crate) struct State {
    pub(crate) pool: Pool<Arc<Origin>>,
    /// By [`ConnId::index`].
    slots: Vec<Option<Slot>>,
    /// By ticket, which is the order in which they came.
    waiters: Vec<Waiter>,
    pub(super) counters: Counters,
    pub(super) reaping: bool,
}

/// A connection of the pool.
struct Slot {
    id: ConnId,
    place: Place,
    closer: Option<Closer>,
}

/// Where the connection of a slot is.
enum Place {
    /// A thread is making it.
    Making(Arc<Wanted>),
    /// Here, idle or about to be handed out.
    Here(Box<Wire>),
    /// A request has it.
    Out,
    /// The `keep_connection` hook is looking at it. If it was promised to a request meanwhile, that is whose.
    Examined(Option<Ticket>),
}

/// A request that waits for a connection.
pub(super) struct Waiter {
    ticket: Ticket,
    bell: Option<Arc<Condvar>>,
    /// `None`: an idle connection serves it, so none is made.
    plan: Option<Arc<Plan>>,
    outcome: Option<Outcome>,
    /// A connection is being made for it.
    pub(super) making: bool,
}

impl Waiter {
    fn ring(&self) {
        if let Some(bell) = &self.bell {
            bell.notify_one();
        }
    }
}

/// How waiting ended.
pub(super) enum Outcome {
    Assigned {
        id: ConnId,
        wire: Box<Wire>,
        reused: bool,
    },
    Failed(ErrorKind),
    /// The connection that was assigned is gone; ask again.
    Again,
}

/// What is left to do once the lock is released.
#[derive(Default)]
pub(super) struct Chores {
    jobs: Vec<Job>,
    #[expect(clippy::vec_box, reason = "they come boxed and are dropped so; a move of the box is a word")]
    closed: Vec<Box<Wire>>,
    closers: Vec<Closer>,
    examine: Vec<(ConnId, Box<Wire>)>,
}

impl Chores {
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.closed.is_empty() && self.closers.is_empty() && self.examine.is_empty()
    }
}

impl Driver {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock, and the state is whole between any two steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request is sent again by itself.
    pub(crate) fn count_retry(&self) {
        self.lock().counters.retries += 1;
    }

    /// Takes and does the actions of the pool. `failure` is why a connection could not be made, for the ticket that
    /// fails for it.
    pub(super) fn obey(self: &Arc<Self>, state: &mut State, mut failure: Option<ErrorKind>) -> Chores {
        let mut chores = Chores::default();
        while let Some(action) = state.pool.poll_action() {
            match action {
                Action::Connect { conn, key, ticket } => {
                    let wanted = Arc::new(Wanted::default());
                    state.put(Slot { id: conn, place: Place::Making(wanted.clone()), closer: None });
                    let plan = state.waiter(ticket).and_then(|waiter| {
                        waiter.making = true;
                        waiter.ring();
                        waiter.plan.clone()
                    });
                    if let Some(plan) = plan {
                        chores.jobs.push(Job::new(self, conn, key, plan, wanted));
                    }
                }
                Action::Assign { ticket, conn, reused } => {
                    if let Some(wire) = state.hand_out(conn, ticket) {
                        state.deliver(ticket, Outcome::Assigned { id: conn, wire, reused });
                    }
                }
                Action::Idle { conn } => {
                    if self.hooks.keep_connection.is_some()
                        && let Some(slot) = state.slot(conn)
                        && let Place::Here(wire) = std::mem::replace(&mut slot.place, Place::Examined(None))
                    {
                        chores.examine.push((conn, wire));
                    }
                    self.reaper.start(self, state);
                }
                Action::Close { conn } => {
                    let Some(slot) = state.take(conn) else { continue };
                    match slot.place {
                        Place::Here(wire) => chores.closed.push(wire),
                        Place::Making(wanted) => chores.closers.extend(wanted.give_up()),
                        Place::Out => chores.closers.extend(slot.closer),
                        Place::Examined(_) => {}
                    }
                }
                Action::Fail { ticket, why } => {
                    let failed = (why == PoolError::ConnectFailed).then(|| failure.take()).flatten();
                    let kind = failed.unwrap_or(ErrorKind::Agent(why));
                    state.deliver(ticket, Outcome::Failed(kind));
                }
            }
        }
        chores
    }

    /// Runs what [`obey`](Self::obey) left to do. Not under the lock.
    pub(super) fn run(self: &Arc<Self>, mut chores: Chores) {
        loop {
            chores.closed.clear();
            for closer in chores.closers.drain(..) {
                closer.close();
            }
            for job in chores.jobs.drain(..) {
                job.start();
            }
            let Some((id, wire)) = chores.examine.pop() else { return };
            let more = self.examine(id, wire);
            chores.jobs.extend(more.jobs);
            chores.closed.extend(more.closed);
            chores.closers.extend(more.closers);
            chores.examine.extend(more.examine);
        }
    }

    /// Asks the `keep_connection` hook about a connection that became idle.
    fn examine(self: &Arc<Self>, id: ConnId, mut wire: Box<Wire>) -> Chores {
        // If the hook panicked, the connection would be promised for ever, and never given.
        let keep =
            self.hooks.keep_connection.as_ref().is_none_or(|hook| {
                catch_unwind(AssertUnwindSafe(|| hook(&mut *wire.stream))).unwrap_or(false)
            });
        let mut state = self.lock();
        let Some(slot) = state.slot(id) else { return Chores::default() };
        let Place::Examined(promised) = slot.place else { return Chores::default() };
        if !keep {
            if let Some(ticket) = promised {
                state.deliver(ticket, Outcome::Again);
            }
            state.take(id);
            state.pool.closed(clock::now(), id);
            let mut chores = self.obey(&mut state, None);
            chores.closed.push(wire);
            return chores;
        }
        match promised {
            None => slot.place = Place::Here(wire),
            Some(ticket) => {
                slot.place = Place::Out;
                state.deliver(ticket, Outcome::Assigned { id, wire, reused: true });
            }
        }
        Chores::default()
    }

    /// The thread that made a connection reports.
    pub(super) fn made(self: &Arc<Self>, id: ConnId, result: Result<Box<Wire>, ErrorKind>) {
        let mut state = self.lock();
        let failure = match (state.slot(id), result) {
            // Nobody wants it any more. What a stream does as it goes is not for the lock.
            (None, unwanted) => {
                drop(state);
                drop(unwanted);
                return;
            }
            (Some(slot), Ok(wire)) => {
                slot.closer = wire.closer.clone();
                slot.place = Place::Here(wire);
                state.counters.connections += 1;
                state.pool.connected(clock::now(), id);
                None
            }
            (Some(_), Err(kind)) => {
                state.take(id);
                state.counters.connect_failures += 1;
                state.pool.connect_failed(clock::now(), id);
                Some(kind)
            }
        };
        let chores = self.obey(&mut state, failure);
        drop(state);
        self.run(chores);
    }

    /// Closes the idle connections that became readable, and what is overdue. Answers whether any are left; if not,
    /// the reaper that asks ends.
    pub(super) fn sweep(self: &Arc<Self>, for_reaper: bool) -> bool {
        let mut state = self.lock();
        let now = clock::now();
        state.pool.handle_timeout(now);
        let readable: Vec<ConnId> = state
            .slots
            .iter_mut()
            .flatten()
            // A look that cannot block.
            .filter_map(|slot| match &mut slot.place {
                Place::Here(wire) => wire.stream.is_readable().then_some(slot.id),
                _ => None,
            })
            .collect();
        for id in readable {
            state.pool.idle_readable(now, id);
        }
        let chores = self.obey(&mut state, None);
        let left = state.pool.totals().idle > 0;
        state.reaping = if for_reaper { left } else { state.reaping };
        drop(state);
        self.run(chores);
        left
    }
}

impl State {
    pub(super) fn new(pool: Pool<Arc<Origin>>) -> Self {
        Self { pool, slots: Vec::new(), waiters: Vec::new(), counters: Counters::NONE, reaping: false }
    }

    fn put(&mut self, slot: Slot) {
        let at = slot.id.index() as usize;
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        if let Some(place) = self.slots.get_mut(at) {
            *place = Some(slot);
        }
    }

    fn slot(&mut self, id: ConnId) -> Option<&mut Slot> {
        self.slots.get_mut(id.index() as usize)?.as_mut().filter(|slot| slot.id == id)
    }

    /// Takes the slot of a connection that has left the pool, and lets the table shrink.
    fn take(&mut self, id: ConnId) -> Option<Slot> {
        self.slot(id)?;
        let slot = self.slots.get_mut(id.index() as usize)?.take();
        while matches!(self.slots.last(), Some(None)) {
            self.slots.pop();
        }
        slot
    }

    /// The connection for a request that was promised it; `None` if a hook still looks at it.
    fn hand_out(&mut self, id: ConnId, ticket: Ticket) -> Option<Box<Wire>> {
        let slot = self.slot(id)?;
        match std::mem::replace(&mut slot.place, Place::Out) {
            Place::Here(wire) => Some(wire),
            Place::Examined(_) => {
                slot.place = Place::Examined(Some(ticket));
                None
            }
            other => {
                slot.place = other;
                None
            }
        }
    }

    fn deliver(&mut self, ticket: Ticket, outcome: Outcome) {
        if let Some(waiter) = self.waiter(ticket) {
            waiter.outcome = Some(outcome);
            waiter.ring();
        }
    }

    /// A request waits, from before the actions of its ticket are taken.
    pub(super) fn enter(&mut self, ticket: Ticket, plan: Option<Arc<Plan>>, bell: Option<Arc<Condvar>>) {
        // Tickets are drawn in order.
        self.waiters.push(Waiter { ticket, bell, plan, outcome: None, making: false });
    }

    fn place(&self, ticket: Ticket) -> Option<usize> {
        self.waiters.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()
    }

    pub(super) fn waiter(&mut self, ticket: Ticket) -> Option<&mut Waiter> {
        let at = self.place(ticket)?;
        self.waiters.get_mut(at)
    }

    /// The bell of a request that is really going to wait.
    pub(super) fn bell(&mut self, ticket: Ticket) -> Arc<Condvar> {
        self.waiter(ticket).map(|waiter| waiter.bell.get_or_insert_default().clone()).unwrap_or_default()
    }

    /// Takes the outcome of a wait that is over, and the waiter with it.
    pub(super) fn outcome(&mut self, ticket: Ticket) -> Option<Outcome> {
        let at = self.place(ticket)?;
        self.waiters.get(at)?.outcome.as_ref()?;
        self.waiters.remove(at).outcome
    }

    pub(super) fn leave(&mut self, ticket: Ticket) {
        if let Some(at) = self.place(ticket) {
            self.waiters.remove(at);
        }
    }

    /// The connection comes back from a request. `false`: it is not the pool's any more.
    pub(super) fn bring_back(&mut self, id: ConnId, wire: Box<Wire>) -> Result<(), Box<Wire>> {
        match self.slot(id) {
            Some(slot) => {
                slot.place = Place::Here(wire);
                Ok(())
            }
            None => Err(wire),
        }
    }

    /// The connection left the pool by another way than an action.
    pub(super) fn forget(&mut self, id: ConnId) {
        self.take(id);
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.reaper.stop();
        // What is being made for nobody may never come to an end by itself.
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        for slot in state.slots.iter().flatten() {
            if let Place::Making(wanted) = &slot.place
                && let Some(closer) = wanted.give_up()
            {
                closer.close();
            }
        }
    }
}
