//! The time limits of a [`Call`]: when the next one passes, and what it means that it did.
//!
//! How long they are is in `patience`, and which one passed is for [`Timers`] to say.

use core::time::Duration;

use super::{Call, Stage};
use crate::calling::{Lapse, Late, Why};
use crate::expired::Expired;
use crate::retry::Sent;
use crate::time::Time;
use crate::timers::{Activity, Timers};

impl Call {
    /// A request that was [begun](Self::begin) before it had a connection gets one, which carried another request or did
    /// not: its clocks run from now on. Does nothing once anything was sent.
    pub fn assigned(&mut self, now: Time, reused: bool) {
        if self.attempt.sent != Sent::Nothing || !self.is_live() {
            return;
        }
        self.attempt.reused = reused;
        self.timers = Timers::client(now, &self.limits);
        let unsent = self.flags.unsent;
        let _ = self.timers.observe(now, self.conn.phase(), Activity { unsent, ..Activity::default() });
    }

    /// Tells what happened until `now`. One call for each batch of IO, also when nothing moved but
    /// [`Activity::unsent`] or [`Activity::paused`] changed. `heads` is not looked at.
    ///
    /// Answers whether [`deadline`](Self::deadline) may be earlier than before.
    pub fn observe(&mut self, now: Time, activity: Activity) -> bool {
        self.flags.unsent = activity.unsent;
        self.attempt.answered |= activity.received > 0;
        if activity.sent > 0 {
            self.attempt.sent = self.attempt.sent.max(Sent::Part);
        }
        if self.attempt.sent == Sent::Part && !activity.unsent && !self.conn.core.tx.is_open() {
            self.attempt.sent = Sent::All;
        }
        let deaf = activity.unsent && activity.paused && self.stage == Stage::Answering;
        let was = self.stalled_at;
        if !deaf || activity.sent > 0 {
            self.stalled_at = None;
        }
        if deaf {
            self.stalled_at = self.stalled_at.or(Some(now));
        }
        let heads = core::mem::take(&mut self.heads);
        let earlier = self.timers.observe(now, self.conn.phase(), Activity { heads, ..activity });
        earlier || self.stalled_at != was
    }

    /// When to call [`expire`](Self::expire).
    pub fn deadline(&self) -> Option<Time> {
        if !self.is_live() {
            return None;
        }
        let stall = self.stalled_at.zip(self.stall).map(|(since, limit)| since + limit);
        [self.timers.next(&self.limits), self.ends_at, stall].into_iter().flatten().min()
    }

    /// A limit that passed by `now`. After [`Lapse::Over`], [`next`](Self::next) says [`Next::Close`](super::Next::Close).
    pub fn expire(&mut self, now: Time) -> Option<Lapse> {
        if !self.is_live() {
            return None;
        }
        let late = loop {
            if self.ends_at.is_some_and(|at| at <= now) {
                break Late::Total;
            }
            if self.stalled_at.zip(self.stall).is_some_and(|(since, limit)| since + limit <= now) {
                break Late::Stall;
            }
            break match self.timers.poll(now, &self.limits)? {
                Expired::Continue => {
                    self.flags.unheld = true;
                    return Some(Lapse::Continue);
                }
                Expired::Idle if self.flags.notifies => return Some(Lapse::Notice(Late::Idle)),
                Expired::Idle => Late::Idle,
                Expired::Head => Late::Response,
                Expired::Body => Late::Content,
                Expired::Write => Late::Write,
                Expired::Request => Late::Total,
                // Of connections that nobody uses: the pool's.
                Expired::KeepAlive | Expired::Linger => continue,
            };
        };
        self.over(Why::Late(late));
        Some(Lapse::Over(late))
    }

    /// Sets how long nothing may move from now on, in this exchange.
    pub fn set_idle(&mut self, limit: Option<Duration>) {
        self.limits.idle = limit;
        self.timers.set_idle(self.limits.idle);
    }
}
