//! Responses: the status line and what the machine adds to the caller's fields.
//!
//! The caller chooses status, fields and [`BodyLen`]; framing fields, `Connection` and `Date` follow from the
//! request that is answered.

use super::Tx;
use super::checked::{Checked, Said};
use super::encode;
use super::plan::{Plan, bodyless};
use super::source::{BodyLen, FieldSource};
use super::status::Status;
use crate::conn::{Conn, Rest, Server};
use crate::cycle::{Half, Party, Step};
use crate::date::HttpDate;
use crate::error::{RecvError, SendError};
use crate::expired::Expired;
use crate::out::Out;
use crate::{class, registry};

impl Conn<Server> {
    /// Sends the head of the final response. The content follows by [`body`](Conn::body), unless there is none.
    ///
    /// Framing follows from `body` and the request: a length, chunks, or (to an HTTP/1.0 client) until close.
    /// Answers to `HEAD`, and 204, 205 and 304, have no content whatever is written. `Connection: close` is added
    /// when the connection cannot persist, and honoured when the caller gives it.
    ///
    /// Where the content is [read on](Self::keep_reading) and the client waits for 100, that is sent before.
    ///
    /// A refused `CONNECT` is the last exchange of its connection: what the client sent after it may have been meant for
    /// the tunnel (RFC 9931).
    ///
    /// # Errors
    /// [`WrongState`](SendError::WrongState) for a second answer to a request. Without a request it is no error, for
    /// that is how a 408 is sent, but the connection then closes;
    /// [`BadStatus`](SendError::BadStatus) for 1xx and below;
    /// [`ReservedField`](SendError::ReservedField) for `Content-Length` and `Transfer-Encoding`;
    /// [`BodyNotAllowed`](SendError::BodyNotAllowed) for content in a 2xx to `CONNECT`;
    /// [`MissingUpgrade`](SendError::MissingUpgrade) for a 426 without `Upgrade`; and whatever is not valid in a
    /// reason, name or value. Nothing is written then.
    #[inline]
    pub fn respond<'a, F: FieldSource + ?Sized, O: Out + ?Sized>(
        &mut self,
        status: impl Into<Status<'a>>,
        fields: &F,
        body: BodyLen,
        out: &mut O,
    ) -> Result<(), SendError> {
        self.response(status.into(), fields, body, None, out)
    }

    /// Sends a whole response: head, length and content at once.
    ///
    /// # Errors
    /// As [`respond`](Self::respond).
    #[inline]
    pub fn respond_with<'a, F: FieldSource + ?Sized, O: Out + ?Sized>(
        &mut self,
        status: impl Into<Status<'a>>,
        fields: &F,
        content: &[u8],
        out: &mut O,
    ) -> Result<(), SendError> {
        let status = status.into();
        let body = match (status.code, content.len()) {
            // A length here would be that of a 200 to GET (RFC 9110 section 8.6), of which nothing is known.
            (304, 0) => BodyLen::None,
            (_, n) => BodyLen::Exact(n as u64),
        };
        self.response(status, fields, body, Some(content), out)
    }

    /// Whether content of a final response with this status would be sent, were it given: not in answer to `HEAD`, nor
    /// with 204, 205 and 304, whose declared length is that of what another answer would have (RFC 9110 section 8.6).
    /// For who knows all of the content before its head is written, and may find that it is not what was declared.
    pub fn sends_content(&self, code: u16) -> bool {
        !(self.core.flags.head_request || bodyless(code))
    }

    /// Sends an interim response (1xx other than 101): 100 when content is wanted, 103 with early hints, any
    /// other. Any number may be sent before the final one. An HTTP/1.0 client is sent none: the call then does
    /// nothing (RFC 9110 section 15.2).
    ///
    /// # Errors
    /// [`WrongState`](SendError::WrongState) unless a request waits for its response;
    /// [`BadStatus`](SendError::BadStatus) for any other class or 101; invalid fields.
    pub fn send_informational<'a, F: FieldSource + ?Sized, O: Out + ?Sized>(
        &mut self,
        status: impl Into<Status<'a>>,
        fields: &F,
        out: &mut O,
    ) -> Result<(), SendError> {
        let status = status.into();
        if !matches!(status.code, 100 | 102..=199) {
            return Err(SendError::BadStatus);
        }
        check_reason(&status)?;
        let checked = encode::check_fields(fields)?;
        let core = &mut self.core;
        core.poisoned(Party::Server)?;
        let mut cycle = core.cycle;
        cycle.apply(Party::Server, Step::Informational).map_err(|_| SendError::WrongState)?;
        if status.code == 100 {
            core.flags.continue_pending = false;
        }
        if core.flags.http10 {
            return Ok(());
        }
        put_status_line(&status, out);
        encode::put_fields(fields, out);
        let keep = Said::KEEP.only_if(checked.all(Said::KEEP_ALIVE));
        let needed = keep.with(Said::SWITCH.only_if(checked.upgrade()));
        encode::put_options(needed, checked.said, out);
        out.put_static(b"\r\n");
        Ok(())
    }

    /// Sends `100 Continue` if the client [waits](Self::wants_continue) for it: call it where content is first wanted,
    /// before more is read. Answers whether it was sent.
    #[inline]
    pub fn send_continue_if_wanted<O: Out + ?Sized>(&mut self, out: &mut O) -> bool {
        self.wants_continue() && self.send_informational(100, &(), out).is_ok()
    }

    /// Sends `101 Switching Protocols` and hands the connection over (RFC 9110 section 7.8). `fields` must name
    /// the protocol in `Upgrade`; `Connection: upgrade` is added. What is left of the input is the first bytes of
    /// the new protocol.
    ///
    /// # Errors
    /// [`WrongState`](SendError::WrongState) unless a complete request [offers](crate::RequestHead::upgrade) a
    /// switch; [`MissingUpgrade`](SendError::MissingUpgrade) if no offered protocol is named.
    pub fn switch<F: FieldSource + ?Sized, O: Out + ?Sized>(
        &mut self,
        fields: &F,
        out: &mut O,
    ) -> Result<(), SendError> {
        let checked = encode::check_fields(fields)?;
        let core = &mut self.core;
        core.poisoned(Party::Server)?;
        let mut cycle = core.cycle;
        cycle.apply(Party::Server, Step::SwitchTo).map_err(|_| SendError::WrongState)?;
        if !checked.upgrade() || checked.offered & !core.offered != 0 {
            return Err(SendError::MissingUpgrade);
        }
        core.cycle = cycle;
        put_status_line(&Status::new(101), out);
        encode::put_fields(fields, out);
        encode::put_options(Said::SWITCH, checked.said, out);
        out.put_static(b"\r\n");
        Ok(())
    }

    /// Answers `CONNECT` with 200 and hands the connection over: a tunnel, or whatever the two sides agreed on (RFC 9110
    /// section 9.3.6). What is left of the input is its first bytes.
    ///
    /// # Errors
    /// [`WrongState`](SendError::WrongState) unless a complete `CONNECT` waits for its response; invalid fields.
    pub fn accept_tunnel<F: FieldSource + ?Sized, O: Out + ?Sized>(
        &mut self,
        fields: &F,
        out: &mut O,
    ) -> Result<(), SendError> {
        if !self.core.cycle.connect {
            return Err(SendError::WrongState);
        }
        self.respond(200, fields, BodyLen::None, out)
    }

    /// From now on a final response says `Connection: close` and is the last, as if its fields said so: for a server
    /// that shuts down, or that limits what one connection may have. A response whose head was sent is not
    /// affected, and the last all the same unless another request came with or before its end: once
    /// [`recv`](Conn::recv) was asked and has no more, [`advice`](Conn::advice) is to linger, for the client was not told.
    /// Between two requests it is to close. On a connection without a request yet, close the socket instead.
    pub fn close_after_response(&mut self) {
        self.core.flags.last = true;
    }

    /// Has final responses advertise that the connection is kept for so many seconds, with `Keep-Alive: timeout=`,
    /// unless it is not kept or the response has a `Keep-Alive` of its own. 0 for none, the default.
    pub fn advertise_keep_alive(&mut self, seconds: u16) {
        self.core.keep_alive_hint = seconds;
    }

    /// Answers what the peer did wrong, with the status of the error, `Connection: close` and no content (a 505
    /// says what is spoken, RFC 9110 section 15.6.6). Then obey [`advice`](Conn::advice): linger and close.
    ///
    /// # Errors
    /// [`WrongState`](SendError::WrongState) if an answer was already under way: nothing may be written into it.
    pub fn respond_error<O: Out + ?Sized>(
        &mut self,
        error: &RecvError,
        date: Option<&HttpDate>,
        out: &mut O,
    ) -> Result<(), SendError> {
        let status = Status { code: error.status(), reason: None, date };
        let close = [("Connection", "close")];
        if status.code == 505 {
            return self.respond_with(status, &close, b"HTTP/1.1 and HTTP/1.0 are spoken here.\n", out);
        }
        self.respond(status, &close, BodyLen::None, out)
    }

    /// Answers a client that was late, with the [status](Expired::status) of the limit that passed, `Connection: close`
    /// and no content. Then obey [`advice`](Conn::advice).
    ///
    /// # Errors
    /// [`WrongState`](SendError::WrongState) if the limit is not one to be answered, or an answer was already under way:
    /// close.
    pub fn respond_expired<O: Out + ?Sized>(
        &mut self,
        expired: Expired,
        date: Option<&HttpDate>,
        out: &mut O,
    ) -> Result<(), SendError> {
        let code = expired.status().ok_or(SendError::WrongState)?;
        self.respond(Status { code, reason: None, date }, &[("Connection", "close")], BodyLen::None, out)
    }

    #[inline(always)]
    fn response<F: FieldSource + ?Sized, O: Out + ?Sized>(
        &mut self,
        status: Status<'_>,
        fields: &F,
        body: BodyLen,
        // All of it, if it is here already.
        content: Option<&[u8]>,
        out: &mut O,
    ) -> Result<(), SendError> {
        if !matches!(status.code, 200..=999) {
            return Err(SendError::BadStatus);
        }
        check_reason(&status)?;
        let checked = encode::check_fields(fields)?;
        if status.code == 426 && !checked.upgrade() {
            return Err(SendError::MissingUpgrade);
        }
        let core = &mut self.core;
        core.poisoned(Party::Server)?;
        let success = matches!(status.code, 200..=299);
        let tunnel = success && core.cycle.connect;
        if tunnel && !matches!(body, BodyLen::None | BodyLen::Exact(0)) {
            return Err(SendError::BodyNotAllowed);
        }
        let plan = Plan::new(status.code, body, core.flags.head_request, tunnel, core.flags.http10);
        // What follows a refused CONNECT may be meant for the tunnel: it is not looked at (RFC 9931).
        let refused = core.cycle.connect && !success;
        // Who reads on wants the content, which does not come after a final head that was not preceded by 100.
        let first_100 = core.flags.continue_pending && core.flags.rest == Rest::Wanted;
        // The client may or may not send content it announced with 100-continue once it is answered without a
        // 100; after its end of stream there is nobody to keep the connection for, unless it left more requests.
        let keep = core.cycle.keep
            && !checked.all(Said::CLOSE)
            && (!core.flags.continue_pending || first_100)
            && (!core.flags.eof || core.flags.behind)
            && !core.flags.last
            && plan.tx != Tx::UntilClose
            && !refused
            && !matches!(core.cycle.client, Half::Idle | Half::Error);
        // A client that meant to go on may have sent more before it reads that it cannot (RFC 9112 section 9.6).
        let surprised = core.cycle.keep && !keep;
        core.cycle
            .apply(Party::Server, Step::Response { keep, success })
            .map_err(|_| SendError::WrongState)?;
        core.flags.continue_pending = false;
        core.flags.ignored |= refused || surprised;
        let hint = if keep && !checked.all(Said::KEEP_ALIVE) { core.keep_alive_hint } else { 0 };
        // A field that is meant for the next hop alone is named by `Connection` (RFC 9110 section 7.6.1).
        let keep_alive = keep && (core.flags.http10 || hint > 0 || checked.all(Said::KEEP_ALIVE));
        out.reserve(160 + checked.len + content.map_or(0, <[u8]>::len));
        if first_100 {
            out.put_static(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        put_head(&status, &checked, fields, &plan, keep, keep_alive, hint, tunnel, out);
        match content {
            Some(content) if matches!(plan.tx, Tx::Length(_)) => out.put(content),
            Some(_) => {}
            None => self.core.tx = plan.tx,
        }
        if !self.core.tx.is_open() && !tunnel {
            self.core.complete_sending(Party::Server);
        }
        Ok(())
    }
}

#[allow(clippy::too_many_arguments)]
#[inline(always)]
fn put_head<F: FieldSource + ?Sized, O: Out + ?Sized>(
    status: &Status<'_>,
    checked: &Checked,
    fields: &F,
    plan: &Plan,
    keep: bool,
    keep_alive: bool,
    hint: u16,
    tunnel: bool,
    out: &mut O,
) {
    put_status_line(status, out);
    if let (Some(date), false) = (status.date, checked.all(Said::DATE)) {
        out.put(date.line());
    }
    encode::put_fields(fields, out);
    if (!keep || keep_alive || checked.upgrade()) && !tunnel {
        // RFC 9110 section 7.6.1: `Upgrade` is named by `Connection` wherever it is sent.
        let close = Said::CLOSE.only_if(!keep);
        let needed = close.with(Said::KEEP.only_if(keep_alive)).with(Said::SWITCH.only_if(checked.upgrade()));
        encode::put_options(needed, checked.said, out);
        if hint > 0 {
            encode::put_keep_alive(hint, out);
        }
    }
    match plan.length {
        Some(n) => encode::put_length(n, out),
        None if plan.chunked => out.put(b"Transfer-Encoding: chunked\r\n\r\n"),
        None => out.put(b"\r\n"),
    }
}

#[inline(always)]
fn check_reason(status: &Status<'_>) -> Result<(), SendError> {
    match status.reason {
        Some(reason) if !class::is_value(reason) => Err(SendError::BadReason),
        _ => Ok(()),
    }
}

#[inline(always)]
fn put_status_line<O: Out + ?Sized>(status: &Status<'_>, out: &mut O) {
    match (status.reason, registry::status_line(status.code)) {
        (None, Some(line)) => out.put(line),
        (reason, _) => {
            let digit = |n: u16| b'0' + (n % 10) as u8;
            let code = status.code;
            out.put(b"HTTP/1.1 ");
            // The SP is sent even before an empty reason (RFC 9112 section 4).
            out.put(&[digit(code / 100), digit(code / 10), digit(code), b' ']);
            out.put(reason.unwrap_or_default());
            out.put(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Advice, Conn, Limits, Recv, RecvErrorKind, Server, ServerConfig, ServerEvent, Slots};

    /// The content that is accepted of `input`, with the limit of the config and then of the request.
    fn content(input: &str, limit: u64, own: Option<u64>) -> Result<usize, RecvErrorKind> {
        let limits = Limits { content_bytes: Some(limit), ..Limits::DEFAULT };
        let mut conn = Conn::<Server>::new(&ServerConfig { limits, ..ServerConfig::default() });
        let (mut slots, mut input, mut got) = (Slots::new(), input.as_bytes(), 0);
        loop {
            match conn.recv(&mut input, &mut slots).map_err(|e| e.kind())? {
                Recv::Event(ServerEvent::Request(_)) => {
                    own.into_iter().for_each(|n| conn.limit_content(Some(n)))
                }
                Recv::Event(ServerEvent::Data(data)) => got += data.len(),
                Recv::Event(ServerEvent::End(_)) => return Ok(got),
                _ => panic!("not all of it was accepted"),
            }
        }
    }

    #[test]
    fn content_beyond_its_limit_is_an_error_and_a_request_may_have_a_limit_of_its_own() {
        let length = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabcdef";
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
            3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n";
        for input in [length, chunked] {
            assert_eq!(content(input, 6, None), Ok(6));
            assert_eq!(content(input, 5, None), Err(RecvErrorKind::ContentTooLarge));
            assert_eq!(content(input, 5, Some(6)), Ok(6));
            assert_eq!(content(input, 6, Some(2)), Err(RecvErrorKind::ContentTooLarge));
        }
    }

    #[test]
    fn the_time_a_connection_is_kept_is_advertised_while_it_is_kept() {
        let mut conn = Conn::<Server>::new(&ServerConfig::default());
        conn.advertise_keep_alive(65);
        let mut slots = Slots::new();
        let own = [("Keep-Alive", "timeout=1")];
        let mut answer = |input: &str, fields: &[(&str, &str)]| {
            let (mut input, mut out) = (input.as_bytes(), Vec::new());
            while let Recv::Event(_) = conn.recv(&mut input, &mut slots).unwrap() {}
            conn.respond_with(204, fields, b"", &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let hinted = "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\nKeep-Alive: timeout=65\r\n\r\n";
        assert_eq!(answer("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &[]), hinted);
        assert_eq!(answer("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &[]), hinted);
        let with_own = "HTTP/1.1 204 No Content\r\nKeep-Alive: timeout=1\r\nConnection: keep-alive\r\n\r\n";
        assert_eq!(answer("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &own), with_own);
        let last = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        assert_eq!(answer("GET / HTTP/1.0\r\n\r\n", &[]), last);
    }

    #[test]
    fn once_told_to_close_a_server_says_so_in_its_next_answer_and_reads_no_more() {
        let mut conn = Conn::<Server>::new(&ServerConfig::default());
        let (mut slots, mut out) = (Slots::new(), Vec::new());
        let mut input = &b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"[..];
        assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Event(_))));
        conn.close_after_response();
        conn.respond_with(200, &(), b"x", &mut out).unwrap();
        assert_eq!(out, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
        assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Event(ServerEvent::End(_)))));
        assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Closed)));
        assert_eq!(conn.advice(), Advice::Linger);
    }
}
