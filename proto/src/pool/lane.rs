//! What the pool remembers: one entry for a connection, one for a waiting ticket, one lane for an origin.
//!
//! Plain data with the lists threaded through it. When an entry moves is decided in `steps`.

use super::list::{Link, Linked, List};
use super::table::NIL;

/// A connection that counts.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) lane: u32,
    pub(super) state: State,
    /// The peer's last word on how many seconds it keeps the connection open while idle.
    pub(super) peer_timeout: Option<u32>,
    /// How many more requests the peer takes, if it said so.
    pub(super) uses_left: Option<u32>,
    link: Link,
}

/// Which of its lane's lists a connection is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Being made for this ticket: in `busy`.
    Making(u32),
    /// Being made, and nobody waits for it any more: in `loose`.
    Loose,
    /// Carrying a request: in `busy`.
    Busy,
    /// In `idle`.
    Idle,
}

/// A ticket that waits. Its serial number is its rank.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) lane: u32,
    /// The connection being made for it.
    pub(super) conn: Option<u32>,
    /// Whether only a connection that carried no request will do.
    pub(super) fresh: bool,
    link: Link,
}

/// Everything of one origin. Lives as long as anything is in one of its lists.
#[derive(Debug)]
pub(super) struct Lane<K> {
    pub(super) key: K,
    /// Connections in use or being made for a ticket.
    pub(super) busy: List,
    /// Connections being made for nobody, the one begun first in front.
    pub(super) loose: List,
    /// Connections nobody uses, the one idle longest in front.
    pub(super) idle: List,
    /// Tickets, the one drawn first in front.
    pub(super) waiting: List,
    /// The first ticket for which no connection is being made, or [`NIL`]. All before it have one, none after.
    pub(super) bare: u32,
}

impl Conn {
    pub(super) const fn new(lane: u32) -> Self {
        Self { lane, state: State::Busy, peer_timeout: None, uses_left: None, link: Link::NONE }
    }
}

impl Waiter {
    pub(super) const fn new(lane: u32, fresh: bool) -> Self {
        Self { lane, conn: None, fresh, link: Link::NONE }
    }

    /// The ticket after this one, or [`NIL`].
    pub(super) const fn next(&self) -> u32 {
        self.link.next()
    }
}

impl<K> Lane<K> {
    pub(super) const fn new(key: K) -> Self {
        Self {
            key,
            busy: List::new(),
            loose: List::new(),
            idle: List::new(),
            waiting: List::new(),
            bare: NIL,
        }
    }

    /// The list that connections in `state` are in.
    pub(super) fn list(&mut self, state: State) -> &mut List {
        match state {
            State::Making(_) | State::Busy => &mut self.busy,
            State::Loose => &mut self.loose,
            State::Idle => &mut self.idle,
        }
    }

    /// How many connections count for this origin.
    pub(super) const fn conns(&self) -> usize {
        self.busy.len() + self.loose.len() + self.idle.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.conns() == 0 && self.waiting.is_empty()
    }
}

impl Linked for Conn {
    fn link(&self) -> &Link {
        &self.link
    }
    fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }
}

impl Linked for Waiter {
    fn link(&self) -> &Link {
        &self.link
    }
    fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }
}
