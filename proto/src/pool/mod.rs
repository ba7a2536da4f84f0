//! The pool of client connections, as decisions: who gets which connection, when one is made, kept or closed.
//!
//! No sockets, no clock, no hooks: a driver tells what happened and does what it is told. What may go on the wire
//! is the business of [`Conn`](crate::Conn), what may be sent again that of [`retry`](crate::retry).
//!
//! # The rules
//!
//! An *origin* is a key: requests with equal keys may share connections, and nothing else decides that. A request
//! draws a *ticket*, and a ticket ends in exactly one way: it is assigned a connection, it fails, or it is
//! cancelled.
//!
//! 1. **First come, first served.** Whatever connection of an origin becomes free or ready serves the origin's
//!    oldest ticket, also if it was being made for a younger one. A connection serves its origin until nobody
//!    waits there, however many wait elsewhere; with a limit over all origins a busy origin can so keep others
//!    waiting, which the deadline of a ticket bounds.
//! 2. **A ticket that waits has a reason to.** An idle connection of its origin serves a request at once. Else a
//!    connection that is being made for nobody is made for it. Else one is begun, within `max_connections` and
//!    `max_total_connections`. At the total limit, the connection of another origin that has been spare longest (idle,
//!    or being made for nobody) is closed to make room. When there is room again, the oldest ticket of all origins
//!    gets the next connection.
//! 3. **A failed connect fails one ticket**, the one it is being made for. That is the one it was begun for; if
//!    that one got another connection or was cancelled, it is the oldest one with none being made for it, and if
//!    there is none, nobody.
//! 4. **A connection is kept only if it is free of doubt**: released with [`Reuse::Yes`], within
//!    `max_idle`, and only as long as both our own timeout and the peer's hint allow. One that becomes
//!    readable while idle was closed by the peer or speaks out of turn (RFC 9112 section 9.2): it is never used.
//!    A ticket of [`acquire_fresh`](Pool::acquire_fresh) is served by a connection that carried no request, and by no
//!    other; it keeps its place among the rest.
//! 5. **Only what is alive takes memory.** An origin is forgotten with its last connection and ticket, and the
//!    tables shrink.
//!
//! | a connection | is counted in | and leaves by |
//! |---|---|---|
//! | being made | `busy` | `connected`, `connect_failed`; closed if nobody wants it and it could not be kept |
//! | in use | `busy` | `release`, `closed`, `detach` |
//! | idle | `idle` | an `Assign`, `idle_readable`, `closed`, `detach`, its deadline, an eviction |
//!
//! A `Close` counts as done when it is told: the id is stale, and a `Connect` that it makes room for comes after
//! it.

mod action;
mod config;
mod heap;
mod lane;
mod list;
mod origin;
mod steps;
mod table;
#[cfg(test)]
mod tests;
mod view;

pub use action::{Action, ConnId, PoolError, Reuse, Ticket};
pub use config::{PoolConfig, Scheduling};
pub use origin::{Family, Origin, Tls};
pub use view::{OriginView, Totals};

use crate::time::Time;
use crate::values::KeepAlive;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use config::limit;
use heap::Heap;
use lane::{Conn, Lane, State, Waiter};
use table::Table;

