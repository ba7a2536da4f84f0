//! [`Response`]: how a handler answers the request at hand.
//!
//! Every call becomes a call of the machine, which decides what is legal and how it is framed. Bytes are only
//! appended to the output here; `flush` writes them when the handler returns.

use std::sync::Arc;

use bytes::Bytes;
use h1wire_proto::{BodyLen, Conn, FieldSource, Headers, OutQueue, SendError, Server, Status};

use crate::context::Context;
use crate::remote::{ExchangeId, Progress, Responder};

/// The answer to the request at hand, as far as it was given.
pub(crate) struct Answer {
    pub(crate) out: OutQueue,
    /// Bytes that left `out` since it was last idle.
    pub(crate) sent: u64,
    headers: Headers,
    trailers: Headers,
    status: u16,
    reason: Option<Vec<u8>>,
    length: Option<u64>,
    /// The first thing that could not be done.
    error: Option<SendError>,
    /// A request waits for its answer, or for the rest of it.
    pub(crate) open: bool,
    pub(crate) head_sent: bool,
    pub(crate) failed: bool,
    pub(crate) abort: bool,
    pub(crate) paused: bool,
    /// Who else may answer is told this.
    pub(crate) progress: Option<Arc<Progress>>,
}

impl Answer {
    pub(crate) fn new() -> Self {
        Self {
            out: OutQueue::new(),
            sent: 0,
            headers: Headers::new(),
            trailers: Headers::new(),
            status: 200,
            reason: None,
            length: None,
            error: None,
            open: false,
            head_sent: false,
            failed: false,
            abort: false,
            paused: false,
            progress: None,
        }
    }

    /// Makes it ready for the next request.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.headers.clear();
        self.trailers.clear();
        self.status = 200;
        self.reason = None;
        self.length = None;
        self.error = None;
        self.open = true;
        self.head_sent = false;
        self.failed = false;
        self.abort = false;
        self.paused = false;
        self.close_progress();
    }

    /// Tells those who could have answered from elsewhere that it is too late.
    #[inline]
    pub(crate) fn close_progress(&mut self) {
        if let Some(progress) = self.progress.take() {
            progress.close();
        }
    }
}

/// The answer to one request.
///
/// Nothing is written to the socket before the handler returns, so that a head and what follows it at once leave
/// together.
pub struct Response<'a> {
    pub(crate) conn: &'a mut Conn<Server>,
    pub(crate) answer: &'a mut Answer,
    pub(crate) cx: &'a mut Context,
    pub(crate) id: ExchangeId,
}

