//! One request on its way to an origin, and its response on the way back, both at once and as they come.
//!
//! One thread listens to both sides. It waits for neither alone: an origin may answer before it has the content, say 100
//! when it wants it, or echo; a client may leave.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use h1wire_std::proto::{
    BodyLen, ClientEvent, Forwarding, Headers, NotForwarded, OwnedFields, Recv, RequestHead, Slots,
};
use h1wire_std::server::{Request, Response};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Proxy;
use super::answers::{last_hop, refuse};
use super::origin::{self, Origin};
use super::tunnel;

/// How long nothing may move.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same once the client has ended its half. It may still read; most that do this have left.
const HALF: Duration = Duration::from_secs(5);
/// How much content may wait for the origin.
const AHEAD: usize = 64 * 1024;

/// Why an exchange did not come to its end.
enum Failure {
    /// The client's doing, or nobody is there. The server answers, or cuts the connection.
    Client(io::Error),
    /// The origin's, or time's: what the client is told if it was told nothing yet.
    Origin(u16, String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Client(error)
    }
}

/// How an exchange ended.
enum End {
    /// With a complete response.
    Response,
    /// The origin speaks another protocol from here on.
    Switched(Headers),
}

/// Sends a request on, and its response back.
pub fn forward(proxy: &Proxy, request: &mut Request<'_>, response: &mut Response<'_>) -> io::Result<()> {
    let head = *request.head();
    let sent = match proxy.forwarding.request(&head) {
        Ok(sent) => sent,
        Err(NotForwarded::FinalRecipient) => return last_hop(request, response),
        Err(why) => return refuse(response, why.status().unwrap_or(400), &why.to_string()),
    };
    // What is meant for TLS does not go out without (RFC 9110 section 4.2.2). Clients ask for a tunnel.
    if sent.scheme().is_some_and(|scheme| !scheme.eq_ignore_ascii_case(b"http")) {
        return refuse(response, 501, "only http is forwarded, use CONNECT");
    }
    if sent.host().is_empty() {
        return refuse(response, 400, "no host to send this to");
    }
    if sent.closes() {
        response.close_after();
    }
    // A connection that was used before may be dead, and only what can be sent twice may meet that (RFC 9110 section
    // 9.2.2). Content is gone once it was sent.
    let whole = matches!(sent.body_len(), BodyLen::None | BodyLen::Exact(0));
    let mut may_repeat = whole && head.method.is_idempotent();
    loop {
        let kept = if may_repeat { proxy.origins.kept(sent.host()) } else { None };
        let is_kept = kept.is_some();
        let mut origin = match kept.map_or_else(|| proxy.origins.fresh(sent.host()), Ok) {
            Ok(origin) => origin,
            Err(e) => {
                let why = format!("{}: {e}", sent.host().escape_ascii());
                return refuse(response, origin::status_of(&e), &why);
            }
        };
        let begun = origin.conn.recv_offset();
        if let Err(why) =
            origin.conn.request(sent.method(), sent.target(), &sent, sent.body_len(), &mut origin.out)
        {
            return refuse(response, 400, &format!("this cannot be sent on: {why}"));
        }
        let mut exchange = Exchange::new(&proxy.forwarding, &head, &mut origin);
        let ended = exchange.run(request, response);
        let answered = exchange.answered;
        return match ended {
            Ok(End::Response) => {
                proxy.origins.keep(sent.host(), origin);
                Ok(())
            }
            Ok(End::Switched(fields)) => {
                tunnel::spawn(response.switch(&fields)?, origin.stream, origin.input)
            }
            Err(Failure::Origin(..)) if is_kept && origin.conn.recv_offset() == begun => {
                may_repeat = false;
                continue;
            }
            Err(Failure::Origin(status, why)) if !answered => {
                refuse(response, status, &format!("{}: {why}", sent.host().escape_ascii()))
            }
            // With the head sent, to end the connection is the only way left to say that this is not all.
            Err(Failure::Origin(..)) => {
                response.flush()?;
                response.abort();
                Ok(())
            }
            Err(Failure::Client(error)) => Err(error),
        };
    }
}

/// What becomes of the client's content.
#[derive(PartialEq)]
enum Upload {
    /// It is sent on as it comes.
    Flows,
    /// All of it was, or there is none.
    Done,
    /// The origin takes no more.
    Stopped,
}

struct Exchange<'a> {
    forwarding: &'a Forwarding,
    head: &'a RequestHead<'a, 'a>,
    origin: &'a mut Origin,
    upload: Upload,
    /// The fields of the response, which say what stays here of its trailers.
    fields: OwnedFields,
    /// Whether the head of the response was received.
    answered: bool,
    /// The client has ended its half.
    half_closed: bool,
}

impl<'a> Exchange<'a> {
    fn new(forwarding: &'a Forwarding, head: &'a RequestHead<'a, 'a>, origin: &'a mut Origin) -> Self {
        let upload = if origin.conn.body().is_some() { Upload::Flows } else { Upload::Done };
        let fields = OwnedFields::new();
        Self { forwarding, head, origin, upload, fields, answered: false, half_closed: false }
    }

    fn run(&mut self, request: &mut Request<'_>, response: &mut Response<'_>) -> Result<End, Failure> {
        let mut piece = vec![0; AHEAD];
        loop {
            if let Some(end) = self.hear(response)? {
                return Ok(end);
            }
            // What the client waits for is its own to end: content that comes is sent on, whether or not the origin has
            // said 100 (RFC 9110 section 10.1.1).
            let mut content_waits = false;
            while self.upload == Upload::Flows && !content_waits && self.origin.out.len() < AHEAD {
                content_waits = !self.take(&mut piece, request)?;
            }
            if self.origin.send().is_err() {
                // It may have answered before it closed.
                self.origin.out.clear();
                self.upload = Upload::Stopped;
            }
            let may_go_on = self.upload == Upload::Flows && self.origin.out.len() < AHEAD && !content_waits;
            self.look(request, content_waits, !may_go_on)?;
        }
    }

