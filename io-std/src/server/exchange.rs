//! [`Exchange`]: what a request and its response share while a handler has them.
//!
//! A connection with the buffers of the thread that serves it. Receiving is in `receive`, sending in `send`; the
//! handler's faces are `request` and `response`.

use std::io;
use std::sync::Arc;

use h1wire_proto::{Expired, InBuf, Method, RecvError, RequestHead, SendError, Slots};

use super::core::Core;
use super::counters::Counters;
use super::link::Link;
use crate::clock::WallDate;

/// The buffers of a thread, empty between connections. They keep their memory.
#[derive(Default)]
pub(crate) struct Buffers {
    /// Content that is received while the head is still looked at.
    pub(crate) more: InBuf,
    /// For trailers.
    pub(crate) slots: Slots,
    /// Bytes for the socket.
    pub(crate) out: Vec<u8>,
    /// Content that is gathered.
    pub(crate) gathered: Vec<u8>,
    pub(crate) date: WallDate,
}

/// A connection in the hands of a thread.
pub(crate) struct Exchange {
    pub(crate) link: Box<Link>,
    pub(crate) buffers: Buffers,
    pub(crate) core: Arc<Core>,
    pub(crate) counters: Arc<Counters>,
    /// How many bytes at the front of `more` are content the machine has told about and nobody has read.
    pub(crate) held: usize,
    /// The request is complete.
    pub(crate) received: bool,
    /// Why the rest of the request will not come.
    pub(crate) failure: Option<Failure>,
    pub(crate) sending: Sending,
    /// The status of the final response, 0 before it is sent.
    pub(crate) status: u16,
    /// The request is a `CONNECT`.
    pub(crate) asks_for_tunnel: bool,
    /// The connection is to be dropped as it is.
    pub(crate) aborted: bool,
}

/// How far the response is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sending {
    /// Its head was not sent.
    Head,
    /// Its head was sent, its content is under way.
    Content,
    /// It is complete.
    Ended,
}

/// Why a request is not complete, as its peer's fault.
#[derive(Debug)]
pub(crate) enum Failure {
    Protocol(RecvError),
    Expired(Expired),
    Stream(io::Error),
}

impl Failure {
    pub(crate) fn to_io(&self) -> io::Error {
        match self {
            Self::Protocol(error) if error.kind() == h1wire_proto::RecvErrorKind::UnexpectedEof => {
                io::Error::new(io::ErrorKind::UnexpectedEof, *error)
            }
            Self::Protocol(error) => io::Error::new(io::ErrorKind::InvalidData, *error),
            Self::Expired(_) => io::ErrorKind::TimedOut.into(),
            Self::Stream(error) => error.kind().into(),
        }
    }
}

/// What the machine refused, as the error of a `Write`.
pub(crate) fn refused(error: SendError) -> io::Error {
    let kind = match error {
        SendError::Poisoned => io::ErrorKind::BrokenPipe,
        _ => io::ErrorKind::InvalidInput,
    };
    io::Error::new(kind, error)
}

impl Exchange {
    pub(crate) fn new(link: Box<Link>, buffers: Buffers, core: Arc<Core>, counters: Arc<Counters>) -> Self {
        Self {
            link,
            buffers,
            core,
            counters,
            held: 0,
            received: true,
            failure: None,
            sending: Sending::Ended,
            status: 0,
            asks_for_tunnel: false,
            aborted: false,
        }
    }

    /// Begins an exchange whose head was just received. With content, `rest` is what came of it.
    #[inline]
    pub(crate) fn begin(&mut self, head: &RequestHead<'_, '_>, rest: &[u8]) {
        self.held = 0;
        self.received = head.body.is_empty();
        if !self.received {
            self.core.fill(&mut self.buffers.more, rest);
            // Until it returns, a handler may read.
            self.link.conn.keep_reading(true);
            self.link.hand_over();
        }
        self.asks_for_tunnel = head.method == Method::Connect;
        self.failure = None;
        self.sending = Sending::Head;
        self.status = 0;
        self.buffers.gathered.clear();
    }

    /// Whether the response is complete, and was not cut off on its way.
    pub(crate) fn is_complete(&self) -> bool {
        self.sending == Sending::Ended && !self.link.is_cut_off
    }
}