/// Decides over the connections of an agent. `K` is the origin: [`Origin`], or any key that is cheap to clone.
///
/// Calls sort into five kinds.
///
/// 1. *Requests*: [`acquire`](Self::acquire), [`acquire_until`](Self::acquire_until) or, for a retry,
///    [`acquire_fresh`](Self::acquire_fresh) draws a ticket, [`cancel`](Self::cancel) gives it back.
/// 2. *Connections*: after an [`Action::Connect`] either [`connected`](Self::connected) or
///    [`connect_failed`](Self::connect_failed); after an [`Action::Assign`] one of [`release`](Self::release),
///    [`closed`](Self::closed) and [`detach`](Self::detach); after an [`Action::Idle`], if it happens,
///    [`idle_readable`](Self::idle_readable) or [`closed`](Self::closed).
/// 3. *Time*: [`poll_timeout`](Self::poll_timeout) says when to call [`handle_timeout`](Self::handle_timeout).
/// 4. *Endings*: [`close_idle`](Self::close_idle), [`destroy`](Self::destroy). The pool can be used afterwards.
/// 5. *Questions*, at any time: [`totals`](Self::totals), [`origin`](Self::origin), [`origins`](Self::origins),
///    [`key`](Self::key), [`peek_idle`](Self::peek_idle), [`config`](Self::config).
///
/// After any call of kinds 1 to 4, take all of [`poll_action`](Self::poll_action) and do it, in order, before the
/// next call. A driver with threads holds its lock over the call and the taking, not over the doing.
///
/// Any order of calls is safe. A call with a stale id, or one that does not fit the state of its connection, does
/// nothing. Time may stand still or even go back; deadlines then come later.
///
/// A call costs O(log n) and, once the tables have grown, allocates only for an origin that is not yet known.
///
/// ```
/// use h1wire_proto::{KeepAlive, Time, pool::*};
///
/// let mut pool = Pool::new(PoolConfig::DEFAULT);
/// let origin = Origin::tcp("example.org", 80);
///
/// let first = pool.acquire(Time(0), &origin);
/// let Some(Action::Connect { conn, .. }) = pool.poll_action() else { panic!() };
/// pool.connected(Time(20), conn);
/// assert_eq!(pool.poll_action(), Some(Action::Assign { ticket: first, conn, reused: false }));
///
/// pool.release(Time(50), conn, Reuse::Yes(KeepAlive::parse([&b"timeout=5"[..]])));
/// assert_eq!(pool.poll_action(), Some(Action::Idle { conn }));
/// assert_eq!(pool.poll_timeout(), Some(Time(4_050))); // a second before the peer would close it
///
/// let second = pool.acquire(Time(60), &origin);
/// assert_eq!(pool.poll_action(), Some(Action::Assign { ticket: second, conn, reused: true }));
/// assert_eq!(pool.poll_action(), None);
/// ```
#[derive(Debug)]
pub struct Pool<K> {
    config: PoolConfig,
    conns: Table<Conn>,
    tickets: Table<Waiter>,
    lanes: Table<Lane<K>>,
    by_key: BTreeMap<K, u32>,
    /// How many tickets there are with no connection being made for them.
    bare: usize,
    /// How many connections are idle.
    idle: usize,
    /// See `steps`.
    spare: Heap<u64>,
    starved: Heap<u64>,
    idle_deadlines: Heap<(Time, u64)>,
    ticket_deadlines: Heap<(Time, u64)>,
    /// Ranks the connections by when they became spare.
    turn: u64,
    actions: VecDeque<Action<K>>,
}

impl<K: Ord + Clone> Pool<K> {
    /// An empty pool. It allocates nothing yet.
    pub const fn new(config: PoolConfig) -> Self {
        Self {
            config,
            conns: Table::new(),
            tickets: Table::new(),
            lanes: Table::new(),
            by_key: BTreeMap::new(),
            bare: 0,
            idle: 0,
            spare: Heap::new(),
            starved: Heap::new(),
            idle_deadlines: Heap::new(),
            ticket_deadlines: Heap::new(),
            turn: 0,
            actions: VecDeque::new(),
        }
    }

    /// Asks for a connection to `key`, to be had within [`PoolConfig::acquire_timeout`].
    ///
    /// The answer comes as an [`Action::Assign`] or [`Action::Fail`] for this ticket, now or later.
    #[must_use]
    pub fn acquire(&mut self, now: Time, key: &K) -> Ticket {
        let deadline = self.config.acquire_timeout.map(|limit| now + limit);
        self.acquire_until(now, key, deadline)
    }

    /// [`acquire`](Self::acquire) with a deadline of its own; `None` waits for ever.
    ///
    /// The deadline takes effect in [`handle_timeout`](Self::handle_timeout): a connection that is free now
    /// serves the ticket even if it has passed.
    #[must_use]
    pub fn acquire_until(&mut self, now: Time, key: &K, deadline: Option<Time>) -> Ticket {
        self.draw(now, key, deadline, false)
    }

    /// Asks for a connection that carried no request yet: for a retry, which would be lost on another dead one (RFC 9110
    /// section 9.2.2). The idle connections of the origin are in doubt and are closed.
    ///
    /// Requests after this one may be served before it, by connections that were in use.
    #[must_use]
    pub fn acquire_fresh(&mut self, now: Time, key: &K, deadline: Option<Time>) -> Ticket {
        self.close_idle(now, Some(key));
        self.draw(now, key, deadline, true)
    }

