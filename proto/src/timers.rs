//! [`Timers`]: which of a connection's time limits passed, and when the next one will.
//!
//! They sit beside the machine and are told its [`Phase`]. Time is an argument. What to do about a limit that
//! passed is the owner's business; how long the limits are is in `timeouts`.
//!
//! Nothing here is armed or cancelled. A few moments are remembered (when the message began, when the phase did, when
//! bytes last moved), and every deadline is one of them plus a limit, worked out when somebody asks. So telling the
//! timers about bytes costs two stores, and deadlines can only be wrong if a moment is.

use crate::advice::Phase;
use crate::expired::Expired;
use crate::serving::Ending;
use core::time::Duration;

use crate::time::{Time, millis};
use crate::timeouts::Timeouts;

/// What happened on a connection since its [`Timers`] were last told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Activity {
    /// Bytes read from the socket.
    pub received: usize,
    /// Bytes the socket took.
    pub sent: usize,
    /// Heads the machine completed: requests, or final responses.
    pub heads: u32,
    /// Whether bytes now wait to be sent.
    pub unsent: bool,
    /// Whether the owner now declines to read, because a reader is slow or has not asked for the content yet. The
    /// peer's time does not run.
    pub paused: bool,
}

/// The clocks of one connection: 64 bytes, no heap.
///
/// | kind | methods, in order |
/// |---|---|
/// | once | [`server`](Self::server) or [`client`](Self::client) |
/// | after each batch of IO | [`observe`](Self::observe), and [`next`](Self::next) if it says so |
/// | when `next` is due | [`poll`](Self::poll) until `None`, then `next` |
///
/// ```
/// use h1wire_proto::{Activity, Expired, Phase, Time, Timeouts, Timers};
///
/// let limits = Timeouts::SERVER;
/// let mut timers = Timers::server(Time(0), &limits);
/// let part_of_a_head = Activity { received: 10, ..Activity::default() };
/// let _ = timers.observe(Time(2_000), Phase::Head, part_of_a_head);
/// let _ = timers.observe(Time(59_000), Phase::Head, part_of_a_head);
/// assert_eq!(timers.next(&limits), Some(Time(60_000)));
/// assert_eq!(timers.poll(Time(60_000), &limits), Some(Expired::Head));
/// assert_eq!(timers.poll(Time(60_000), &limits), None);
/// ```
#[derive(Clone, Debug)]
pub struct Timers {
    /// When the current message began: its first byte, or the connection for the first one of a server.
    message_at: Time,
    /// When the phase began, or reading was resumed in it.
    phase_at: Time,
    received_at: Time,
    /// When bytes were last taken, or began to wait.
    sent_at: Time,
    /// What was received since when, to know the rate.
    window_at: Time,
    window_bytes: u64,
    /// Milliseconds, or [`NEVER`](Self::NEVER).
    idle: u32,
    phase: Phase,
    /// A bit for each [`Expired`] that was reported and is not to be until its deadline changes.
    reported: u16,
    is_client: bool,
    /// No request was begun yet. Only for servers.
    fresh: bool,
    unsent: bool,
    paused: bool,
    /// Of the [`Session`](crate::serving::Session) that they belong to, if they belong to one: here it takes no room.
    pub(crate) ending: Ending,
}

impl Timers {
    const NEVER: u32 = u32::MAX;

    /// The timers of a server's connection accepted at `now`.
    pub const fn server(now: Time, limits: &Timeouts) -> Self {
        Self {
            message_at: now,
            phase_at: now,
            received_at: now,
            sent_at: now,
            window_at: now,
            window_bytes: 0,
            idle: compact(limits.idle),
            phase: Phase::Idle,
            reported: 0,
            is_client: false,
            fresh: true,
            unsent: false,
            paused: false,
            ending: Ending::NONE,
        }
    }

    /// The timers of a client's connection opened at `now`.
    pub const fn client(now: Time, limits: &Timeouts) -> Self {
        Self { is_client: true, fresh: false, ..Self::server(now, limits) }
    }

    /// Sets the idle limit of this connection alone; `None` turns it off. More than 49 days count as that many. Ask
    /// [`next`](Self::next) afterwards.
    pub fn set_idle(&mut self, limit: Option<Duration>) {
        self.idle = compact(limit);
        self.reported &= !Expired::Idle.bit();
    }

