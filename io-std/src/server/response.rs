//! [`Response`]: how a handler answers the request at hand, with the content as a [`Write`].

use std::cell::RefCell;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use h1wire_proto::{FieldSource, Headers, SendError};

use super::exchange::{Exchange, Sending};
use super::send::Head;
use super::upgraded::Upgraded;

/// The answer to one request.
///
/// Set [`status`](Self::status) and [`header`](Self::header)s, then give the content: all at once with
/// [`end`](Self::end), or piece by piece with [`write`](Write::write) and at last [`finish`](Self::finish), which a
/// handler that returns `Ok` may leave out. Writing blocks while the client does not take its bytes.
///
/// Content is gathered up to [`write_buffer`](super::Options::write_buffer) bytes. What ends before that leaves in
/// one piece with its length; more is sent in chunks, unless [`content_length`](Self::content_length) said how much
/// it will be. [`flush`](Write::flush) sends at once what there is, head included.
///
/// Setters never fail: their first error is returned by the call that sends the head, and by all that follow, as an error
/// of kind `InvalidInput` around a [`SendError`]. Such a response is not sent, the client is answered 500, and the
/// [report](super::Report::error) names the field. Anything that is set after the head is such an error. To find out at
/// once, set a field by way of [`headers_mut`](Self::headers_mut).
pub struct Response<'a> {
    pub(crate) exchange: &'a RefCell<Exchange>,
    pub(crate) headers: &'a mut Headers,
    pub(crate) trailers: &'a mut Headers,
    pub(crate) draft: Draft,
    /// What came after a request without content.
    pub(crate) rest: &'a [u8],
}

/// What was set, before it is sent.
#[derive(Default)]
pub(crate) struct Draft {
    status: Option<u16>,
    reason: Option<Vec<u8>>,
    length: Option<u64>,
    /// The first thing that could not be done, and what it was about.
    error: Option<(SendError, String)>,
}

impl Draft {
    /// What could not be done, in words.
    pub(crate) fn error(&self) -> Option<String> {
        self.error.as_ref().map(|(error, what)| match error {
            SendError::WrongState => format!("{what}: {error}"),
            // It names the field.
            error => error.to_string(),
        })
    }
}

