//! One connection: the machine, the stream, and what is only there while bytes are pending.
//!
//! Plain data. What is done with it is in `drive`, `exchange` and `flush`.

use std::collections::VecDeque;
use std::sync::Arc;

use h1wire_proto::serving::Session;
use h1wire_proto::{InBuf, Time};

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

/// The part of a connection that lasts.
pub(crate) struct Link {
    pub(crate) session: Session,
    pub(crate) stream: Stream,
    /// Those that were in force when it was opened.
    pub(crate) options: Arc<Options>,
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

impl Link {
    pub(crate) fn new(
        stream: Stream,
        options: Arc<Options>,
        generation: u32,
        now: Time,
        random: u64,
    ) -> Self {
        Self {
            session: Session::new(&options.policy, now, random),
            stream,
            options,
            generation,
            readable: false,
            writable: true,
            ends: false,
            gone: false,
        }
    }

    /// When its limits, or its age, are next to be looked at.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.session.deadline(&self.options.policy)
    }
}

/// What a connection has while bytes are pending or an exchange is under way. Each event loop keeps a few of these
/// for the next connection.
pub(crate) struct Active<E> {
    /// Input the machine left.
    pub(crate) rest: InBuf,
    /// The bytes are those of another protocol, for the handler.
    pub(crate) raw: bool,
    pub(crate) outbox: Outbox,
    pub(crate) answer: Answer,
    pub(crate) exchange: Option<E>,
    /// The content of the request is not complete.
    pub(crate) request_open: bool,
    /// Exchanges that are over but for bytes that wait to be sent.
    pub(crate) leaving: VecDeque<Leaving<E>>,
    /// The machine is not shown what it left: the handler paused, or output has piled up.
    pub(crate) held: bool,
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
            raw: false,
            outbox: Outbox::new(),
            answer: Answer::new(),
            exchange: None,
            request_open: false,
            leaving: VecDeque::new(),
            held: false,
            eof: false,
            urgent: false,
            queued: false,
        }
    }

    /// Whether nothing is pending, so that the connection needs none of this.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        !self.held
            && !self.raw
            && !self.eof
            && !self.answer.is_open()
            && self.outbox.is_empty()
            && self.rest.is_empty()
            && self.exchange.is_none()
            && !self.request_open
            && self.leaving.is_empty()
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
