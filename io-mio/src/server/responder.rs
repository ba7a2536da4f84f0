//! [`Responder`]: answering a request from any thread. Each call becomes a command to its event loop.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use h1wire_proto::Headers;

use crate::server::progress::Progress;
use crate::server::remote::{Command, ExchangeId, Remote};
use crate::server::response::Response;

/// Answers a request from any thread, after the handler returned.
///
/// Made by [`Response::responder`]. Clones are for the same answer. When the last is dropped before the answer is
/// complete, and the handler kept no exchange either, the client is answered 500, or cut off if the answer was begun.
#[derive(Clone)]
pub struct Responder {
    ticket: Arc<Ticket>,
}

struct Ticket {
    remote: Arc<Remote>,
    progress: Arc<Progress>,
    id: ExchangeId,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.progress.is_open() {
            self.remote.send(Command::Forsake(self.id));
        }
    }
}

impl Responder {
    pub(crate) fn new(remote: Arc<Remote>, progress: Arc<Progress>, id: ExchangeId) -> Self {
        Self { ticket: Arc::new(Ticket { remote, progress, id }) }
    }

    /// Runs `f` with the answer in the thread of its event loop, soon. Says whether the answer is still open as far as
    /// is known here; if not, `f` is dropped.
    pub fn run(&self, f: impl FnOnce(&mut Response<'_>) + Send + 'static) -> bool {
        let open = self.is_open();
        if open {
            self.ticket.remote.send(Command::Act(self.ticket.id, Box::new(f)));
        }
        open
    }

    /// Sends a whole answer. What is wrong with it is answered with 500.
    pub fn respond(&self, status: u16, headers: Headers, content: impl Into<Bytes>) -> bool {
        let content = content.into();
        self.run(move |res| {
            if let Err(error) = res.status(status).fields(&headers).end_shared(content) {
                res.fail(error);
            }
        })
    }

    /// Sends the next piece of content, with the head before it if it was not sent. Says whether the answer is still
    /// open. A writer that has much to say [waits](Self::wait_writable) before each piece.
    pub fn write(&self, content: impl Into<Bytes>) -> bool {
        let content = content.into();
        let progress = self.ticket.progress.clone();
        progress.sent.fetch_add(content.len(), Ordering::AcqRel);
        self.run(move |res| {
            let len = content.len();
            if let Err(error) = res.write_shared(content) {
                res.fail(error);
            }
            // Counted twice for a moment, rather than not at all.
            progress.set_buffered(res.buffered());
            progress.sent.fetch_sub(len, Ordering::AcqRel);
            progress.announce();
        })
    }

    /// Completes the answer.
    pub fn finish(&self) -> bool {
        self.run(|res| {
            if let Err(error) = res.finish() {
                res.fail(error);
            }
        })
    }

    /// Cuts the connection.
    pub fn abort(&self) {
        self.run(|res| res.abort());
    }

    /// Whether the answer can still be added to: it is not complete, and the connection did not end.
    pub fn is_open(&self) -> bool {
        self.ticket.progress.is_open()
    }

    /// Whether the server shuts down, so that an answer without an end should come to one.
    pub fn is_shutting_down(&self) -> bool {
        self.ticket.progress.is_shutting_down()
    }

    /// Waits until less than [`Options::write_high_water`](crate::Options::write_high_water) bytes wait to be sent, or
    /// the answer is not open any more, or `timeout` has passed. Says whether there is room. Not for the thread of an
    /// event loop.
    pub fn wait_writable(&self, timeout: Duration) -> bool {
        self.ticket.progress.wait_writable(timeout)
    }
}

impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Responder").field("is_open", &self.is_open()).finish_non_exhaustive()
    }
}
