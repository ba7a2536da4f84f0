//! [`Next`]: what to do with the socket. Here a connection comes to its end in order.
//!
//! # The rules of this file
//!
//! * What was said is written first. Nothing is closed while something waits to be sent, unless it cannot be.
//! * A request that was answered before it was complete is read on within a budget, for the sake of the connection. Where
//!   that cannot be enough, or takes too long, the connection ends (RFC 9112 section 9.3).
//! * An end whose client may still be sending is an end in three steps (RFC 9112 section 9.6): shut down writing; read and
//!   drop, within a budget; wait. With the budget spent nothing more is read, and the connection stays until the client
//!   closes or the time is over: a socket that is closed with bytes in it is reset, and the reset may overtake the answer.
//! * A connection at rest ends like that, too, while its client may still have to read the answer before: it may have sent
//!   the next request meanwhile.
//! * What lies in the socket when everything is said is read and shown before it is closed, for the same reason.
//! * What is not complete must not look complete: where only the end of the stream ends the content, or where bytes are
//!   missing that were said, the stream is reset (RFC 9112 section 8).

use super::ending::{State, Stop};
use super::{Policy, Session, Why};
use crate::advice::Advice;
use crate::conn::Tx;
use crate::cycle::Half;
use crate::time::Time;

/// What the owner knows of the socket that the machine cannot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Io {
    /// Something may lie in the socket that was not read. An owner who finds out only by asking the system may leave it
    /// `false`, and look when the answer is [`Next::Close`]: then ask once more.
    pub unread: bool,
    /// The client has ended its stream, which is known though not all of it was read (`EPOLLRDHUP`). `false` if the system
    /// does not tell.
    pub ended: bool,
}

/// What to do with the socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Next {
    /// Read, and show it to [`Session::recv`]; write what is queued, if anything is. An owner may hold back from reading,
    /// and says so as [`Activity::paused`](crate::Activity::paused).
    Read,
    /// What was waited for has been said: call [`Session::recv`] with what is left of the input.
    Recv,
    /// Only write what is queued.
    Write,
    /// Nothing, until somebody answers, the client closes, or the [deadline](Session::deadline) comes. What can be read is
    /// left where it is.
    Wait,
    /// Shut down writing, and ask again.
    ShutdownWrite,
    /// Read and drop so many bytes at most; write what is queued, if anything is. At the end of the stream call
    /// [`Session::recv_eof`].
    Discard {
        /// How many.
        most: u64,
    },
    /// The connection belongs to another protocol now. What is left of the input is its first bytes.
    HandOver,
    /// Close the socket, with the goodbye of TLS where there is one.
    Close(Why),
    /// Close the socket so that the client sees that something is missing: by a reset (`SO_LINGER` of no seconds), and
    /// where there is TLS without its goodbye.
    Reset(Why),
}

impl Session {
    /// What to do with the socket. To be asked once [`recv`](Self::recv) has no more events and
    /// [`observe`](Self::observe) was told; what it says is done, and the rest comes from there.
    #[inline]
    pub fn next(&mut self, policy: &Policy, now: Time, io: Io) -> Next {
        let ending = self.ending();
        if ending.state == State::Open {
            if ending.stop() == Stop::Input && self.conn.waits() {
                return Next::Read;
            }
            let goes_on = match self.conn.advice() {
                Advice::Continue => true,
                Advice::Reuse => ending.why != Some(Why::WoundUp),
                _ => false,
            };
            if goes_on {
                match ending.stop() {
                    Stop::Input => return Next::Read,
                    Stop::Local => return self.await_local(),
                    Stop::Closed => {}
                }
            }
        }
        self.end(policy, now, io)
    }

    /// The machine had to wait for the local side.
    fn await_local(&self) -> Next {
        match self.conn.core.cycle.server {
            Half::Await | Half::Body if self.timers.is_unsent() => Next::Write,
            Half::Await | Half::Body => Next::Wait,
            _ => Next::Recv,
        }
    }

