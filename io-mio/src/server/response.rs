//! [`Response`]: how a handler answers the request at hand.
//!
//! Every call becomes a call of the machine, which decides what is legal and how it is framed. Bytes are only
//! appended to the output here; `flush` writes them when the handler returns. What steers the connection is in
//! `control`.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use h1wire_proto::{BodyLen, FieldSource, Frame, Headers, Out, OutQueue, Prepared, SendError, Status};

use crate::client::engine::Engine;
use crate::server::answer::Answer;
use crate::server::connection::Link;
use crate::server::context::Context;
use crate::server::report::{ConnectionReport, Report};

/// The answer to one request.
///
/// | kind | methods |
/// |---|---|
/// | head | [`status`](Self::status), [`reason`](Self::reason), [`header`](Self::header), [`fields`](Self::fields), [`headers`](Self::headers), [`headers_mut`](Self::headers_mut), [`content_length`](Self::content_length), [`send_head`](Self::send_head), [`write_head`](Self::write_head) |
/// | content | [`write`](Self::write), [`write_shared`](Self::write_shared), [`write_file`](Self::write_file), [`trailer`](Self::trailer), [`finish`](Self::finish), [`end`](Self::end), [`end_shared`](Self::end_shared) |
/// | before it | [`send_continue`](Self::send_continue), [`send_processing`](Self::send_processing), [`early_hints`](Self::early_hints), [`informational`](Self::informational) |
/// | request | [`pause`](Self::pause), [`resume`](Self::resume), [`keep_reading`](Self::keep_reading), [`limit_content`](Self::limit_content) |
/// | connection | [`switch_to`](Self::switch_to), [`switch_here`](Self::switch_here), [`tunnel_to`](Self::tunnel_to), [`tunnel_here`](Self::tunnel_here), [`close_after`](Self::close_after), [`abort`](Self::abort), [`set_timeout`](Self::set_timeout), [`stream`](Self::stream) |
/// | other servers | [`upstream`](Self::upstream), [`call`](Self::call) |
/// | later | [`responder`](Self::responder) |
/// | state | [`is_head_sent`](Self::is_head_sent), [`is_complete`](Self::is_complete), [`buffered`](Self::buffered), [`report`](Self::report), [`connection`](Self::connection) |
///
/// Nothing is written to the socket before the handler returns: a head, what follows it at once, and the answers to
/// pipelined requests leave together.
///
/// Calls that only set something do not fail; what was wrong with them is told by the call that sends the head, which
/// then sends nothing. If nobody else answers, the client gets a 500. Behind the head, it is told by the call that
/// completes the answer.
pub struct Response<'a> {
    pub(crate) link: &'a mut Link,
    pub(crate) answer: &'a mut Answer,
    pub(crate) cx: &'a mut Context,
    pub(crate) key: usize,
    pub(crate) client: Option<&'a mut Engine>,
}

