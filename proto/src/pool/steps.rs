//! The moves of the pool: what a call in `mod` is made of. Every decision between connections is here.
//!
//! The words:
//!
//! | | |
//! |---|---|
//! | lane | everything of one origin |
//! | bare | a ticket for which no connection is being made |
//! | loose | a connection that is being made for nobody |
//! | spare | a connection that could be given up: idle or loose |
//! | starved | a lane with a bare ticket, and room for one more connection of its own |
//! | bind, loosen | from now on a connection is being made for this ticket, or for none |
//!
//! Three orders are kept up to date by the moves, so that no step has to search:
//! `spare` ranks the connections that could be given up (idle, or being made for nobody) by when they became so;
//! `starved` ranks the lanes that want a connection and may have one of their own by their first bare ticket;
//! the two deadline heaps rank what `handle_timeout` ends.

use super::action::{Action, ConnId, PoolError, Ticket};
use core::time::Duration;

use super::config::{Scheduling, limit};
use super::lane::{Conn, Lane, State, Waiter};
use super::table::NIL;
use super::{Pool, Time};

impl<K: Ord + Clone> Pool<K> {
    // -- ids

    /// The connection behind an id, if it is still in the pool.
    pub(super) fn find(&self, id: ConnId) -> Option<(u32, &Conn)> {
        Some((id.index, self.conns.find(id.index, id.serial)?))
    }

    fn conn_id(&self, conn: u32) -> Option<ConnId> {
        Some(ConnId { index: conn, serial: self.conns.serial(conn)? })
    }

    // -- tickets

    /// The lane of `key`, made if there is none.
    pub(super) fn lane(&mut self, key: &K) -> u32 {
        if let Some(lane) = self.by_key.get(key) {
            return *lane;
        }
        let (lane, _) = self.lanes.insert(Lane::new(key.clone()));
        self.by_key.insert(key.clone(), lane);
        lane
    }

    /// A new ticket at the end of its lane, with no connection being made for it.
    pub(super) fn enqueue(&mut self, lane: u32, deadline: Option<Time>, fresh: bool) -> Ticket {
        let (ticket, serial) = self.tickets.insert(Waiter::new(lane, fresh));
        if let Some(of) = self.lanes.get_mut(lane) {
            of.waiting.push_back(&mut self.tickets, ticket);
            if of.bare == NIL {
                of.bare = ticket;
            }
        }
        self.bare += 1;
        if let Some(deadline) = deadline {
            self.ticket_deadlines.set(ticket, (deadline, serial));
        }
        Ticket { index: ticket, serial }
    }

