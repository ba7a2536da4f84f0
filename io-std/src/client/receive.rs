//! Receiving in an [`Exchange`]: events taken from the machine, content handed up, the end.

use h1wire_proto::calling::{Happened, Next};
use h1wire_proto::pool::Reuse;
use h1wire_proto::{Activity, ClientEvent, OwnedResponse, Recv};

use super::abort::Abortable;
use super::event::With;
use super::exchange::{Exchange, Progress};
use super::wire::{Wire, is_timeout};
use crate::agent::Lease;
use crate::error::ErrorKind;

impl Exchange {
    /// Waits for the head of the final response.
    pub(crate) fn await_head(&mut self) -> Result<OwnedResponse, ErrorKind> {
        loop {
            self.pump()?;
            if let Some(head) = self.head.take() {
                return Ok(head);
            }
            self.read_more()?;
        }
    }

    /// Takes content. Nothing: the response is complete.
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if self.ready > 0 {
                let held = self.content();
                let n = held.len().min(buf.len());
                if let (Some(to), Some(from)) = (buf.get_mut(..n), held.get(..n)) {
                    to.copy_from_slice(from);
                }
                self.consume(n);
                return Ok(n);
            }
            self.pump()?;
            if self.ready > 0 {
                continue;
            }
            if self.progress != Progress::Open || self.switched {
                return Ok(0);
            }
            let Some(limit) = self.time_left() else {
                self.late()?;
                continue;
            };
            let wire = self.wire()?;
            wire.limit_read(limit).map_err(ErrorKind::Socket)?;
            match wire.fill_direct(buf) {
                Some(Ok(n)) => {
                    self.note(Activity { received: n, ..Activity::default() });
                    self.check_end(n)?;
                    if n > 0 {
                        self.spec.tell(Happened::Data, With::Data(buf.get(..n).unwrap_or_default()));
                        // The end is told with the last byte. An error stays, and is told by the next call.
                        let _ = self.pump();
                        return Ok(n);
                    }
                }
                Some(Err(error)) if is_timeout(&error) => self.late()?,
                Some(Err(error)) => return Err(self.socket_error(error)),
                None => self.read_more()?,
            }
        }
    }

    /// The content that was received and not taken.
    pub(crate) fn content(&self) -> &[u8] {
        let wire = self.lease.as_ref().and_then(Lease::wire);
        wire.and_then(|wire| wire.input.bytes().get(..self.ready)).unwrap_or_default()
    }

    /// Lets go of content that was taken.
    pub(crate) fn consume(&mut self, n: usize) {
        let n = n.min(self.ready);
        if self.spec.observer.is_some() && n > 0 {
            let Self { spec, lease, .. } = self;
            let taken = lease.as_ref().and_then(Lease::wire).and_then(|wire| wire.input.bytes().get(..n));
            spec.tell(Happened::Data, With::Data(taken.unwrap_or_default()));
        }
        self.ready -= n;
        if let Ok(wire) = self.wire() {
            wire.input.consume(n);
        }
        if self.ready == 0 {
            // The end is told with the last byte. An error stays, and is told by the next call.
            let _ = self.pump();
        }
    }

    /// Makes sure that content is at hand, or that there is no more.
    pub(crate) fn fill(&mut self) -> Result<(), ErrorKind> {
        loop {
            self.pump()?;
            if self.ready > 0 || self.progress != Progress::Open || self.switched {
                return Ok(());
            }
            self.read_more()?;
        }
    }

    /// Takes events from what was received, until there are none, or content is at hand.
    pub(super) fn pump(&mut self) -> Result<(), ErrorKind> {
        while self.ready == 0 && self.progress == Progress::Open {
            let Some(wire) = self.lease.as_mut().and_then(Lease::wire_mut) else { return Ok(()) };
            let Wire { call, input, slots, .. } = wire;
            let mut rest = input.bytes();
            let before = rest.len();
            let event = call.recv(&mut rest, slots);
            let mut used = before - rest.len();
            let mut answered = false;
            match event {
                Err(why) => return Err(self.over(why)),
                Ok(Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed) => {
                    input.consume(used);
                    return Ok(());
                }
                Ok(Recv::Event(ClientEvent::Informational(head))) => {
                    if let Some(hook) = &mut self.spec.on_informational {
                        hook(&head);
                    }
                    self.spec.tell(Happened::Informational, With::Head(&head));
                }
                Ok(Recv::Event(ClientEvent::Response(head))) => {
                    answered = true;
                    self.spec.tell(Happened::Response, With::Head(&head));
                    self.switched = head.switched;
                    self.head = Some(OwnedResponse::from(&head));
                }
                Ok(Recv::Event(ClientEvent::Data(data))) => {
                    self.ready = data.len();
                    used -= data.len();
                }
                Ok(Recv::Event(ClientEvent::End(trailers))) => {
                    self.trailers.copy_from(&trailers);
                    self.progress = Progress::Complete;
                }
            }
            input.consume(used);
            if answered {
                self.answered = true;
                let unsent = self.has_unsent();
                self.note(Activity { unsent, ..Activity::default() });
            }
        }
        if self.progress == Progress::Complete {
            self.conclude();
        }
        Ok(())
    }

    /// The response is complete. If the request is as well, or never will be, the connection goes its way.
    pub(super) fn conclude(&mut self) {
        let Some(wire) = self.lease.as_mut().and_then(Lease::wire_mut) else { return };
        // More than was asked for: the machine knows whether that is harmless (RFC 9112 section 9.2).
        let mut rest = wire.input.bytes();
        let _ = wire.call.recv(&mut rest, &mut wire.slots);
        wire.input.consume(usize::MAX);
        let next = wire.call.next();
        if matches!(next, Next::Read | Next::Write) {
            return;
        }
        let aborted = self.abortable.as_ref().map(Abortable::over).is_some_and(|over| over.is_err());
        let alone = self.spec.is_alone();
        let Some(lease) = self.take_lease() else { return };
        match next {
            Next::Release(hint) if !aborted => {
                lease.release(if alone { Reuse::No } else { Reuse::Yes(hint) });
            }
            Next::Close(why) => lease.close(why),
            _ => drop(lease),
        }
        self.spec.tell(Happened::Complete, With::Nothing);
    }

    /// Reads once, or learns that a time limit passed.
    pub(super) fn read_more(&mut self) -> Result<(), ErrorKind> {
        let Some(limit) = self.time_left() else { return self.late() };
        let wire = self.wire()?;
        match wire.limit_read(limit).and_then(|()| wire.fill()) {
            Ok(received) => {
                let unsent = self.has_unsent();
                self.note(Activity { received, unsent, ..Activity::default() });
                self.check_end(received)
            }
            Err(error) if is_timeout(&error) => self.late(),
            Err(error) => Err(self.socket_error(error)),
        }
    }

    /// Takes note of what the server has said so far, without waiting for it.
    pub(crate) fn listen(&mut self) -> Result<(), ErrorKind> {
        while !self.answered && self.wire()?.has_more() {
            self.read_more()?;
            self.pump()?;
        }
        Ok(())
    }

    /// Waits for the head of the final response, and leaves it here.
    pub(crate) fn await_answer(&mut self) -> Result<(), ErrorKind> {
        loop {
            self.pump()?;
            if self.answered {
                return Ok(());
            }
            self.read_more()?;
        }
    }
}
