//! What a pool holds, for people and tests: counts and ids, by origin and in all. Reads only.

use super::config::Scheduling;
use super::lane::Lane;
use super::{ConnId, Pool, PoolConfig, Ticket};
use crate::time::Time;
use core::fmt;

/// Counts over all origins of a [`Pool`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Totals {
    /// Origins with a connection or a ticket.
    pub origins: usize,
    /// Connections in use or being made.
    pub busy: usize,
    /// Idle connections.
    pub idle: usize,
    /// Tickets that wait.
    pub waiting: usize,
}

/// What a [`Pool`] holds for one origin.
pub struct OriginView<'p, K> {
    pool: &'p Pool<K>,
    lane: &'p Lane<K>,
}

impl<K> Pool<K> {
    /// Counts over all origins, in constant time.
    pub fn totals(&self) -> Totals {
        Totals {
            origins: self.by_key.len(),
            busy: self.conns.len() - self.idle,
            idle: self.idle,
            waiting: self.tickets.len(),
        }
    }

    /// Every origin with a connection or a ticket, in the order of the keys.
    pub fn origins(&self) -> impl Iterator<Item = OriginView<'_, K>> {
        self.by_key.values().filter_map(|lane| Some(OriginView { pool: self, lane: self.lanes.get(*lane)? }))
    }

    /// The options the pool was made with.
    pub const fn config(&self) -> &PoolConfig {
        &self.config
    }
}

impl<K: Ord> Pool<K> {
    /// What there is for one origin; `None` if that is nothing.
    pub fn origin(&self, key: &K) -> Option<OriginView<'_, K>> {
        Some(OriginView { pool: self, lane: self.lanes.get(*self.by_key.get(key)?)? })
    }

    /// The origin of a connection; `None` if the id is stale.
    pub fn key(&self, conn: ConnId) -> Option<&K> {
        Some(&self.lanes.get(self.conns.find(conn.index, conn.serial)?.lane)?.key)
    }
}

impl<K: Ord + Clone> Pool<K> {
    /// The idle connection that would serve a request for `key` at once, if it were asked for now. A driver that asks
    /// first needs to know how a connection is made only where one must be.
    pub fn peek_idle(&self, now: Time, key: &K) -> Option<ConnId> {
        let lane = *self.by_key.get(key)?;
        let is_due = |conn: u32| self.idle_deadlines.rank(conn).is_some_and(|(deadline, _)| deadline <= now);
        let first = self.pick(lane).filter(|conn| !is_due(*conn));
        let conn = first.or_else(|| {
            let mut others = self.lanes.get(lane)?.idle.iter(&self.conns).filter(|conn| !is_due(*conn));
            match self.config.scheduling {
                Scheduling::Fifo => others.next(),
                Scheduling::Lifo => others.last(),
            }
        })?;
        Some(ConnId { index: conn, serial: self.conns.serial(conn)? })
    }
}

impl<'p, K> OriginView<'p, K> {
    /// The origin.
    pub fn key(&self) -> &'p K {
        &self.lane.key
    }

    /// How many connections are in use or being made.
    pub fn busy_count(&self) -> usize {
        self.lane.busy.len() + self.lane.loose.len()
    }

    /// How many connections are idle.
    pub fn idle_count(&self) -> usize {
        self.lane.idle.len()
    }

    /// How many tickets wait.
    pub fn waiting_count(&self) -> usize {
        self.lane.waiting.len()
    }

    /// The connections in use or being made.
    pub fn busy(&self) -> impl Iterator<Item = ConnId> + 'p {
        let conns = &self.pool.conns;
        let lists = self.lane.busy.iter(conns).chain(self.lane.loose.iter(conns));
        lists.filter_map(|index| Some(ConnId { index, serial: conns.serial(index)? }))
    }

    /// The idle connections, the one idle longest first.
    pub fn idle(&self) -> impl Iterator<Item = ConnId> + 'p {
        let conns = &self.pool.conns;
        self.lane.idle.iter(conns).filter_map(|index| Some(ConnId { index, serial: conns.serial(index)? }))
    }

    /// The waiting tickets, the oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = Ticket> + 'p {
        let tickets = &self.pool.tickets;
        self.lane
            .waiting
            .iter(tickets)
            .filter_map(|index| Some(Ticket { index, serial: tickets.serial(index)? }))
    }
}

impl<K> Clone for OriginView<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for OriginView<'_, K> {}

impl<K: fmt::Debug> fmt::Debug for OriginView<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginView")
            .field("key", self.key())
            .field("busy", &self.busy_count())
            .field("idle", &self.idle_count())
            .field("waiting", &self.waiting_count())
            .finish()
    }
}
