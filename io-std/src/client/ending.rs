//! The ways an [`Exchange`] ends before its time, or goes over into something else.

use std::io;

use h1wire_proto::calling::{Happened, Next, Upload};

use super::event::With;
use super::exchange::{Exchange, Failure, Progress};
use super::request::Request;
use super::spec::Spec;
use super::wire::Wire;
use crate::agent::Lease;
use crate::error::{Error, ErrorKind};
use crate::stream::Transport;
use h1wire_proto::retry::{Attempt, Sent};

impl Failure {
    /// The error for the user. Before anything was sent, with the request in it.
    pub(crate) fn into_error(mut self) -> Error {
        let happened =
            if matches!(self.kind, ErrorKind::Aborted) { Happened::Aborted } else { Happened::Failed };
        self.spec.tell(happened, With::Error(&self.kind));
        let unsent = self.attempt.sent == Sent::Nothing && self.attempt.replayable;
        let what = self.spec.describe();
        let request = unsent.then(|| Request::of(self.spec));
        Error::new(self.kind, &self.attempt, what, request)
    }
}

impl Exchange {
    /// Ends an exchange that did not come to a response.
    pub(crate) fn fail(self, kind: ErrorKind) -> Failure {
        let kind = self.check_abort().err().unwrap_or(kind);
        let (attempt, spec) = self.into_parts();
        Failure { kind, attempt, spec }
    }

    /// The attempt to make now, if the exchange failed in a way that is worth an automatic retry.
    pub(crate) fn retry(&self) -> Option<Attempt> {
        if !self.spec.retries || self.check_abort().is_err() {
            return None;
        }
        self.lease.as_ref().and_then(Lease::wire).and_then(|wire| wire.call.retry())
    }

    /// Closes the connection, and keeps the request.
    pub(crate) fn into_parts(mut self) -> (Attempt, Box<Spec>) {
        self.close();
        (self.attempt(), self.spec)
    }

    /// Closes the connection, if it is still here.
    pub(crate) fn close(&mut self) {
        if let Some(abortable) = &self.abortable {
            let _ = abortable.over();
        }
        if let Some(mut lease) = self.take_lease()
            && let Some(wire) = lease.wire_mut()
        {
            wire.call.abort();
            if let Next::Close(why) = wire.call.next() {
                lease.close(why);
            }
        }
        if self.progress == Progress::Open {
            self.progress = Progress::Cut;
        }
    }

    /// The response will not be complete: closes, and tells why.
    pub(crate) fn cut(&mut self, kind: ErrorKind) -> Error {
        let kind = self.check_abort().err().unwrap_or(kind);
        self.close();
        // Nothing is told of a response that was complete.
        let aborted = matches!(kind, ErrorKind::Aborted);
        let happened = if aborted { Happened::Aborted } else { Happened::Failed };
        self.spec.tell(happened, With::Error(&kind));
        Error::new(kind, &self.attempt(), self.spec.describe(), None)
    }

    /// Gives up the rest of the response: what is there already is discarded, if that is all and within `budget`;
    /// otherwise the connection is closed. Never blocks.
    pub(crate) fn discard(&mut self, budget: usize) {
        let Some(wire) = self.lease.as_mut().and_then(Lease::wire_mut) else { return };
        let left = budget.saturating_sub(self.ready);
        if self.ready <= budget && wire.call.upload() == Upload::Done {
            wire.call.discard(left as u64);
            self.consume(self.ready);
            while let Some(wire) = self.lease.as_mut().and_then(Lease::wire_mut) {
                let worth = wire.call.next() == Next::Read && !self.switched && wire.stream.is_readable();
                if self.ready > 0 {
                    self.consume(self.ready);
                } else if !worth || wire.fill().is_err() || self.pump().is_err() {
                    break;
                }
            }
        }
        if self.lease.is_some() {
            let complete = self.progress == Progress::Complete;
            self.close();
            let happened = if complete { Happened::Complete } else { Happened::Dropped };
            self.spec.tell(happened, With::Nothing);
        }
    }

    /// How much may be discarded to keep a connection.
    pub(crate) fn drain_budget(&self) -> usize {
        self.spec.agent().0.hooks.drain
    }

    /// Changes the connection, if there is an exchange that still has one.
    pub(crate) fn tune(
        exchange: Option<&mut Self>,
        change: impl FnOnce(&mut dyn Transport) -> io::Result<()>,
    ) -> io::Result<()> {
        match exchange.and_then(|exchange| exchange.lease.as_mut()?.wire_mut()) {
            Some(wire) => change(&mut *wire.stream),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Takes the connection out of its agent, to go on being used here.
    pub(crate) fn detach(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.detach();
        }
    }

    /// The connection, for whoever it was switched to.
    pub(crate) fn into_wire(mut self) -> Option<Box<Wire>> {
        self.spec.tell(Happened::Switched, With::Nothing);
        if let Some(abortable) = &self.abortable {
            let _ = abortable.over();
        }
        self.take_lease()?.into_wire()
    }
}
