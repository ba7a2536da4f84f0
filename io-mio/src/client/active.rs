//! [`Active`]: what there is of a call from its start to its end. Plain data, recycled for the next one.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use h1wire_proto::calling::{self, Late, Order, Upload, Wait};
use h1wire_proto::pool::{Origin, Ticket};
use h1wire_proto::{ClientConfig, Headers, InBuf, Limits, OutQueue, SendError, Time};

use super::abort::AbortHandle;
use super::error::ErrorKind;
use super::spec::Spec;

/// Whoever a call is for: an exchange of a server in the same loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Owner {
    pub(crate) key: usize,
    pub(crate) generation: u32,
    pub(crate) number: u32,
}

/// Where a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stand {
    /// It waits for a connection.
    Waiting(Ticket),
    /// It has one, by the key of its source.
    On(usize),
    /// It has none any more.
    Off,
}

/// What the bytes of its connection are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// HTTP, for the machine.
    Http,
    /// Those of another protocol, for the caller.
    Raw {
        /// The caller will write nothing more.
        finished: bool,
        /// The peer will send nothing more, and the caller knows.
        ended: bool,
        /// The peer was told that nothing more will be written.
        shut: bool,
    },
}

/// What happened to a call since it was last run, and is to be told when it is.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct News {
    /// A connection is being made for it.
    pub(crate) socket: bool,
    /// It has a connection, which was used before or not.
    pub(crate) connected: Option<bool>,
    /// The wait for 100 is over.
    pub(crate) unheld: bool,
    /// A limit passed that is only told.
    pub(crate) late: Option<Late>,
}

pub(crate) struct Active {
    /// Tells it from others that had or will have its key.
    pub(crate) generation: u32,
    /// The exchange of a server that it is for.
    pub(crate) owner: Option<Owner>,
    pub(crate) spec: Option<Box<Spec>>,
    pub(crate) origin: Option<Arc<Origin>>,
    pub(crate) limits: Limits,
    pub(crate) call: calling::Call,
    pub(crate) order: Order,
    pub(crate) wait: Wait,
    pub(crate) ends_at: Option<Time>,
    pub(crate) stand: Stand,
    pub(crate) mode: Mode,
    pub(crate) news: News,
    /// Why it is over.
    pub(crate) error: Option<ErrorKind>,
    /// What broke its connection.
    pub(crate) broken: Option<io::Error>,
    pub(crate) out: OutQueue,
    /// Input the machine left.
    pub(crate) rest: InBuf,
    /// Content that waits until it may be sent.
    pub(crate) held: VecDeque<Bytes>,
    pub(crate) trailers: Headers,
    /// What was wrong with what the caller wrote or set.
    pub(crate) fault: Option<SendError>,
    /// Who may end it from elsewhere.
    pub(crate) abort: Option<AbortHandle>,
    pub(crate) flags: Flags,
}

#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Flags {
    /// It is among those to be run.
    pub(crate) queued: bool,
    /// Its connection is its own.
    pub(crate) one_shot: bool,
    /// How long its content is was not said before.
    pub(crate) unmeasured: bool,
    /// The caller wants no content for now.
    pub(crate) paused: bool,
    /// The caller wants to hear nothing more.
    pub(crate) muted: bool,
    /// A writer was told to wait.
    pub(crate) wants_drain: bool,
    /// The caller finished the content, which is held back.
    pub(crate) finished: bool,
    /// The caller was told that nobody wants the rest of the content.
    pub(crate) unwanted: bool,
    /// The end of the peer's stream was read.
    pub(crate) eof: bool,
    /// `Close` is owed: the response is complete, and the exchange is not over.
    pub(crate) close_owed: bool,
    /// The connection goes on here when it belongs to another protocol.
    pub(crate) stays: bool,
    /// The last event was told.
    pub(crate) over: bool,
    /// The machine may have events in the input it left.
    pub(crate) more: bool,
}

impl Active {
    pub(crate) fn new() -> Self {
        Self {
            generation: 0,
            owner: None,
            spec: None,
            origin: None,
            limits: Limits::DEFAULT,
            call: calling::Call::new(&ClientConfig::default()),
            order: Order::new(),
            wait: Wait::new(&calling::Patience::NONE, None, false),
            ends_at: None,
            stand: Stand::Off,
            mode: Mode::Http,
            news: News::default(),
            error: None,
            broken: None,
            out: OutQueue::new(),
            rest: InBuf::new(),
            held: VecDeque::new(),
            trailers: Headers::new(),
            fault: None,
            abort: None,
            flags: Flags::default(),
        }
    }

    /// Makes it ready for the next call, whose generation it says.
    pub(crate) fn reset(&mut self) {
        let generation = self.generation.wrapping_add(1);
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        if out.capacity() > KEEP {
            out.shrink_to(KEEP);
        }
        let mut trailers = std::mem::take(&mut self.trailers);
        trailers.clear();
        let mut held = std::mem::take(&mut self.held);
        held.clear();
        *self = Self { generation, out, trailers, held, ..Self::new() };
    }

    /// Frames the content that waited, if it may be sent.
    pub(crate) fn release_content(&mut self) {
        if self.call.upload() != Upload::Send {
            return;
        }
        while let Some(content) = self.held.pop_front() {
            let framed = self.frame(content);
            self.note(framed);
        }
        if self.flags.finished {
            let ended = self.end_content();
            self.note(ended);
        }
    }

    /// Queues a piece of content.
    pub(crate) fn frame(&mut self, content: Bytes) -> Result<(), SendError> {
        let Some(mut body) = self.call.body() else {
            return if content.is_empty() { Ok(()) } else { Err(SendError::WrongState) };
        };
        if content.len() < OutQueue::<Bytes>::COPY_BELOW {
            return body.data(&content, &mut self.out);
        }
        let frame = body.frame(content.len() as u64)?;
        self.out.put_shared_framed(&frame, content);
        Ok(())
    }

    /// Completes the content.
    pub(crate) fn end_content(&mut self) -> Result<(), SendError> {
        match self.call.body() {
            Some(body) => body.end(&self.trailers, &mut self.out),
            None => Ok(()),
        }
    }

    pub(crate) fn note(&mut self, done: Result<(), SendError>) {
        if let Err(error) = done {
            self.fault.get_or_insert(error);
        }
    }

    /// How many bytes wait to be sent.
    pub(crate) fn buffered(&self) -> usize {
        self.out.buffered() + self.held.iter().map(Bytes::len).sum::<usize>()
    }

    /// The most bytes of input that the machine leaves.
    pub(crate) fn most_input(&self) -> usize {
        self.limits.max_contiguous()
    }

    /// Whether input is kept back from the caller.
    pub(crate) fn is_held(&self) -> bool {
        self.flags.paused && !self.flags.muted
    }
}

/// How much memory for output is kept for the next call, in bytes.
const KEEP: usize = 128 * 1024;

impl Default for Active {
    fn default() -> Self {
        Self::new()
    }
}
