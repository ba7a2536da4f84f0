//! The pool against a model that is too simple to be wrong: lists, and a search for every answer.
//!
//! [`pool`] reads bytes as options and operations, does each to the pool and to the model, and compares what both
//! want done and what both hold. Calls with stale ids, in the wrong state and at the wrong time are among them.

use h1wire_proto::pool::{Action, ConnId, Pool, PoolConfig, PoolError, Reuse, Scheduling, Ticket, Totals};
use h1wire_proto::{KeepAlive, Time};
use model::{Conn, Model, State, Waiting};
use std::collections::BTreeMap;
use std::time::Duration;

mod model;

type Key = u8;

/// Runs the operations that `data` spells. Panics where the pool and the model, or the pool and its promises,
/// disagree.
pub fn pool(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let Some(mut run) = Run::new(&mut bytes) else { return };
    while let Some(op) = bytes.next() {
        run.step(op, bytes.next().unwrap_or(0));
    }
    run.end();
}

struct Run {
    pool: Pool<Key>,
    model: Model,
    now: Time,
    /// Every id ever seen: most are stale, and stay in use as arguments.
    tickets: Vec<Ticket>,
    conns: Vec<ConnId>,
    /// How each ticket ended: once.
    ended: BTreeMap<Ticket, &'static str>,
}

impl Run {
    fn new(bytes: &mut impl Iterator<Item = u8>) -> Option<Self> {
        let [flags, sockets, total, rest] = [bytes.next()?, bytes.next()?, bytes.next()?, bytes.next()?];
        let some = |flag: u8, value: u8| (flags & flag != 0).then_some(u32::from(value));
        let ms = |ms: u32| Duration::from_millis(ms.into());
        let config = PoolConfig {
            keep_alive: flags & 1 == 0,
            scheduling: if flags & 2 == 0 { Scheduling::Fifo } else { Scheduling::Lifo },
            max_connections: some(4, sockets % 5),
            max_total_connections: some(8, total % 7),
            max_idle: some(16, rest % 4),
            max_queued: some(32, rest / 4 % 6),
            idle_timeout: some(64, rest / 8).map(ms),
            hint_buffer: ms([0, 950, 1_000, 2_990][usize::from(sockets / 64)]),
            acquire_timeout: some(128, total / 8).map(ms),
        };
        Some(Self {
            pool: Pool::new(config),
            model: Model { config, conns: Vec::new(), queue: Vec::new(), moments: 0, wanted: Vec::new() },
            now: Time(0),
            tickets: Vec::new(),
            conns: Vec::new(),
            ended: BTreeMap::new(),
        })
    }

