//! [`Request`]: a head, the content behind it as a [`Read`], and where it came from.

use std::cell::RefCell;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Duration;

use h1wire_proto::{Fields, OwnedFields, RequestHead};

use super::exchange::Exchange;
use crate::socket;

/// A request as the handler has it: the [head](RequestHead), to which it dereferences, and the content to
/// [`read`](Read::read).
///
/// Reading blocks until there is something to read, and so stops a client that is faster than its reader. Where the
/// client waits for `100 Continue` before it sends content, the first read sends it. What a handler does not read is
/// read and discarded after the response, up to [`discard_limit`](super::Options::discard_limit); beyond it the
/// connection is closed.
///
/// A read fails with `TimedOut` when the client is too slow, with `UnexpectedEof` when it left, with `InvalidData`
/// when it broke the protocol; [`RecvError`](h1wire_proto::RecvError) is then the inner error. A handler may pass the
/// error on: the client is answered as it deserves if no answer was begun.
pub struct Request<'a> {
    pub(crate) exchange: &'a RefCell<Exchange>,
    pub(crate) head: RequestHead<'a, 'a>,
    pub(crate) trailers: &'a mut OwnedFields,
}

impl Request<'_> {
    /// The trailer section: empty until the content was read to its end, and if there was none (RFC 9110 section
    /// 6.5).
    pub fn trailers(&self) -> Fields<'_, '_> {
        self.trailers.as_fields()
    }

    /// Whether the whole request was received and read. A request without content is complete at once.
    pub fn is_complete(&self) -> bool {
        let exchange = self.exchange.borrow();
        exchange.received && exchange.held == 0
    }

    /// Whether the client waits for `100 Continue` before it sends the content. To read it is to say so; to answer
    /// without reading is to refuse it (RFC 9110 section 10.1.1).
    pub fn wants_continue(&self) -> bool {
        self.exchange.borrow().link.conn.wants_continue()
    }

    /// The how-manieth request of its connection this is, from 1.
    pub fn number(&self) -> u32 {
        self.exchange.borrow().link.tenure.requests()
    }

    /// The address of the client; none on Unix sockets, and on streams that have none.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.exchange.borrow().link.peer
    }

    /// The address the client connected to; none as for [`peer_addr`](Self::peer_addr).
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.exchange.borrow().link.local
    }

    /// Sets how long nothing may move on the connection during this exchange; `None` is without limit. Default:
    /// [`Timeouts::idle`](h1wire_proto::Timeouts::idle). Whole milliseconds, at least one.
    pub fn set_timeout(&mut self, limit: Option<Duration>) {
        let limit = limit.map(|limit| limit.max(Duration::from_millis(1)));
        self.exchange.borrow_mut().link.set_idle(Some(limit));
    }

    /// Whether the client is gone altogether, so that nobody will read the response. Looks without blocking; for a
    /// handler that takes long before it writes. A client that only ended its half is still there. `false` for
    /// streams without a [`poll_fd`](crate::Stream::poll_fd).
    pub fn is_aborted(&self) -> bool {
        let exchange = self.exchange.borrow();
        let stream = exchange.link.stream.as_ref();
        stream.and_then(|stream| stream.poll_fd()).is_some_and(socket::is_gone)
    }

    /// Drops the connection when the handler returns: nothing more is read, and no more of the response is sent.
    pub fn destroy(&mut self) {
        self.exchange.borrow_mut().aborted = true;
    }
}

impl Read for Request<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.exchange.borrow_mut().read_content(buf, self.trailers)
    }
}

impl<'a> Deref for Request<'a> {
    type Target = RequestHead<'a, 'a>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.head
    }
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.head.fmt(f)
    }
}
