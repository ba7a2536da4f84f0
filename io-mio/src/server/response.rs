//! [`Response`]: how a handler answers the request at hand.
//!
//! Every call becomes a call of the machine, which decides what is legal and how it is framed. Bytes are only
//! appended to the output here; `flush` writes them when the handler returns. What steers the connection is in
//! `control`.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use h1wire_proto::{BodyLen, FieldSource, Frame, Headers, Out, OutQueue, SendError};

use crate::client::engine::Engine;
use crate::outbox::Outbox;
use crate::server::answer::{Answer, Stage};
use crate::server::connection::Link;
use crate::server::context::Context;
use crate::server::draft::Draft;

/// The answer to one request.
///
/// | kind | methods |
/// |---|---|
/// | head | [`status`](Self::status), [`reason`](Self::reason), [`header`](Self::header), [`append_header`](Self::append_header), [`fields`](Self::fields), [`headers`](Self::headers), [`headers_mut`](Self::headers_mut), [`content_length`](Self::content_length), [`send_date`](Self::send_date), [`send_head`](Self::send_head), [`write_head`](Self::write_head) |
/// | content | [`write`](Self::write), [`write_shared`](Self::write_shared), [`write_file`](Self::write_file), [`trailer`](Self::trailer), [`append_trailer`](Self::append_trailer), [`finish`](Self::finish), [`end`](Self::end), [`end_shared`](Self::end_shared) |
/// | before it | [`send_continue`](Self::send_continue), [`send_processing`](Self::send_processing), [`send_early_hints`](Self::send_early_hints), [`send_informational`](Self::send_informational) |
/// | request | [`pause`](Self::pause), [`resume`](Self::resume), [`keep_reading`](Self::keep_reading), [`limit_content`](Self::limit_content) |
/// | connection | [`switch_to`](Self::switch_to), [`switch_here`](Self::switch_here), [`tunnel_to`](Self::tunnel_to), [`tunnel_here`](Self::tunnel_here), [`close_after`](Self::close_after), [`abort`](Self::abort), [`fail`](Self::fail), [`set_timeout`](Self::set_timeout), [`stream`](Self::stream) |
/// | bytes | [`cork`](Self::cork), [`uncork`](Self::uncork), [`when_sent`](Self::when_sent), [`buffered`](Self::buffered) |
/// | other servers | [`upstream`](Self::upstream), [`call`](Self::call) |
/// | later | [`responder`](Self::responder) |
/// | state | [`is_head_sent`](Self::is_head_sent), [`is_complete`](Self::is_complete), [`is_finished`](Self::is_finished), [`is_shutting_down`](Self::is_shutting_down), [`report`](Self::report), [`connection`](Self::connection) |
///
/// Nothing is written to the socket before the handler returns: a head, what follows it at once, and the answers to
/// pipelined requests leave together.
///
/// Setters never fail. Their first error is returned by the call that sends the head, which then sends nothing; if nobody
/// else answers, the client gets a 500. After the head, where setters are too late, it is returned by the call that
/// completes the answer. Either way it is in the [report](crate::Report::error).
pub struct Response<'a> {
    pub(crate) link: &'a mut Link,
    pub(crate) answer: &'a mut Answer,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) cx: &'a mut Context,
    pub(crate) key: usize,
    pub(crate) client: Option<&'a mut Engine>,
}