impl Response<'_> {
    /// Sets the status code. Default 200.
    #[inline]
    pub fn status(&mut self, code: u16) -> &mut Self {
        self.answer.status = code;
        self
    }

    /// Adds a field line. What is wrong with it is told by the call that sends the head.
    #[inline]
    pub fn header(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        let added = if self.answer.head_sent {
            Err(SendError::WrongState)
        } else {
            self.answer.headers.append(name, value)
        };
        self.note(added);
        self
    }

    /// Adds field lines, as [`header`](Self::header) does.
    pub fn fields<F: FieldSource + ?Sized>(&mut self, fields: &F) -> &mut Self {
        let added = if self.answer.head_sent {
            Err(SendError::WrongState)
        } else {
            self.answer.headers.append_all(fields)
        };
        self.note(added);
        self
    }

    /// Sends the whole answer if nothing was sent, else the last of its content.
    ///
    /// # Errors
    /// What the machine refuses. Nothing is sent then.
    #[inline]
    pub fn end(&mut self, content: impl AsRef<[u8]>) -> Result<(), SendError> {
        let content = content.as_ref();
        if !self.answer.head_sent && self.answer.length.is_none() && self.answer.trailers.is_empty() {
            return self.send_whole(content);
        }
        self.write(content)?;
        self.finish()
    }

    /// Sends the head as it stands, if it was not sent.
    ///
    /// # Errors
    /// What the machine refuses. Nothing is sent then.
    pub fn send_head(&mut self) -> Result<(), SendError> {
        if self.answer.head_sent {
            return Ok(());
        }
        let len = self.answer.length.map_or(BodyLen::Unknown, BodyLen::Exact);
        self.respond(len)
    }

    /// Sends a piece of content.
    ///
    /// # Errors
    /// What the machine refuses. Nothing is sent then.
    pub fn write(&mut self, content: impl AsRef<[u8]>) -> Result<(), SendError> {
        self.send_head()?;
        match self.conn.body() {
            Some(mut body) => body.data(content.as_ref(), &mut self.answer.out),
            None if content.as_ref().is_empty() => Ok(()),
            None => Err(SendError::WrongState),
        }
    }

    /// Sends a piece of content by reference.
    ///
    /// # Errors
    /// What the machine refuses. Nothing is sent then.
    pub fn write_shared(&mut self, content: Bytes) -> Result<(), SendError> {
        self.send_head()?;
        match self.conn.body() {
            Some(mut body) => {
                let frame = body.frame(content.len() as u64)?;
                self.answer.out.put_shared_framed(&frame, content);
                Ok(())
            }
            None if content.is_empty() => Ok(()),
            None => Err(SendError::WrongState),
        }
    }

    /// Completes the answer.
    ///
    /// # Errors
    /// What the machine refuses. Nothing is sent then.
    pub fn finish(&mut self) -> Result<(), SendError> {
        self.send_head()?;
        match self.conn.body() {
            Some(body) => body.end(&self.answer.trailers, &mut self.answer.out),
            None => Ok(()),
        }
    }

    /// [`end`](Self::end) with content by reference.
    ///
    /// # Errors
    /// What the machine refuses. Nothing is sent then.
    pub fn end_shared(&mut self, content: Bytes) -> Result<(), SendError> {
        if !self.answer.head_sent && self.answer.length.is_none() && self.answer.trailers.is_empty() {
            self.answer.length = Some(content.len() as u64);
        }
        self.write_shared(content)?;
        self.finish()
    }

    /// Cuts the connection when the handler returns.
    pub fn abort(&mut self) {
        self.answer.abort = true;
    }

    /// For answering from another thread, after the handler returned.
    pub fn responder(&mut self) -> Responder {
        let high_water = self.cx.options.write_high_water;
        let progress = self.answer.progress.get_or_insert_with(|| Arc::new(Progress::new(high_water)));
        Responder::new(self.cx.remote.clone(), progress.clone(), self.id)
    }

    /// The handler failed.
    pub(crate) fn fail(&mut self) {
        self.answer.failed = true;
    }

    fn note(&mut self, done: Result<(), SendError>) {
        if let Err(error) = done {
            self.answer.error.get_or_insert(error);
            self.answer.failed = true;
        }
    }

    #[inline]
    fn send_whole(&mut self, content: &[u8]) -> Result<(), SendError> {
        let answer = &mut *self.answer;
        if let Some(error) = answer.error.take() {
            return Err(error);
        }
        let (status, own) = self.cx.status(answer.status, answer.reason.as_deref());
        self.conn.respond_with(status, &(own, &answer.headers), content, &mut answer.out)?;
        answer.head_sent = true;
        Ok(())
    }

    fn respond(&mut self, len: BodyLen) -> Result<(), SendError> {
        let answer = &mut *self.answer;
        if let Some(error) = answer.error.take() {
            return Err(error);
        }
        let (status, own) = self.cx.status(answer.status, answer.reason.as_deref());
        self.conn.respond(status, &(own, &answer.headers), len, &mut answer.out)?;
        answer.head_sent = true;
        Ok(())
    }
}

/// The fields the server itself adds to every response.
#[derive(Clone, Copy)]
pub(crate) struct Own<'a> {
    pub(crate) server: Option<&'a str>,
}

impl FieldSource for Own<'_> {
    #[inline]
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.server.iter().map(|value| (&b"Server"[..], value.as_bytes()))
    }
}

impl Context {
    #[inline]
    fn status<'a>(&'a mut self, code: u16, reason: Option<&'a [u8]>) -> (Status<'a>, Own<'a>) {
        let date = if self.options.send_date { Some(self.clock.date()) } else { None };
        (Status { code, reason, date }, Own { server: self.options.server.as_deref() })
    }
}
