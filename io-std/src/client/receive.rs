//! Receiving in an [`Exchange`]: events taken from the machine, content handed up, the end.

use h1wire_proto::pool::Reuse;
use h1wire_proto::{Activity, Advice, ClientEvent, KeepAlive, OwnedResponse, Recv};

use super::event::Event;
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
            let limit = self.limits.left();
            if limit.is_some_and(|limit| limit.is_zero()) {
                self.late()?;
                continue;
            }
            let wire = self.wire()?;
            wire.limit_read(limit).map_err(ErrorKind::Socket)?;
            match wire.fill_direct(buf) {
                Some(Ok(n)) => {
                    self.note(Activity { received: n, ..Activity::default() });
                    self.check_end(n)?;
                    if n > 0 {
                        self.spec.tell(&Event::Data(buf.get(..n).unwrap_or_default()));
                        // The end is told with the last byte. An error stays, and is told by the next call.
                        let _ = self.pump();
                        return Ok(n);
                    }
                }
                Some(Err(error)) if is_timeout(&error) => {
                    self.late()?;
                }
                Some(Err(error)) => return Err(self.socket_error(error)),
                None => {
                    self.read_more()?;
                }
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
        if self.spec.observer.is_some() {
            let Self { spec, lease, .. } = self;
            let taken = lease.as_ref().and_then(Lease::wire).and_then(|wire| wire.input.bytes().get(..n));
            spec.tell(&Event::Data(taken.unwrap_or_default()));
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
            let Wire { conn, input, slots, .. } = wire;
            let mut rest = input.bytes();
            let before = rest.len();
            let event = conn.recv(&mut rest, slots);
            let mut used = before - rest.len();
            let mut heads = 0;
            match event {
                Err(error) => return Err(ErrorKind::of_recv(error)),
                Ok(Recv::NeedInput(_) | Recv::Paused(_)) => {
                    input.consume(used);
                    return Ok(());
                }
                Ok(Recv::Closed) => self.progress = Progress::Complete,
                Ok(Recv::Event(ClientEvent::Informational(head))) => {
                    if let Some(hook) = &mut self.spec.on_informational {
                        hook(&head);
                    }
                    self.spec.tell(&Event::Informational(&head));
                }
                Ok(Recv::Event(ClientEvent::Response(head))) => {
                    heads = 1;
                    self.spec.tell(&Event::Response(&head));
                    self.answered = true;
                    self.switched = head.switched;
                    self.hint = KeepAlive::parse(head.fields.get_all("keep-alive"));
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
            if heads > 0 {
                self.note(Activity { heads, ..Activity::default() });
            }
        }
        if self.progress == Progress::Complete {
            self.conclude();
        }
        Ok(())
    }

    /// The response is complete. If the request is as well, the connection goes back.
    fn conclude(&mut self) {
        let Some(wire) = self.lease.as_mut().and_then(Lease::wire_mut) else { return };
        let mut advice = wire.conn.advice();
        if advice == Advice::Continue || self.sending {
            return;
        }
        if advice == Advice::Reuse && !wire.input.is_empty() {
            // More than was asked for: the machine knows whether that is harmless (RFC 9112 section 9.2). What it did
            // not take would be the beginning of the next response.
            let mut rest = wire.input.bytes();
            let is_bad = wire.conn.recv(&mut rest, &mut wire.slots).is_err();
            if is_bad || !rest.is_empty() {
                advice = Advice::Close;
            }
            wire.input.consume(usize::MAX);
        }
        let aborted = self.spec.abort.as_ref().is_some_and(|abort| abort.over().is_err());
        let Some(lease) = self.lease.take() else { return };
        match advice {
            Advice::Reuse if !aborted => lease.release(Reuse::Yes(self.hint)),
            _ => drop(lease),
        }
        self.spec.tell(&Event::End);
        self.spec.tell(&Event::Close);
    }

    /// Reads once. `None`: content may be sent without waiting for 100.
    pub(super) fn read_more(&mut self) -> Result<Option<usize>, ErrorKind> {
        loop {
            let limit = self.limits.left();
            if limit.is_some_and(|limit| limit.is_zero()) {
                if self.late()? {
                    return Ok(None);
                }
                continue;
            }
            let wire = self.wire()?;
            match wire.limit_read(limit).and_then(|()| wire.fill()) {
                Ok(received) => {
                    self.attempt.answered |= received > 0;
                    self.note(Activity { received, ..Activity::default() });
                    self.check_end(received)?;
                    return Ok(Some(received));
                }
                Err(error) if is_timeout(&error) => {
                    if self.late()? {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(self.socket_error(error)),
            }
        }
    }
}
