//! [`Exchange`]: one request and its response on one connection, from the first byte to the last.
//!
//! Bytes and time are moved here, and the machine's advice is obeyed. What is sent and what is made of the response
//! is the business of `send`, `upload` and `response`.

use std::io;
use std::sync::Arc;

use h1wire_proto::pool::{Origin, Reuse};
use h1wire_proto::retry::{Attempt, Sent};
use h1wire_proto::{
    Activity, Advice, BodyLen, ClientEvent, KeepAlive, Method, OwnedFields, OwnedResponse, Recv, Time,
};

use super::event::Event;
use super::limits::{Limits, Passed};
use super::spec::Spec;
use super::wire::{Flushed, Wire, is_timeout};
use crate::agent::{Lease, Waiting, Wish};
use crate::error::{Error, ErrorKind, Timeout};

pub(crate) struct Exchange {
    pub(crate) spec: Box<Spec>,
    pub(crate) origin: Arc<Origin>,
    /// `None` once the exchange is over and the connection went its way.
    lease: Option<Lease>,
    pub(crate) attempt: Attempt,
    limits: Limits,
    /// The head of the final response, from when it came until somebody took it.
    head: Option<OwnedResponse>,
    /// Whether it came.
    answered: bool,
    /// Whether it handed the connection over.
    pub(crate) switched: bool,
    hint: KeepAlive,
    pub(crate) trailers: OwnedFields,
    /// Content at the front of the input that the machine has handed up and the user has not taken.
    ready: usize,
    /// Bytes that the machine has framed wait to be sent.
    sending: bool,
    pub(crate) progress: Progress,
    pub(crate) info: Info,
}

/// What is known of the connection, also after it went its way.
#[derive(Clone, Copy, Default)]
pub(crate) struct Info {
    pub(crate) reused: bool,
    pub(crate) local_addr: Option<std::net::SocketAddr>,
    pub(crate) peer_addr: Option<std::net::SocketAddr>,
}

/// How far the response is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    Open,
    /// The last byte came.
    Complete,
    /// It will never be complete.
    Cut,
}

/// Why an exchange did not come about.
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) attempt: Attempt,
    pub(crate) spec: Box<Spec>,
}

impl Exchange {
    /// Gets a connection for a request.
    pub(crate) fn open(
        mut spec: Box<Spec>,
        origin: Arc<Origin>,
        attempt: Attempt,
        deadline: Option<Time>,
    ) -> Result<Self, Failure> {
        let driver = spec.agent().0.clone();
        let abort = spec.abort.clone();
        let plan = spec.plan();
        let wish = Wish {
            origin: origin.clone(),
            plan: &|| Arc::new(plan.clone()),
            abort: abort.as_ref(),
            deadline,
            connect_limit: spec.how.limit,
            idle_limit: spec.idle_limit(),
        };
        let acquired = Lease::acquire(&driver, &wish, &mut |what| match what {
            Waiting::Socket => {
                spec.tell(&Event::Socket);
                true
            }
            Waiting::Idle => {
                spec.tell(&Event::Timeout(Timeout::Idle));
                spec.idle_notifies
            }
        });
        let mut lease = match acquired {
            Ok(lease) => lease,
            Err(kind) => return Err(Failure { kind, attempt, spec }),
        };
        let attempt = Attempt { reused: lease.reused, ..attempt };
        let expects = spec.headers.has("expect");
        let mut limits = Limits::new(spec.timeouts, deadline, expects);
        limits.set_idle(spec.idle_limit());
        let mut info = Info { reused: lease.reused, ..Info::default() };
        if let Some(wire) = lease.wire_mut() {
            (info.local_addr, info.peer_addr) = (wire.local_addr, wire.peer_addr);
            wire.conn.configure(&spec.config);
            let usable = abort.map_or(Ok(()), |abort| abort.while_using(wire.closer.as_ref()));
            if let Err(kind) = usable {
                return Err(Failure { kind, attempt, spec });
            }
        }
        let Info { reused, local_addr, peer_addr } = info;
        spec.tell(&Event::Connected { reused, local_addr, peer_addr });
        Ok(Self {
            spec,
            origin,
            lease: Some(lease),
            attempt,
            limits,
            head: None,
            answered: false,
            switched: false,
            hint: KeepAlive::default(),
            trailers: OwnedFields::new(),
            ready: 0,
            sending: false,
            progress: Progress::Open,
            info,
        })
    }

    pub(crate) fn wire(&mut self) -> Result<&mut Wire, ErrorKind> {
        // Whoever asks for it after the end was cut off by an error that was told already.
        self.lease.as_mut().and_then(Lease::wire_mut).ok_or(ErrorKind::Aborted)
    }

    /// Encodes the head, to be sent with what comes next.
    pub(crate) fn begin(&mut self, length: BodyLen) -> Result<(), ErrorKind> {
        let Some(wire) = self.lease.as_mut().and_then(Lease::wire_mut) else {
            return Err(ErrorKind::Aborted);
        };
        let spec = &self.spec;
        let method = Method::from_bytes(spec.method.as_bytes());
        let target = spec.target();
        let fields = spec.fields(&spec.agent().0.config);
        let begun = wire.conn.request(method, target.as_bytes(), &fields, length, &mut wire.out);
        begun.map_err(ErrorKind::Refused)
    }

