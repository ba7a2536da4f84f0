//! [`Upload`]: a request whose content is written as it becomes known.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use h1wire_proto::calling::Upload as Stand;
use h1wire_proto::{BodyLen, FieldSource, OwnedResponse, ResponseHead, SendError};

use super::exchange::{Exchange, Failure};
use super::response::Response;
use super::send;
use super::spec::Spec;
use crate::error::{Error, ErrorKind};

/// How much is gathered before it is sent.
const GATHER: usize = 16 * 1024;

/// A request under way, whose content is written to it.
///
/// What is written is gathered, and sent when there is enough of it or on [`flush`](Write::flush); the head goes with
/// the first piece. A server that does not read makes writing block. [`finish`](Self::finish) ends the content and
/// waits for the response. Dropped before that, the request is aborted and its connection closed.
///
/// # Answers that come early
///
/// A server may answer before it has everything. What it said so far is looked at whenever content is sent, and
/// [`early_head`](Self::early_head) tells. If the server wants no more (RFC 9112 section 9.5), writing fails with
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe), and [`finish`](Self::finish) gives the response.
///
/// Otherwise the upload goes on. A server that sends content back while it reads, as an echo does, can be read from
/// meanwhile: [`Read`] gives the content of the response, waiting for it. If nobody reads it, such a server stops
/// reading as well once all buffers are full; that ends with [`Timeout::Stall`](crate::Timeout::Stall) after
/// [`stall_timeout`](crate::Request::stall_timeout).
pub struct Upload {
    /// `None` once it ended.
    exchange: Option<Exchange>,
    gathered: Vec<u8>,
    /// Bytes written so far, gathered ones with them.
    written: u64,
    /// The server has answered, and takes no more.
    unwanted: bool,
}

impl Upload {
    pub(crate) fn start(mut spec: Box<Spec>, length: BodyLen) -> Result<Self, Error> {
        let (attempt, ends_at) = send::first(&mut spec);
        let exchange = Exchange::open(spec, length, attempt, ends_at).map_err(Failure::into_error)?;
        let mut upload = Self { exchange: Some(exchange), gathered: Vec::new(), written: 0, unwanted: false };
        upload.with(|upload, exchange| {
            if exchange.wire()?.call.upload() == Stand::Hold {
                upload.unwanted = !(exchange.flush(&[])? && exchange.await_continue()?);
            }
            Ok(())
        })?;
        Ok(upload)
    }

    /// Bytes of content that were written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Those of them that were gathered and not given to the system yet.
    pub fn queued(&self) -> usize {
        self.gathered.len()
    }

