//! [`Exchange`]: one request and its response on one connection, from the first byte to the last.
//!
//! Bytes and time are moved here. What follows from them is decided by [`Call`](h1wire_proto::calling::Call); what is
//! sent and what is made of the response is the business of `send`, `upload` and `response`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::calling::{Happened, Lapse, Terms, Upload, Wait, Why};
use h1wire_proto::pool::{Origin, Reuse};
use h1wire_proto::retry::Attempt;
use h1wire_proto::{Activity, BodyLen, Client, Conn, Count, KeepAlive, OwnedFields, OwnedResponse, Time};

use super::abort::Abortable;
use super::event::With;
use super::spec::Spec;
use super::wire::{Flushed, Wire, is_timeout};
use crate::agent::{Lease, Waiting, Want};
use crate::clock;
use crate::error::ErrorKind;

pub(crate) struct Exchange {
    pub(crate) spec: Box<Spec>,
    /// `None` once the exchange is over and the connection went its way.
    pub(super) lease: Option<Lease>,
    /// What was known of the attempt when it went.
    attempt: Attempt,
    /// The head of the final response, from when it came until somebody took it.
    pub(super) head: Option<OwnedResponse>,
    /// Whether it came.
    pub(super) answered: bool,
    /// Whether it handed the connection over.
    pub(crate) switched: bool,
    pub(crate) trailers: OwnedFields,
    /// Content at the front of the input that the machine has handed up and the user has not taken.
    pub(super) ready: usize,
    /// Content of the user's is being sent.
    sending: bool,
    pub(crate) progress: Progress,
    pub(crate) info: Info,
    pub(super) abortable: Option<Abortable>,
}

/// What is known of the connection, also after it went its way.
#[derive(Clone, Copy, Default)]
pub(crate) struct Info {
    pub(crate) reused: bool,
    pub(crate) local_addr: Option<std::net::SocketAddr>,
    pub(crate) peer_addr: Option<std::net::SocketAddr>,
    /// Bytes of this exchange on the connection.
    pub(crate) sent: u64,
    pub(crate) received: u64,
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
    /// Gets a connection for a request with content of this length, and encodes its head, to be sent with what comes
    /// next.
    pub(crate) fn open(
        mut spec: Box<Spec>,
        length: BodyLen,
        attempt: Attempt,
        ends_at: Option<Time>,
    ) -> Result<Self, Failure> {
        let abortable = spec.abort.as_ref().map(Abortable::new);
        let terms = spec.terms(ends_at);
        let fault = spec.take_fault();
        let origin = match fault.map_or_else(|| spec.origin(), Err) {
            Ok(origin) => Arc::new(origin),
            Err(kind) => return Err(Failure { kind, attempt, spec }),
        };
        let lease = match acquire(&mut spec, &origin, length, &terms, attempt, abortable.as_ref()) {
            Ok(lease) => lease,
            Err(kind) => return Err(Failure { kind, attempt, spec }),
        };
        let attempt = Attempt { reused: lease.reused, ..attempt };
        let mut exchange = Self {
            spec,
            lease: Some(lease),
            attempt,
            head: None,
            answered: false,
            switched: false,
            trailers: OwnedFields::new(),
            ready: 0,
            sending: false,
            progress: Progress::Open,
            info: Info { reused: attempt.reused, ..Info::default() },
            abortable,
        };
        match exchange.begin(length, &terms, attempt) {
            Ok(()) => Ok(exchange),
            Err(kind) => Err(exchange.give_back(kind)),
        }
    }

    fn begin(&mut self, length: BodyLen, terms: &Terms, attempt: Attempt) -> Result<(), ErrorKind> {
        let Self { spec, lease, info, abortable, .. } = self;
        let Some(wire) = lease.as_mut().and_then(Lease::wire_mut) else { return Err(ErrorKind::Aborted) };
        (info.local_addr, info.peer_addr) = (wire.local_addr, wire.peer_addr);
        if attempt.reused {
            spec.how.apply(&mut *wire.stream);
        }
        if let Some(abortable) = abortable {
            abortable.while_using(wire.closer.as_ref())?;
        }
        let with = With::Addresses {
            reused: attempt.reused,
            local_addr: info.local_addr,
            peer_addr: info.peer_addr,
        };
        spec.tell(Happened::Connected, with);
        let request = spec.request()?;
        let begun = wire.call.begin(clock::now(), &request, length, terms, attempt, &mut wire.out);
        begun.map_err(ErrorKind::Refused)?;
        if let Some(lease) = lease {
            lease.begin();
        }
        Ok(())
    }