    fn draw(&mut self, now: Time, key: &K, deadline: Option<Time>, fresh: bool) -> Ticket {
        self.expire(now);
        self.pump();
        let lane = self.lane(key);
        let ticket = self.enqueue(lane, deadline, fresh);
        if let Some(conn) = self.pick(lane).filter(|_| !fresh) {
            self.serve(conn, None, true);
        } else if let Some(conn) = self.lanes.get(lane).and_then(|lane| lane.loose.front()) {
            self.bind(conn, ticket.index);
        }
        if limit(self.config.max_connections).min(limit(self.config.max_total_connections)) == 0 {
            self.fail(ticket.index, PoolError::NoneAllowed);
        }
        self.review(lane);
        self.pump();
        let bare = self.tickets.find(ticket.index, ticket.serial).is_some_and(|of| of.conn.is_none());
        if bare && self.bare > self.config.max_queued.map_or(usize::MAX, |most| most as usize) {
            self.fail(ticket.index, PoolError::QueueFull);
            self.review(lane);
        }
        ticket
    }

    /// The request is no longer wanted. `true` if it was still waiting, and will now hear nothing. `false` if the
    /// ticket is stale: what was decided stands, and a connection assigned to it has to be released.
    ///
    /// A connection that was being made for it is made for the next one in need, or kept for later, or closed.
    pub fn cancel(&mut self, _now: Time, ticket: Ticket) -> bool {
        let Some(lane) = self.tickets.find(ticket.index, ticket.serial).map(|of| of.lane) else {
            return false;
        };
        if let Some(conn) = self.dequeue(ticket.index) {
            self.loosen(conn);
        }
        self.review(lane);
        self.pump();
        true
    }

    /// The connection asked for by [`Action::Connect`] can carry a request.
    pub fn connected(&mut self, now: Time, conn: ConnId) {
        let Some((conn, of)) = self.find(conn) else { return };
        let (lane, own) = match of.state {
            State::Making(ticket) => (of.lane, Some(ticket)),
            State::Loose => (of.lane, None),
            State::Busy | State::Idle => return,
        };
        if !self.serve(conn, own, false) {
            self.settle(now, conn);
        }
        self.review(lane);
        self.pump();
    }

    /// The connection asked for by [`Action::Connect`] could not be made. Fails the ticket it was being made for;
    /// others of the origin get a new try.
    pub fn connect_failed(&mut self, _now: Time, conn: ConnId) {
        let Some((conn, of)) = self.find(conn) else { return };
        let (lane, ticket) = match of.state {
            State::Making(ticket) => (of.lane, Some(ticket)),
            State::Loose => (of.lane, None),
            State::Busy | State::Idle => return,
        };
        self.forget(conn);
        // The ticket still names the connection, but a forgotten one is not made for anybody else.
        if let Some(ticket) = ticket {
            self.fail(ticket, PoolError::ConnectFailed);
        }
        self.review(lane);
        self.pump();
    }

    /// The exchange on a connection in use is over. The connection serves the next ticket of its origin, or
    /// becomes idle, or is closed.
    pub fn release(&mut self, now: Time, conn: ConnId, reuse: Reuse) {
        let Some((conn, of)) = self.find(conn).filter(|(_, of)| of.state == State::Busy) else { return };
        let lane = of.lane;
        match reuse {
            Reuse::No => self.close(conn),
            Reuse::Yes(hint) => {
                if self.spent(conn, hint) {
                    self.close(conn);
                } else if !self.serve(conn, None, true) {
                    self.settle(now, conn);
                }
            }
        }
        self.review(lane);
        self.pump();
    }

    /// An idle connection became readable: the peer closed it, or sent what nobody asked for. It is closed and
    /// never used again (RFC 9112 sections 9.2 and 9.5). Does nothing to a connection that is not idle.
    ///
    /// A driver that cannot watch idle connections looks at one when it is assigned with `reused: true`. If it is
    /// readable, the driver calls [`closed`](Self::closed) and acquires anew: nothing was sent.
    pub fn idle_readable(&mut self, _now: Time, conn: ConnId) {
        if let Some((conn, Conn { state: State::Idle, .. })) = self.find(conn) {
            self.close(conn);
            self.pump();
        }
    }

