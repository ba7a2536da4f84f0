//! [`Session`]: the type, and what goes into it: bytes, time, limits that passed, and the owner's own wishes.
//!
//! What to do with the socket is in `next`. Whether a message is right, and what may be said, is the machine's.

use core::time::Duration;

use super::ending::{Dropped, Ending, State, Stop};
use super::{Policy, Why};
use crate::advice::Phase;
use crate::conn::{Conn, Recv, Server, ServerEvent};
use crate::cycle::Half;
use crate::date::HttpDate;
use crate::error::{RecvError, SendError};
use crate::expired::Expired;
use crate::fields::Slots;
use crate::lifetime::Tenure;
use crate::message::RequestHead;
use crate::out::Out;
use crate::send::BodyLen;
use crate::send::Status;
use crate::time::Time;
use crate::timers::{Activity, Timers};

/// One connection of a server from its first byte to its last: the machine, its clocks, its age, and its end.
///
/// 72 bytes more than the machine, inline. Methods by kind, in the order they are called:
///
/// * *once*: [`new`](Self::new)
/// * *receiving*: [`recv`](Self::recv) until it has no more events, [`recv_eof`](Self::recv_eof) once
/// * *answering*: everything of [`conn`](Self::conn); [`respond_error`](Self::respond_error) after an error
/// * *after each batch of bytes*: [`observe`](Self::observe), then [`next`](Self::next), and do what it says
/// * *when [`deadline`](Self::deadline) has come*: [`expire`](Self::expire) until `None`, then `next` again
/// * *on the owner's own account*: [`wind_up`](Self::wind_up), [`abort`](Self::abort), [`gone`](Self::gone)
///
/// Any order of calls is safe. There is a whole server's loop in [the module's page](super).
#[derive(Clone, Debug)]
pub struct Session {
    pub(super) conn: Conn<Server>,
    pub(super) timers: Timers,
    pub(super) tenure: Tenure,
}

/// A time limit that passed, and whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Lapse {
    /// Something may lie in the socket that came in time: read it once, show it, and ask again.
    Read,
    /// Nothing moved for as long as [`Timeouts::idle`](crate::Timeouts::idle) allows. Ask whoever wants to be asked; if
    /// nobody keeps the connection, call [`Session::give_up`].
    Idle,
    /// The client is late with a request. Tell whoever wants to be told, who may answer; then call
    /// [`Session::respond_expired`], which answers 408 unless there is an answer.
    Late(Expired),
    /// The connection is over, and nothing is to be said. `next` says how it is closed.
    Over(Expired),
}

impl Session {
    /// Of a connection accepted at `now`. `random` should be another number for each, from the whole range: it spreads
    /// their ages ([`Lifetime::max_age_jitter`](crate::Lifetime::max_age_jitter)).
    pub fn new(policy: &Policy, now: Time, random: u64) -> Self {
        let mut conn = Conn::<Server>::new(&policy.protocol);
        if let (true, Some(seconds)) = (policy.advertise_keep_alive, policy.timeouts.keep_alive_hint()) {
            conn.advertise_keep_alive(seconds);
        }
        Self {
            conn,
            timers: Timers::server(now, &policy.timeouts),
            tenure: Tenure::new(&policy.lifetime, now, random),
        }
    }

    /// The machine: to answer, and to ask it everything but `recv`, `recv_eof` and `advice`.
    #[inline]
    pub fn conn(&mut self) -> &mut Conn<Server> {
        &mut self.conn
    }

    /// The machine, only to be asked.
    #[inline]
    pub fn machine(&self) -> &Conn<Server> {
        &self.conn
    }

    /// How many requests there were.
    #[inline]
    pub const fn requests(&self) -> u32 {
        self.tenure.requests()
    }

    /// Why the connection ends, as far as that is known.
    #[inline]
    pub fn why(&self) -> Option<Why> {
        self.ending().why
    }

    /// Whether everything was said, and only the client is waited for.
    #[inline]
    pub fn is_lingering(&self) -> bool {
        self.ending().state == State::Shut
    }

