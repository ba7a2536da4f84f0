//! What a pool decides, one sentence each. The same rules against a naive model: `fuzz/src/pool.rs`.

mod idle;
mod limits;
mod serving;

use super::*;
use Action::{Assign, Close, Connect, Fail, Idle};
use alloc::vec::Vec;
use core::time::Duration;

type Act = Action<char>;

/// A released connection about which nothing else was said.
const KEEP: Reuse = Reuse::Yes(KeepAlive { timeout: None, max: None });

/// A pool of origins that are letters, with a clock that only the test moves.
struct Rig {
    pool: Pool<char>,
    now: Time,
}

/// A pool that keeps connections.
fn keeping() -> Rig {
    rig(PoolConfig { keep_alive: true, ..PoolConfig::NODE })
}

fn rig(config: PoolConfig) -> Rig {
    Rig { pool: Pool::new(config), now: Time(1_000) }
}

impl Rig {
    /// Everything there is to do now.
    fn acts(&mut self) -> Vec<Act> {
        core::iter::from_fn(|| self.pool.poll_action()).collect()
    }

    fn acquire(&mut self, key: char) -> (Ticket, Vec<Act>) {
        let ticket = self.pool.acquire(self.now, &key);
        (ticket, self.acts())
    }

    /// A request for which a connection is begun.
    fn begin(&mut self, key: char) -> (Ticket, ConnId) {
        let (ticket, acts) = self.acquire(key);
        let [Connect { conn, key: to, ticket: whose }] = acts[..] else { panic!("{acts:?}") };
        assert_eq!((to, whose), (key, ticket));
        (ticket, conn)
    }

    /// A request that has to wait, and hears nothing yet.
    fn wait(&mut self, key: char) -> Ticket {
        let (ticket, acts) = self.acquire(key);
        assert_eq!(acts, []);
        ticket
    }

    /// A connection that carries a request.
    fn busy(&mut self, key: char) -> ConnId {
        let (ticket, conn) = self.begin(key);
        assert_eq!(self.connected(conn), [Assign { ticket, conn, reused: false }]);
        conn
    }

    /// Idle connections, made side by side.
    fn idle<const N: usize>(&mut self, key: char) -> [ConnId; N] {
        let conns = [(); N].map(|()| self.busy(key));
        for conn in conns {
            assert_eq!(self.release(conn, KEEP), [Idle { conn }]);
        }
        conns
    }

    fn connected(&mut self, conn: ConnId) -> Vec<Act> {
        self.pool.connected(self.now, conn);
        self.acts()
    }

    fn connect_failed(&mut self, conn: ConnId) -> Vec<Act> {
        self.pool.connect_failed(self.now, conn);
        self.acts()
    }

    fn release(&mut self, conn: ConnId, reuse: Reuse) -> Vec<Act> {
        self.pool.release(self.now, conn, reuse);
        self.acts()
    }

    fn closed(&mut self, conn: ConnId) -> Vec<Act> {
        self.pool.closed(self.now, conn);
        self.acts()
    }

    fn readable(&mut self, conn: ConnId) -> Vec<Act> {
        self.pool.idle_readable(self.now, conn);
        self.acts()
    }

    fn cancel(&mut self, ticket: Ticket) -> (bool, Vec<Act>) {
        (self.pool.cancel(self.now, ticket), self.acts())
    }

    fn pass(&mut self, ms: u64) -> Vec<Act> {
        self.now = self.now.after(ms);
        self.pool.handle_timeout(self.now);
        self.acts()
    }

    /// `busy`, `idle`, `waiting`.
    fn counts(&self) -> (usize, usize, usize) {
        let totals = self.pool.totals();
        (totals.busy, totals.idle, totals.waiting)
    }
}
