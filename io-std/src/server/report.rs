//! [`Report`] and [`ConnectionReport`]: what one exchange, and one connection, came to, for logs and measurements.
//!
//! Plain data, and the marks from which it is made. Who makes it is `exchange`; nothing is worked out before somebody asks.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::{Expired, RecvErrorKind};

use super::fault::Fault;
use crate::clock;

/// What one exchange came to. Times are exact to the microsecond.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The address of the client, if it has one.
    pub peer: Option<SocketAddr>,
    /// Which request of its connection it was, counted from 1. From 2 on, the connection was reused.
    pub number: u32,
    /// The status of the final response, whoever gave it. None if its head was not sent.
    pub status: Option<u16>,
    /// Whether the response is complete, with no byte of it lost.
    pub is_complete: bool,
    /// Bytes of the request that were understood after its head.
    pub received: u64,
    /// Bytes the socket took since the head was there. With [`batch_pipelined`](super::Options::batch_pipelined) an
    /// answer may be counted with a later one.
    pub sent: u64,
    /// From the complete head to the complete request. None if it did not become complete.
    pub request: Option<Duration>,
    /// From the complete head to the head of the final response.
    pub head: Option<Duration>,
    /// From the complete head to here; zero where there was none.
    pub took: Duration,
    /// What broke it off, or would have if the answer had not been complete, if something did.
    pub failure: Option<Failure>,
    /// In words: what the handler returned, which field could not be sent, what the client did wrong.
    pub error: Option<Arc<str>>,
}

/// What broke an exchange off.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The request broke the protocol.
    Protocol(RecvErrorKind),
    /// A time limit passed.
    Timeout(Expired),
    /// Reading or writing failed, or the client reset the connection.
    Stream(io::ErrorKind),
    /// The handler returned an error, or an answer that could not be sent.
    Handler,
    /// The handler panicked.
    Panic,
}

/// What one connection came to, when it was over or handed over to another protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ConnectionReport {
    /// The address of the client, if it has one.
    pub peer: Option<SocketAddr>,
    /// How many requests it had.
    pub requests: u32,
    /// Bytes that were read from it.
    pub received: u64,
    /// Bytes that it took.
    pub sent: u64,
    /// From its acceptance to here, to the millisecond.
    pub age: Duration,
    /// Whether it goes on, in the hands of [`Response::switch`](super::Response::switch) or
    /// [`tunnel`](super::Response::tunnel).
    pub is_switched: bool,
}

/// What went wrong with an exchange, and how it is told.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) failure: Failure,
    pub(crate) error: Option<Arc<str>>,
}

impl Failed {
    pub(crate) fn new(failure: Failure, error: &dyn ToString) -> Self {
        Self { failure, error: Some(error.to_string().into()) }
    }
}

impl From<&Fault> for Failed {
    fn from(fault: &Fault) -> Self {
        match fault {
            Fault::Protocol(error) => Self::new(Failure::Protocol(error.kind()), error),
            Fault::Expired(expired) => Self { failure: Failure::Timeout(*expired), error: None },
            Fault::Stream(error) => Self::new(Failure::Stream(error.kind()), error),
        }
    }
}

/// Where the counts stood when an exchange began, and when it got how far.
#[derive(Clone, Copy)]
pub(crate) struct Marks {
    began: u64,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    request: Option<u64>,
    head: Option<u64>,
}

impl Marks {
    /// The head of a request is complete.
    pub(crate) fn begin(received: u64, sent: u64) -> Self {
        Self { began: clock::micros(), received, sent, request: None, head: None }
    }

    /// The request is complete.
    pub(crate) fn request(&mut self) {
        self.request.get_or_insert_with(clock::micros);
    }

    /// The head of the final response is written.
    pub(crate) fn head(&mut self) {
        self.head.get_or_insert_with(clock::micros);
    }

    /// From the complete head to the request, to the head of the response, and to now.
    pub(crate) fn times(&self) -> (Option<Duration>, Option<Duration>, Duration) {
        let since = |at: u64| Duration::from_micros(at.saturating_sub(self.began));
        (self.request.map(since), self.head.map(since), since(clock::micros()))
    }
}