    /// Takes in what the origin said so far, and passes it on. The end, if it came.
    fn hear(&mut self, response: &mut Response<'_>) -> Result<Option<End>, Failure> {
        let mut slots = Slots::new();
        let Origin { conn, input, .. } = &mut *self.origin;
        let mut rest = &input[..];
        let mut end = None;
        while end.is_none() {
            match conn.recv(&mut rest, &mut slots) {
                Ok(Recv::Event(ClientEvent::Informational(head))) => {
                    let back = self.forwarding.response(&head).map_err(bad_gateway)?;
                    response.send_informational(head.status, &back)?;
                }
                Ok(Recv::Event(ClientEvent::Response(head))) => {
                    let back = self.forwarding.response(&head).map_err(bad_gateway)?;
                    if head.switched {
                        let mut fields = Headers::new();
                        fields.append_all(&back).map_err(bad_gateway)?;
                        end = Some(End::Switched(fields));
                        continue;
                    }
                    self.answered = true;
                    self.fields.copy_from(&head.fields);
                    response.headers_mut()?.append_all(&back).map_err(bad_gateway)?;
                    response.status(back.status()).reason(head.reason);
                    if let BodyLen::Exact(n) = back.body_len() {
                        response.content_length(n);
                    }
                }
                Ok(Recv::Event(ClientEvent::Data(data))) => response.write_all(data)?,
                Ok(Recv::Event(ClientEvent::End(trailers))) => {
                    for (name, value) in self.forwarding.trailers(&self.fields.as_fields(), &trailers).iter()
                    {
                        response.append_trailer(name, value);
                    }
                    response.finish()?;
                    end = Some(End::Response);
                }
                Ok(Recv::NeedInput(_)) => break,
                Ok(Recv::Paused(_) | Recv::Closed) => {
                    return Err(Failure::Origin(502, "the connection ended before the response".into()));
                }
                Err(error) => return Err(bad_gateway(error)),
            }
        }
        let consumed = input.len() - rest.len();
        input.drain(..consumed);
        // As it comes: the next piece may be far.
        if end.is_none() && self.answered {
            response.flush()?;
        }
        if !conn.wants_content() {
            self.upload = Upload::Stopped;
        }
        Ok(end)
    }

    /// Takes a piece of the client's content, if there is one.
    fn take(&mut self, piece: &mut [u8], request: &mut Request<'_>) -> Result<bool, Failure> {
        let Origin { conn, out, .. } = &mut *self.origin;
        let n = match request.try_read(piece) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(e) => return Err(e.into()),
        };
        let Some(mut body) = conn.body() else { return Ok(false) };
        if n > 0 {
            body.data(piece.get(..n).unwrap_or_default(), out).map_err(bad_gateway)?;
            return Ok(true);
        }
        self.upload = Upload::Done;
        let trailers = self.forwarding.trailers(&self.head.fields, &request.trailers());
        body.end(&trailers, out).map_err(bad_gateway)?;
        Ok(true)
    }

    /// Looks at both sides, as far as there is something to do when one has moved, and waits for that if it may.
    fn look(&mut self, request: &Request<'_>, for_content: bool, wait: bool) -> Result<(), Failure> {
        let patience = if self.half_closed { HALF } else { PATIENCE };
        let seconds = if wait { patience.as_secs() as i64 } else { 0 };
        let limit = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let mut from_origin = PollFlags::IN;
        from_origin.set(PollFlags::OUT, !self.origin.out.is_empty());
        let from_client = match (for_content, self.half_closed) {
            (true, _) => PollFlags::IN,
            (false, true) => PollFlags::empty(),
            (false, false) => gone(),
        };
        let (moved, origin, client) = request.with_poll_fd(|fd| {
            let client = fd.ok_or(io::ErrorKind::NotConnected)?;
            let mut fds = [
                PollFd::from_borrowed_fd(self.origin.stream.as_fd(), from_origin),
                PollFd::from_borrowed_fd(client, from_client),
            ];
            let moved = match poll(&mut fds, Some(&limit)) {
                Err(rustix::io::Errno::INTR) => 1,
                moved => moved?,
            };
            io::Result::Ok((moved, fds[0].revents(), fds[1].revents()))
        })?;
        if moved == 0 && wait {
            let (status, why) = if for_content {
                (408, "the content does not come")
            } else {
                (504, "the origin does not answer")
            };
            return Err(Failure::Origin(status, why.into()));
        }
        if client.intersects(PollFlags::ERR | PollFlags::HUP) && !for_content {
            return Err(io::Error::from(io::ErrorKind::ConnectionAborted).into());
        }
        self.half_closed |= client.intersects(gone());
        if origin.intersects(PollFlags::IN | PollFlags::ERR | PollFlags::HUP) {
            self.origin.receive().map_err(|e| Failure::Origin(502, e.to_string()))?;
        }
        Ok(())
    }
}

/// That the client has ended its half, where the system can say so.
fn gone() -> PollFlags {
    #[cfg(target_os = "linux")]
    return PollFlags::RDHUP;
    #[cfg(not(target_os = "linux"))]
    PollFlags::empty()
}

fn bad_gateway(why: impl std::fmt::Display) -> Failure {
    Failure::Origin(502, why.to_string())
}