impl Response<'_> {
    /// Sets the status code, 200 to 999. Default 200.
    #[inline]
    pub fn status(&mut self, code: u16) -> &mut Self {
        if let Some(draft) = self.draft() {
            draft.status = code;
        }
        self
    }

    /// Sets the reason phrase. Default the registered one of the status code.
    pub fn reason(&mut self, reason: impl Into<Vec<u8>>) -> &mut Self {
        if let Some(draft) = self.draft() {
            draft.reason = Some(reason.into());
        }
        self
    }

    /// Sets a field, in place of all lines of that name. `Content-Length` and `Transfer-Encoding` are the machine's to
    /// write, see [`content_length`](Self::content_length).
    #[inline]
    pub fn header(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        let set = self.headers_mut().and_then(|headers| headers.set(name, value));
        self.note(set)
    }

    /// Adds a field line, beside others of that name.
    #[inline]
    pub fn append_header(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        let added = self.headers_mut().and_then(|headers| headers.append(name, value));
        self.note(added)
    }

    /// Sets all these fields, in place of all lines of their names. Several lines of one name are kept.
    pub fn fields<F: FieldSource + ?Sized>(&mut self, fields: &F) -> &mut Self {
        let set = self.headers_mut().and_then(|headers| headers.set_all(fields));
        self.note(set)
    }

    /// The fields as set so far, to be looked up.
    pub fn headers(&self) -> &Headers {
        &self.answer.draft.headers
    }

    /// The fields as set so far, to be changed.
    ///
    /// # Errors
    /// [`WrongState`](SendError::WrongState) after the head was sent.
    #[inline]
    pub fn headers_mut(&mut self) -> Result<&mut Headers, SendError> {
        if self.answer.is_head_sent() {
            return Err(SendError::WrongState);
        }
        Ok(&mut self.answer.draft.headers)
    }

    /// Declares the length of the content, in bytes. Without it, content that is not given at once is sent in chunks,
    /// or until close to an HTTP/1.0 client. More or less content than declared is an error: if it shows before the
    /// head was sent, the head is not.
    pub fn content_length(&mut self, bytes: u64) -> &mut Self {
        if let Some(draft) = self.draft() {
            draft.length = Some(bytes);
        }
        self
    }

    /// Whether this answer carries `Date`, if those of the server [do](h1wire_proto::serving::Policy::send_date). Default true.
    pub fn send_date(&mut self, on: bool) -> &mut Self {
        if let Some(draft) = self.draft() {
            draft.date = on;
        }
        self
    }

    /// Sends the head as it stands, if it was not sent.
    ///
    /// # Errors
    /// What was wrong with a field, and what the machine refuses ([`Conn::respond`](h1wire_proto::Conn::respond)).
    pub fn send_head(&mut self) -> Result<(), SendError> {
        if self.answer.is_head_sent() {
            return Ok(());
        }
        self.settled_draft()?;
        // Once the final head is there it is too late to ask for content, and whoever sends it before the rest of the
        // answer wants that (RFC 9110 section 10.1.1).
        if self.answer.wants.invitation {
            self.link.session.conn().send_continue_if_wanted(&mut self.outbox.queue);
        }
        let draft = &self.answer.draft;
        let len = draft.length.map_or(BodyLen::Unknown, BodyLen::Exact);
        let (status, own) = self.cx.common(draft);
        let sent =
            self.link.session.conn().respond(status, &(own, &draft.headers), len, &mut self.outbox.queue);
        self.head_sent(sent)
    }

    /// Sets status and fields, as [`fields`](Self::fields) does, and sends the head.
    ///
    /// # Errors
    /// As [`send_head`](Self::send_head), and [`WrongState`](SendError::WrongState) after the head was sent.
    pub fn write_head<F: FieldSource + ?Sized>(&mut self, status: u16, fields: &F) -> Result<(), SendError> {
        if self.answer.is_head_sent() {
            return Err(self.refused(SendError::WrongState));
        }
        self.status(status).fields(fields).send_head()
    }

    /// Sends the whole answer if no head was sent, else the last of its content.
    ///
    /// # Errors
    /// As [`send_head`](Self::send_head) and [`write`](Self::write); a length that was declared and not met.
    #[inline]
    pub fn end(&mut self, content: impl AsRef<[u8]>) -> Result<(), SendError> {
        let content = content.as_ref();
        let draft = &self.answer.draft;
        if self.answer.is_head_sent() || draft.length.is_some() || !draft.trailers.is_empty() {
            self.fits(content.len() as u64, true)?;
            self.write(content)?;
            return self.finish();
        }
        self.settled_draft()?;
        let draft = &self.answer.draft;
        let (status, own) = self.cx.common(draft);
        let fields = (own, &draft.headers);
        let sent = self.link.session.conn().respond_with(status, &fields, content, &mut self.outbox.queue);
        self.head_sent(sent)
    }

    /// [`end`](Self::end) with content that is kept by reference until it is sent. Worth it from some kilobytes on.
    ///
    /// # Errors
    /// As [`end`](Self::end).
    pub fn end_shared(&mut self, content: Bytes) -> Result<(), SendError> {
        if content.len() < OutQueue::<Bytes>::COPY_BELOW {
            return self.end(content);
        }
        self.fits(content.len() as u64, true)?;
        if !self.answer.is_head_sent() && self.answer.draft.trailers.is_empty() {
            self.answer.draft.length.get_or_insert(content.len() as u64);
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
            self.outbox.queue.put(content);
            return Ok(self.has_room());
        }
        self.fits(content.len() as u64, false)?;
        self.send_head()?;
        let written = match self.link.session.conn().body() {
            Some(mut body) => body.data(content, &mut self.outbox.queue),
            None if content.is_empty() => Ok(()),
            None => Err(SendError::WrongState),
        };
        written.map_err(|error| self.refused(error))?;
        Ok(self.has_room())
    }

    /// [`write`](Self::write) with content that is kept by reference until it is sent.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_shared(&mut self, content: Bytes) -> Result<bool, SendError> {
        if self.is_raw()? {
            self.outbox.queue.put_shared(content);
        } else if let Some(frame) = self.frame(content.len() as u64)? {
            self.outbox.queue.put_shared_framed(&frame, content);
        }
        Ok(self.has_room())
    }

    /// Sends `len` bytes of a file from `offset` on, without reading them into memory where the system can do that.
    /// They wait as other content does. A file that turns out to be shorter ends the connection.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_file(&mut self, file: Arc<File>, offset: u64, len: u64) -> Result<bool, SendError> {
        if self.is_raw()? {
            self.outbox.put_file(file, offset, len);
        } else if let Some(frame) = self.frame(len)? {
            self.outbox.put_file_framed(&frame, file, offset, len);
        }
        Ok(self.has_room())
    }

    /// Sets a field of the trailer section, in place of all lines of that name. Trailers are sent with chunked content,
    /// else they are dropped.
    pub fn trailer(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        let set = self.trailers_mut().and_then(|trailers| trailers.set(name, value));
        self.note(set)
    }

    /// Adds a line to the trailer section, beside others of that name.
    pub fn append_trailer(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        let added = self.trailers_mut().and_then(|trailers| trailers.append(name, value));
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
        if let Stage::Raw { finished } = &mut self.answer.stage {
            *finished = true;
            return Ok(());
        }
        self.fits(0, true)?;
        self.send_head()?;
        self.settled_draft()?;
        let ended = match self.link.session.conn().body() {
            Some(body) => body.end(&self.answer.draft.trailers, &mut self.outbox.queue),
            None => Ok(()),
        };
        ended.map_err(|error| self.refused(error))
    }

    /// What may still be set, if it is not too late.
    #[inline]
    fn draft(&mut self) -> Option<&mut Draft> {
        if self.answer.is_head_sent() {
            self.note(Err(SendError::WrongState));
            return None;
        }
        Some(&mut self.answer.draft)
    }

    fn trailers_mut(&mut self) -> Result<&mut Headers, SendError> {
        if self.is_complete() { Err(SendError::WrongState) } else { Ok(&mut self.answer.draft.trailers) }
    }

    /// Whether what is written is another protocol's.
    #[inline]
    fn is_raw(&self) -> Result<bool, SendError> {
        match self.answer.stage {
            Stage::Raw { finished: true } => Err(SendError::WrongState),
            Stage::Raw { .. } => Ok(true),
            _ => Ok(false),
        }
    }

    fn has_room(&mut self) -> bool {
        let full = self.outbox.is_full(self.link.options.high_water());
        self.answer.wants.drain |= full;
        !full
    }

    /// The frame of a payload. `None` if there is nothing to frame.
    fn frame(&mut self, len: u64) -> Result<Option<Frame>, SendError> {
        self.fits(len, false)?;
        self.send_head()?;
        let frame = match self.link.session.conn().body() {
            Some(mut body) => body.frame(len).map(Some),
            None if len == 0 => Ok(None),
            None => Err(SendError::WrongState),
        };
        frame.map_err(|error| self.refused(error))
    }

    /// Before the head: whether `len` bytes of content, the last ones if it `ends`, are what was declared.
    #[inline]
    fn fits(&mut self, len: u64, ends: bool) -> Result<(), SendError> {
        match self.answer.draft.length {
            Some(declared) if declared != len && !self.answer.is_head_sent() => {
                self.misfits(declared, len, ends)
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn misfits(&mut self, declared: u64, len: u64, ends: bool) -> Result<(), SendError> {
        let error = match len > declared {
            true => SendError::BodyTooLong,
            // Content that is not sent has no length to be met.
            false if ends => SendError::BodyTooShort,
            false => return Ok(()),
        };
        if !self.link.session.conn().sends_content(self.answer.draft.status) {
            return Ok(());
        }
        let than = if ends { "" } else { " or more" };
        self.blame(format_args!("Content-Length: {declared} was declared, and {len} bytes{than} were given"));
        Err(error)
    }

    /// The first thing that could not be set, if there is one.
    #[inline]
    fn settled_draft(&mut self) -> Result<(), SendError> {
        match self.answer.draft.error.take() {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    /// What follows from the machine's word about a final head.
    #[inline]
    fn head_sent(&mut self, sent: Result<(), SendError>) -> Result<(), SendError> {
        match sent {
            Ok(()) => {
                self.answer.head_sent(self.answer.draft.status, self.cx.moment());
                Ok(())
            }
            Err(error) => Err(self.refused(error)),
        }
    }
}

impl std::fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.answer.draft.status)
            .field("stage", &self.answer.stage)
            .finish_non_exhaustive()
    }
}
