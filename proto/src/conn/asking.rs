//! What the owner of the socket asks between calls: what the connection is doing, and what to do about it.
//!
//! Questions only: nothing here receives, sends, or takes a step. The kinds of answers are in `crate::advice`, and most
//! of each answer is the row of the joint state in `cycle`.

use super::{Conn, Role};
use crate::advice::{Advice, Phase};
use crate::cycle::{Half, Next, Party};
use crate::message::Version;

impl<R: Role> Conn<R> {
    /// What the connection is doing, for timers.
    pub fn phase(&self) -> Phase {
        let core = &self.core;
        let (local, remote) = match R::LOCAL {
            Party::Server => (core.cycle.server, core.cycle.client),
            Party::Client => (core.cycle.client, core.cycle.server),
        };
        match self.advice() {
            Advice::Switched => return Phase::Switched,
            Advice::Drain | Advice::Linger => return Phase::Linger,
            Advice::Close => return Phase::Closed,
            Advice::Reuse if !core.flags.in_head => return Phase::Idle,
            Advice::Reuse | Advice::Continue => {}
        }
        match (R::LOCAL, local, remote) {
            (Party::Server, _, Half::Idle) => Phase::Head,
            (_, _, Half::Body) => Phase::Body,
            (Party::Client, Half::Body, Half::Await) if core.flags.continue_pending => Phase::AwaitContinue,
            (Party::Client, _, Half::Await) if local != Half::Body => Phase::Head,
            (Party::Server, _, _) | (Party::Client, Half::Body, _) => Phase::Respond,
            (Party::Client, _, _) => Phase::Head,
        }
    }

    /// What to do with the socket once everything written so far is flushed.
    pub fn advice(&self) -> Advice {
        let core = &self.core;
        let client = R::LOCAL == Party::Client;
        match core.cycle.next() {
            // A server still owes an answer to what broke; a client that lost its bytes has nobody to ask.
            Next::Continue
                if client && core.cycle.client == Half::Error && core.cycle.server == Half::Idle =>
            {
                Advice::Close
            }
            Next::Continue => Advice::Continue,
            // The joint state is that of the exchange just finished, and others of the pipeline wait behind it.
            Next::Reuse if core.outstanding.len() > 1 => Advice::Continue,
            // A server that has closed its half answers nothing more.
            Next::Reuse if client && core.flags.eof => Advice::Close,
            // Told between two requests that there is to be no other.
            Next::Reuse if core.flags.last && core.offset > 0 && core.cycle.client == Half::Idle => {
                if core.flags.in_head { Advice::Reuse } else { Advice::Close }
            }
            Next::Reuse => Advice::Reuse,
            Next::Switched => Advice::Switched,
            // Somebody reads the rest of the request, which is then neither discarded nor cut off.
            Next::Abandon | Next::Linger
                if !client && core.flags.content_settled && core.cycle.client == Half::Body =>
            {
                Advice::Continue
            }
            // The server is done with us but not against us: the rest of the request may still be sent.
            Next::Abandon if client && !core.flags.continue_pending => Advice::Continue,
            Next::Abandon | Next::Linger | Next::Close if client => Advice::Close,
            Next::Abandon => Advice::Drain,
            Next::Linger if core.flags.eof => Advice::Close,
            Next::Linger => Advice::Linger,
            Next::Close if core.flags.ignored && !core.flags.eof && core.cycle.server != Half::Error => {
                Advice::Linger
            }
            Next::Close => Advice::Close,
        }
    }

    /// The version of the peer's last head. HTTP/1.1 before the first.
    pub fn peer_version(&self) -> Version {
        self.core.version()
    }

    /// How many bytes of the peer's stream were consumed.
    pub fn recv_offset(&self) -> u64 {
        self.core.offset
    }
}
