//! Receiving as a client: responses in the order of the requests, matched to the oldest outstanding one.
//!
//! Content is in `content`, requests are in `crate::send`.

use super::content::Content;
use super::outstanding::{Outstanding, Sent};
use super::{Client, Conn, Core, Need, Pause, Recv, Rest, Role, Rx};
use crate::advice::{Advice, Phase};
use crate::cycle::{Cycle, Half, Next, Party, Step};
use crate::error::{RecvError, RecvErrorKind as Kind};
use crate::fields::{Fields, Slots};
use crate::framing::{self, ResponseTo};
use crate::head::{Careful, Parsed, Read, Reader, Section};
use crate::leniency::{ClientLeniency, Flags};
use crate::limits::Limits;
use crate::message::ResponseHead;

/// How a client reads responses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ClientConfig {
    /// Bounds on what a server may send.
    pub limits: Limits,
    /// What is tolerated. Default: nothing.
    pub leniency: ClientLeniency,
    /// How many requests may be outstanding at once, 1 to 16. Default 1: no pipelining. More are only sent
    /// after idempotent requests (RFC 9112 section 9.3.2).
    pub pipeline_depth: u8,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self { limits: Limits::DEFAULT, leniency: ClientLeniency::STRICT, pipeline_depth: 1 }
    }
}

/// What a client is told about the server.
#[derive(Debug, Clone, Copy)]
pub enum ClientEvent<'i, 's> {
    /// An interim (1xx) response other than 101. Any number may come before the final one.
    Informational(ResponseHead<'i, 's>),
    /// The final response head. Content follows, if it has any, and always the `End`, unless it
    /// [switches](ResponseHead::switched).
    Response(ResponseHead<'i, 's>),
    /// Content, a piece at a time, never empty.
    Data(&'i [u8]),
    /// The response is complete, with or without content; the trailer section, empty if there was none.
    End(Fields<'i, 's>),
}

impl Conn<Client> {
    /// A fresh connection, ready for its first request.
    pub fn new(config: &ClientConfig) -> Self {
        let mut core = Core::new(Section::Response, &config.limits, config.leniency.0);
        core.outstanding.depth = config.pipeline_depth.clamp(1, Outstanding::MOST as u8);
        Self::from_core(core)
    }

    /// Takes the next event from the front of `input` and advances it past what was consumed.
    ///
    /// `input` must start with what the last call left. After an error the same error is returned for ever; what
    /// was complete before it was delivered. Bytes that come while nothing is outstanding are an error, except
    /// line ends (RFC 9112 section 9.2): call this when an idle connection becomes readable.
    // Always: a chunk then costs half as much, because the caller's loop keeps its place in registers.
    #[inline(always)]
    pub fn recv<'i: 's, 's>(
        &mut self,
        input: &mut &'i [u8],
        slots: &'s mut Slots,
    ) -> Result<Recv<<Client as Role>::Event<'i, 's>>, RecvError> {
        let core = &mut self.core;
        if core.rx == Rx::Head {
            return core.recv_response(input, slots);
        }
        if let Some(data) = core.next_chunk(input) {
            return Ok(Recv::Event(ClientEvent::Data(data)));
        }
        Ok(match core.recv_content(Party::Server, input, slots)? {
            Content::Data(data) => Recv::Event(ClientEvent::Data(data)),
            Content::End(trailers) => Recv::Event(ClientEvent::End(trailers)),
            Content::Need(need) => Recv::NeedInput(need),
        })
    }

    /// Whether the server may still want the rest of the content. `false` once it answered with an error and closes,
    /// or answered at all while the content was [held back](Self::awaits_continue): stop sending, read the response,
    /// close (RFC 9112 section 9.5).
    pub fn wants_content(&self) -> bool {
        let core = &self.core;
        let answered = !matches!(core.cycle.server, Half::Idle | Half::Await);
        let held_back = answered && core.holds_back();
        !(core.flags.rest == Rest::Unwanted || held_back || self.advice() == Advice::Close)
    }

    /// Reads later responses with these limits and leniencies, for owners that set them for each request. `false`,
    /// and nothing changes, unless the connection is between exchanges.
    pub fn configure(&mut self, config: &ClientConfig) -> bool {
        if self.phase() != Phase::Idle || self.core.rx != Rx::Head {
            return false;
        }
        self.core.bind(&config.limits, config.leniency.0);
        self.core.outstanding.depth = config.pipeline_depth.clamp(1, Outstanding::MOST as u8);
        true
    }

    /// How many requests were begun and are not completely answered.
    pub fn outstanding(&self) -> usize {
        let done = self.core.cycle.next() != Next::Continue
            && matches!(self.core.cycle.server, Half::Done | Half::MustClose | Half::Switched);
        self.core.outstanding.len() - usize::from(done && self.core.outstanding.len() > 0)
    }