    /// The driver has closed the connection, or lost it, in whatever state. One that was being made counts as
    /// [failed](Self::connect_failed).
    pub fn closed(&mut self, now: Time, conn: ConnId) {
        let Some((index, of)) = self.find(conn) else { return };
        let lane = of.lane;
        if matches!(of.state, State::Making(_) | State::Loose) {
            return self.connect_failed(now, conn);
        }
        self.forget(index);
        self.review(lane);
        self.pump();
    }

    /// Takes a connected connection out of the pool for good, as after an upgrade (Node's `agentRemove`): it no longer counts, and the pool never closes or uses it. `true` if it was the pool's;
    /// `false`, and nothing changes, if it is stale or still being made.
    pub fn detach(&mut self, _now: Time, conn: ConnId) -> bool {
        let Some((conn, of)) = self.find(conn) else { return false };
        let lane = of.lane;
        if matches!(of.state, State::Making(_) | State::Loose) {
            return false;
        }
        self.forget(conn);
        self.review(lane);
        self.pump();
        true
    }

    /// Closes all idle connections of one origin, or of all.
    pub fn close_idle(&mut self, _now: Time, key: Option<&K>) {
        match key {
            Some(key) => {
                while let Some(conn) =
                    self.by_key.get(key).and_then(|lane| self.lanes.get(*lane)?.idle.front())
                {
                    self.close(conn);
                }
            }
            None => {
                let idle = |(index, _, conn): (u32, u64, &Conn)| (conn.state == State::Idle).then_some(index);
                let idle: Vec<u32> = self.conns.iter().filter_map(idle).collect();
                for conn in idle {
                    self.close(conn);
                }
            }
        }
        self.pump();
    }

    /// Fails every ticket with [`PoolError::Destroyed`] and closes every connection, also those in use. Detached
    /// connections live on. The pool is empty then, and ready for new requests.
    pub fn destroy(&mut self, _now: Time) {
        let mut tickets: Vec<Ticket> =
            self.tickets.iter().map(|(index, serial, _)| Ticket { serial, index }).collect();
        tickets.sort_unstable();
        let mut conns: Vec<ConnId> =
            self.conns.iter().map(|(index, serial, _)| ConnId { serial, index }).collect();
        conns.sort_unstable();
        self.actions
            .extend(tickets.into_iter().map(|ticket| Action::Fail { ticket, why: PoolError::Destroyed }));
        self.actions.extend(conns.into_iter().map(|conn| Action::Close { conn }));
        self.tickets.clear();
        self.conns.clear();
        self.lanes.clear();
        self.by_key.clear();
        (self.bare, self.idle) = (0, 0);
        self.spare.clear();
        self.starved.clear();
        self.idle_deadlines.clear();
        self.ticket_deadlines.clear();
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing happens before: the earliest deadline of
    /// an idle connection or a waiting ticket.
    pub fn poll_timeout(&self) -> Option<Time> {
        let idle = self.idle_deadlines.min().map(|((deadline, _), _)| deadline);
        let ticket = self.ticket_deadlines.min().map(|((deadline, _), _)| deadline);
        idle.into_iter().chain(ticket).min()
    }

    /// Closes the idle connections and fails the tickets whose deadline has come. Early calls do nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        self.expire(now);
        while let Some(((deadline, _), ticket)) = self.ticket_deadlines.min() {
            if deadline > now {
                break;
            }
            let lane = self.tickets.get(ticket).map(|of| of.lane);
            self.fail(ticket, PoolError::Timeout);
            if let Some(lane) = lane {
                self.review(lane);
            }
        }
        self.pump();
    }

    /// The next thing to do. Take them all, in order, after every call.
    pub fn poll_action(&mut self) -> Option<Action<K>> {
        let action = self.actions.pop_front();
        if self.actions.is_empty() && self.actions.capacity() > 64 {
            self.actions = VecDeque::new();
        }
        action
    }

    /// Notes what the response said, and whether the peer takes no further request on this connection.
    fn spent(&mut self, conn: u32, hint: KeepAlive) -> bool {
        let Some(of) = self.conns.get_mut(conn) else { return true };
        of.peer_timeout = hint.timeout.or(of.peer_timeout);
        of.uses_left = hint.max.or(of.uses_left);
        of.uses_left == Some(0)
    }
}