    /// Takes a ticket out of the tables. The answer is the connection that was being made for it.
    pub(super) fn dequeue(&mut self, ticket: u32) -> Option<u32> {
        let (lane, made, next) = self.tickets.get(ticket).map(|of| (of.lane, of.conn, of.next()))?;
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.waiting.remove(&mut self.tickets, ticket);
            if lane.bare == ticket {
                lane.bare = next;
            }
        }
        if made.is_none() {
            self.bare -= 1;
        }
        self.ticket_deadlines.remove(ticket);
        self.tickets.remove(ticket);
        made
    }

    /// Ends a ticket without a connection.
    pub(super) fn fail(&mut self, ticket: u32, why: PoolError) {
        let Some(serial) = self.tickets.serial(ticket) else { return };
        let made = self.dequeue(ticket);
        self.actions.push_back(Action::Fail { ticket: Ticket { index: ticket, serial }, why });
        if let Some(conn) = made {
            self.loosen(conn);
        }
    }

    // -- connections

    /// The only place where a connection changes its state, and with it its list and its ranks.
    pub(super) fn set_state(&mut self, conn: u32, state: State) {
        let Some(of) = self.conns.get_mut(conn) else { return };
        let (lane, old) = (of.lane, core::mem::replace(&mut of.state, state));
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.list(old).remove(&mut self.conns, conn);
            lane.list(state).push_back(&mut self.conns, conn);
        }
        self.idle += usize::from(state == State::Idle);
        self.idle -= usize::from(old == State::Idle);
        self.idle_deadlines.remove(conn);
        if matches!(state, State::Idle | State::Loose) {
            self.turn += 1;
            self.spare.set(conn, self.turn);
        } else {
            self.spare.remove(conn);
        }
    }

    /// The only place where a connection leaves. Its lane may be empty afterwards.
    pub(super) fn forget(&mut self, conn: u32) -> Option<Conn> {
        let (lane, state) = self.conns.get(conn).map(|of| (of.lane, of.state))?;
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.list(state).remove(&mut self.conns, conn);
        }
        self.idle -= usize::from(state == State::Idle);
        self.spare.remove(conn);
        self.idle_deadlines.remove(conn);
        self.conns.remove(conn)
    }

    /// Forgets a connection that serves no ticket and tells the driver to close it.
    pub(super) fn close(&mut self, conn: u32) {
        let Some(id) = self.conn_id(conn) else { return };
        let Some(Conn { lane, .. }) = self.forget(conn) else { return };
        self.actions.push_back(Action::Close { conn: id });
        self.review(lane);
    }

    /// Begins a connection for the first bare ticket of a lane.
    fn open(&mut self, lane: u32) {
        let (conn, serial) = self.conns.insert(Conn::new(lane));
        let Some(of) = self.lanes.get_mut(lane) else { return };
        of.busy.push_back(&mut self.conns, conn);
        let (key, ticket) = (of.key.clone(), of.bare);
        self.bind(conn, ticket);
        let Some(ticket) = self.tickets.serial(ticket).map(|serial| Ticket { index: ticket, serial }) else {
            return;
        };
        self.actions.push_back(Action::Connect { conn: ConnId { index: conn, serial }, key, ticket });
    }

    /// From now on `conn` is being made for `ticket`. A bare one must be the first.
    pub(super) fn bind(&mut self, conn: u32, ticket: u32) {
        let Some(of) = self.tickets.get_mut(ticket) else { return };
        let (lane, next) = (of.lane, of.next());
        if of.conn.replace(conn).is_none() {
            self.bare -= 1;
            if let Some(lane) = self.lanes.get_mut(lane) {
                lane.bare = next;
            }
        }
        self.set_state(conn, State::Making(ticket));
    }

    /// The ticket `conn` was being made for is gone: it is made for the first bare one instead, or for nobody if
    /// it may become idle, or it is given up.
    pub(super) fn loosen(&mut self, conn: u32) {
        let Some(lane) = self.conns.get(conn).and_then(|of| self.lanes.get(of.lane)) else { return };
        let (bare, spare) = (lane.bare, lane.loose.len() + lane.idle.len());
        if bare != NIL {
            self.bind(conn, bare);
        } else if spare < self.config.idle_room() {
            self.set_state(conn, State::Loose);
        } else {
            self.close(conn);
        }
    }

    /// The first ticket of a lane that takes a connection which is `reused`, or not.
    fn first(&self, lane: u32, reused: bool) -> Option<u32> {
        let takes = |ticket: &u32| !reused || self.tickets.get(*ticket).is_some_and(|of| !of.fresh);
        self.lanes.get(lane)?.waiting.iter(&self.tickets).find(takes)
    }

    /// Gives `conn` to the first ticket of its lane that takes it, if there is one. `own` is the ticket it was made for.
    pub(super) fn serve(&mut self, conn: u32, own: Option<u32>, reused: bool) -> bool {
        let Some(id) = self.conn_id(conn) else { return false };
        let Some(first) = self.conns.get(conn).and_then(|of| self.first(of.lane, reused)) else {
            return false;
        };
        let Some(serial) = self.tickets.serial(first) else { return false };
        let made = self.dequeue(first).filter(|made| *made != conn);
        self.set_state(conn, State::Busy);
        if let Some(of) = self.conns.get_mut(conn) {
            of.uses_left = of.uses_left.map(|left| left.saturating_sub(1));
        }
        let ticket = Ticket { index: first, serial };
        self.actions.push_back(Action::Assign { ticket, conn: id, reused });
        // Two connections were being made and the second was ready first: they change tickets.
        match (made, own.filter(|own| *own != first)) {
            (Some(made), Some(own)) => self.bind(made, own),
            (Some(made), None) => self.loosen(made),
            (None, _) => {}
        }
        true
    }

    /// A connected connection that no ticket of its lane wants becomes idle, or is closed.
    pub(super) fn settle(&mut self, now: Time, conn: u32) {
        let (Some(id), Some(of)) = (self.conn_id(conn), self.conns.get(conn)) else { return };
        let theirs = of.peer_timeout.map(|secs| Duration::from_secs(secs.into()));
        let hint = theirs.map(|limit| limit.saturating_sub(self.config.hint_buffer));
        let patience = hint.into_iter().chain(self.config.idle_timeout).min();
        let idle = self.lanes.get(of.lane).map_or(0, |lane| lane.idle.len());
        // Where another ticket is short of a connection, this one would be given up at once: spare the hooks. One of
        // this lane that wants a fresh connection has nobody else to make room for it.
        let in_the_way = self.lanes.get(of.lane).is_some_and(|lane| lane.bare != NIL);
        if in_the_way
            || idle >= self.config.idle_room()
            || patience == Some(Duration::ZERO)
            || !self.starved.is_empty()
        {
            return self.close(conn);
        }
        self.set_state(conn, State::Idle);
        if let Some(limit) = patience {
            self.idle_deadlines.set(conn, (now + limit, self.turn));
        }
        self.actions.push_back(Action::Idle { conn: id });
    }

    /// The idle connection to use next.
    pub(super) fn pick(&self, lane: u32) -> Option<u32> {
        let idle = &self.lanes.get(lane)?.idle;
        match self.config.scheduling {
            Scheduling::Fifo => idle.front(),
            Scheduling::Lifo => idle.back(),
        }
    }

    /// Closes the idle connections whose time is over.
    pub(super) fn expire(&mut self, now: Time) {
        while let Some(((deadline, _), conn)) = self.idle_deadlines.min() {
            if deadline > now {
                break;
            }
            self.close(conn);
        }
    }

    // -- lanes

    /// Brings the rank of a lane up to date, or ends an empty lane.
    pub(super) fn review(&mut self, lane: u32) {
        let Some(of) = self.lanes.get(lane) else { return };
        if of.is_empty() {
            self.by_key.remove(&of.key);
            self.lanes.remove(lane);
            self.starved.remove(lane);
            return;
        }
        match self.tickets.serial(of.bare) {
            Some(serial) if of.conns() < limit(self.config.max_connections) => self.starved.set(lane, serial),
            _ => self.starved.remove(lane),
        }
    }

    /// Opens connections where they are wanted and allowed, the longest waiting ticket first. Ends every call.
    pub(super) fn pump(&mut self) {
        while let Some((_, lane)) = self.starved.min() {
            if self.conns.len() >= limit(self.config.max_total_connections) {
                // A spare connection is another lane's: a lane that has one is not starved.
                let Some((_, spare)) = self.spare.min() else { break };
                self.close(spare);
            }
            self.open(lane);
            self.review(lane);
        }
    }
}
