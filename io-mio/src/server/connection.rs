//! One connection: the machine, the stream, and what is only there while bytes are pending.
//!
//! Plain data. What is done with it is in `drive`, `exchange` and `flush`.

use std::collections::VecDeque;
use std::sync::Arc;

use h1wire_proto::{Conn, InBuf, Server, Tenure, Time, Timers};

use crate::outbox::Outbox;
use crate::server::answer::Answer;
use crate::server::options::Options;
use crate::server::report::Leaving;
use crate::stream::Stream;

/// A connection. While nothing is pending this is all there is of it, and there may be very many.
pub(crate) struct Connection<E> {
    pub(crate) link: Link,
    pub(crate) active: Option<Box<Active<E>>>,
}

impl<E> Connection<E> {
    /// Whether everything was said and the client is only waited for.
    pub(crate) fn is_lingering(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.mode == Mode::Linger)
    }
}

/// The part of a connection that lasts.
pub(crate) struct Link {
    pub(crate) conn: Conn<Server>,
    pub(crate) timers: Timers,
    pub(crate) stream: Stream,
    /// Those that were in force when it was opened.
    pub(crate) options: Arc<Options>,
    /// How many requests there were, and when the next answer is to be the last.
    pub(crate) tenure: Tenure,
    /// Tells it from others that had or will have its key.
    pub(crate) generation: u32,
    /// The socket may have something to read, or the end of it.
    pub(crate) readable: bool,
    /// The socket may have room.
    pub(crate) writable: bool,
    /// The end of the peer's stream, or an error, is after what can be read.
    pub(crate) ends: bool,
    /// The connection was reset. What cannot be read now need not be answered.
    pub(crate) gone: bool,
}

/// What the bytes of a connection are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// HTTP, for the machine.
    Http,
    /// Those of another protocol, for the handler.
    Raw,
    /// Of no interest: the write side is shut down, and what comes is discarded until the peer closes.
    Linger,
}

impl Link {
    pub(crate) fn new(
        stream: Stream,
        options: Arc<Options>,
        generation: u32,
        now: Time,
        tenure: Tenure,
    ) -> Self {
        let mut conn = Conn::<Server>::new(&options.protocol);
        if let (true, Some(seconds)) = (options.advertise_keep_alive, options.timeouts.keep_alive_hint()) {
            conn.advertise_keep_alive(seconds);
        }
        Self {
            conn,
            timers: Timers::server(now, &options.timeouts),
            stream,
            options,
            tenure,
            generation,
            readable: false,
            writable: true,
            ends: false,
            gone: false,
        }
    }

    /// When its timers, or its age, are next to be looked at.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let next = self.timers.next(&self.options.timeouts);
        let Some(old_at) = self.tenure.next() else { return next };
        Some(next.map_or(old_at, |next| next.min(old_at)))
    }
}

/// Why the machine is not asked for the next event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// It needs bytes.
    Input,
    /// The request waits for its answer.
    Answer,
    /// The handler paused reading, or output has piled up.
    Held,
    /// It will have no more events.
    Closed,
}

/// What a connection has while bytes are pending or an exchange is under way. Each event loop keeps a few of these
/// for the next connection.
pub(crate) struct Active<E> {
    /// Input the machine left.
    pub(crate) rest: InBuf,
    pub(crate) mode: Mode,
    pub(crate) outbox: Outbox,
    pub(crate) answer: Answer,
    pub(crate) exchange: Option<E>,
    /// The content of the request is not complete.
    pub(crate) request_open: bool,
    /// Exchanges that are over but for bytes that wait to be sent.
    pub(crate) leaving: VecDeque<Leaving<E>>,
    pub(crate) stop: Stop,
    /// Bytes that were read only to be discarded.
    pub(crate) discarded: u64,
    /// The handler was told that more came after the last request.
    pub(crate) dropped: bool,
    /// The end of the peer's stream was read.
    pub(crate) eof: bool,
    /// Urgent data came: a read that ends there is no sign that nothing follows.
    pub(crate) urgent: bool,
    /// The connection is in the queue of those that have more to do.
    pub(crate) queued: bool,
}

impl<E> Active<E> {
    pub(crate) fn new() -> Self {
        Self {
            rest: InBuf::new(),
            mode: Mode::Http,
            outbox: Outbox::new(),
            answer: Answer::new(),
            exchange: None,
            request_open: false,
            leaving: VecDeque::new(),
            stop: Stop::Input,
            discarded: 0,
            dropped: false,
            eof: false,
            urgent: false,
            queued: false,
        }
    }

    /// Whether nothing is pending, so that the connection needs none of this.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.stop == Stop::Input
            && !self.answer.is_open()
            && self.outbox.is_empty()
            && self.rest.is_empty()
            && self.exchange.is_none()
            && !self.request_open
            && self.leaving.is_empty()
            && !self.answer.own_idle
            && !self.queued
    }

    /// Gives back memory that the next connection will hardly need.
    #[inline]
    pub(crate) fn trim(&mut self) {
        self.outbox.trim(KEEP);
        self.urgent = false;
    }
}

/// How much memory for output is kept for the next connection, in bytes.
const KEEP: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_on_which_nothing_is_pending_is_264_bytes_and_owns_no_others() {
        // In debug builds a socket of mio knows the poll it is registered with.
        let debug = if cfg!(debug_assertions) { 8 } else { 0 };
        assert!(size_of::<Connection<Vec<u8>>>() <= 264 + debug, "{}", size_of::<Connection<Vec<u8>>>());
    }
}