    /// Tells what happened until `now`, after which the machine is in `phase`. One call for each batch of IO, also
    /// when no bytes moved but the phase or a flag changed.
    ///
    /// Answers whether a deadline may be earlier than before, so that [`next`](Self::next) must be asked. Batches of
    /// whole messages on a kept connection only postpone.
    #[inline]
    #[must_use = "the next deadline may be earlier"]
    pub fn observe(&mut self, now: Time, phase: Phase, activity: Activity) -> bool {
        if activity.received > 0 {
            self.received_at = now;
            self.window_bytes = self.window_bytes.saturating_add(activity.received as u64);
        }
        if activity.sent > 0 {
            self.sent_at = now;
        }
        let steady = phase == Phase::Idle && self.phase == Phase::Idle && !self.fresh && self.reported == 0;
        if steady && !(activity.unsent || self.unsent || activity.paused || self.paused) {
            return false;
        }
        self.turn(now, phase, activity)
    }

    /// The next deadline. `None`: none is running.
    pub fn next(&self, limits: &Timeouts) -> Option<Time> {
        self.earliest(limits).map(|(at, _)| at)
    }

    /// A limit that passed by `now`, the longest overdue first, in the order of [`Expired`] if they are equal. It is
    /// not reported again until its clock is set anew, by bytes that move or by another message.
    pub fn poll(&mut self, now: Time, limits: &Timeouts) -> Option<Expired> {
        let (mut at, mut expired) = self.earliest(limits).filter(|(at, _)| *at <= now)?;
        if expired == Expired::Request && self.is_fast_enough(at, limits) {
            // Its time begins anew, and cannot be over at once: at the end of time there would be no end of that.
            (self.window_at, self.window_bytes) = (now, 0);
            (at, expired) = self.earliest(limits).filter(|(at, _)| *at <= now)?;
            if expired == Expired::Request && self.is_fast_enough(at, limits) {
                return None;
            }
        }
        self.reported |= expired.bit();
        Some(expired)
    }

    /// Begins the phase anew at `now`, and with it the count of what is received.
    pub(crate) fn restart(&mut self, now: Time) {
        (self.phase_at, self.window_at, self.window_bytes) = (now, now, 0);
        self.reported &= !Expired::Linger.bit();
    }

    /// When the peer last took something.
    pub(crate) const fn sent_at(&self) -> Time {
        self.sent_at
    }

    /// Whether something waited to be sent when they were last told.
    #[inline]
    pub(crate) const fn is_unsent(&self) -> bool {
        self.unsent
    }

    /// What was received since they were restarted, if no message began since.
    pub(crate) const fn received(&self) -> u64 {
        self.window_bytes
    }

    /// The rest of [`observe`](Self::observe), for all but the simplest batch.
    fn turn(&mut self, now: Time, phase: Phase, activity: Activity) -> bool {
        use Expired::*;
        let Activity { received, sent, heads, unsent, paused } = activity;
        let mut earlier = phase != self.phase || unsent != self.unsent || paused != self.paused;
        // The clocks that are set anew.
        let mut anew = 0;
        if received > 0 {
            anew |= Idle.bit() | Body.bit();
        }
        if unsent && !self.unsent {
            self.sent_at = now;
        }
        if sent > 0 || unsent && !self.unsent {
            anew |= Idle.bit() | KeepAlive.bit() | Write.bit() | Linger.bit();
            anew |= if self.is_client { Head.bit() } else { 0 };
        }
        if phase != self.phase {
            self.phase_at = now;
            anew |= Idle.bit() | KeepAlive.bit() | Body.bit() | Continue.bit() | Linger.bit();
        }
        let resumed = self.paused && !paused;
        if resumed && phase == Phase::Body {
            (self.phase_at, self.window_at, self.window_bytes) = (now, now, received as u64);
            anew |= Idle.bit() | Body.bit() | Request.bit();
        }
        if self.begins_message(phase, heads) || resumed && phase == Phase::Head {
            (self.message_at, self.phase_at, self.window_at) = (now, now, now);
            self.window_bytes = received as u64;
            anew |= !Write.bit();
            earlier = true;
        }
        if self.fresh && (heads > 0 || phase != Phase::Idle) {
            self.fresh = false;
            earlier = true;
        }
        (self.phase, self.unsent, self.paused) = (phase, unsent, paused);
        earlier |= self.reported & anew != 0;
        self.reported &= !anew;
        earlier
    }

    /// Whether the message under way in `phase` began in this batch, in which `heads` heads were completed.
    fn begins_message(&self, phase: Phase, heads: u32) -> bool {
        use Phase::{AwaitContinue, Head, Idle};
        match (self.phase, phase) {
            (_, Idle) => false,
            // A server's first message began with the connection.
            (Idle, Head | AwaitContinue) => !self.fresh || heads > 0,
            (Idle, _) => !self.fresh || heads > 1,
            (Head | AwaitContinue, Head | AwaitContinue) => heads > 0,
            (Head | AwaitContinue, _) => heads > 1,
            (_, Head | AwaitContinue) => true,
            (_, _) => heads > 0,
        }
    }

