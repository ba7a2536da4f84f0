//! The words between a pool and its driver: ids, what is told, what is to be done. No decisions.

use crate::values::KeepAlive;
use core::fmt;

/// A connection of one pool.
///
/// Never given twice: once its connection has left the pool, an id is stale, and a call with it does nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId {
    pub(super) serial: u64,
    pub(super) index: u32,
}

impl ConnId {
    /// A small number, unlike that of every other connection the pool has now, for tables kept beside it. It is
    /// given again once this connection has left the pool.
    pub const fn index(&self) -> u32 {
        self.index
    }
}

/// A request's claim to a connection. Tickets of one pool are ordered as they were drawn.
///
/// Never given twice: once assigned, failed or cancelled, a ticket is stale, and a call with it does nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket {
    pub(super) serial: u64,
    pub(super) index: u32,
}

impl Ticket {
    /// A small number, unlike that of every other ticket that waits now, for tables kept beside the pool. It is given
    /// again once this ticket is stale.
    pub const fn index(&self) -> u32 {
        self.index
    }
}

/// What the driver of a pool has to do, in the order given.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Action<K> {
    /// Make a connection to the origin `key`, then say [`connected`](super::Pool::connected) or
    /// [`connect_failed`](super::Pool::connect_failed).
    Connect {
        /// Its id from now on.
        conn: ConnId,
        /// Where to.
        key: K,
        /// For whose sake. Not a promise: whoever has waited longest gets the first connection that is ready.
        ticket: Ticket,
    },
    /// Send the request of `ticket` over `conn`, then say [`release`](super::Pool::release).
    Assign {
        /// Whose turn it is.
        ticket: Ticket,
        /// The connection, connected.
        conn: ConnId,
        /// Whether it carried a request before or was idle, so that the peer may be closing it this moment
        /// (RFC 9112 section 9.3.1). See [`retry`](crate::retry).
        reused: bool,
    },
    /// The connection has become idle: watch it, and say [`idle_readable`](super::Pool::idle_readable) when
    /// anything comes. A driver that would rather not keep it closes it and says
    /// [`closed`](super::Pool::closed).
    Idle {
        /// The connection that nobody uses now.
        conn: ConnId,
    },
    /// Close the connection, or give up making it. Its id is stale.
    Close {
        /// The connection that has left the pool.
        conn: ConnId,
    },
    /// Tell the request of `ticket` that it gets no connection. Nothing was sent.
    Fail {
        /// Whose request.
        ticket: Ticket,
        /// Why not.
        why: PoolError,
    },
}

/// What became of an exchange, for the connection that carried it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reuse {
    /// Both messages are complete and the connection can carry another exchange
    /// ([`Advice::Reuse`](crate::Advice::Reuse)), with what the response said in its `Keep-Alive` field
    /// ([`View::keep_alive`](crate::View::keep_alive); nothing by default).
    Yes(KeepAlive),
    /// Anything else: it is broken, or one side said `close`. It is closed.
    No,
}

/// Why a ticket got no connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum PoolError {
    /// [`PoolConfig::max_queued`](super::PoolConfig::max_queued) tickets wait already.
    QueueFull,
    /// The pool is not to have a connection: a limit of it is zero.
    NoneAllowed,
    /// The connection made for it failed. The driver knows why.
    ConnectFailed,
    /// Its deadline passed first.
    Timeout,
    /// The pool was [destroyed](super::Pool::destroy).
    Destroyed,
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "too many requests wait for a connection",
            Self::NoneAllowed => "no connection is allowed",
            Self::ConnectFailed => "the connection could not be made",
            Self::Timeout => "no connection became free in time",
            Self::Destroyed => "the pool was destroyed",
        })
    }
}
impl core::error::Error for PoolError {}
