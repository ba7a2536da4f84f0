//! [`Report`] and [`ConnectionReport`]: what one exchange, and one connection, came to.
//!
//! An exchange remembers where the counts stood when it began; nothing is worked out before somebody asks. Connections
//! are counted in a table of their own, which is empty unless [`Options`](crate::Options) ask for it.

use std::fmt;
use std::io;
use std::time::Duration;

use h1wire_proto::{Expired, RecvErrorKind, Time};
use std::sync::Arc;

/// What one exchange came to. Times are to the microsecond, and begin when its event loop was told that there is
/// something to read.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Which request of its connection it was, counted from 1. From 2 on, the connection was reused. One whose head
    /// was not complete counts here, too.
    pub number: u32,
    /// The status of the final response, also of one that the server gave by itself: 400, 408, 500. None if its head
    /// was not sent.
    pub status: Option<u16>,
    /// Whether the response is complete. In [`Handler::report`](crate::Handler::report) that all of it was handed to the system, which is the
    /// most a server can know; in [`Response::report`](crate::Response::report), before the end, that the handler
    /// completed it.
    pub is_complete: bool,
    /// Bytes of the request after its head, the framing of content included. Those of another protocol are not.
    pub received: u64,
    /// Bytes of the response, interim ones and framing included, that were handed to the system. Before the end, of a
    /// complete response, all there are.
    pub sent: u64,
    /// From the complete head to the complete request. None if it did not become complete.
    pub request: Option<Duration>,
    /// From the complete head to the head of the final response.
    pub head: Option<Duration>,
    /// From the complete head to now.
    pub took: Duration,
    /// What broke it off, if something did. An exchange that is aborted without was ended by the server or its handler.
    pub failure: Option<Failure>,
    /// What the handler could not do, in words: the error it [failed](crate::Response::fail) with or returned, or the
    /// field that could not be sent.
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
    /// The handler failed, see [`Report::error`].
    Handler,
    /// The handler panicked.
    Panic,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(kind) => write!(f, "the client broke the protocol: {}", kind.name()),
            Self::Timeout(limit) => write!(f, "a time limit passed: {limit}"),
            Self::Stream(kind) => write!(f, "the connection broke: {kind}"),
            Self::Handler => f.write_str("the handler failed"),
            Self::Panic => f.write_str("the handler panicked"),
        }
    }
}

/// What one connection came to. Only with [`Options::count_connections`](crate::Options::count_connections).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ConnectionReport {
    /// Its requests so far.
    pub requests: u32,
    /// Bytes read from it.
    pub received: u64,
    /// Bytes it took.
    pub sent: u64,
    /// How long it has been open, to the millisecond.
    pub age: Duration,
    /// Whether it went over to another protocol.
    pub is_switched: bool,
}

/// Where the counts stood when an exchange began, and when it got how far. Moments are microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    /// Which request of its connection it is.
    number: u32,
    began: u64,
    received: u64,
    position: u64,
    /// When the request was complete, and when the head of its answer was sent.
    pub(crate) request: u64,
    pub(crate) head: u64,
    pub(crate) failure: Option<Failure>,
}

/// A moment that did not come yet.
const NOT_YET: u64 = u64::MAX;

impl Marks {
    pub(crate) const fn new() -> Self {
        Self {
            number: 0,
            began: NOT_YET,
            received: 0,
            position: 0,
            request: NOT_YET,
            head: NOT_YET,
            failure: None,
        }
    }

    /// The head of a request was read at `now`, after `received` bytes of its connection, and what follows `position`
    /// in what is sent is its answer.
    #[inline]
    pub(crate) fn begin(number: u32, now: u64, received: u64, position: u64) -> Self {
        Self { number, began: now, received, position, ..Self::new() }
    }

    fn until(&self, moment: u64) -> Option<Duration> {
        let micros = moment.saturating_sub(self.began);
        (moment != NOT_YET && self.began != NOT_YET).then(|| Duration::from_micros(micros))
    }

    /// The report when `received` bytes were read and `sent` bytes of the connection were sent, or will have been.
    pub(crate) fn report(
        &self,
        status: u16,
        is_complete: bool,
        received: u64,
        sent: u64,
        now: u64,
        error: Option<Arc<str>>,
    ) -> Report {
        Report {
            number: self.number,
            status: (self.head != NOT_YET).then_some(status),
            is_complete,
            received: received.saturating_sub(self.received),
            sent: sent.saturating_sub(self.position),
            request: self.until(self.request),
            head: self.until(self.head),
            took: self.until(now).unwrap_or_default(),
            failure: self.failure,
            error,
        }
    }
}

/// An exchange that is over but for bytes that wait to be sent. None: there is only its report to be made.
pub(crate) struct Leaving<E> {
    pub(crate) exchange: Option<E>,
    /// The byte that is the last of its answer.
    pub(crate) last: u64,
    began: u64,
    report: Report,
}

impl<E> Leaving<E> {
    /// `report` is the one of an answer whose last byte is `last`, all sent.
    #[inline]
    pub(crate) fn new(exchange: Option<E>, marks: &Marks, last: u64, report: Report) -> Self {
        Self { exchange, last, began: marks.began, report }
    }

    /// The exchange, and its report when nothing more will be sent after the first `sent` bytes.
    #[inline]
    pub(crate) fn into_report(self, sent: u64, now: u64) -> (Option<E>, Report) {
        let Self { exchange, last, began, report } = self;
        let took = Duration::from_micros(now.saturating_sub(began));
        let unsent = last.saturating_sub(sent);
        let is_complete = report.is_complete && unsent == 0;
        (exchange, Report { took, is_complete, sent: report.sent.saturating_sub(unsent), ..report })
    }
}

/// What is counted for one connection.
#[derive(Clone, Copy, Debug)]
struct Tally {
    opened: Time,
    received: u64,
    sent: u64,
    is_switched: bool,
}

/// What is counted for each connection that is, by its key.
#[derive(Debug, Default)]
pub(crate) struct Tallies(Vec<Option<Tally>>);

impl Tallies {
    /// A connection was opened, and is to be counted or not.
    pub(crate) fn open(&mut self, key: usize, counted: bool, now: Time) {
        if counted && self.0.len() <= key {
            self.0.resize(key + 1, None);
        }
        if let Some(entry) = self.0.get_mut(key) {
            *entry = counted.then_some(Tally { opened: now, received: 0, sent: 0, is_switched: false });
        }
    }

    #[inline]
    pub(crate) fn count(&mut self, key: usize, received: u64, sent: u64) {
        if let Some(Some(tally)) = self.0.get_mut(key) {
            tally.received += received;
            tally.sent += sent;
        }
    }

    /// The connection went over to another protocol.
    pub(crate) fn switched(&mut self, key: usize) {
        if let Some(Some(tally)) = self.0.get_mut(key) {
            tally.is_switched = true;
        }
    }

    pub(crate) fn report(&self, key: usize, requests: u32, now: Time) -> Option<ConnectionReport> {
        let Tally { opened, received, sent, is_switched } = (*self.0.get(key)?)?;
        let age = Duration::from_millis(now.since(opened));
        Some(ConnectionReport { requests, received, sent, age, is_switched })
    }
}
