//! The time limits of one exchange: what the machine's timers say, as limits for blocking calls.
//!
//! Which limit passed, and when the next one will, is decided by `h1wire_proto::Timers`.

use std::time::Duration;

use h1wire_proto::{Activity, Client, Conn, Expired, Time, Timeouts, Timers};

use crate::clock;
use crate::error::Timeout;

pub(crate) struct Limits {
    timers: Timers,
    limits: Timeouts,
    /// Without a limit no clock is read.
    on: bool,
}

/// What a limit that passed means for the exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Passed {
    /// The content is to be sent without a `100 Continue`.
    Continue,
    /// It took too long.
    Late(Timeout),
}

impl Limits {
    /// The limits of an exchange that is to be over at `deadline`.
    pub(crate) fn new(mut limits: Timeouts, deadline: Option<Time>, expects: bool) -> Self {
        let now = clock::now();
        limits.request = deadline.map(|at| Duration::from_millis(at.since(now).max(1)));
        let Timeouts { headers, idle, request, body, write, .. } = limits;
        let on = expects || [headers, idle, request, body, write].iter().any(Option::is_some);
        Self { timers: Timers::client(now, &limits), limits, on }
    }

    /// Sets how long nothing may move from now on.
    pub(crate) fn set_idle(&mut self, limit: Option<Duration>) {
        let limit = limit.filter(|limit| !limit.is_zero());
        self.timers.set_idle(limit);
        self.on |= limit.is_some();
    }

    /// Tells what happened.
    pub(crate) fn note(&mut self, conn: &Conn<Client>, activity: Activity) {
        if self.on {
            // Every blocking call asks anew.
            let _ = self.timers.observe(clock::now(), conn.phase(), activity);
        }
    }

    /// How long the next call may block; `None` is for ever, zero is not at all: a limit has [passed](Self::passed).
    /// Asked before each call, because one that always finds something to do never runs out of its own time.
    pub(crate) fn left(&self) -> Option<Duration> {
        if !self.on {
            return None;
        }
        let at = self.timers.next(&self.limits)?;
        Some(clock::until(at))
    }

    /// A limit that passed, if one did.
    pub(crate) fn passed(&mut self) -> Option<Passed> {
        if !self.on {
            return None;
        }
        loop {
            return Some(match self.timers.poll(clock::now(), &self.limits)? {
                Expired::Continue => Passed::Continue,
                Expired::Idle => Passed::Late(Timeout::Idle),
                Expired::Head => Passed::Late(Timeout::Head),
                Expired::Body => Passed::Late(Timeout::Content),
                Expired::Request => Passed::Late(Timeout::Total),
                Expired::Write => Passed::Late(Timeout::Write),
                // Of idle connections, which are the pool's.
                Expired::KeepAlive | Expired::Linger => continue,
            });
        }
    }
}