    fn earliest(&self, limits: &Timeouts) -> Option<(Time, Expired)> {
        let mut first: Option<(Time, Expired)> = None;
        let mut clock = |expired: Expired, since: Time, limit: Option<Duration>| {
            let Some(limit) = limit else { return };
            let this = (since + limit, expired);
            if self.reported & expired.bit() == 0 && first.is_none_or(|first| this < first) {
                first = Some(this);
            }
        };
        let alive_at = self.received_at.max(self.sent_at).max(self.phase_at);
        let kept = self.phase == Phase::Idle && !self.fresh && !self.unsent && limits.keep_alive.is_some();
        if !kept && !matches!(self.phase, Phase::Switched | Phase::Closed) {
            let idle = (self.idle != Self::NEVER).then(|| Duration::from_millis(self.idle.into()));
            clock(Expired::Idle, alive_at, idle);
        }
        match self.phase {
            Phase::Idle if self.fresh => clock(Expired::KeepAlive, self.message_at, limits.headers),
            Phase::Idle if kept => {
                let limit = limits.keep_alive.map(|limit| limit.saturating_add(limits.keep_alive_buffer));
                // Line ends before a request are no request, and put nothing off.
                clock(Expired::KeepAlive, self.sent_at.max(self.phase_at), limit);
            }
            // A client's peer need not answer before it has the request.
            Phase::Head if self.is_client && self.unsent => {}
            Phase::Head if self.is_client => {
                clock(Expired::Head, self.sent_at.max(self.message_at), limits.headers);
            }
            Phase::Head if !self.paused => clock(Expired::Head, self.message_at, limits.headers),
            Phase::Body if !self.paused => {
                clock(Expired::Body, self.received_at.max(self.phase_at), limits.body);
            }
            Phase::AwaitContinue => clock(Expired::Continue, self.phase_at, limits.continue_wait),
            // While the last answer is still being sent, its reader has the time of any other.
            Phase::Linger if !self.unsent => {
                clock(Expired::Linger, self.sent_at.max(self.phase_at), limits.linger);
            }
            _ => {}
        }
        let requested = match self.phase {
            Phase::Head => self.is_client || !self.paused,
            Phase::Body => !self.paused || limits.body_rate.is_none(),
            Phase::AwaitContinue | Phase::Respond => self.is_client,
            _ => false,
        };
        if requested {
            let (since, limit) = self.request_clock(limits);
            clock(Expired::Request, since, limit);
        }
        if self.unsent && self.phase != Phase::Switched {
            clock(Expired::Write, self.sent_at, limits.write);
        }
        first
    }

    /// When and for how long the message has to be complete or fast enough.
    fn request_clock(&self, limits: &Timeouts) -> (Time, Option<Duration>) {
        let whole = (self.message_at, limits.request);
        let first = self.window_at == self.message_at;
        let (Some(request), Some(_), Phase::Body, false) = (whole.1, limits.body_rate, self.phase, first)
        else {
            return whole;
        };
        let window = limits.body_window.max(Duration::from_secs(1));
        if self.message_at + request > self.window_at + window {
            whole
        } else {
            (self.window_at, Some(window))
        }
    }

    /// Whether content came at the rate that lets a message go on after `at`.
    fn is_fast_enough(&self, at: Time, limits: &Timeouts) -> bool {
        let needed = |rate: u32| at.since(self.window_at).saturating_mul(rate.into());
        let is_enough = |rate| self.window_bytes.saturating_mul(1000) >= needed(rate);
        self.phase == Phase::Body && limits.body_rate.is_some_and(is_enough)
    }
}

/// As [`Timers`] keeps a limit.
const fn compact(limit: Option<Duration>) -> u32 {
    match limit {
        None => Timers::NEVER,
        Some(limit) => {
            let ms = millis(limit);
            if ms < Timers::NEVER as u64 { ms as u32 } else { Timers::NEVER - 1 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_end_of_time_content_that_is_fast_enough_is_looked_at_once() {
        let limits = Timeouts { request: Some(Duration::from_millis(10)), ..Timeouts::SERVER };
        let mut timers = Timers::server(Time(u64::MAX - 5), &limits);
        let moved = Activity { received: 1 << 20, heads: 1, ..Activity::default() };
        let _ = timers.observe(Time(u64::MAX - 5), Phase::Body, moved);
        while let Some(expired) = timers.poll(Time(u64::MAX), &limits) {
            assert_ne!(expired, Expired::Request);
        }
    }
}