    pub(crate) fn wire(&mut self) -> Result<&mut Wire, ErrorKind> {
        // Whoever asks for it after the end was cut off by an error that was told already.
        self.lease.as_mut().and_then(Lease::wire_mut).ok_or(ErrorKind::Aborted)
    }

    /// What is known of the attempt.
    pub(crate) fn attempt(&self) -> Attempt {
        self.lease.as_ref().and_then(Lease::wire).map_or(self.attempt, |wire| wire.call.attempt())
    }

    /// The connection, which goes its way now.
    pub(super) fn take_lease(&mut self) -> Option<Lease> {
        self.attempt = self.attempt();
        self.spec.marks.bytes = (self.info.sent, self.info.received);
        let mut lease = self.lease.take()?;
        lease.tally.sent = self.info.sent;
        lease.tally.received = self.info.received;
        Some(lease)
    }

    /// Sends what was encoded, and `payload` after it. `false`: the server has answered and takes no more.
    pub(crate) fn flush(&mut self, mut payload: &[u8]) -> Result<bool, ErrorKind> {
        self.sending = true;
        self.note(Activity { unsent: true, ..Activity::default() });
        let wanted = self.flush_all(&mut payload);
        self.sending = false;
        wanted
    }

    fn flush_all(&mut self, payload: &mut &[u8]) -> Result<bool, ErrorKind> {
        loop {
            let Some(limit) = self.time_left() else {
                self.late()?;
                continue;
            };
            let wire = self.wire()?;
            let mut sent = 0;
            let result = wire.limit_write(limit).and_then(|()| wire.flush(payload, &mut sent));
            let unsent = !matches!(result, Ok(Flushed::All));
            let received = if let Ok(Flushed::Heard(n)) = result { n } else { 0 };
            self.note(Activity { sent, received, unsent, ..Activity::default() });
            match result {
                Ok(Flushed::All) => {
                    if self.wire()?.call.is_sent() {
                        self.spec.tell(Happened::Sent, With::Nothing);
                    }
                    return Ok(true);
                }
                Ok(Flushed::Part) => {}
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
            match self.lease.as_ref().and_then(Lease::wire).map(|wire| wire.call.upload()) {
                Some(Upload::Hold) => self.read_more()?,
                Some(Upload::Send | Upload::Done) => return Ok(true),
                Some(Upload::Refused) | None => return Ok(false),
            }
        }
    }

    /// Whether the rest of the request is of no use to the server.
    pub(crate) fn is_unwanted(&self) -> bool {
        let call = self.lease.as_ref().and_then(Lease::wire).map(|wire| &wire.call);
        self.answered && call.is_none_or(|call| call.upload() == Upload::Refused)
    }

    /// How long the next call may block, `None` within for ever; `None`: not at all, a limit has passed. Asked before
    /// each call, because one that always finds something to do never runs out of its own time.
    pub(super) fn time_left(&self) -> Option<Option<Duration>> {
        let call = self.lease.as_ref().and_then(Lease::wire).map(|wire| &wire.call);
        match call.and_then(|call| call.deadline()) {
            None => Some(None),
            Some(at) => Some(clock::until(at)).filter(|left| !left.is_zero()).map(Some),
        }
    }

    /// A call took as long as it may, or would.
    pub(super) fn late(&mut self) -> Result<(), ErrorKind> {
        self.check_abort()?;
        let now = clock::now();
        while let Some(lapse) = self.wire()?.call.expire(now) {
            match lapse {
                Lapse::Continue => {}
                Lapse::Notice(late) => self.spec.tell(Happened::Timeout, With::Timeout(late)),
                Lapse::Over(late) => {
                    self.spec.tell(Happened::Timeout, With::Timeout(late));
                    return Err(ErrorKind::Timeout(late));
                }
            }
        }
        Ok(())
    }

    /// Sending failed. What the server said before it closed is worth more than the error (RFC 9112 section 9.5).
    fn hear_last_words(&mut self, error: io::Error) -> Result<bool, ErrorKind> {
        self.check_abort()?;
        self.wire()?.call.write_failed();
        while !self.answered {
            let heard = self.pump().is_ok() && (self.answered || self.read_more().is_ok());
            if !heard {
                return Err(self.socket_error(error));
            }
        }
        Ok(false)
    }

    /// Reading or writing failed, for good.
    pub(super) fn socket_error(&mut self, error: io::Error) -> ErrorKind {
        if let Err(aborted) = self.check_abort() {
            return aborted;
        }
        if let Ok(wire) = self.wire() {
            wire.call.read_failed();
        }
        ErrorKind::Socket(error)
    }

    /// The exchange is over for this reason.
    pub(super) fn over(&self, why: Why) -> ErrorKind {
        match why {
            Why::HangUp(error) => ErrorKind::HangUp(error),
            Why::Protocol(error) => ErrorKind::Parse(error),
            Why::Late(late) => ErrorKind::Timeout(late),
            Why::Broken => ErrorKind::Socket(io::ErrorKind::BrokenPipe.into()),
            _ => ErrorKind::Aborted,
        }
    }

    pub(crate) fn check_abort(&self) -> Result<(), ErrorKind> {
        let aborted = self.abortable.as_ref().is_some_and(Abortable::is_aborted);
        if aborted { Err(ErrorKind::Aborted) } else { Ok(()) }
    }

    /// An end that an abort brought about is none of the peer's.
    pub(super) fn check_end(&self, received: usize) -> Result<(), ErrorKind> {
        if received == 0 { self.check_abort() } else { Ok(()) }
    }

    /// Sets how long nothing may move from now on.
    pub(crate) fn set_idle(&mut self, limit: Option<Duration>) {
        if let Ok(wire) = self.wire() {
            wire.call.set_idle(limit);
        }
    }

    /// Whether bytes of the request wait to be sent.
    pub(super) fn has_unsent(&mut self) -> bool {
        let sending = self.sending;
        self.wire().is_ok_and(|wire| (sending || wire.has_unsent()) && wire.call.upload() != Upload::Refused)
    }

    pub(super) fn note(&mut self, activity: Activity) {
        self.info.sent += activity.sent as u64;
        self.info.received += activity.received as u64;
        if let Ok(wire) = self.wire() {
            // What came and is taken by nobody fills the input, and then nothing is read.
            let paused = wire.is_full();
            // Every blocking call asks anew.
            let _ = wire.call.observe(clock::now(), Activity { paused, ..activity });
        }
    }
}

/// Gets a connection: an idle one, or one that is made.
fn acquire(
    spec: &mut Spec,
    origin: &Arc<Origin>,
    length: BodyLen,
    terms: &Terms,
    attempt: Attempt,
    abortable: Option<&Abortable>,
) -> Result<Lease, ErrorKind> {
    let driver = spec.agent().0.clone();
    let mut wait = Wait::new(&terms.patience, terms.ends_at, terms.idle_notifies);
    let tell = |spec: &mut Spec, what: Waiting| match what {
        Waiting::Socket => spec.tell(Happened::Socket, With::Nothing),
        Waiting::Late(late) => spec.tell(Happened::Timeout, With::Timeout(late)),
    };
    let mut want =
        Want { origin, plan: None, abortable, wait: &mut wait, ends_at: terms.ends_at, fresh: false };
    if attempt.is_retry {
        want.fresh = true;
    } else if let Some(lease) = Lease::acquire(&driver, &mut want, &mut |what| tell(spec, what))? {
        return Ok(lease);
    }
    // Encoded for nobody, so that no connection is made for what the machine refuses.
    let mut conn = Conn::<Client>::new(&terms.config);
    spec.request()?.encode(&mut conn, length, &mut Count::default()).map_err(ErrorKind::Refused)?;
    want.plan = Some(spec.plan(terms)?);
    let lease = Lease::acquire(&driver, &mut want, &mut |what| tell(spec, what))?;
    lease.ok_or(ErrorKind::Aborted)
}

impl Exchange {
    /// Ends an exchange whose request was refused by the machine: the connection is as good as before.
    fn give_back(mut self, kind: ErrorKind) -> Failure {
        if let Some(lease) = self.lease.take() {
            lease.release(Reuse::Yes(KeepAlive::default()));
        }
        self.fail(kind)
    }
}
