//! Sending a response: from the handler by way of the machine to the socket.
//!
//! Content is gathered until there is enough for a write, so that a small response leaves with its head in one piece
//! and with its length.

use std::io::{self, IoSlice};

use h1wire_proto::{BodyLen, FieldSource, Headers, SendError, Status};

use super::exchange::{Exchange, Sending};
use super::report::Marks;

/// The head of a response, as far as it is the handler's.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) code: u16,
    pub(crate) reason: Option<&'a [u8]>,
    pub(crate) fields: &'a Headers,
    /// The length that was declared.
    pub(crate) length: Option<u64>,
    pub(crate) trailers: &'a Headers,
}

impl Exchange {
    /// Sends the head, to be followed by content of the declared length, or of any.
    pub(crate) fn send_head(&mut self, head: &Head<'_>) -> io::Result<()> {
        let len = head.length.map_or(BodyLen::Unknown, BodyLen::Exact);
        self.respond(head, len, None)?;
        self.sending = Sending::Content;
        Ok(())
    }

    /// Takes a piece of content. It is gathered, or sent if it is much.
    pub(crate) fn write_content(&mut self, head: &Head<'_>, content: &[u8]) -> io::Result<()> {
        if self.sending == Sending::Ended {
            return if content.is_empty() { Ok(()) } else { Err(SendError::BodyTooLong.into()) };
        }
        self.check_length(head, content.len())?;
        if self.buffers.gathered.len() + content.len() < self.link.rules.options.write_buffer {
            self.buffers.gathered.extend_from_slice(content);
            return Ok(());
        }
        if self.sending == Sending::Head {
            self.send_head(head)?;
        }
        self.emit(content)
    }

    /// Sends everything that was given so far.
    pub(crate) fn flush(&mut self, head: &Head<'_>) -> io::Result<()> {
        if self.sending == Sending::Head {
            self.send_head(head)?;
        }
        self.emit(b"")?;
        self.flush_out()
    }

    /// Completes the response with a last piece of content.
    #[inline]
    pub(crate) fn end(&mut self, head: &Head<'_>, content: &[u8]) -> io::Result<()> {
        if self.sending == Sending::Ended {
            return if content.is_empty() { Ok(()) } else { Err(SendError::BodyTooLong.into()) };
        }
        if self.is_simple(head, content) {
            let len = match (head.length, content) {
                (None, b"") => BodyLen::None,
                _ => BodyLen::Exact(content.len() as u64),
            };
            self.respond(head, len, Some(content).filter(|content| !content.is_empty()))?;
        } else {
            self.check_length(head, content.len())?;
            self.check_whole(head, content.len())?;
            if self.sending == Sending::Head {
                let len = (self.buffers.gathered.len() + content.len()) as u64;
                let declared = head.length.or_else(|| head.trailers.is_empty().then_some(len));
                self.send_head(&Head { length: declared, ..*head })?;
            }
            self.emit(content)?;
            if let Some(body) = self.link.session.conn().body() {
                body.end(head.trailers, &mut self.buffers.out)?;
            }
        }
        self.sending = Sending::Ended;
        let options = &self.link.rules.options;
        let waits = options.batch_pipelined && self.buffers.out.len() < options.write_buffer;
        if waits { Ok(()) } else { self.flush_out() }
    }

    /// Whether head and content can be written at once.
    #[inline]
    fn is_simple(&self, head: &Head<'_>, content: &[u8]) -> bool {
        self.sending == Sending::Head
            && self.buffers.gathered.is_empty()
            && head.trailers.is_empty()
            && head.length.is_none_or(|len| len == content.len() as u64)
            && content.len() < self.link.rules.options.write_buffer
    }

    /// Has the machine write the head, and with `content` all the rest.
    #[inline]
    pub(crate) fn respond(
        &mut self,
        head: &Head<'_>,
        len: BodyLen,
        content: Option<&[u8]>,
    ) -> io::Result<()> {
        let date = self.sends_date.then(|| self.buffers.date.now());
        let status = Status { code: head.code, reason: head.reason, date };
        self.link.wind_up();
        let (policy, out) = (&self.link.rules.options.policy, &mut self.buffers.out);
        let fields = (policy.own_fields(head.fields), head.fields);
        let conn = self.link.session.conn();
        match content {
            Some(content) => conn.respond_with(status, &fields, content, out),
            None => conn.respond(status, &fields, len, out),
        }?;
        self.status = head.code;
        self.marks.as_mut().into_iter().for_each(Marks::head);
        Ok(())
    }

