//! Receiving as a server: requests in order, one exchange at a time.
//!
//! Content is in `content`, answers are in `crate::send`.

use super::content::Content;
use super::{Conn, Core, Need, Pause, Recv, Rest, Role, Rx, Server};
use crate::cycle::{Half, Party, Step};
use crate::error::{RecvError, RecvErrorKind as Kind};
use crate::fields::{Fields, Slots};
use crate::framing;
use crate::head::{Careful, Facts, Parsed, Read, Reader, Section, StartLine};
use crate::leniency::{Flags, ServerLeniency};
use crate::limits::Limits;
use crate::message::{Expect, Method, RequestHead, Version};
use crate::{authority, target};

/// How a server reads requests.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ServerConfig {
    /// Bounds on what a client may send.
    pub limits: Limits,
    /// What is tolerated. Default: nothing.
    pub leniency: ServerLeniency,
    /// Whether an HTTP/1.1 request without `Host`, or any request with a bad or second one, is an error
    /// (RFC 9112 section 3.2). Default: true.
    pub require_host: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { limits: Limits::DEFAULT, leniency: ServerLeniency::STRICT, require_host: true }
    }
}

/// What a server is told about the client.
#[derive(Debug, Clone, Copy)]
pub enum ServerEvent<'i, 's> {
    /// A request head. It may be answered at once. Content follows, if it has any, and always the `End`.
    Request(RequestHead<'i, 's>),
    /// Content, a piece at a time, never empty.
    Data(&'i [u8]),
    /// The request is complete, with or without content; the trailer section, empty if there was none.
    End(Fields<'i, 's>),
}

impl Conn<Server> {
    /// A fresh connection that waits for its first request.
    pub fn new(config: &ServerConfig) -> Self {
        let mut core = Core::new(Section::Request, &config.limits, config.leniency.0);
        core.flags.require_host = config.require_host;
        Self::from_core(core)
    }

    /// Takes the next event from the front of `input` and advances it past what was consumed.
    ///
    /// `input` must start with what the last call left. After an error the same error is returned for ever; what
    /// was complete before it was delivered, and [`respond_error`](Self::respond_error) can still answer once.
    // Always: a chunk then costs half as much, because the caller's loop keeps its place in registers.
    #[inline(always)]
    pub fn recv<'i: 's, 's>(
        &mut self,
        input: &mut &'i [u8],
        slots: &'s mut Slots,
    ) -> Result<Recv<<Server as Role>::Event<'i, 's>>, RecvError> {
        let core = &mut self.core;
        if core.rx == Rx::Head {
            return core.recv_request(input, slots);
        }
        if let Some(data) = core.next_chunk(input) {
            return Ok(Recv::Event(ServerEvent::Data(data)));
        }
        if core.rx == Rx::Over {
            core.rx = Rx::Head;
            return Ok(Recv::Event(ServerEvent::End(Fields::EMPTY)));
        }
        Ok(match core.recv_content(Party::Client, input, slots)? {
            Content::Data(data) => {
                core.flags.continue_pending = false;
                Recv::Event(ServerEvent::Data(data))
            }
            Content::End(trailers) => {
                core.flags.behind = !input.is_empty();
                Recv::Event(ServerEvent::End(trailers))
            }
            Content::Need(need) => Recv::NeedInput(need),
        })
    }

    /// Says whether the rest of the content at hand is wanted although the answer may be complete by then. While it is,
    /// the [`advice`](Self::advice) after the answer is to go on, and the [`phase`](Self::phase) is the one of content:
    /// its reader is one like any other. Otherwise, as by default, the rest is only there to be drained.
    ///
    /// Call it with the head or later; the next content has the default again.
    pub fn keep_reading(&mut self, on: bool) {
        self.core.flags.rest = if on { Rest::Wanted } else { Rest::AsAnswered };
    }

