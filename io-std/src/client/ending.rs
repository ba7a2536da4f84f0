//! The ways an [`Exchange`] ends before its time, or goes over into something else.

use h1wire_proto::KeepAlive;
use h1wire_proto::pool::Reuse;

use super::event::Event;
use super::exchange::{Exchange, Failure, Progress};
use super::spec::Spec;
use super::wire::Wire;
use crate::agent::Lease;
use crate::error::{Error, ErrorKind};

impl Exchange {
    /// Ends an exchange that did not come to a response.
    pub(crate) fn fail(self, kind: ErrorKind) -> Failure {
        let kind = self.check_abort().err().unwrap_or(kind);
        let attempt = self.attempt;
        Failure { kind, attempt, spec: self.into_spec() }
    }

    /// Ends an exchange whose request was refused by the machine: the connection is as good as before.
    pub(crate) fn give_back(mut self, kind: ErrorKind) -> Failure {
        if let Some(lease) = self.lease.take() {
            lease.release(Reuse::Yes(KeepAlive::default()));
        }
        self.fail(kind)
    }

    /// Closes the connection, and keeps the request.
    pub(crate) fn into_spec(mut self) -> Box<Spec> {
        self.close();
        self.spec
    }

    /// Closes the connection, if it is still here.
    pub(crate) fn close(&mut self) {
        if let Some(abort) = &self.spec.abort {
            let _ = abort.over();
        }
        self.lease = None;
        if self.progress == Progress::Open {
            self.progress = Progress::Cut;
        }
    }

    /// The response will not be complete: closes, and tells why.
    pub(crate) fn cut(&mut self, kind: ErrorKind) -> Error {
        let kind = self.check_abort().err().unwrap_or(kind);
        let was_open = self.progress == Progress::Open;
        self.close();
        if was_open {
            if matches!(kind, ErrorKind::Aborted) {
                self.spec.tell(&Event::Abort);
            } else {
                self.spec.tell(&Event::Error(&kind));
            }
            for event in [Event::Aborted, Event::Close, Event::End, Event::ResponseClose] {
                self.spec.tell(&event);
            }
        }
        Error::new(kind, &self.attempt, None)
    }

    /// Gives up the rest of the response: what is there already is discarded, if that is all and within `budget`;
    /// otherwise the connection is closed. Never blocks.
    pub(crate) fn discard(&mut self, mut budget: usize) {
        while self.lease.is_some() && self.progress == Progress::Open && !self.switched {
            if self.ready > 0 {
                let n = self.ready;
                if n > budget {
                    break;
                }
                budget -= n;
                self.consume(n);
                continue;
            }
            let Some(wire) = self.lease.as_mut().and_then(Lease::wire_mut) else { break };
            let more = wire.conn.recv_bypass();
            let worth = more <= budget as u64 && wire.stream.is_readable();
            if !worth || wire.fill().is_err() || self.pump().is_err() {
                break;
            }
        }
        if self.lease.is_some() {
            let told = self.progress == Progress::Complete;
            self.close();
            if told {
                self.spec.tell(&Event::End);
            }
            self.spec.tell(&Event::Close);
        }
    }

    /// How much may be discarded to keep a connection.
    pub(crate) fn drain_budget(&self) -> usize {
        self.spec.agent().0.hooks.drain
    }

    /// Takes the connection out of its agent, to go on being used here.
    pub(crate) fn detach(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.detach();
        }
    }

    /// The connection, for whoever it was switched to.
    pub(crate) fn into_wire(mut self) -> Option<Box<Wire>> {
        self.spec.tell(&Event::Switched);
        if let Some(abort) = &self.spec.abort {
            let _ = abort.over();
        }
        let wire = self.lease.take()?.into_wire();
        self.spec.tell(&Event::Close);
        wire
    }
}
