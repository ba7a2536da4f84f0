//! [`Exchange`]: one request and its response on one connection, from the first byte to the last.
//!
//! Bytes and time are moved here, and the machine's advice is obeyed. What is sent and what is made of the response
//! is the business of `send`, `upload` and `response`.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::pool::Origin;
use h1wire_proto::retry::{Attempt, Sent};
use h1wire_proto::{Activity, BodyLen, Client, Conn, KeepAlive, OwnedFields, OwnedResponse, Time};

use super::abort::Abortable;
use super::early::Stall;
use super::event::Event;
use super::limits::{Limits, Passed};
use super::spec::Spec;
use super::wire::{Flushed, Wire, is_timeout};
use crate::agent::{Lease, Waiting, Wish};
use crate::clock;
use crate::error::{ErrorKind, Timeout};

pub(crate) struct Exchange {
    pub(crate) spec: Box<Spec>,
    pub(crate) origin: Arc<Origin>,
    /// `None` once the exchange is over and the connection went its way.
    pub(super) lease: Option<Lease>,
    pub(crate) attempt: Attempt,
    pub(super) limits: Limits,
    /// The head of the final response, from when it came until somebody took it.
    pub(super) head: Option<OwnedResponse>,
    /// Whether it came.
    pub(super) answered: bool,
    /// Whether it handed the connection over.
    pub(crate) switched: bool,
    pub(super) hint: KeepAlive,
    pub(crate) trailers: OwnedFields,
    /// Content at the front of the input that the machine has handed up and the user has not taken.
    pub(super) ready: usize,
    /// Bytes that the machine has framed wait to be sent.
    pub(super) sending: bool,
    pub(crate) progress: Progress,
    pub(crate) info: Info,
    _abortable: Abortable,
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

/// How long the making of a connection may outlive the request it began for.
const OUTLIVES: Duration = Duration::from_secs(1);

/// Why an exchange did not come about.
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) attempt: Attempt,
    pub(crate) spec: Box<Spec>,
}

impl Exchange {
    /// Gets a connection for a request with content of this length.
    pub(crate) fn open(
        mut spec: Box<Spec>,
        length: BodyLen,
        origin: Arc<Origin>,
        attempt: Attempt,
        deadline: Option<Time>,
    ) -> Result<Self, Failure> {
        let driver = spec.agent().0.clone();
        let abort = spec.abort.clone();
        let abortable = Abortable::new(abort.as_ref());
        let (connect_limit, idle_limit) = (spec.how.limit, spec.idle_limit());
        // One of them looks at it, the other tells its observer; never one during the other.
        let asking = RefCell::new(&mut *spec);
        let plan = || {
            let mut plan = asking.borrow().plan();
            if let Some(at) = deadline {
                // Kept by an agent for a later request, it must end some time as well, after this one was told why.
                let left = clock::until(at) + OUTLIVES;
                plan.how.limit = Some(plan.how.limit.map_or(left, |limit| limit.min(left)));
            }
            Arc::new(plan)
        };
        // Encoded for nobody, so that no connection is made for what the machine refuses.
        let check = || {
            let spec = asking.borrow();
            spec.encode(&mut Conn::<Client>::new(&spec.config), length, &mut Vec::new())
        };
        let wish = Wish {
            origin: origin.clone(),
            check: &check,
            plan: &plan,
            abort: abort.as_ref(),
            deadline,
            connect_limit,
            idle_limit,
        };
        let acquired = Lease::acquire(&driver, &wish, &mut |what| {
            let spec = &mut **asking.borrow_mut();
            match what {
                Waiting::Socket => {
                    spec.tell(&Event::Socket);
                    true
                }
                Waiting::Idle => {
                    spec.tell(&Event::Timeout(Timeout::Idle));
                    spec.idle_notifies
                }
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
        let reused = lease.reused;
        if let Some(wire) = lease.wire_mut() {
            (info.local_addr, info.peer_addr) = (wire.local_addr, wire.peer_addr);
            wire.conn.configure(&spec.config);
            if reused {
                spec.how.apply(&mut *wire.stream);
            }
            let usable = abort.map_or(Ok(()), |abort| abort.while_using(wire.closer.as_ref()));
            if let Err(kind) = usable {
                return Err(Failure { kind, attempt, spec });
            }
        }
        let Info { reused, local_addr, peer_addr, .. } = info;
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
            _abortable: abortable,
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
        self.spec.encode(&mut wire.conn, length, &mut wire.out)
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
        let mut stall = Stall::default();
        loop {
            let mut limit = self.limits.left();
            if limit.is_some_and(|limit| limit.is_zero()) {
                self.late()?;
                continue;
            }
            if self.is_deaf() {
                limit = stall.limit(limit, self.spec.stall);
            }
            let wire = self.wire()?;
            let mut sent = 0;
            let result = wire.limit_write(limit).and_then(|()| wire.flush(payload, &mut sent));
            if sent > 0 {
                self.attempt.sent = self.attempt.sent.max(Sent::Part);
                stall = Stall::default();
            }
            let unsent = !matches!(result, Ok(Flushed::All));
            let received = if let Ok(Flushed::Heard(n)) = result { n } else { 0 };
            self.attempt.answered |= received > 0;
            self.note(Activity { sent, received, unsent, ..Activity::default() });
            match result {
                Ok(Flushed::All) => return Ok(true),
                Ok(Flushed::Part) => {}
                Ok(Flushed::Heard(n)) => {
                    self.check_end(n)?;
                    self.pump()?;
                    if self.is_unwanted() {
                        return Ok(false);
                    }
                }
                Err(error) if is_timeout(&error) => {
                    if stall.is_over(self.spec.stall) {
                        self.spec.tell(&Event::Timeout(Timeout::Stall));
                        return Err(ErrorKind::Timeout(Timeout::Stall));
                    }
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

    /// Whether the rest of the request is of no use to the server.
    pub(crate) fn is_unwanted(&mut self) -> bool {
        self.answered && self.wire().map_or(true, |wire| !wire.conn.wants_content())
    }

    /// A call took as long as it may, or would. `true`: only the wait for 100 is over.
    pub(super) fn late(&mut self) -> Result<bool, ErrorKind> {
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

    pub(super) fn socket_error(&self, error: io::Error) -> ErrorKind {
        self.check_abort().err().unwrap_or(ErrorKind::Socket(error))
    }

    pub(crate) fn check_abort(&self) -> Result<(), ErrorKind> {
        let aborted = self.spec.abort.as_ref().is_some_and(super::abort::AbortHandle::is_aborted);
        if aborted { Err(ErrorKind::Aborted) } else { Ok(()) }
    }

    /// An end that an abort brought about is none of the peer's.
    pub(super) fn check_end(&self, received: usize) -> Result<(), ErrorKind> {
        if received == 0 { self.check_abort() } else { Ok(()) }
    }

    /// Sets how long nothing may move from now on.
    pub(crate) fn set_idle(&mut self, limit: Option<Duration>) {
        self.limits.set_idle(limit);
    }

    pub(super) fn note(&mut self, activity: Activity) {
        self.info.sent += activity.sent as u64;
        self.info.received += activity.received as u64;
        if let Some(wire) = self.lease.as_ref().and_then(Lease::wire) {
            self.limits.note(&wire.conn, activity);
        }
    }
}