impl Response<'_> {
    /// Sets the status code. Default 200.
    #[inline]
    pub fn status(&mut self, code: u16) -> &mut Self {
        self.note_if_sent("status");
        self.draft.status = Some(code);
        self
    }

    /// Sets the reason phrase. Default: the registered one.
    pub fn reason(&mut self, phrase: impl Into<Vec<u8>>) -> &mut Self {
        self.note_if_sent("reason");
        self.draft.reason = Some(phrase.into());
        self
    }

    /// Sets a field, in place of lines of that name set before. [`headers_mut`](Self::headers_mut) can do more.
    #[inline]
    pub fn header(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        self.note_if_sent("header");
        let set = self.headers.set(&name, value);
        self.note(set, name.as_ref())
    }

    /// Adds a field, after lines of that name set before.
    pub fn append_header(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        self.note_if_sent("header");
        let set = self.headers.append(&name, value);
        self.note(set, name.as_ref())
    }

    /// Sets all these fields, each in place of lines of its name set before.
    pub fn fields<F: FieldSource + ?Sized>(&mut self, fields: &F) -> &mut Self {
        self.note_if_sent("fields");
        let set = self.headers.set_all(fields);
        self.note(set, b"fields")
    }

    /// The fields set so far. Those the server adds by itself are not among them.
    pub fn headers(&self) -> &Headers {
        self.headers
    }

    /// The fields set so far, to look up, change, append and remove.
    ///
    /// # Errors
    /// [`SendError::WrongState`] once the head was sent.
    pub fn headers_mut(&mut self) -> io::Result<&mut Headers> {
        if self.is_head_sent() { Err(SendError::WrongState.into()) } else { Ok(self.headers) }
    }

    /// Declares how many bytes of content will follow, which are then sent with `Content-Length` and not in chunks.
    /// More and fewer are errors.
    pub fn content_length(&mut self, bytes: u64) -> &mut Self {
        self.note_if_sent("content_length");
        self.draft.length = Some(bytes);
        self
    }

    /// Sets a field of the trailer section, which follows content sent in chunks (RFC 9110 section 6.5), in place of lines
    /// of that name set before. To an HTTP/1.0 client, and after content of declared length, none is sent.
    pub fn trailer(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        let set = self.trailers.set(&name, value);
        self.note(set, name.as_ref())
    }

    /// Adds a field to the trailer section, after lines of that name set before.
    pub fn append_trailer(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        let set = self.trailers.append(&name, value);
        self.note(set, name.as_ref())
    }

    /// Makes this the last response of its connection (`Connection: close`).
    pub fn close_after(&mut self) -> &mut Self {
        self.note_if_sent("close_after");
        self.exchange.borrow_mut().link.session.conn().close_after_response();
        self
    }

    /// Whether this response says `Date`. Default: [`Policy::send_date`](h1wire_proto::serving::Policy::send_date).
    pub fn send_date(&mut self, on: bool) -> &mut Self {
        self.note_if_sent("send_date");
        self.exchange.borrow_mut().sends_date = on;
        self
    }

    /// Sets how long nothing may move on the connection until this response ends; `None` is without limit. Default:
    /// [`Timeouts::idle`](h1wire_proto::Timeouts::idle). Whole milliseconds, at least one.
    pub fn set_timeout(&mut self, limit: Option<Duration>) {
        let limit = limit.map(|limit| limit.max(Duration::from_millis(1)));
        self.exchange.borrow_mut().link.set_idle(limit);
    }

    /// Sends the head at once, as it was set.
    ///
    /// # Errors
    /// [`SendError::WrongState`] if it was sent before; what may not be sent; what the stream fails with.
    pub fn send_head(&mut self) -> io::Result<()> {
        self.settle()?;
        let head = self.head();
        let mut exchange = self.exchange.borrow_mut();
        exchange.send_head(&head)?;
        exchange.flush_out()
    }

    /// Sends the head at once, with this status, and with `fields` merged into what was set: where both name a field,
    /// `fields` wins.
    ///
    /// # Errors
    /// As [`send_head`](Self::send_head).
    pub fn write_head<F: FieldSource + ?Sized>(&mut self, status: u16, fields: &F) -> io::Result<()> {
        self.status(status).fields(fields).send_head()
    }

    /// Sends the whole response if nothing was sent, else the last of its content.
    ///
    /// # Errors
    /// What may not be sent; content of another length than declared; what the stream fails with.
    #[inline]
    pub fn end(&mut self, content: impl AsRef<[u8]>) -> io::Result<()> {
        self.settle()?;
        let head = self.head();
        self.exchange.borrow_mut().end(&head, content.as_ref())
    }

    /// Completes the response. Does nothing if it is complete.
    ///
    /// # Errors
    /// As [`end`](Self::end).
    #[inline]
    pub fn finish(&mut self) -> io::Result<()> {
        self.settle()?;
        if self.is_complete() { Ok(()) } else { self.end(b"") }
    }

    /// Sends an interim response (RFC 9110 section 15.2) at once: any 1xx but 101, any number of them before the
    /// final head. An HTTP/1.0 client is sent none.
    ///
    /// # Errors
    /// [`SendError::BadStatus`], [`SendError::WrongState`] after the final head; what may not be sent; what the
    /// stream fails with.
    pub fn send_informational<F: FieldSource + ?Sized>(&mut self, status: u16, fields: &F) -> io::Result<()> {
        let exchange = &mut *self.exchange.borrow_mut();
        let out = &mut exchange.buffers.out;
        exchange.link.session.conn().send_informational(status, fields, out)?;
        exchange.flush_out()
    }

    /// Sends `103 Early Hints` (RFC 8297) with these fields, usually `Link`.
    ///
    /// # Errors
    /// As [`send_informational`](Self::send_informational).
    pub fn send_early_hints<F: FieldSource + ?Sized>(&mut self, fields: &F) -> io::Result<()> {
        self.send_informational(103, fields)
    }

    /// Sends `100 Continue`. The first read of the content does so by itself where the client waits for it.
    ///
    /// # Errors
    /// As [`send_informational`](Self::send_informational).
    pub fn send_continue(&mut self) -> io::Result<()> {
        self.send_informational(100, &())
    }

    /// Sends `102 Processing` (RFC 2518).
    ///
    /// # Errors
    /// As [`send_informational`](Self::send_informational).
    pub fn send_processing(&mut self) -> io::Result<()> {
        self.send_informational(102, &())
    }

    /// Whether the head was sent, or queued to be.
    pub fn is_head_sent(&self) -> bool {
        self.exchange.borrow().sending != Sending::Head
    }

    /// Whether the response is complete: the last of it was given.
    pub fn is_complete(&self) -> bool {
        self.exchange.borrow().sending == Sending::Ended
    }

    /// Whether the response is complete and all its bytes were handed to the system.
    pub fn is_finished(&self) -> bool {
        let exchange = self.exchange.borrow();
        exchange.is_complete() && exchange.buffers.out.is_empty()
    }

    /// Drops the connection when the handler returns, without completing the response.
    pub fn abort(&mut self) {
        self.exchange.borrow_mut().aborted = true;
    }

    /// Switches to another protocol with `101 Switching Protocols` and hands the connection over. `fields` name the
    /// protocol in `Upgrade`, one of those the request offered (RFC 9110 section 7.8). Content of the request that
    /// was not read is discarded first.
    ///
    /// # Errors
    /// [`SendError::WrongState`] unless the request [offers](h1wire_proto::RequestHead::upgrade) a switch and was
    /// not answered; [`SendError::MissingUpgrade`]; what may not be sent; what the stream fails with.
    pub fn switch<F: FieldSource + ?Sized>(&mut self, fields: &F) -> io::Result<Upgraded> {
        let exchange = &mut *self.exchange.borrow_mut();
        exchange.switch(fields)?;
        let (stream, first) = exchange.give_away(self.rest)?;
        Ok(Upgraded { stream, first, read: 0 })
    }

    /// Answers `CONNECT` with 200 and the fields set so far, and hands the connection over as a tunnel (RFC 9110
    /// section 9.3.6).
    ///
    /// # Errors
    /// [`SendError::WrongState`] unless the request is a `CONNECT` that was not answered; what may not be sent; what
    /// the stream fails with.
    pub fn tunnel(&mut self) -> io::Result<Upgraded> {
        self.settle()?;
        let exchange = &mut *self.exchange.borrow_mut();
        exchange.tunnel(self.headers)?;
        let (stream, first) = exchange.give_away(self.rest)?;
        Ok(Upgraded { stream, first, read: 0 })
    }

    /// The address of the client; none on Unix sockets, and on streams that have none.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.exchange.borrow().peer()
    }

    /// Whether the server is shutting down: [`Request::is_shutting_down`](super::Request::is_shutting_down).
    pub fn is_shutting_down(&self) -> bool {
        self.exchange.borrow().is_shutting_down()
    }

    /// What is sent for a head.
    #[inline]
    fn head(&self) -> Head<'_> {
        Head {
            code: self.draft.status.unwrap_or(200),
            reason: self.draft.reason.as_deref(),
            fields: self.headers,
            length: self.draft.length,
            trailers: self.trailers,
        }
    }

    /// Fails with what could not be done before.
    #[inline]
    fn settle(&self) -> io::Result<()> {
        self.draft.error.as_ref().map_or(Ok(()), |(error, _)| Err((*error).into()))
    }

    #[inline]
    fn note_if_sent(&mut self, what: &str) {
        if self.is_head_sent() {
            self.note(Err(SendError::WrongState), what.as_bytes());
        }
    }

    #[inline]
    fn note(&mut self, done: Result<(), SendError>, what: &[u8]) -> &mut Self {
        if let Err(error) = done {
            self.draft.error.get_or_insert_with(|| (error, what.escape_ascii().to_string()));
        }
        self
    }
}

impl Write for Response<'_> {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        self.settle()?;
        let head = self.head();
        self.exchange.borrow_mut().write_content(&head, content)?;
        Ok(content.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.settle()?;
        let head = self.head();
        self.exchange.borrow_mut().flush(&head)
    }
}

impl std::fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.draft.status)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
