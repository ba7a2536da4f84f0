//! What the owner of the socket asks between calls: what the connection is doing, and what to do about it.
//!
//! Questions only: nothing here receives, sends, or takes a step. The kinds of answers are in `crate::advice`, and most
//! of each answer is the row of the joint state in `cycle`.

use super::{Conn, Core, Rest, Role};
use crate::advice::{Advice, Phase};
use crate::cycle::{Half, Next, Party};
use crate::message::Version;

impl<R: Role> Conn<R> {
    /// What the connection is doing, for timers.
    #[inline]
    pub fn phase(&self) -> Phase {
        if self.waits() && !self.core.flags.in_head { Phase::Idle } else { self.busy_phase() }
    }

    /// Whether a server waits for a request, as it does after most batches of bytes, and nothing is special. The rest of
    /// this file would say as much.
    #[inline]
    pub(crate) fn waits(&self) -> bool {
        let Core { cycle, flags, .. } = &self.core;
        let at_rest = cycle.client == Half::Idle && cycle.server == Half::Idle;
        R::LOCAL == Party::Server && at_rest && !flags.last
    }

    fn busy_phase(&self) -> Phase {
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
                if !client && core.flags.rest == Rest::Wanted && core.cycle.client == Half::Body =>
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

    /// Whether nothing is missing if the peer's stream ends here, even cut off without the goodbye that TLS has for that
    /// (RFC 9112 section 9.8): between two messages, and where what may still come is only discarded. Not within a
    /// message, for one whose content lasts until close would be taken for complete.
    pub fn may_end(&self) -> bool {
        match self.phase() {
            Phase::Idle | Phase::Linger | Phase::Closed => true,
            Phase::Head | Phase::Body | Phase::Respond | Phase::AwaitContinue | Phase::Switched => false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::BodyLen;
    use crate::{Client, ClientConfig, Method, Server, ServerConfig, Slots};

    /// Has `recv` take all it takes of `input`.
    fn receive(mut input: &'static [u8], mut recv: impl FnMut(&mut &'static [u8])) {
        let mut before = usize::MAX;
        while input.len() < before {
            before = input.len();
            recv(&mut input);
        }
    }

    #[test]
    fn a_client_may_leave_between_requests_and_when_it_was_answered_and_nowhere_else() {
        for (sent, answer, may_end) in [
            ("", None, true),
            ("\r\n", None, true),
            ("GET / HTTP/1.1\r\nHo", None, false),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", None, false),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(BodyLen::Unknown), false),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(BodyLen::None), true),
            ("GET / HTTP/1.0\r\n\r\n", Some(BodyLen::None), true),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", None, false),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", Some(BodyLen::None), true),
        ] {
            let (mut conn, mut slots) = (Conn::<Server>::new(&ServerConfig::default()), Slots::new());
            receive(sent.as_bytes(), |input| _ = conn.recv(input, &mut slots).unwrap());
            if let Some(len) = answer {
                conn.respond(200, &(), len, &mut Vec::new()).unwrap();
            }
            assert_eq!(conn.may_end(), may_end, "{sent:?} {answer:?}");
        }
        let mut conn = Conn::<Server>::new(&ServerConfig::default());
        let mut input = &b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"[..];
        let _ = conn.recv(&mut input, &mut Slots::new()).unwrap();
        conn.respond(200, &(), BodyLen::None, &mut Vec::new()).unwrap();
        assert!(!conn.may_end(), "who knows what a tunnel has to say");
    }

    #[test]
    fn a_server_may_leave_an_idle_connection_and_not_within_a_response() {
        for (answer, may_end) in [
            (None, true),
            (Some(""), false),
            (Some("HTTP/1.1 200 OK\r\n\r\nx"), false),
            (Some("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"), false),
            (Some("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), true),
            (Some("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"), true),
        ] {
            let (mut conn, mut slots) = (Conn::<Client>::new(&ClientConfig::default()), Slots::new());
            if let Some(answer) = answer {
                conn.request(Method::Get, b"/", &[("Host", "a")], BodyLen::None, &mut Vec::new()).unwrap();
                receive(answer.as_bytes(), |input| _ = conn.recv(input, &mut slots).unwrap());
            }
            assert_eq!(conn.may_end(), may_end, "{answer:?}");
        }
    }
}