    /// Sends what was encoded, and `payload` behind it. `false`: the server has answered and takes no more.
    pub(crate) fn flush(&mut self, mut payload: &[u8]) -> Result<bool, ErrorKind> {
        self.sending = true;
        self.note(Activity { unsent: true, ..Activity::default() });
        let wanted = self.flush_all(&mut payload);
        self.sending = false;
        wanted
    }

    fn flush_all(&mut self, payload: &mut &[u8]) -> Result<bool, ErrorKind> {
        loop {
            let limit = self.limits.left();
            let wire = self.wire()?;
            let mut sent = 0;
            let result = wire.limit_write(limit).and_then(|()| wire.flush(payload, &mut sent));
            if sent > 0 {
                self.attempt.sent = self.attempt.sent.max(Sent::Part);
            }
            let unsent = !matches!(result, Ok(Flushed::All));
            let received = if let Ok(Flushed::Heard(n)) = result { n } else { 0 };
            self.attempt.answered |= received > 0;
            self.note(Activity { sent, received, unsent, ..Activity::default() });
            match result {
                Ok(Flushed::All) => return Ok(true),
                Ok(Flushed::Heard(n)) => {
                    self.check_end(n)?;
                    self.pump()?;
                    if self.is_unwanted() {
                        return Ok(false);
                    }
                }
                Err(error) if is_timeout(&error) => {
                    self.late()?;
                }
                Err(error) => return self.hear_last_words(error),
            }
        }
    }

    /// Waits while the content is to be held back (RFC 9110 section 10.1.1). `false`: the answer came instead.
    pub(crate) fn await_continue(&mut self) -> Result<bool, ErrorKind> {
        loop {
            self.pump()?;
            if self.is_unwanted() {
                return Ok(false);
            }
            if !self.wire()?.conn.awaits_continue() || self.read_more()?.is_none() {
                return Ok(true);
            }
        }
    }

    /// The last byte of the request is with the system.
    pub(crate) fn sent_all(&mut self) {
        self.attempt.sent = Sent::All;
        self.spec.tell(&Event::Sent);
    }

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

    /// Whether the rest of the request is of no use to the server.
    pub(crate) fn is_unwanted(&mut self) -> bool {
        self.answered && self.wire().map_or(true, |wire| !wire.conn.wants_content())
    }

    /// Takes events from what was received, until there are none, or content is at hand.
    fn pump(&mut self) -> Result<(), ErrorKind> {
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
                    if head.body.is_empty() && !head.switched {
                        self.progress = Progress::Complete;
                    }
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
            // More than was asked for: the machine knows whether that is harmless (RFC 9112 section 9.2).
            let mut rest = wire.input.bytes();
            if wire.conn.recv(&mut rest, &mut wire.slots).is_err() {
                advice = Advice::Close;
            }
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
    fn read_more(&mut self) -> Result<Option<usize>, ErrorKind> {
        loop {
            let limit = self.limits.left();
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

    /// A call took as long as it may. `true`: only the wait for 100 is over.
    fn late(&mut self) -> Result<bool, ErrorKind> {
        self.check_abort()?;
        while let Some(passed) = self.limits.passed() {
            match passed {
                Passed::Continue => return Ok(true),
                Passed::Late(timeout) => {
                    self.spec.tell(&Event::Timeout(timeout));
                    if timeout != Timeout::Idle || !self.spec.idle_notifies {
                        return Err(ErrorKind::Timeout(timeout));
                    }
                }
            }
        }
        Ok(false)
    }

    /// Sending failed. What the server said before it closed is worth more than the error (RFC 9112 section 9.5).
    fn hear_last_words(&mut self, error: io::Error) -> Result<bool, ErrorKind> {
        self.check_abort()?;
        self.wire()?.conn.send_failed();
        while !self.answered {
            let heard = self.pump().is_ok() && (self.answered || self.read_more().is_ok());
            if !heard {
                return Err(self.socket_error(error));
            }
        }
        Ok(false)
    }

    fn socket_error(&self, error: io::Error) -> ErrorKind {
        self.check_abort().err().unwrap_or(ErrorKind::Socket(error))
    }

    pub(crate) fn check_abort(&self) -> Result<(), ErrorKind> {
        let aborted = self.spec.abort.as_ref().is_some_and(super::abort::AbortHandle::is_aborted);
        if aborted { Err(ErrorKind::Aborted) } else { Ok(()) }
    }

    /// An end that an abort brought about is none of the peer's.
    fn check_end(&self, received: usize) -> Result<(), ErrorKind> {
        if received == 0 { self.check_abort() } else { Ok(()) }
    }

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

    /// Sets how long nothing may move from now on.
    pub(crate) fn set_idle(&mut self, limit: Option<std::time::Duration>) {
        self.limits.set_idle(limit);
    }

    fn note(&mut self, activity: Activity) {
        if let Some(wire) = self.lease.as_ref().and_then(Lease::wire) {
            self.limits.note(&wire.conn, activity);
        }
    }
}