    /// Whether the head was sent, or a part of it.
    pub fn is_head_sent(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.info.sent > 0)
    }

    /// Whether the connection had carried another request before.
    pub fn is_reused(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.info.reused)
    }

    /// The local address of the connection, if it is a TCP one.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.exchange.as_ref()?.info.local_addr
    }

    /// The peer's address, if it is a TCP one. With a proxy, that is the proxy.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.exchange.as_ref()?.info.peer_addr
    }

    /// Whether the server has answered and takes no more content.
    pub fn is_answered(&self) -> bool {
        self.unwanted
    }

    /// The head of the final response, if it was received already.
    pub fn early_head(&self) -> Option<ResponseHead<'_, '_>> {
        Some(self.exchange.as_ref()?.head.as_ref()?.head())
    }

    /// Whether small writes leave at once (`TCP_NODELAY`), from now on.
    ///
    /// # Errors
    /// Those of the system; `NotConnected` if the connection is closed.
    pub fn set_no_delay(&mut self, on: bool) -> io::Result<()> {
        Exchange::tune(self.exchange.as_mut(), |stream| stream.set_no_delay(on))
    }

    /// Probes the peer after so long a silence (TCP keep-alive), in whole seconds from 1 to 32,767, from now on; `None` does not.
    ///
    /// # Errors
    /// As [`set_no_delay`](Self::set_no_delay).
    pub fn set_tcp_keep_alive(&mut self, initial_delay: Option<Duration>) -> io::Result<()> {
        Exchange::tune(self.exchange.as_mut(), |stream| stream.set_keep_alive(initial_delay))
    }

    /// Sets how long nothing may move on the connection from now on; `None` is for ever.
    pub fn set_timeout(&mut self, limit: Option<Duration>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.set_idle(limit);
        }
    }

    /// Ends the content and waits for the response.
    ///
    /// # Errors
    /// [`ErrorKind::Content`] if less was written than was announced; otherwise as
    /// [`Request::send`](crate::Request::send).
    pub fn finish(self) -> Result<Response, Error> {
        self.finish_with_trailers(&())
    }

    /// [`finish`](Self::finish) with a trailer section, which is sent if the content is chunked.
    ///
    /// # Errors
    /// As [`finish`](Self::finish); [`ErrorKind::Refused`] for a field that may not be a trailer.
    pub fn finish_with_trailers<F: FieldSource + ?Sized>(mut self, trailers: &F) -> Result<Response, Error> {
        let head = self.with(|upload, exchange| upload.end(exchange, trailers))?;
        match self.exchange.take() {
            Some(exchange) => Ok(Response::new(head, exchange)),
            None => Err(self.over()),
        }
    }

    fn end<F: FieldSource + ?Sized>(
        &mut self,
        exchange: &mut Exchange,
        trailers: &F,
    ) -> Result<OwnedResponse, ErrorKind> {
        if !self.unwanted {
            self.frame_gathered(exchange)?;
            let wire = exchange.wire()?;
            if let Some(body) = wire.call.body() {
                body.end(trailers, &mut wire.out).map_err(|error| match error {
                    SendError::BodyTooShort => content_error("less content than announced"),
                    other => ErrorKind::Refused(other),
                })?;
            }
            exchange.flush(&[])?;
        }
        exchange.await_head()
    }

    /// Writes content. `false`: the server has answered and takes no more.
    pub(crate) fn push(&mut self, content: &[u8]) -> Result<bool, Error> {
        if content.is_empty() || self.unwanted {
            return Ok(!self.unwanted);
        }
        self.with(|upload, exchange| {
            let wire = exchange.wire()?;
            let open = wire.call.body().map(|body| body.remaining());
            let room = match open {
                None => 0,
                Some(left) => left.unwrap_or(u64::MAX).saturating_sub(upload.gathered.len() as u64),
            };
            if room < content.len() as u64 {
                return Err(content_error("more content than announced"));
            }
            wire.call.content_taken();
            upload.written += content.len() as u64;
            if upload.gathered.len() + content.len() < GATHER {
                upload.gathered.extend_from_slice(content);
                return Ok(());
            }
            upload.frame_gathered(exchange)?;
            let wire = exchange.wire()?;
            let framed = wire.call.body().map(|mut body| body.frame(content.len() as u64)).transpose();
            let frame = framed.map_err(ErrorKind::Refused)?;
            if let Some(frame) = &frame {
                wire.out.extend_from_slice(frame.pre());
            }
            upload.unwanted = !exchange.flush(content)?;
            if let Some(frame) = &frame {
                exchange.wire()?.out.extend_from_slice(frame.post());
            }
            exchange.listen()?;
            upload.unwanted |= exchange.is_unwanted();
            Ok(())
        })?;
        Ok(!self.unwanted)
    }

    fn frame_gathered(&mut self, exchange: &mut Exchange) -> Result<(), ErrorKind> {
        let wire = exchange.wire()?;
        if let Some(mut body) = wire.call.body().filter(|_| !self.gathered.is_empty()) {
            body.data(&self.gathered, &mut wire.out).map_err(ErrorKind::Refused)?;
        }
        self.gathered.clear();
        Ok(())
    }

    /// Ends the request with an error of the user's.
    pub(crate) fn fail(&mut self, kind: ErrorKind) -> Error {
        match self.exchange.take() {
            Some(exchange) => exchange.fail(kind).into_error(),
            None => self.over(),
        }
    }

    fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Self, &mut Exchange) -> Result<T, ErrorKind>,
    ) -> Result<T, Error> {
        let Some(mut exchange) = self.exchange.take() else { return Err(self.over()) };
        match act(self, &mut exchange) {
            Ok(done) => {
                self.exchange = Some(exchange);
                Ok(done)
            }
            Err(kind) => Err(exchange.fail(kind).into_error()),
        }
    }

    /// It ended with an error that was told.
    fn over(&self) -> Error {
        let mut attempt = h1wire_proto::retry::Attempt::new(h1wire_proto::Method::Post, false);
        (attempt.replayable, attempt.sent) = (false, h1wire_proto::retry::Sent::Part);
        Error::new(content_error("the request has failed before"), &attempt, String::new(), None)
    }
}

fn content_error(text: &'static str) -> ErrorKind {
    ErrorKind::Content(io::Error::new(io::ErrorKind::InvalidInput, text))
}

impl Write for Upload {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        if self.push(content)? {
            return Ok(content.len());
        }
        Err(io::Error::new(io::ErrorKind::BrokenPipe, "the server has answered and takes no more content"))
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.unwanted {
            return Ok(());
        }
        self.with(|upload, exchange| {
            upload.frame_gathered(exchange)?;
            upload.unwanted = !exchange.flush(&[])?;
            Ok(())
        })?;
        Ok(())
    }
}

/// The content of a response that comes before the request is complete. What was written is sent first. Waits for the
/// response to begin; nothing is at its end.
impl Read for Upload {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Write::flush(self)?;
        Ok(self.with(|upload, exchange| {
            exchange.await_answer()?;
            let n = exchange.read(buf)?;
            upload.unwanted |= exchange.is_unwanted();
            Ok(n)
        })?)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            drop(exchange.fail(ErrorKind::Aborted).into_error());
        }
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("written", &self.written).finish_non_exhaustive()
    }
}