    /// What becomes of the connection now that the response is complete, given what is left of the input: more than was
    /// asked for spoils it, for it would be taken for the beginning of the next response (RFC 9112 section 9.2). Line
    /// ends are harmless and dropped. Otherwise this is the [`advice`](Self::advice).
    pub fn settle(&mut self, input: &mut &[u8]) -> Advice {
        let advice = self.advice();
        if advice != Advice::Reuse || input.is_empty() || self.core.rx != Rx::Head {
            return advice;
        }
        self.core.advance_exchange();
        match self.core.nothing_asked(input) {
            Ok(_) if input.is_empty() => self.advice(),
            _ => Advice::Close,
        }
    }

    /// Whether the announced content should be held back until 100, a final response, or a time of the caller's
    /// choice (RFC 9110 section 10.1.1). Sending content ends the wait.
    pub fn awaits_continue(&self) -> bool {
        // Behind the front of a pipeline, what the server has said so far is about an older request.
        let behind = self.core.outstanding.len() > 1;
        self.core.flags.continue_pending && (behind || self.core.cycle.server == Half::Await)
    }
}

impl Core {
    /// Whether the request that is being answered holds its content back. Only the newest can.
    fn holds_back(&self) -> bool {
        self.flags.continue_pending && self.outstanding.len() == 1
    }

    /// Drops the answered exchange and starts the next, if one is outstanding.
    pub(crate) fn advance_exchange(&mut self) {
        if self.outstanding.len() == 0 || self.cycle.restart().is_err() {
            return;
        }
        self.outstanding.pop();
        if let Some(sent) = self.outstanding.first() {
            self.cycle = Cycle::START;
            self.step(Party::Client, sent.step());
            // Only the newest request can still be under way.
            if self.outstanding.len() > 1 || !self.tx.is_open() {
                self.step(Party::Client, Step::End);
            }
        }
    }