    #[cold]
    fn end(&mut self, policy: &Policy, now: Time, io: Io) -> Next {
        let state = self.ending().state;
        match state {
            State::Over => self.close(),
            // Nothing may be written into an answer that is under way.
            State::Failing if self.conn.body().is_some() => self.close(),
            State::Leaving | State::Shut => self.leave(policy, now, io),
            // What was left of the input may say that the client goes on.
            _ if self.is_answered_since() => Next::Recv,
            State::Open | State::Draining | State::Failing => match self.conn.advice() {
                Advice::Switched if self.timers.is_unsent() => Next::Write,
                Advice::Switched => Next::HandOver,
                Advice::Drain if state != State::Failing && self.may_drain(policy, now) => Next::Read,
                Advice::Drain => {
                    self.depart(now, Why::Refused);
                    self.leave(policy, now, io)
                }
                Advice::Linger => {
                    self.depart(now, Why::Asked);
                    self.leave(policy, now, io)
                }
                Advice::Close => self.part(policy, now, io),
                // Nobody answered what broke.
                Advice::Continue | Advice::Reuse if state == State::Failing => self.close(),
                Advice::Reuse if self.is_winding_up() => self.part(policy, now, io),
                Advice::Continue | Advice::Reuse => {
                    self.timers.ending.state = State::Open;
                    match self.ending().stop() {
                        Stop::Input => Next::Read,
                        Stop::Local => self.await_local(),
                        Stop::Closed => self.close(),
                    }
                }
            },
        }
    }

    /// Whether what the machine waited for when it was last asked has been said.
    fn is_answered_since(&self) -> bool {
        let is_said = matches!(self.conn.core.cycle.server, Half::Done | Half::MustClose | Half::Closed);
        self.ending().stop() == Stop::Local && is_said
    }

    /// Whether nothing has come of a first request, or of the next one, on a server that is shut down.
    fn is_winding_up(&self) -> bool {
        self.ending().why == Some(Why::WoundUp) && !self.conn.core.flags.in_head
    }

    /// Whether the rest of the request may still be read for the sake of the connection.
    fn may_drain(&mut self, policy: &Policy, now: Time) -> bool {
        if self.ending().state == State::Open {
            self.timers.ending.state = State::Draining;
            self.timers.restart(now);
        }
        let left = policy.discard_limit.map(|limit| limit.checked_sub(self.timers.received()));
        left.is_none_or(|left| left.is_some_and(|left| self.conn.may_drain(left)))
    }

    /// Everything is said, and the client has nothing on the way, as far as the machine knows.
    fn part(&mut self, policy: &Policy, now: Time, io: Io) -> Next {
        let flags = &self.conn.core.flags;
        let is_lost = self.conn.core.cycle.server == Half::Error;
        match () {
            () if is_lost => self.close(),
            () if self.timers.is_unsent() => Next::Write,
            () if io.unread && !flags.eof => Next::Read,
            () if self.is_surprised(policy, now) => {
                self.depart(now, Why::Asked);
                self.leave(policy, now, io)
            }
            () => {
                self.because(if flags.eof { Why::PeerLeft } else { Why::Asked });
                self.close()
            }
        }
    }

    /// Whether a client at rest, which cannot know that there is to be no next request, may have one on the way, and its last
    /// answer still to be read: not if it had as much time for that as it gets after a last answer.
    fn is_surprised(&self, policy: &Policy, now: Time) -> bool {
        let core = &self.conn.core;
        let is_at_rest = core.cycle.client == Half::Idle && self.tenure.requests() > 0;
        let until = policy.timeouts.linger.map(|limit| self.timers.sent_at() + limit);
        is_at_rest && !core.flags.eof && until.is_none_or(|until| now < until)
    }

    /// The last answer goes out, and then the client has time to take it.
    fn leave(&mut self, policy: &Policy, now: Time, io: Io) -> Next {
        let has_ended = self.conn.core.flags.eof;
        let is_unsent = self.timers.is_unsent();
        if has_ended && !is_unsent {
            return self.close();
        }
        if self.ending().state == State::Leaving && !is_unsent {
            self.timers.ending.state = State::Shut;
            self.timers.restart(now);
            return Next::ShutdownWrite;
        }
        let left = policy.linger_limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.timers.received()));
        match () {
            // What is left is no more than the system has taken already.
            () if io.ended && !has_ended => Next::Discard { most: u64::MAX },
            () if left > 0 && !has_ended => Next::Discard { most: left },
            () if is_unsent => Next::Write,
            () => Next::Wait,
        }
    }

    fn close(&self) -> Next {
        let core = &self.conn.core;
        let why = self.ending().why.unwrap_or(Why::Asked);
        if core.tx == Tx::UntilClose || self.timers.is_unsent() || core.cycle.server == Half::Error {
            Next::Reset(why)
        } else {
            Next::Close(why)
        }
    }
}
