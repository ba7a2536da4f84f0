//! What a pool should do, by searching lists: no ranks, no links, nothing kept that could be found.
//!
//! Written from the rules in the pool's documentation, not from its code.

use super::Key;
use h1wire_proto::Time;
use h1wire_proto::pool::{Action, ConnId, PoolConfig, PoolError, Reuse, Scheduling, Ticket};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum State {
    Making(Option<Ticket>),
    Busy,
    Idle,
}

#[derive(Debug)]
pub(super) struct Conn {
    pub(super) id: ConnId,
    pub(super) key: Key,
    pub(super) state: State,
    /// When it became idle, or was last left without a ticket, counted in such moments.
    pub(super) spare_since: u64,
    pub(super) deadline: Option<Time>,
    pub(super) peer_timeout: Option<u32>,
    pub(super) uses_left: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    pub(super) key: Key,
    pub(super) deadline: Option<Time>,
    /// Whether only a connection that carried no request will do.
    pub(super) fresh: bool,
}

/// Connections in no order, tickets as they came, and what should be done.
pub(super) struct Model {
    pub(super) config: PoolConfig,
    pub(super) conns: Vec<Conn>,
    pub(super) queue: Vec<Waiting>,
    pub(super) moments: u64,
    pub(super) wanted: Vec<Action<Key>>,
}

impl Model {
    pub(super) fn conn(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.conns.iter_mut().find(|conn| conn.id == id)
    }

    /// Drops a connection that is gone already.
    pub(super) fn drop_conn(&mut self, id: ConnId) {
        self.conns.retain(|conn| conn.id != id);
    }

    /// Drops a connection that should be closed.
    pub(super) fn close(&mut self, id: ConnId) {
        self.drop_conn(id);
        self.wanted.push(Action::Close { conn: id });
    }

    pub(super) fn idle_room(&self) -> usize {
        let most = self.config.max_idle.map_or(usize::MAX, |most| most as usize);
        if self.config.keep_alive { most } else { 0 }
    }

    fn made_for(&self, ticket: Ticket) -> Option<ConnId> {
        self.conns.iter().find(|conn| conn.state == State::Making(Some(ticket))).map(|conn| conn.id)
    }

    /// Those who wait with no connection being made for them.
    pub(super) fn unserved(&self) -> impl Iterator<Item = &Waiting> {
        self.queue.iter().filter(|waiting| self.made_for(waiting.ticket).is_none())
    }

    /// The oldest ticket that wants a connection and whose origin may have one more.
    pub(super) fn starving(&self) -> Option<Waiting> {
        let most = self.config.max_connections.map_or(usize::MAX, |most| most as usize);
        let has = |key| self.conns.iter().filter(|conn| conn.key == key).count();
        self.unserved().find(|waiting| has(waiting.key) < most).copied()
    }

    pub(super) fn full(&self) -> bool {
        self.config.max_total_connections.is_some_and(|most| self.conns.len() >= most as usize)
    }

    pub(super) fn longest_spare(&self) -> Option<ConnId> {
        let spare = self.conns.iter().filter(|conn| matches!(conn.state, State::Idle | State::Making(None)));
        spare.min_by_key(|conn| conn.spare_since).map(|conn| conn.id)
    }

    /// Takes a ticket off the queue and finds something to do for the connection that was being made for it.
    pub(super) fn take(&mut self, ticket: Ticket) -> bool {
        let was = self.queue.len();
        self.queue.retain(|waiting| waiting.ticket != ticket);
        if let Some(id) = self.made_for(ticket) {
            self.conn(id).unwrap().state = State::Making(None);
            self.rebind(id);
        }
        was != self.queue.len()
    }

    /// A connection made for nobody is made for the oldest ticket without one, or kept, or closed.
    fn rebind(&mut self, id: ConnId) {
        let key = self.conn(id).unwrap().key;
        let next = self.unserved().find(|waiting| waiting.key == key).map(|waiting| waiting.ticket);
        let spare = |conn: &&Conn| matches!(conn.state, State::Idle | State::Making(None)) && conn.id != id;
        let others = self.conns.iter().filter(spare).filter(|conn| conn.key == key).count();
        if next.is_none() && others >= self.idle_room() {
            return self.close(id);
        }
        self.moments += 1;
        let moment = self.moments;
        let conn = self.conn(id).unwrap();
        (conn.state, conn.spare_since) = (State::Making(next), moment);
    }

