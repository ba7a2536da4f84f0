//! [`Report`]: what one request came to, with the times of its phases.
//!
//! Nothing is measured where nobody asked for a report.

use std::time::{Duration, Instant};

use h1wire_proto::calling::Happened;

use super::event::With;
use crate::error::ErrorKind;

pub(crate) type OnReport = Box<dyn FnMut(&Report<'_>) + Send>;

/// What a request came to, once it is over: for logs and measurements. See
/// [`Request::on_report`](crate::Request::on_report) and [`AgentBuilder::on_report`](crate::AgentBuilder::on_report).
///
/// Times are since the request was sent by its user, waiting for a connection included. After an automatic retry they
/// are those of the last attempt, still since then.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Report<'r> {
    /// Method and URL, without credentials and without the query.
    pub request: &'r str,
    /// The status of the response, if it began.
    pub status: Option<u16>,
    /// Whether the connection had carried another request before.
    pub reused: bool,
    /// Whether it was sent again by itself.
    pub retried: bool,
    /// When it had a connection.
    pub connected: Option<Duration>,
    /// When its last byte was given to the system.
    pub sent: Option<Duration>,
    /// When the final response began.
    pub answered: Option<Duration>,
    /// When it was over.
    pub took: Duration,
    /// Bytes the system took, in the last attempt.
    pub bytes_sent: u64,
    /// Bytes that were read, in the last attempt.
    pub bytes_received: u64,
    /// Why it failed. `None`: the response is complete, was given up by its user, or handed the connection over.
    pub failure: Option<&'r ErrorKind>,
}

/// What is noted of a request while it is under way.
#[derive(Clone, Copy, Default)]
pub(crate) struct Marks {
    begun: Option<Instant>,
    connected: Option<Duration>,
    sent: Option<Duration>,
    answered: Option<Duration>,
    status: Option<u16>,
    reused: bool,
    retried: bool,
    pub(crate) bytes: (u64, u64),
}

impl Marks {
    pub(crate) fn begin() -> Self {
        Self { begun: Some(Instant::now()), ..Self::default() }
    }

    pub(crate) fn note(&mut self, happened: Happened, with: &With<'_>) {
        let now = Some(self.elapsed());
        match (happened, with) {
            (Happened::Connected, With::Addresses { reused, .. }) => {
                (self.connected, self.reused) = (now, *reused);
            }
            (Happened::Sent, _) if self.sent.is_none() => self.sent = now,
            (Happened::Response, With::Head(head)) => (self.answered, self.status) = (now, Some(head.status)),
            (Happened::Retry, _) => {
                *self = Self { begun: self.begun, retried: true, ..Self::default() };
            }
            _ => {}
        }
    }

    fn elapsed(&self) -> Duration {
        self.begun.map(|at| at.elapsed()).unwrap_or_default()
    }

    pub(crate) fn report<'r>(&self, request: &'r str, failure: Option<&'r ErrorKind>) -> Report<'r> {
        Report {
            request,
            status: self.status,
            reused: self.reused,
            retried: self.retried,
            connected: self.connected,
            sent: self.sent,
            answered: self.answered,
            took: self.elapsed(),
            bytes_sent: self.bytes.0,
            bytes_received: self.bytes.1,
            failure,
        }
    }
}