    // Out of line, so that `recv` is small enough to be inlined for content.
    #[inline(never)]
    fn recv_response<'i: 's, 's>(
        &mut self,
        input: &mut &'i [u8],
        slots: &'s mut Slots,
    ) -> Result<Recv<ClientEvent<'i, 's>>, RecvError> {
        self.advance_exchange();
        match self.cycle.server {
            Half::Switched => return Ok(Recv::Paused(Pause::Switched)),
            Half::Await => {}
            Half::Idle => return self.nothing_asked(input),
            // The response is over before its request: what comes now answers nothing either.
            Half::Done => {
                return Ok(match self.nothing_asked(input)? {
                    Recv::NeedInput(_) => Recv::Closed,
                    recv => recv,
                });
            }
            _ => {
                // RFC 9112 section 9.6: nothing after the last response is looked at.
                self.flags.ignored |= !input.is_empty();
                return Ok(Recv::Closed);
            }
        }
        if self.lenient.any(Flags::LEADING_CRLF) && input.first() == Some(&b'\r') {
            self.skip_crlf(input).map_err(|kind| self.fail(Party::Server, kind, 0))?;
            if **input == b"\r"[..] && !self.flags.eof {
                return Ok(Recv::NeedInput(Need::Head));
            }
        }
        let mut reader = Reader {
            careful: &mut self.careful,
            bounds: &self.bounds,
            lenient: self.lenient,
            max: self.bounds.head.saturating_sub(self.skipped as u32),
        };
        let mut parsed = Parsed::default();
        let len = match reader.response(input, slots, &mut parsed) {
            Read::Complete(len) => len,
            Read::Partial if self.flags.eof => {
                let end = input.len() as i64;
                return Err(self.fail(Party::Server, Kind::UnexpectedEof, end));
            }
            Read::Partial => {
                self.flags.in_head |= !input.is_empty();
                return Ok(Recv::NeedInput(Need::Head));
            }
            Read::Bad(kind, at) => return Err(self.fail(Party::Server, kind, at as i64)),
        };
        let (section, _) = input.split_at(len);
        let head = match self.accept_response(section, &parsed, slots) {
            Ok(head) => head,
            Err((kind, at)) => return Err(self.fail(Party::Server, kind, at as i64)),
        };
        self.consume(input, len);
        self.flags.in_head = false;
        self.skipped = 0;
        self.careful = Careful::new(Section::Response);
        if head.status < 200 && !head.switched {
            return Ok(Recv::Event(ClientEvent::Informational(head)));
        }
        if !head.switched {
            self.begin_content(Party::Server, head.body);
        }
        Ok(Recv::Event(ClientEvent::Response(head)))
    }

    /// The rules about a complete head, and the state it brings.
    fn accept_response<'i: 's, 's>(
        &mut self,
        section: &'i [u8],
        Parsed { line, facts }: &Parsed,
        slots: &'s Slots,
    ) -> Result<ResponseHead<'i, 's>, (Kind, u32)> {
        let (status, version) = (line.status, line.version());
        let to = self.outstanding.first().map_or(ResponseTo::Other, Sent::response_to);
        let body = framing::response(facts, to, status, version, self.lenient)?;
        let reason = section.get(line.reason_start as usize..line.target_end as usize).unwrap_or_default();
        let mut head = ResponseHead {
            status,
            reason,
            version,
            minor: line.minor,
            fields: slots.fields(section),
            body,
            keep_alive: framing::persists(facts, version, body),
            switched: false,
        };
        let step = match status {
            // RFC 9110 section 7.8: only to a protocol that was offered, and only once the request is complete. A
            // 101 that names none breaks a rule for servers, but leaves no doubt where it cannot be another one.
            101 => {
                if facts.offered & !self.offered != 0 {
                    return Err((Kind::BadUpgrade, 0));
                }
                Step::SwitchTo
            }
            100..=199 => {
                self.informational = self.informational.saturating_add(1);
                if self.informational > self.informational_bound {
                    return Err((Kind::TooManyInformational, 0));
                }
                Step::Informational
            }
            // A server that answers before the content it was to wait for leaves the connection in doubt.
            _ => Step::Response {
                keep: head.keep_alive && !self.holds_back(),
                success: matches!(status, 200..=299),
            },
        };
        self.cycle.apply(Party::Server, step).map_err(|_| (Kind::BadUpgrade, 0))?;
        if status == 100 && self.holds_back() {
            self.flags.continue_pending = false;
        }
        if status >= 200 {
            self.informational = 0;
            if status >= 400 && !self.cycle.keep {
                self.flags.rest = Rest::Unwanted;
            }
        }
        self.flags.http10 = line.minor == 0;
        head.switched = self.cycle.server == Half::Switched;
        Ok(head)
    }

    /// Input while nothing is outstanding.
    fn nothing_asked<'i: 's, 's>(
        &mut self,
        input: &mut &'i [u8],
    ) -> Result<Recv<ClientEvent<'i, 's>>, RecvError> {
        while let [b'\r', b'\n', ..] = input {
            self.consume(input, 2);
        }
        match **input {
            [] | [b'\r'] if self.flags.eof => {
                self.step(Party::Server, Step::Eof);
                Ok(Recv::Closed)
            }
            [] | [b'\r'] => Ok(Recv::NeedInput(Need::Head)),
            _ => Err(self.fail(Party::Server, Kind::UnsolicitedResponse, 0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::BodyLen;
    use crate::{Method, Slots};

    fn ask(conn: &mut Conn<Client>) {
        conn.request(Method::Get, b"/", &[("Host", "h")], BodyLen::None, &mut Vec::new()).unwrap();
    }

    #[test]
    fn an_error_that_closes_or_any_answer_to_held_back_content_says_that_it_is_not_wanted() {
        let wants = |expect: bool, answer: &[u8]| {
            let mut conn = Conn::<Client>::new(&ClientConfig::default());
            let fields = [("Host", "h"), ("Expect", "100-continue")];
            let fields = &fields[..1 + usize::from(expect)];
            conn.request(Method::Put, b"/", fields, BodyLen::Exact(9), &mut Vec::new()).unwrap();
            assert!(conn.wants_content());
            let (mut input, mut slots) = (answer, Slots::new());
            assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Event(_))));
            conn.wants_content()
        };
        assert!(!wants(false, b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"));
        assert!(wants(false, b"HTTP/1.1 413 No\r\nContent-Length: 3\r\n\r\n"), "it reads on");
        assert!(
            wants(false, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"),
            "an echo"
        );
        assert!(!wants(true, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"));
        assert!(wants(true, b"HTTP/1.1 100 Continue\r\n\r\n"));
    }

    #[test]
    fn limits_and_leniencies_can_change_between_exchanges_and_only_there() {
        let strict = ClientConfig::default();
        let mut short = strict;
        short.limits.head_bytes = 30;
        let lenient = ClientConfig { leniency: ClientLeniency::STRICT.bare_lf(), ..strict };
        let (mut conn, mut slots) = (Conn::<Client>::new(&strict), Slots::new());

        assert!(conn.configure(&lenient));
        ask(&mut conn);
        assert!(!conn.configure(&short), "a response is awaited");
        let mut input = &b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx"[..];
        assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Event(ClientEvent::Response(_)))));
        assert!(!conn.configure(&short), "content is under way");
        assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Event(ClientEvent::Data(_)))));
        assert!(!conn.configure(&short), "its end was not told yet");
        assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Event(ClientEvent::End(_)))));

        assert!(conn.configure(&short));
        ask(&mut conn);
        let mut input = &b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"[..];
        let error = conn.recv(&mut input, &mut slots).unwrap_err();
        assert_eq!(error.kind(), Kind::HeadTooLarge);
    }
}