    /// Whether [draining](crate::Advice::Drain) the request can still come to its end if `left` more bytes of content may be
    /// discarded for it. `false` as soon as more are announced: then end as if the advice were
    /// [`Linger`](crate::Advice::Linger), without reading what cannot be enough.
    pub fn may_drain(&self, left: u64) -> bool {
        self.recv_bypass() <= left
    }

    /// Whether the client waits for `100 Continue` before it sends its content:
    /// [send it](Self::send_continue_if_wanted) when the content is wanted, or answer at once (RFC 9110 section 10.1.1).
    pub fn wants_continue(&self) -> bool {
        self.core.flags.continue_pending && self.core.cycle.server == Half::Await
    }

    /// Whether the request that waits for its answer is complete and proposes another protocol, by `Upgrade` or by
    /// `CONNECT`: it can be answered by [`switch`](Self::switch) or [`accept_tunnel`](Self::accept_tunnel), or like any
    /// other.
    pub fn proposes_switch(&self) -> bool {
        let cycle = &self.core.cycle;
        cycle.client == Half::Done && cycle.server == Half::Await && (cycle.upgrade || cycle.connect)
    }
}

impl Core {
    // Out of line, so that `recv` is small enough to be inlined for content.
    #[inline(never)]
    fn recv_request<'i: 's, 's>(
        &mut self,
        input: &mut &'i [u8],
        slots: &'s mut Slots,
    ) -> Result<Recv<ServerEvent<'i, 's>>, RecvError> {
        if (self.cycle.client != Half::Idle || self.cycle.server != Half::Idle)
            && let Some(recv) = self.between(input)
        {
            return Ok(recv);
        }
        if let Some(b'\r') = input.first() {
            // RFC 9112 section 2.2: at least one empty line before a request line is skipped.
            self.skip_crlf(input).map_err(|kind| self.fail(Party::Client, kind, 0))?;
            if **input == b"\r"[..] && !self.flags.eof {
                return Ok(Recv::NeedInput(Need::Head));
            }
        }
        if input.is_empty() {
            return Ok(self.nothing_there());
        }
        let mut reader = Reader {
            careful: &mut self.careful,
            bounds: &self.bounds,
            lenient: self.lenient,
            max: self.bounds.head.saturating_sub(self.skipped as u32),
        };
        let mut parsed = Parsed::default();
        let len = match reader.request(input, slots, &mut parsed) {
            Read::Complete(len) => len,
            Read::Partial if self.flags.eof => {
                let end = input.len() as i64;
                return Err(self.fail(Party::Client, Kind::UnexpectedEof, end));
            }
            Read::Partial => {
                self.flags.in_head = true;
                return Ok(Recv::NeedInput(Need::Head));
            }
            Read::Bad(kind, at) => return Err(self.fail(Party::Client, kind, at as i64)),
        };
        let (section, _) = input.split_at(len);
        let head = match self.accept_request(section, &parsed, slots) {
            Ok(head) => head,
            Err((kind, at)) => return Err(self.fail(Party::Client, kind, at as i64)),
        };
        self.consume(input, len);
        self.flags.behind = !input.is_empty();
        self.begin_content(Party::Client, head.body);
        Ok(Recv::Event(ServerEvent::Request(head)))
    }

    /// The rules about a complete head, and the state it brings.
    #[inline(always)]
    fn accept_request<'i: 's, 's>(
        &mut self,
        section: &'i [u8],
        Parsed { line, facts }: &Parsed,
        slots: &'s Slots,
    ) -> Result<RequestHead<'i, 's>, (Kind, u32)> {
        let (name, target) = request_line_parts(section, line);
        let method = Method::from_bytes(name);
        let version = line.version();
        let ordinary = target.first() == Some(&b'/') && method != Method::Connect;
        if !ordinary {
            self.check_target(method, target).map_err(|kind| (kind, line.method_end + 1))?;
        }
        if self.flags.require_host {
            self.check_host(section, version, facts)?;
        }
        let body = framing::request(facts, method, version, self.lenient)?;
        let http11 = version == Version::Http11;
        let head = RequestHead {
            method,
            target,
            version,
            minor: line.minor,
            fields: slots.fields(section),
            body,
            // RFC 9110 section 10.1.1: an HTTP/1.0 client cannot mean it, and without content nothing is awaited.
            expect: if facts.expect_other && http11 {
                Expect::Other
            } else if facts.expect_continue && http11 && !body.is_empty() {
                Expect::Continue
            } else {
                Expect::None
            },
            keep_alive: framing::persists(facts, version, body),
            upgrade: facts.offered != 0 && facts.upgrade_named && http11,
        };
        self.cycle
            .apply(
                Party::Client,
                Step::Request {
                    keep: head.keep_alive,
                    upgrade: head.upgrade,
                    connect: method == Method::Connect,
                },
            )
            .map_err(|_| (Kind::UnexpectedEof, 0))?;
        self.flags.in_head = false;
        self.flags.http10 = !http11;
        self.flags.head_request = method == Method::Head;
        self.flags.continue_pending = head.expect == Expect::Continue;
        self.offered = facts.offered;
        self.skipped = 0;
        self.careful = Careful::new(Section::Request);
        Ok(head)
    }

    /// The form of a target that is not an ordinary path (RFC 9112 section 3.2).
    #[cold]
    fn check_target(&self, method: Method<'_>, target: &[u8]) -> Result<(), Kind> {
        if !self.lenient.any(Flags::TARGET_FORM) && !target::has_valid_form(method, target) {
            return Err(Kind::BadTargetForm);
        }
        if !self.lenient.any(Flags::USERINFO)
            && target::scheme_with_user(method, target).is_some_and(target::is_web)
        {
            return Err(Kind::UserinfoInTarget);
        }
        Ok(())
    }

    /// RFC 9112 section 3.2: exactly one valid `Host` in HTTP/1.1, at most one in any version.
    #[inline(always)]
    fn check_host(&self, section: &[u8], version: Version, facts: &Facts) -> Result<(), (Kind, u32)> {
        let (start, end) = facts.host;
        match facts.hosts {
            // Wrong with the byte that ends the head without one.
            0 if version == Version::Http11 => {
                Err((Kind::MissingHost, (section.len() as u32).saturating_sub(1)))
            }
            0 => Ok(()),
            1 => {
                let host = section.get(start as usize..end as usize).unwrap_or_default();
                if authority::valid_host(host) { Ok(()) } else { Err((Kind::BadHost, start)) }
            }
            _ => Err((Kind::RepeatedHost, start)),
        }
    }

    /// Between requests: starts the next exchange, or says why not.
    fn between<'i: 's, 's>(&mut self, input: &[u8]) -> Option<Recv<ServerEvent<'i, 's>>> {
        if self.flags.last && input.is_empty() {
            // The answer could not say so any more, and the client may go on (RFC 9112 section 9.6).
            self.flags.ignored |= self.cycle.spend();
        }
        if self.cycle.restart().is_ok() {
            // A request that is never complete is answered as if it were no HEAD.
            self.flags.head_request = false;
            return None;
        }
        self.flags.behind = !input.is_empty();
        let proposed = self.cycle.client == Half::Done
            && self.cycle.server == Half::Await
            && (self.cycle.upgrade || self.cycle.connect);
        match self.cycle.client {
            Half::Switched => return Some(Recv::Paused(Pause::Switched)),
            // RFC 9112 section 9.6: what follows the last request is not looked at.
            Half::Idle | Half::MustClose | Half::Closed => self.flags.ignored |= !input.is_empty(),
            // Who left can still be answered by a switch.
            _ if self.flags.eof && input.is_empty() && !proposed => self.step(Party::Client, Step::Eof),
            _ => {}
        }
        Some(match self.cycle.server {
            Half::Await => Recv::Paused(Pause::AwaitingResponse),
            Half::Body => Recv::Paused(Pause::FinishResponse),
            _ => Recv::Closed,
        })
    }

    fn nothing_there<'i: 's, 's>(&mut self) -> Recv<ServerEvent<'i, 's>> {
        if !self.flags.eof {
            return Recv::NeedInput(Need::Head);
        }
        self.step(Party::Client, Step::Eof);
        Recv::Closed
    }
}