impl Response<'_> {
    /// Sets the status code, 200 to 999. Default 200.
    #[inline]
    pub fn status(&mut self, code: u16) -> &mut Self {
        if self.answer.head_sent {
            return self.note(Err(SendError::WrongState));
        }
        self.answer.status = code;
        self
    }

    /// Sets the reason phrase. Default the registered one of the status code.
    pub fn reason(&mut self, reason: impl Into<Vec<u8>>) -> &mut Self {
        self.answer.reason = Some(reason.into());
        self
    }

    /// Adds a field line. `Content-Length` and `Transfer-Encoding` are the machine's to write, see
    /// [`content_length`](Self::content_length).
    #[inline]
    pub fn header(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        let added = self.headers_mut().and_then(|headers| headers.append(name, value));
        self.note(added)
    }

    /// Adds field lines, as [`header`](Self::header) does.
    pub fn fields<F: FieldSource + ?Sized>(&mut self, fields: &F) -> &mut Self {
        let added = self.headers_mut().and_then(|headers| headers.append_all(fields));
        self.note(added)
    }

    /// The fields as set so far, to be looked up.
    pub fn headers(&self) -> &Headers {
        &self.answer.headers
    }

    /// The fields as set so far, to be changed.
    ///
    /// # Errors
    /// [`WrongState`](SendError::WrongState) after the head was sent.
    #[inline]
    pub fn headers_mut(&mut self) -> Result<&mut Headers, SendError> {
        if self.answer.head_sent { Err(SendError::WrongState) } else { Ok(&mut self.answer.headers) }
    }

    /// Declares the length of the content, in bytes. Without it, content that is not given at once is sent in chunks,
    /// or until close to an HTTP/1.0 client. More or less content than declared is an error.
    pub fn content_length(&mut self, bytes: u64) -> &mut Self {
        self.answer.length = Some(bytes);
        self
    }

    /// Sends the head as it stands, if it was not sent.
    ///
    /// # Errors
    /// What was wrong with a field, and what the machine refuses ([`Conn::respond`](h1wire_proto::Conn::respond)).
    pub fn send_head(&mut self) -> Result<(), SendError> {
        if self.answer.head_sent {
            return Ok(());
        }
        let answer = &mut *self.answer;
        if let Some(error) = answer.error.take() {
            return Err(error);
        }
        let len = answer.length.map_or(BodyLen::Unknown, BodyLen::Exact);
        let (status, own) = self.cx.common(answer.status, answer.reason.as_deref(), &answer.headers);
        self.link.conn.respond(status, &(own, &answer.headers), len, &mut answer.out)?;
        answer.head_sent = true;
        answer.marks.head = self.cx.clock.now();
        Ok(())
    }

    /// Sets status and fields, which win over those of the same name that were set before, and sends the head.
    ///
    /// # Errors
    /// As [`send_head`](Self::send_head), and [`WrongState`](SendError::WrongState) after the head was sent.
    pub fn write_head<F: FieldSource + ?Sized>(&mut self, status: u16, fields: &F) -> Result<(), SendError> {
        self.headers_mut()?.set_all(fields)?;
        self.status(status).send_head()
    }

    /// Sends the whole answer if no head was sent, else the last of its content.
    ///
    /// # Errors
    /// As [`send_head`](Self::send_head) and [`write`](Self::write); a length that was declared and not met.
    #[inline]
    pub fn end(&mut self, content: impl AsRef<[u8]>) -> Result<(), SendError> {
        let content = content.as_ref();
        let answer = &mut *self.answer;
        if answer.head_sent || answer.length.is_some() || !answer.trailers.is_empty() {
            self.write(content)?;
            return self.finish();
        }
        if let Some(error) = answer.error.take() {
            return Err(error);
        }
        let (status, own) = self.cx.common(answer.status, answer.reason.as_deref(), &answer.headers);
        self.link.conn.respond_with(status, &(own, &answer.headers), content, &mut answer.out)?;
        answer.head_sent = true;
        answer.marks.head = self.cx.clock.now();
        Ok(())
    }

    /// [`end`](Self::end) with content that is kept by reference until it is sent. Worth it from some kilobytes on.
    ///
    /// # Errors
    /// As [`end`](Self::end).
    pub fn end_shared(&mut self, content: Bytes) -> Result<(), SendError> {
        if content.len() < OutQueue::<Bytes>::COPY_BELOW {
            return self.end(content);
        }
        if !self.answer.head_sent && self.answer.trailers.is_empty() {
            self.answer.length.get_or_insert(content.len() as u64);
        }
        self.write_shared(content)?;
        self.finish()
    }

    /// Sends a piece of content, after the head if that was not sent. Says whether there is room for more: if not,
    /// wait for [`Handler::drain`](crate::Handler::drain), for what is written then is kept in memory.
    ///
    /// In a connection that was [switched here](Self::switch_here), sends bytes as they are.
    ///
    /// # Errors
    /// As [`send_head`](Self::send_head); [`BodyTooLong`](SendError::BodyTooLong) beyond the declared length;
    /// [`WrongState`](SendError::WrongState) after the end.
    pub fn write(&mut self, content: impl AsRef<[u8]>) -> Result<bool, SendError> {
        let content = content.as_ref();
        if self.is_raw()? {
            self.answer.out.put(content);
            return Ok(self.has_room());
        }
        self.send_head()?;
        match self.link.conn.body() {
            Some(mut body) => body.data(content, &mut self.answer.out)?,
            None if content.is_empty() => {}
            None => return Err(SendError::WrongState),
        }
        Ok(self.has_room())
    }

    /// [`write`](Self::write) with content that is kept by reference until it is sent.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_shared(&mut self, content: Bytes) -> Result<bool, SendError> {
        if self.is_raw()? {
            self.answer.out.put_shared(content);
        } else if let Some(frame) = self.frame(content.len() as u64)? {
            self.answer.out.put_shared_framed(&frame, content);
        }
        Ok(self.has_room())
    }

    /// Sends `len` bytes of a file from `offset` on, without reading them into memory where the system can do that.
    /// A file that turns out to be shorter ends the connection.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_file(&mut self, file: Arc<File>, offset: u64, len: u64) -> Result<bool, SendError> {
        if self.is_raw()? {
            self.answer.files.push(file, offset, len);
            self.answer.out.put_external(0, len);
        } else if let Some(frame) = self.frame(len)?.filter(|frame| frame.sends_payload()) {
            self.answer.files.push(file, offset, len);
            self.answer.out.put_external_framed(&frame, 0, len);
        }
        Ok(self.has_room())
    }

    /// Adds a line to the trailer section. Trailers are sent with chunked content, else they are dropped.
    pub fn trailer(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        let added = self.answer.trailers.append(name, value);
        self.note(added)
    }

    /// Completes the answer, after the head if that was not sent. A second time it does nothing.
    ///
    /// In a connection that was [switched here](Self::switch_here), shuts down the write side after what was written.
    ///
    /// # Errors
    /// As [`send_head`](Self::send_head); [`BodyTooShort`](SendError::BodyTooShort) before the declared length; what
    /// is wrong with the trailers.
    pub fn finish(&mut self) -> Result<(), SendError> {
        if self.answer.stays {
            self.answer.raw_finished = true;
            return Ok(());
        }
        self.send_head()?;
        if let Some(error) = self.answer.error.take() {
            return Err(error);
        }
        match self.link.conn.body() {
            Some(body) => body.end(&self.answer.trailers, &mut self.answer.out),
            None => Ok(()),
        }
    }

    /// Sends an interim response with any 1xx status but 101. HTTP/1.0 clients are sent none.
    ///
    /// # Errors
    /// What the machine refuses ([`Conn::informational`](h1wire_proto::Conn::informational)).
    pub fn informational<F: FieldSource + ?Sized>(
        &mut self,
        status: u16,
        fields: &F,
    ) -> Result<(), SendError> {
        self.link.conn.send_informational(status, fields, &mut self.answer.out)
    }

    /// Sends `100 Continue`: the content is wanted.
    ///
    /// # Errors
    /// As [`informational`](Self::informational).
    pub fn send_continue(&mut self) -> Result<(), SendError> {
        self.informational(100, &())
    }

    /// Sends `102 Processing`.
    ///
    /// # Errors
    /// As [`informational`](Self::informational).
    pub fn send_processing(&mut self) -> Result<(), SendError> {
        self.informational(102, &())
    }

    /// Sends `103 Early Hints`, usually with `Link` fields (RFC 8297).
    ///
    /// # Errors
    /// As [`informational`](Self::informational).
    pub fn early_hints<F: FieldSource + ?Sized>(&mut self, fields: &F) -> Result<(), SendError> {
        self.informational(103, fields)
    }

    /// Whether the head was sent: handed to the machine, that is, not necessarily to the system.
    pub fn is_head_sent(&self) -> bool {
        self.answer.head_sent
    }

    /// Whether the answer is complete. [`Handler::finished`](crate::Handler::finished) tells when all of it was handed
    /// to the system.
    pub fn is_complete(&mut self) -> bool {
        self.answer.head_sent && self.link.conn.body().is_none()
    }

    /// What the exchange came to so far. [`Handler::report`](crate::Handler::report) tells it at the end.
    pub fn report(&mut self) -> Report {
        Report::new(self.answer, self.link, self.cx.clock.now())
    }

    /// What the connection came to before the events of this turn of the loop, which it counts when they are over.
    /// None without [`Options::count_connections`](crate::Options::count_connections).
    pub fn connection(&self) -> Option<ConnectionReport> {
        self.cx.tallies.report(self.key, self.link.tenure.requests(), self.cx.clock.now())
    }

    /// How many bytes of output wait in memory, those of earlier answers included.
    pub fn buffered(&self) -> usize {
        self.answer.out.buffered()
    }

    /// Whether what is written is another protocol's.
    #[inline]
    fn is_raw(&self) -> Result<bool, SendError> {
        if self.answer.stays && self.answer.raw_finished {
            return Err(SendError::WrongState);
        }
        Ok(self.answer.stays)
    }

    fn has_room(&mut self) -> bool {
        let full = self.answer.out.is_full(self.link.options.high_water());
        self.answer.wants_drain |= full;
        !full
    }

    /// The frame of a payload. `None` if there is nothing to frame.
    fn frame(&mut self, len: u64) -> Result<Option<Frame>, SendError> {
        self.send_head()?;
        match self.link.conn.body() {
            Some(mut body) => body.frame(len).map(Some),
            None if len == 0 => Ok(None),
            None => Err(SendError::WrongState),
        }
    }

    fn note(&mut self, done: Result<(), SendError>) -> &mut Self {
        if let Err(error) = done {
            self.answer.error.get_or_insert(error);
        }
        self
    }
}

impl std::fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let answer = &self.answer;
        f.debug_struct("Response")
            .field("status", &answer.status)
            .field("head_sent", &answer.head_sent)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// What every response begins with: its status, and the fields of the server itself, which give way to the
    /// handler's.
    #[inline(always)]
    fn common<'a>(
        &'a mut self,
        code: u16,
        reason: Option<&'a [u8]>,
        headers: &Headers,
    ) -> (Status<'a>, Option<&'a Prepared>) {
        let own = self.own.as_ref().filter(|_| !headers.has("server"));
        let date = if self.options.send_date { Some(self.clock.date()) } else { None };
        (Status { code, reason, date }, own)
    }
}
