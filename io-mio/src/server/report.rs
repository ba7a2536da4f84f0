//! [`Report`] and [`ConnectionReport`]: what one exchange, and one connection, came to.
//!
//! An exchange remembers where the counts stood when it began; nothing is worked out before somebody asks. Connections
//! are counted in a table of their own, which is empty unless [`Options`](crate::Options) ask for it.

use std::io;
use std::time::Duration;

use h1wire_proto::{Expired, RecvErrorKind, Time};

use crate::server::answer::Answer;
use crate::server::connection::Link;
use crate::server::drive::Turn;
use crate::server::handler::Handler;

/// What one exchange came to. Times are those of its event loop, to the millisecond.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Which request of its connection it was, counted from 1. From 2 on, the connection was reused.
    pub number: u32,
    /// The status of the final response. None if its head was not sent, or the client broke the protocol and no
    /// handler answered that.
    pub status: Option<u16>,
    /// Whether the response is complete. In [`Handler::report`] that all of it was handed to the system, which is the
    /// most a server can know; in [`Response::report`](crate::Response::report), before the end, that the handler
    /// completed it.
    pub is_complete: bool,
    /// Bytes of the request behind its head, the framing of content included. Those of another protocol are not.
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
}

/// Where the counts stood when an exchange began, and when it got how far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    began: Time,
    received: u64,
    position: u64,
    /// When the request was complete, and when the head of its answer was sent.
    pub(crate) request: Time,
    pub(crate) head: Time,
    pub(crate) failure: Option<Failure>,
}

/// A moment that did not come yet.
const NOT_YET: Time = Time(u64::MAX);

impl Marks {
    pub(crate) const fn new() -> Self {
        Self { began: NOT_YET, received: 0, position: 0, request: NOT_YET, head: NOT_YET, failure: None }
    }

    /// The head of a request was read at `now`, and what is queued from here on is its answer.
    #[inline]
    pub(crate) fn begin(now: Time, received: u64, answer: &Answer) -> Self {
        Self { began: now, received, position: answer.position(), ..Self::new() }
    }

    fn until(&self, moment: Time) -> Option<Duration> {
        (moment != NOT_YET).then(|| Duration::from_millis(moment.since(self.began)))
    }
}

impl Report {
    /// Of the request at hand.
    pub(crate) fn new(answer: &Answer, link: &mut Link, now: Time) -> Self {
        let marks = &answer.marks;
        let is_complete = answer.head_sent && link.conn.body().is_none();
        let sent = if is_complete { answer.position() } else { answer.sent };
        Self {
            number: link.tenure.requests(),
            status: answer.head_sent.then_some(answer.status),
            is_complete,
            received: link.conn.recv_offset().saturating_sub(marks.received),
            sent: sent.saturating_sub(marks.position),
            request: marks.until(marks.request),
            head: marks.until(marks.head),
            took: marks.until(now).unwrap_or_default(),
            failure: marks.failure,
        }
    }
}

/// An exchange that is over but for bytes that wait to be sent.
pub(crate) struct Leaving<E> {
    pub(crate) exchange: E,
    /// The byte that is the last of its answer.
    pub(crate) last: u64,
    began: Time,
    report: Report,
}

impl<E> Leaving<E> {
    #[inline]
    pub(crate) fn new(exchange: E, answer: &Answer, link: &mut Link) -> Self {
        let (Marks { began, position, .. }, last) = (answer.marks, answer.position());
        let sent = last.saturating_sub(position);
        Self { exchange, last, began, report: Report { sent, ..Report::new(answer, link, began) } }
    }

    /// The report when nothing more will be sent after the first `sent` bytes.
    #[inline]
    pub(crate) fn report(&self, sent: u64, now: Time) -> Report {
        let took = Duration::from_millis(now.since(self.began));
        let unsent = self.last.saturating_sub(sent);
        let is_complete = self.report.is_complete && unsent == 0;
        Report { took, is_complete, sent: self.report.sent.saturating_sub(unsent), ..self.report }
    }
}

/// What is counted for one connection.
#[derive(Clone, Copy, Debug)]
struct Tally {
    opened: Time,
    received: u64,
    sent: u64,
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
            *entry = counted.then_some(Tally { opened: now, received: 0, sent: 0 });
        }
    }

    #[inline]
    fn count(&mut self, key: usize, received: usize, sent: usize) {
        if let Some(Some(tally)) = self.0.get_mut(key) {
            tally.received += received as u64;
            tally.sent += sent as u64;
        }
    }

    pub(crate) fn report(&self, key: usize, requests: u32, now: Time) -> Option<ConnectionReport> {
        let Tally { opened, received, sent } = (*self.0.get(key)?)?;
        Some(ConnectionReport { requests, received, sent, age: Duration::from_millis(now.since(opened)) })
    }
}

impl<H: Handler> Turn<'_, H> {
    /// Adds what happened in this turn to the counters.
    #[inline]
    pub(crate) fn count(&mut self) {
        let (counters, activity) = (&self.cx.counters, &self.activity);
        counters.requests.add(activity.heads.into());
        counters.bytes_received.add(activity.received as u64);
        counters.bytes_sent.add(activity.sent as u64);
        if activity.heads > 0 && activity.heads == self.link.tenure.requests() {
            counters.used.add(1);
        }
        self.cx.tallies.count(self.key, activity.received, activity.sent);
    }

    /// The connection is about to go, after everything else was told.
    #[cold]
    pub(crate) fn closed(&mut self) {
        let now = self.cx.clock.now();
        if let Some(report) = self.cx.tallies.report(self.key, self.link.tenure.requests(), now) {
            let stream = &self.link.stream;
            let handler = &mut *self.handler;
            self.cx.counters.guard(|| handler.closed(stream, &report));
        }
    }
}