#[inline(always)]
fn request_line_parts<'i>(section: &'i [u8], line: &StartLine) -> (&'i [u8], &'i [u8]) {
    let method = section.get(..line.method_end as usize).unwrap_or_default();
    let target = section.get(line.method_end as usize + 1..line.target_end as usize).unwrap_or_default();
    (method, target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::{Advice, Phase};
    use crate::{Limits, ServerConfig};

    #[test]
    fn content_that_is_wanted_behind_its_answer_is_received_like_any_other_and_then_the_advice_holds_again() {
        for (close, drain, end) in
            [(false, Advice::Drain, Advice::Reuse), (true, Advice::Linger, Advice::Linger)]
        {
            let limits = Limits { content_bytes: Some(3), ..Limits::DEFAULT };
            let mut conn = Conn::<Server>::new(&ServerConfig { limits, ..ServerConfig::default() });
            let mut slots = Slots::new();
            for _ in 0..2 {
                let mut input = &b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab"[..];
                assert!(matches!(
                    conn.recv(&mut input, &mut slots),
                    Ok(Recv::Event(ServerEvent::Request(_)))
                ));
                if close {
                    conn.close_after_response();
                }
                conn.respond_with(200, &(), b"", &mut Vec::new()).unwrap();
                assert_eq!((conn.advice(), conn.phase()), (drain, Phase::Linger), "the default, each time");

                conn.keep_reading(true);
                assert_eq!((conn.advice(), conn.phase()), (Advice::Continue, Phase::Body));
                conn.keep_reading(false);
                assert_eq!((conn.advice(), conn.phase()), (drain, Phase::Linger), "nobody reads any more");
                conn.keep_reading(true);
                for more in [input, b"c"] {
                    assert!(matches!(
                        conn.recv(&mut { more }, &mut slots),
                        Ok(Recv::Event(ServerEvent::Data(_)))
                    ));
                }
                assert!(matches!(conn.recv(&mut &b""[..], &mut slots), Ok(Recv::Event(ServerEvent::End(_)))));
                assert_eq!(conn.advice(), end);
                if close {
                    break;
                }
            }
        }
    }

    #[test]
    fn more_content_than_may_be_discarded_is_not_begun_to_be() {
        let head = |framing: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
        let chunked = head("Transfer-Encoding: chunked");
        for (received, announced) in [
            (head("Content-Length: 9"), 9),
            (head("Content-Length: 9") + "abc", 6),
            (chunked.clone(), 0),
            (chunked.clone() + "5\r\na", 4),
            (chunked + "5\r\nabcde\r\n", 0),
        ] {
            let (mut conn, mut slots) = (Conn::<Server>::new(&ServerConfig::default()), Slots::new());
            let mut input = received.as_bytes();
            while let Recv::Event(_) = conn.recv(&mut input, &mut slots).unwrap() {}
            conn.respond_with(200, &(), b"", &mut Vec::new()).unwrap();
            assert_eq!(conn.advice(), Advice::Drain);
            assert!(conn.may_drain(announced) && conn.may_drain(u64::MAX), "{received:?}");
            assert!(announced == 0 || !conn.may_drain(announced - 1), "{received:?}");
        }
    }

    #[test]
    fn content_that_is_wanted_and_breaks_off_ends_the_connection() {
        let mut conn = Conn::<Server>::new(&ServerConfig::default());
        let mut slots = Slots::new();
        let mut input = &b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"[..];
        assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Event(ServerEvent::Request(_)))));
        conn.keep_reading(true);
        conn.respond_with(200, &(), b"", &mut Vec::new()).unwrap();
        conn.recv_eof();
        assert_eq!(conn.recv(&mut &b""[..], &mut slots).unwrap_err().kind(), Kind::UnexpectedEof);
        assert_eq!((conn.advice(), conn.phase()), (Advice::Close, Phase::Closed));
    }
}