    /// [`Conn::recv`], with its consequences: requests are counted, and what comes after the last of them is dropped. Data
    /// that nobody wants, because its request is answered, is the caller's to drop.
    #[inline(always)]
    pub fn recv<'i: 's, 's>(
        &mut self,
        policy: &Policy,
        input: &mut &'i [u8],
        slots: &'s mut Slots,
    ) -> Result<Recv<ServerEvent<'i, 's>>, RecvError> {
        if self.ending().state >= State::Failing {
            self.ignore(policy, input);
            return Ok(Recv::Closed);
        }
        // Looked at where it lies: a head is not moved once more.
        let told = self.conn.recv(input, slots);
        match &told {
            Ok(Recv::Event(ServerEvent::Request(head))) => self.begin(policy, head),
            Ok(Recv::Event(_)) => {}
            Ok(Recv::NeedInput(_)) => self.timers.ending.set_stop(Stop::Input),
            Ok(Recv::Paused(_)) => self.timers.ending.set_stop(Stop::Local),
            Ok(Recv::Closed) => self.ignore(policy, input),
            Err(error) => self.failed(*error),
        }
        told
    }

    /// The client's stream ended: [`Conn::recv_eof`]. Call [`recv`](Self::recv) again, with what is left.
    pub fn recv_eof(&mut self) {
        self.conn.recv_eof();
    }

    /// Tells what moved until `now`, after which the machine waits for what it waits for. The caller need not count heads.
    /// Answers whether the [`deadline`](Self::deadline) may be earlier than before.
    #[inline]
    #[must_use = "the deadline may be earlier"]
    pub fn observe(&mut self, policy: &Policy, now: Time, mut activity: Activity) -> bool {
        let heads = self.timers.ending.take_heads();
        let ending = self.ending();
        let phase = match self.conn.phase() {
            _ if ending.state >= State::Leaving => Phase::Linger,
            // Until the answer that switches is sent, the time is still ours.
            Phase::Switched if activity.unsent => Phase::Respond,
            phase => phase,
        };
        activity.heads += heads;
        activity.paused |= self.conn.wants_continue();
        let mut moved = false;
        if ending.state > State::Failing && activity.received > 0 {
            self.note_dropped(policy);
        }
        if ending.has_own_idle() && phase == Phase::Idle {
            self.set_idle_limit(policy.timeouts.idle);
            self.timers.ending.set_own_idle(false);
            moved = true;
        }
        self.timers.observe(now, phase, activity) | moved
    }

    /// When [`expire`](Self::expire) is to be called. `None`: no limit is running, because the policy has none.
    #[inline]
    pub fn deadline(&self, policy: &Policy) -> Option<Time> {
        let next = self.timers.next(&policy.timeouts);
        match self.tenure.next() {
            Some(old_at) if self.ending().state < State::Leaving => {
                Some(next.map_or(old_at, |next| next.min(old_at)))
            }
            _ => next,
        }
    }

    /// What a limit that passed by `now` means; `None` when there is no more. `unread` says that something may be readable:
    /// a limit is judged after what was readable in time was shown.
    pub fn expire(&mut self, policy: &Policy, now: Time, unread: bool) -> Option<Lapse> {
        self.age(now);
        loop {
            if self.timers.next(&policy.timeouts).is_none_or(|at| at > now) {
                self.timers.ending.set_graced(false);
                return None;
            }
            let ending = self.ending();
            if unread && !ending.is_graced() && ending.state < State::Leaving {
                self.timers.ending.set_graced(true);
                return Some(Lapse::Read);
            }
            let expired = self.timers.poll(now, &policy.timeouts)?;
            self.timers.ending.set_graced(false);
            match expired {
                Expired::Linger if ending.state < State::Leaving => self.depart(now, Why::Refused),
                Expired::Linger => {
                    self.because(Why::Expired(expired));
                    self.timers.ending.state = State::Over;
                    return Some(Lapse::Over(expired));
                }
                Expired::KeepAlive | Expired::Write | Expired::Continue => {
                    self.fail(Why::Expired(expired), State::Over);
                    return Some(Lapse::Over(expired));
                }
                Expired::Idle => return Some(Lapse::Idle),
                Expired::Head | Expired::Body | Expired::Request => {
                    self.fail(Why::Expired(expired), State::Failing);
                    self.conn.close_after_response();
                    return Some(Lapse::Late(expired));
                }
            }
        }
    }

    /// Ends a connection that was [idle](Lapse::Idle) for too long.
    pub fn give_up(&mut self) {
        self.fail(Why::Expired(Expired::Idle), State::Over);
    }

    /// Answers a client that was [late](Lapse::Late), unless there is an answer, or one was begun, which is then cut off.
    /// Whether it was answered now.
    pub fn respond_expired<O: Out + ?Sized>(
        &mut self,
        expired: Expired,
        date: Option<&HttpDate>,
        out: &mut O,
    ) -> bool {
        self.conn.keep_reading(false);
        self.conn.respond_expired(expired, date, out).is_ok()
    }

    /// Answers a client that broke the protocol, unless there is an answer, or one was begun, which is then cut off.
    /// Whether it was answered now. Whoever wants to be told comes before.
    pub fn respond_error<O: Out + ?Sized>(
        &mut self,
        error: &RecvError,
        date: Option<&HttpDate>,
        out: &mut O,
    ) -> bool {
        self.conn.keep_reading(false);
        self.conn.respond_error(error, date, out).is_ok()
    }

    /// Answers a `CONNECT` that nobody takes: 501, for a server without tunnels does not know the method (RFC 9110 section
    /// 9.1). The connection ends, for what follows may be meant for the tunnel (RFC 9931).
    ///
    /// # Errors
    /// [`WrongState`](SendError::WrongState) unless a request waits for its answer.
    pub fn refuse_tunnel<O: Out + ?Sized>(
        &mut self,
        date: Option<&HttpDate>,
        out: &mut O,
    ) -> Result<(), SendError> {
        let status = Status { code: 501, reason: None, date };
        self.conn.respond(status, &[("Connection", "close")], BodyLen::None, out)
    }

    /// Sets the idle limit of the exchange at hand, in place of [`Timeouts::idle`](crate::Timeouts::idle); `None` turns it
    /// off. The connection has its own again once the exchange is over. Ask [`deadline`](Self::deadline) afterwards.
    pub fn set_idle(&mut self, limit: Option<Duration>) {
        self.set_idle_limit(limit);
        self.timers.ending.set_own_idle(true);
    }

    /// The server is shut down: the answer at hand, or the next one, is the last. At rest, [`next`](Self::next) closes,
    /// once it is sure that no request lies in the socket.
    pub fn wind_up(&mut self) {
        self.because(Why::WoundUp);
        self.conn.close_after_response();
    }

    /// Ends the connection now, whatever is under way.
    pub fn abort(&mut self) {
        self.fail(Why::Aborted, State::Over);
    }

    /// Reading or writing failed, or the client reset the connection. Whether something is lost by that: not if
    /// everything was said and sent, for who has everything may go as it likes.
    pub fn gone(&mut self) -> bool {
        let is_lost = self.timers.is_unsent()
            || self.ending().state < State::Leaving && !self.conn.may_end()
            || self.conn.body().is_some();
        if is_lost {
            self.fail(Why::Gone, State::Over);
        } else {
            self.because(Why::PeerLeft);
            self.timers.ending.state = State::Over;
        }
        self.conn.send_failed();
        is_lost
    }

    /// Whether the client sent something after the last request that the [lifetime](crate::Lifetime::max_requests) allows,
    /// perhaps another request. Says so once.
    pub fn dropped(&mut self) -> bool {
        let dropped = self.ending().dropped() == Dropped::Something;
        if dropped {
            self.timers.ending.set_dropped(Dropped::Told);
        }
        dropped
    }

    #[inline(always)]
    pub(super) fn ending(&self) -> Ending {
        self.timers.ending
    }

    /// The cause of an end that comes in order, unless there is one already.
    pub(super) fn because(&mut self, why: Why) {
        self.timers.ending.why.get_or_insert(why);
    }

    /// The cause of an end that does not, unless there is one of that kind already.
    fn fail(&mut self, why: Why, state: State) {
        let ending = &mut self.timers.ending;
        if !ending.why.is_some_and(Why::is_failure) {
            ending.why = Some(why);
        }
        ending.state = ending.state.max(state);
    }

    /// A request was received.
    #[inline(always)]
    fn begin(&mut self, policy: &Policy, head: &RequestHead<'_, '_>) {
        self.tenure.request(&policy.lifetime, &mut self.conn);
        self.timers.ending.count_head();
        if self.timers.ending.state == State::Draining {
            self.timers.ending.state = State::Open;
        }
        if !head.keep_alive {
            self.because(Why::PeerAsked);
        } else if self.tenure.is_used_up(&policy.lifetime) {
            self.because(Why::Requests);
        }
    }

    /// There will be no more events, and what comes is nothing to anybody.
    #[cold]
    fn ignore(&mut self, policy: &Policy, input: &mut &[u8]) {
        self.timers.ending.set_stop(Stop::Closed);
        if !input.is_empty() {
            *input = &[];
            self.note_dropped(policy);
        }
    }

    #[cold]
    fn failed(&mut self, error: RecvError) {
        self.timers.ending.set_stop(Stop::Closed);
        self.fail(Why::Protocol(error.kind()), State::Failing);
    }

    /// Something came that is not looked at.
    #[cold]
    fn note_dropped(&mut self, policy: &Policy) {
        let is_beyond = self.conn.core.cycle.client != Half::Body && self.tenure.is_used_up(&policy.lifetime);
        if is_beyond && self.ending().dropped() == Dropped::Nothing {
            self.timers.ending.set_dropped(Dropped::Something);
        }
    }

    /// It may be too old now.
    fn age(&mut self, now: Time) {
        if self.tenure.next().is_some_and(|at| at <= now) {
            self.because(Why::Age);
            // Whether it is at rest, the machine says.
            let _ = self.tenure.poll(now, &mut self.conn);
        }
    }

    fn set_idle_limit(&mut self, limit: Option<Duration>) {
        self.timers.set_idle(limit);
    }

    /// Nothing more is received, and the connection ends when what is queued is sent.
    pub(super) fn depart(&mut self, now: Time, why: Why) {
        self.because(why);
        self.timers.ending.state = State::Leaving;
        self.timers.restart(now);
    }
}
