//! One connection: the machine, the stream, and what is only there while bytes are pending.
//!
//! Plain data. What is done with it is in `drive`, `exchange` and `flush`.

use std::collections::VecDeque;
use std::sync::Arc;

use h1wire_proto::{Conn, InBuf, Server, Time, Timers};

use crate::answer::Answer;
use crate::options::Options;
use crate::stream::Stream;

/// A connection. While nothing is pending this is all there is of it, and there may be very many.
pub(crate) struct Connection<E> {
    pub(crate) link: Link,
    pub(crate) active: Option<Box<Active<E>>>,
}

/// The part of a connection that lasts.
pub(crate) struct Link {
    pub(crate) conn: Conn<Server>,
    pub(crate) timers: Timers,
    pub(crate) stream: Stream,
    /// Those that were in force when it was opened.
    pub(crate) options: Arc<Options>,
    /// When its next answer is to be the last.
    pub(crate) old_at: Time,
    /// Bytes that were read only to be discarded.
    pub(crate) discarded: u64,
    /// Tells it from others that had or will have its key.
    pub(crate) generation: u32,
    /// Requests so far.
    pub(crate) requests: u32,
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
    pub(crate) mode: Mode,
    /// It is in the queue of connections that have more to do.
    pub(crate) queued: bool,
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
        old_at: Time,
    ) -> Self {
        let mut conn = Conn::<Server>::new(&options.protocol);
        if let (true, Some(seconds)) = (options.advertise_keep_alive, options.timeouts.keep_alive_hint()) {
            conn.advertise_keep_alive(seconds.try_into().unwrap_or(u16::MAX));
        }
        Self {
            conn,
            timers: Timers::server(now, &options.timeouts),
            stream,
            options,
            old_at,
            discarded: 0,
            generation,
            requests: 0,
            readable: false,
            writable: true,
            ends: false,
            gone: false,
            eof: false,
            mode: Mode::Http,
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

    /// Gives back memory that the next connection will hardly need.
    #[inline]
    pub(crate) fn trim(&mut self) {
        self.answer.sent = 0;
        if self.answer.out.capacity() > KEEP {
            self.answer.out.shrink_to(KEEP);
        }
    }
}

/// How much memory for output is kept for the next connection, in bytes.
const KEEP: usize = 128 * 1024;
