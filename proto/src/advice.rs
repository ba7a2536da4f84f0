//! What the owner of the socket is told: the [`Phase`] for its timers, the [`Advice`] for its socket.
//!
//! Both are total: every reachable state has exactly one of each. They are computed in `conn` from the joint
//! state table of `cycle`.

/// What the connection is doing, for the timers and counters of its owner.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// Between messages, with nothing received of the next one.
    Idle,
    /// Part of a head was received (server), or the response is awaited (client).
    Head,
    /// The content of the peer's message is being received.
    Body,
    /// The peer's message is complete; the local side has yet to finish its own.
    Respond,
    /// A client that announced `100-continue` holds its content back.
    AwaitContinue,
    /// Everything was said, and the rest of the peer's bytes is only drained.
    Linger,
    /// The connection belongs to another protocol.
    Switched,
    /// Nothing more will be received or sent.
    Closed,
}

/// A word or two, for logs.
impl core::fmt::Display for Phase {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Head => "head",
            Self::Body => "content",
            Self::Respond => "respond",
            Self::AwaitContinue => "await 100",
            Self::Linger => "linger",
            Self::Switched => "switched",
            Self::Closed => "closed",
        })
    }
}

/// What to do with the socket once the bytes written so far are flushed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[must_use]
pub enum Advice {
    /// Messages are under way: go on reading and writing.
    Continue,
    /// Both messages are complete and the connection can carry the next exchange. A client may pool it.
    Reuse,
    /// The response is complete but the request is not: read and discard a bounded rest of it (then the
    /// connection is reusable), or, where it [cannot be enough](crate::Conn::may_drain), give up with
    /// [`Linger`](Self::Linger)'s steps.
    Drain,
    /// Shut down the write side, read and discard until the peer closes or a budget is spent, then close, so
    /// that the last response is not lost to a reset (RFC 9112 section 9.6): the peer may have more on the way.
    Linger,
    /// Close the socket.
    Close,
    /// The connection belongs to another protocol now. Unconsumed input is its first bytes.
    Switched,
}

/// A word, for logs.
impl core::fmt::Display for Advice {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Continue => "continue",
            Self::Reuse => "reuse",
            Self::Drain => "drain",
            Self::Linger => "linger",
            Self::Close => "close",
            Self::Switched => "switched",
        })
    }
}
