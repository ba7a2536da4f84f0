//! One connection: the machine, the stream, and what is only there while bytes are pending.
//!
//! Plain data. What is done with it is in `drive` and `flush`.

use std::collections::VecDeque;

use h1wire_proto::{Conn, InBuf, Server};

use crate::response::Answer;
use crate::stream::Stream;

/// What a connection is while nothing is pending. There may be very many of these.
pub(crate) struct Connection<E> {
    pub(crate) conn: Conn<Server>,
    pub(crate) stream: Stream,
    pub(crate) active: Option<Box<Active<E>>>,
    /// Tells it from others that had or will have its key.
    pub(crate) generation: u32,
    /// Requests so far.
    pub(crate) requests: u32,
    /// Bytes that were read only to be discarded.
    pub(crate) discarded: u64,
    /// The socket may have something to read, or the end of it.
    pub(crate) readable: bool,
    /// The socket may have room.
    pub(crate) writable: bool,
    /// The end of the peer's stream, or an error, is behind what can be read.
    pub(crate) ends: bool,
    /// The connection was reset. What cannot be read now need not be answered.
    pub(crate) gone: bool,
    /// The end of the peer's stream was read.
    pub(crate) eof: bool,
    /// The write side is shut down; what comes is discarded until the peer closes.
    pub(crate) lingering: bool,
    /// It is in the queue of connections that have more to do.
    pub(crate) queued: bool,
}

impl<E> Connection<E> {
    pub(crate) fn new(conn: Conn<Server>, stream: Stream, generation: u32) -> Self {
        Self {
            conn,
            stream,
            active: None,
            generation,
            requests: 0,
            discarded: 0,
            readable: false,
            writable: true,
            ends: false,
            gone: false,
            eof: false,
            lingering: false,
            queued: false,
        }
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
    pub(crate) answer: Answer,
    pub(crate) exchange: Option<E>,
    /// The content of the request is not complete.
    pub(crate) request_open: bool,
    /// Exchanges that are over but for bytes that wait to be sent, with the byte that is their last.
    pub(crate) leaving: VecDeque<(u64, E)>,
    pub(crate) stop: Stop,
}

impl<E> Active<E> {
    pub(crate) fn new() -> Self {
        Self {
            rest: InBuf::new(),
            answer: Answer::new(),
            exchange: None,
            request_open: false,
            leaving: VecDeque::new(),
            stop: Stop::Input,
        }
    }

    /// Whether nothing is pending, so that the connection needs none of this.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.stop == Stop::Input
            && !self.answer.open
            && self.answer.out.is_empty()
            && self.rest.is_empty()
            && self.exchange.is_none()
            && !self.request_open
            && self.leaving.is_empty()
    }
}
