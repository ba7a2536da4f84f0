//! [`Response`]: the head of a response in another thread, and futures of its content.

use std::future::Future;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use h1wire_proto::retry::{Retry, Unsafe};
use h1wire_proto::{Fields, OwnedFields, OwnedResponse, ResponseHead};

use super::asked::{Asked, wait};
use super::error::{Error, ErrorKind};

/// A response. Its content is taken piece by piece, as it comes, or all at once.
///
/// One that is dropped before its end is discarded within [`Options::discard_limit`](super::Options::discard_limit);
/// beyond, its connection is closed.
pub struct Response {
    head: OwnedResponse,
    asked: Arc<Asked>,
}

impl Response {
    pub(super) fn new(head: OwnedResponse, asked: Arc<Asked>) -> Self {
        Self { head, asked }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The whole head.
    pub fn head(&self) -> ResponseHead<'_, '_> {
        self.head.head()
    }

    /// The field lines as received: in order, with case and duplicates.
    pub fn fields(&self) -> Fields<'_, '_> {
        self.head.fields()
    }

    /// The value of the field `name`, whatever its case. Several lines of it become one value by the rule for their
    /// name: see `h1wire_proto::Duplicates`.
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        Some(self.head.fields().view().get(name)?.into_owned())
    }

    /// The next piece of the content, never empty; none after the last.
    pub fn piece(&mut self) -> Piece<'_> {
        Piece(self)
    }

    /// The rest of the content, at most `most` bytes of it: what is more fails with
    /// [`Invalid`](ErrorKind::Invalid).
    pub fn content(self, most: usize) -> Content {
        Content { response: self, most, taken: Vec::new() }
    }

    /// The rest of the content as text, at most 16 MiB of it. Bytes that are not UTF-8 become U+FFFD.
    pub fn text(self) -> Text {
        Text(self.content(16 << 20))
    }

    /// Whether the whole response was received. Some of it may not have been taken.
    pub fn is_complete(&self) -> bool {
        self.asked.state().is_complete
    }

    /// The trailer section. Empty until the content was taken to its end.
    pub fn trailers(&self) -> OwnedFields {
        let state = self.asked.state();
        let mut trailers = OwnedFields::default();
        if state.content.is_empty() {
            trailers.copy_from(&state.trailers.as_fields());
        }
        trailers
    }

    /// Ends the exchange: what is left of the response is dropped and the connection closed.
    pub fn abort(&self) {
        self.asked.act(|call| call.abort());
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        self.asked.leave();
    }
}

/// Blocks while nothing is there. Not in the thread of a loop.
impl Read for Response {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let Some(mut piece) = self.piece().wait()? else { return Ok(0) };
        let n = piece.len().min(buf.len());
        piece.split_to(n).copy_to_slice(buf.get_mut(..n).unwrap_or_default());
        if !piece.is_empty() {
            let mut state = self.asked.state();
            state.held += piece.len();
            state.content.push_front(piece);
        }
        Ok(n)
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.head.head().fmt(f)
    }
}

/// A future of the next piece of a response's content.
#[must_use = "nothing is taken before it is awaited or waited for"]
pub struct Piece<'r>(&'r mut Response);

impl Piece<'_> {
    /// Waits for it. Not in the thread of a loop.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub fn wait(self) -> Result<Option<Bytes>, Error> {
        wait(self)
    }
}

impl Future for Piece<'_> {
    type Output = Result<Option<Bytes>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.asked.poll_piece(cx)
    }
}

/// A future of all content of a response.
#[must_use = "nothing is taken before it is awaited or waited for"]
pub struct Content {
    response: Response,
    most: usize,
    taken: Vec<u8>,
}

impl Content {
    /// Waits for it. Not in the thread of a loop.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub fn wait(self) -> Result<Vec<u8>, Error> {
        wait(self)
    }
}

impl Future for Content {
    type Output = Result<Vec<u8>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { response, most, taken } = &mut *self;
        loop {
            let piece = match response.asked.poll_piece(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(None)) => return Poll::Ready(Ok(std::mem::take(taken))),
                Poll::Ready(Ok(Some(piece))) => piece,
            };
            if taken.len() + piece.len() > *most {
                let kind = ErrorKind::invalid("the content is longer than expected");
                return Poll::Ready(Err(Error::new(kind, Retry::Unsafe(Unsafe::Answered), None)));
            }
            taken.extend_from_slice(&piece);
        }
    }
}

/// A future of the content of a response as text.
#[must_use = "nothing is taken before it is awaited or waited for"]
pub struct Text(Content);

impl Text {
    /// Waits for it. Not in the thread of a loop.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub fn wait(self) -> Result<String, Error> {
        wait(self)
    }
}

impl Future for Text {
    type Output = Result<String, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_ok(|bytes| match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }
}