    /// A connection that is free serves the oldest ticket of its origin, or becomes idle, or is closed.
    pub(super) fn free(&mut self, now: Time, id: ConnId, reused: bool) {
        let conn = self.conn(id).unwrap();
        let (key, hint) = (conn.key, conn.peer_timeout);
        conn.state = State::Busy;
        let takes = |waiting: &&Waiting| waiting.key == key && !(reused && waiting.fresh);
        if let Some(Waiting { ticket, .. }) = self.queue.iter().find(takes).copied() {
            let conn = self.conn(id).unwrap();
            conn.uses_left = conn.uses_left.map(|left| left - 1);
            self.wanted.push(Action::Assign { ticket, conn: id, reused });
            self.take(ticket);
            return;
        }
        let idle = self.conns.iter().filter(|conn| conn.key == key && conn.state == State::Idle).count();
        let ours = self.config.idle_timeout;
        let theirs =
            hint.map(|secs| Duration::from_secs(secs.into()).saturating_sub(self.config.hint_buffer));
        let patience = match (ours, theirs) {
            (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
            (ours, theirs) => ours.or(theirs),
        };
        let in_the_way =
            self.full() && self.starving().is_some() || self.unserved().any(|waiting| waiting.key == key);
        if idle >= self.idle_room() || patience == Some(Duration::ZERO) || in_the_way {
            return self.close(id);
        }
        self.moments += 1;
        let moment = self.moments;
        let conn = self.conn(id).unwrap();
        (conn.state, conn.spare_since) = (State::Idle, moment);
        conn.deadline = patience.map(|limit| now + limit);
        self.wanted.push(Action::Idle { conn: id });
    }

    /// Opens what is wanted and allowed. `opened` are the connections the pool began, by their tickets.
    pub(super) fn open(&mut self, opened: &mut BTreeMap<Ticket, ConnId>) {
        while let Some(Waiting { ticket, key, .. }) = self.starving() {
            if self.full() {
                let Some(spare) = self.longest_spare() else { break };
                self.close(spare);
            }
            let id = opened.remove(&ticket).expect("the pool should have begun a connection for this ticket");
            self.wanted.push(Action::Connect { conn: id, key, ticket });
            self.conns.push(Conn {
                id,
                key,
                state: State::Making(Some(ticket)),
                spare_since: 0,
                deadline: None,
                peer_timeout: None,
                uses_left: None,
            });
        }
    }

    fn expire(&mut self, now: Time) {
        let due = |conn: &Conn| conn.state == State::Idle && conn.deadline.is_some_and(|at| at <= now);
        while let Some(id) = self.conns.iter().find(|conn| due(conn)).map(|conn| conn.id) {
            self.close(id);
        }
    }

    /// The connection that would serve a request at once.
    pub(super) fn peek_idle(&self, now: Time, key: Key) -> Option<ConnId> {
        let idle = self.conns.iter().filter(|conn| {
            conn.key == key && conn.state == State::Idle && conn.deadline.is_none_or(|at| at > now)
        });
        let chosen = match self.config.scheduling {
            Scheduling::Fifo => idle.min_by_key(|conn| conn.spare_since),
            Scheduling::Lifo => idle.max_by_key(|conn| conn.spare_since),
        };
        chosen.map(|conn| conn.id)
    }

    pub(super) fn acquire(
        &mut self,
        now: Time,
        key: Key,
        ticket: Ticket,
        deadline: Option<Time>,
        fresh: bool,
    ) {
        if fresh {
            let idle = |conn: &Conn| conn.key == key && conn.state == State::Idle;
            while let Some(id) = self.conns.iter().find(|conn| idle(conn)).map(|conn| conn.id) {
                self.close(id);
            }
        }
        self.expire(now);
        self.queue.push(Waiting { ticket, key, deadline, fresh });
        if self.config.max_connections == Some(0) || self.config.max_total_connections == Some(0) {
            self.queue.pop();
            return self.wanted.push(Action::Fail { ticket, why: PoolError::NoneAllowed });
        }
        let mine = |state| move |conn: &&Conn| conn.key == key && conn.state == state;
        let idle = self.conns.iter().filter(mine(State::Idle));
        let chosen = match self.config.scheduling {
            Scheduling::Fifo => idle.min_by_key(|conn| conn.spare_since),
            Scheduling::Lifo => idle.max_by_key(|conn| conn.spare_since),
        };
        if let Some(id) = chosen.map(|conn| conn.id) {
            return self.free(now, id, true);
        }
        let loose = self.conns.iter().filter(mine(State::Making(None))).min_by_key(|conn| conn.spare_since);
        if let Some(id) = loose.map(|conn| conn.id) {
            return self.rebind(id);
        }
        let can_open = self.starving().is_some_and(|first| first.ticket == ticket)
            && (!self.full() || self.longest_spare().is_some());
        let queued = self.unserved().count();
        if !can_open && self.config.max_queued.is_some_and(|most| queued > most as usize) {
            self.queue.pop();
            self.wanted.push(Action::Fail { ticket, why: PoolError::QueueFull });
        }
    }

    pub(super) fn fail(&mut self, ticket: Ticket, why: PoolError) {
        self.wanted.push(Action::Fail { ticket, why });
        self.take(ticket);
    }

    pub(super) fn connect_failed(&mut self, id: ConnId) {
        let Some(Conn { state: State::Making(ticket), .. }) = self.conn(id) else { return };
        let ticket = *ticket;
        self.drop_conn(id);
        if let Some(ticket) = ticket {
            self.fail(ticket, PoolError::ConnectFailed);
        }
    }

    pub(super) fn release(&mut self, now: Time, id: ConnId, reuse: Reuse) {
        let Some(conn) = self.conn(id).filter(|conn| conn.state == State::Busy) else { return };
        let Reuse::Yes(hint) = reuse else { return self.close(id) };
        conn.peer_timeout = hint.timeout.or(conn.peer_timeout);
        conn.uses_left = hint.max.or(conn.uses_left);
        if conn.uses_left == Some(0) { self.close(id) } else { self.free(now, id, true) }
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        self.expire(now);
        let due = |waiting: &&Waiting| waiting.deadline.is_some_and(|at| at <= now);
        while let Some(waiting) = self.queue.iter().filter(due).min_by_key(|it| (it.deadline, it.ticket)) {
            self.fail(waiting.ticket, PoolError::Timeout);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        let idle = self.conns.iter().filter(|conn| conn.state == State::Idle);
        let deadlines = idle.map(|conn| conn.deadline).chain(self.queue.iter().map(|it| it.deadline));
        deadlines.flatten().min()
    }
}