    /// One operation on both sides, then everything is compared.
    fn step(&mut self, op: u8, arg: u8) {
        // Late ids are likely to be live, early ones to be stale.
        let late = |len: usize| len.checked_sub(1 + usize::from(arg) % len.clamp(1, 12));
        let conn = late(self.conns.len()).map(|at| self.conns[at]);
        let ticket = late(self.tickets.len()).map(|at| self.tickets[at]);
        let (now, key) = (self.now, arg % 3);
        match (op % 16, conn, ticket) {
            (0..=2, ..) => {
                assert_eq!(self.pool.peek_idle(now, &key), self.model.peek_idle(now, key));
                let ticket = self.pool.acquire(now, &key);
                let most = self.model.config.acquire_timeout;
                self.acquired(key, ticket, most.map(|limit| now + limit), false);
            }
            (3, ..) => {
                let deadline = now.after(u64::from(arg / 3));
                let fresh = op & 16 != 0;
                let ticket = match fresh {
                    true => self.pool.acquire_fresh(now, &key, Some(deadline)),
                    false => self.pool.acquire_until(now, &key, Some(deadline)),
                };
                self.acquired(key, ticket, Some(deadline), fresh);
            }
            (4, _, Some(ticket)) => {
                let waited = self.pool.cancel(now, ticket);
                assert_eq!(waited, self.model.take(ticket));
                if waited {
                    self.end_ticket(ticket, "cancelled");
                }
            }
            (5 | 6, Some(id), _) => {
                self.pool.connected(now, id);
                if let Some(Conn { state: State::Making(_), .. }) = self.model.conn(id) {
                    self.model.free(self.now, id, false);
                }
            }
            (7, Some(id), _) => {
                self.pool.connect_failed(now, id);
                self.model.connect_failed(id);
            }
            (8 | 9, Some(id), _) => {
                let reuse = if op & 32 == 0 { Reuse::Yes(KeepAlive::default()) } else { hint(arg) };
                self.pool.release(now, id, reuse);
                self.model.release(now, id, reuse);
            }
            (10, Some(id), _) => {
                self.pool.idle_readable(now, id);
                if self.model.conn(id).is_some_and(|conn| conn.state == State::Idle) {
                    self.model.close(id);
                }
            }
            (11, Some(id), _) => {
                self.pool.closed(now, id);
                match self.model.conn(id).map(|conn| conn.state) {
                    Some(State::Making(_)) => self.model.connect_failed(id),
                    _ => self.model.drop_conn(id),
                }
            }
            (12, Some(id), _) => {
                let connected = |conn: &mut Conn| !matches!(conn.state, State::Making(_));
                let ours = self.model.conn(id).is_some_and(connected);
                assert_eq!(self.pool.detach(now, id), ours);
                if ours {
                    self.model.drop_conn(id);
                }
            }
            (13, ..) if op == 0xfd => {
                self.pool.destroy(now);
                while let Some(Waiting { ticket, .. }) = self.model.queue.pop() {
                    self.model.wanted.push(Action::Fail { ticket, why: PoolError::Destroyed });
                }
                while let Some(Conn { id, .. }) = self.model.conns.pop() {
                    self.model.wanted.push(Action::Close { conn: id });
                }
            }
            (13, ..) => {
                let only = (op & 16 == 0).then_some(key);
                self.pool.close_idle(now, only.as_ref());
                let gone = |conn: &Conn| conn.state == State::Idle && only.is_none_or(|key| key == conn.key);
                while let Some(id) = self.model.conns.iter().find(|conn| gone(conn)).map(|conn| conn.id) {
                    self.model.close(id);
                }
            }
            // Time passes; sometimes nobody looks at the timer.
            (14, ..) => self.now = now.after(u64::from(arg)),
            _ => {
                self.now = now.after(u64::from(arg / 4));
                self.pool.handle_timeout(self.now);
                self.model.handle_timeout(self.now);
            }
        }
        self.compare();
    }

    fn acquired(&mut self, key: Key, ticket: Ticket, deadline: Option<Time>, fresh: bool) {
        assert!(self.tickets.iter().all(|old| *old < ticket), "tickets are drawn in order, never twice");
        self.tickets.push(ticket);
        self.model.acquire(self.now, key, ticket, deadline, fresh);
    }

    fn end_ticket(&mut self, ticket: Ticket, how: &'static str) {
        assert_eq!(self.ended.insert(ticket, how), None, "a ticket ends once");
    }

    /// Both sides want the same done, hold the same, and keep the promises.
    fn compare(&mut self) {
        let actions: Vec<Action<Key>> = std::iter::from_fn(|| self.pool.poll_action()).collect();
        let mut opened = BTreeMap::new();
        for action in &actions {
            match action {
                Action::Connect { conn, ticket, .. } => {
                    assert!(!self.conns.contains(conn), "a connection id is never given twice");
                    self.conns.push(*conn);
                    opened.insert(*ticket, *conn);
                }
                Action::Assign { ticket, .. } => self.end_ticket(*ticket, "assigned"),
                Action::Fail { ticket, .. } => self.end_ticket(*ticket, "failed"),
                Action::Idle { .. } | Action::Close { .. } => {}
            }
        }
        self.model.open(&mut opened);
        assert!(opened.is_empty(), "a connection nobody needs: {opened:?}");
        let mut wanted = std::mem::take(&mut self.model.wanted);
        self.check_order(&actions);
        let mut done = actions;
        wanted.sort_by_key(|action| format!("{action:?}"));
        done.sort_by_key(|action| format!("{action:?}"));
        assert_eq!(done, wanted);
        self.check_state();
    }

    /// What is done in the order given never goes over a limit on the way: room is made before it is taken.
    fn check_order(&self, actions: &[Action<Key>]) {
        let after = self.model.conns.len() as isize;
        let change = |action: &Action<Key>| match action {
            Action::Connect { .. } => 1,
            Action::Close { .. } => -1,
            _ => 0,
        };
        let mut count = after - actions.iter().map(change).sum::<isize>();
        for action in actions {
            count += change(action);
            let most = self.model.config.max_total_connections;
            if let (Some(most), Action::Connect { .. }) = (most, action) {
                assert!(count <= most as isize, "{actions:?}");
            }
        }
    }