    /// Answers a `CONNECT` where there are no tunnels.
    pub(crate) fn refuse_tunnel(&mut self) -> io::Result<()> {
        let date = self.sends_date.then(|| self.buffers.date.now());
        self.link.session.refuse_tunnel(date, &mut self.buffers.out)?;
        self.status = 501;
        self.sending = Sending::Ended;
        self.marks.as_mut().into_iter().for_each(Marks::head);
        self.flush_out()
    }

    /// Accepts a `CONNECT`: nothing of HTTP follows.
    pub(crate) fn tunnel(&mut self, fields: &Headers) -> io::Result<()> {
        let date = self.sends_date.then(|| *self.buffers.date.now());
        let policy = &self.link.rules.options.policy;
        let date = date.as_ref().filter(|_| !fields.has("date")).map(|date| [("Date", date.as_str())]);
        let fields = ((policy.own_fields(fields), date.as_ref().map(|date| &date[..])), fields);
        self.link.session.conn().accept_tunnel(&fields, &mut self.buffers.out)?;
        self.leave_http(200)
    }

    /// Switches to another protocol, once what is left of the request is out of the way.
    pub(crate) fn switch<F: FieldSource + ?Sized>(&mut self, fields: &F) -> io::Result<()> {
        self.discard_content()?;
        self.link.session.conn().switch(fields, &mut self.buffers.out)?;
        self.leave_http(101)
    }

    fn leave_http(&mut self, status: u16) -> io::Result<()> {
        self.status = status;
        self.sending = Sending::Ended;
        self.marks.as_mut().into_iter().for_each(Marks::head);
        self.flush_out()
    }

    /// Sends what was gathered and `content` after it, as one piece.
    fn emit(&mut self, content: &[u8]) -> io::Result<()> {
        let buffers = &mut self.buffers;
        let len = buffers.gathered.len() + content.len();
        if len == 0 {
            return Ok(());
        }
        let Some(mut body) = self.link.session.conn().body() else {
            return Err(SendError::BodyTooLong.into());
        };
        let frame = body.frame(len as u64)?;
        if !frame.sends_payload() {
            buffers.gathered.clear();
            return Ok(());
        }
        buffers.out.extend_from_slice(frame.pre());
        buffers.out.extend_from_slice(&buffers.gathered);
        buffers.gathered.clear();
        if content.len() < self.link.rules.options.write_buffer {
            buffers.out.extend_from_slice(content);
            buffers.out.extend_from_slice(frame.post());
            return if buffers.out.len() < self.link.rules.options.write_buffer {
                Ok(())
            } else {
                self.flush_out()
            };
        }
        let mut pieces = [&buffers.out[..], content, frame.post()].map(IoSlice::new);
        let written = self.link.write_all(&mut pieces, &self.counters);
        buffers.out.clear();
        written
    }

    /// Hands what is queued to the system.
    #[inline]
    pub(crate) fn flush_out(&mut self) -> io::Result<()> {
        if self.buffers.out.is_empty() {
            return Ok(());
        }
        let written = self.link.write_all(&mut [IoSlice::new(&self.buffers.out)], &self.counters);
        self.buffers.out.clear();
        written
    }

    /// Gathered content is not known to the machine yet. What it would refuse later is refused now.
    fn check_length(&mut self, head: &Head<'_>, more: usize) -> io::Result<()> {
        let left = match self.sending {
            Sending::Head => head.length,
            Sending::Content | Sending::Ended => {
                self.link.session.conn().body().map_or(Some(0), |body| body.remaining())
            }
        };
        let len = (self.buffers.gathered.len() + more) as u64;
        if left.is_some_and(|left| len > left) { Err(SendError::BodyTooLong.into()) } else { Ok(()) }
    }

    /// Content that ends short of what was declared is refused while the client can still be told so.
    fn check_whole(&self, head: &Head<'_>, last: usize) -> io::Result<()> {
        let len = (self.buffers.gathered.len() + last) as u64;
        let short = head.length.is_some_and(|declared| len < declared);
        if self.sending == Sending::Head && short && self.link.session.machine().sends_content(head.code) {
            return Err(SendError::BodyTooShort.into());
        }
        Ok(())
    }
}