    fn check_state(&self) {
        let (pool, model) = (&self.pool, &self.model);
        assert_eq!(pool.poll_timeout(), model.next_deadline());
        let mut totals = Totals { waiting: model.queue.len(), ..Totals::default() };
        for key in 0..3 {
            let mine: Vec<&Conn> = model.conns.iter().filter(|conn| conn.key == key).collect();
            let waiting: Vec<Ticket> =
                model.queue.iter().filter(|it| it.key == key).map(|it| it.ticket).collect();
            let Some(origin) = pool.origin(&key) else {
                assert!(mine.is_empty() && waiting.is_empty(), "an origin was forgotten too early");
                continue;
            };
            assert!(!mine.is_empty() || !waiting.is_empty(), "an empty origin was not forgotten");
            totals.origins += 1;
            assert_eq!(origin.waiting().collect::<Vec<_>>(), waiting, "first come, first served");
            let (mut idle, mut in_use): (Vec<&Conn>, Vec<&Conn>) =
                mine.into_iter().partition(|conn| conn.state == State::Idle);
            idle.sort_by_key(|conn| conn.spare_since);
            in_use.sort_by_key(|conn| conn.id);
            let ids = |conns: &[&Conn]| conns.iter().map(|conn| conn.id).collect::<Vec<_>>();
            assert_eq!(origin.idle().collect::<Vec<_>>(), ids(&idle));
            let mut sockets: Vec<ConnId> = origin.busy().collect();
            sockets.sort();
            assert_eq!(sockets, ids(&in_use));
            assert_eq!((origin.busy_count(), origin.idle_count()), (in_use.len(), idle.len()));
            totals.busy += in_use.len();
            totals.idle += idle.len();
            let takers = model.queue.iter().filter(|it| it.key == key && !it.fresh).count();
            self.check_limits(in_use.len(), idle.len(), takers);
        }
        assert_eq!(pool.totals(), totals);
        let most = |most: Option<u32>| most.map_or(usize::MAX, |most| most as usize);
        assert!(totals.busy + totals.idle <= most(model.config.max_total_connections));
        let queued = model.unserved().count();
        assert!(model.config.max_queued.is_none_or(|most| queued <= most as usize), "{queued} queued");
        // No ticket is lost: those that have not ended are exactly those that wait.
        assert_eq!(self.tickets.len(), self.ended.len() + totals.waiting);
        // Who waits without a connection being made has no room: not at the origin, or not in all.
        if model.starving().is_some() {
            assert!(model.full() && model.longest_spare().is_none());
        }
    }

    fn check_limits(&self, in_use: usize, idle: usize, takers: usize) {
        let config = &self.model.config;
        assert!(idle <= self.model.idle_room());
        assert!(config.max_connections.is_none_or(|most| in_use + idle <= most as usize));
        assert!(idle == 0 || takers == 0, "somebody waits beside an idle connection that would do");
    }

    /// The driver finishes what is left: every ticket ends, and nothing remains.
    fn end(mut self) {
        for _ in 0..4 * (self.tickets.len() + 1) {
            if self.model.queue.is_empty() {
                break;
            }
            let conn = self
                .model
                .conns
                .iter()
                .find(|conn| conn.state != State::Idle)
                .map(|conn| (conn.id, conn.state));
            let (id, state) = conn.expect("somebody waits, so some connection is made or in use");
            if state == State::Busy {
                self.pool.release(self.now, id, Reuse::No);
                self.model.release(self.now, id, Reuse::No);
            } else {
                self.pool.connected(self.now, id);
                self.model.free(self.now, id, false);
            }
            self.compare();
        }
        assert!(self.model.queue.is_empty(), "tickets that are never served");
        self.step(0xfd, 0);
        assert_eq!(self.pool.totals(), Totals::default());
        assert_eq!(self.tickets.len(), self.ended.len());
    }
}

fn hint(arg: u8) -> Reuse {
    match arg / 16 {
        0..=5 => Reuse::No,
        6..=9 => Reuse::Yes(KeepAlive { timeout: Some(u32::from(arg % 4)), max: None }),
        10..=12 => Reuse::Yes(KeepAlive { timeout: None, max: Some(u32::from(arg % 4)) }),
        _ => Reuse::Yes(KeepAlive::default()),
    }
}
