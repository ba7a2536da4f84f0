//! [`Request`]: a head, the content after it as a [`Read`], and where it came from.

use std::cell::RefCell;
use std::io::{self, Read};
use std::net::SocketAddr;

use h1wire_proto::{BodyKind, Fields, Method, OwnedFields, RequestHead, Version};

use super::exchange::Exchange;
use crate::socket;

/// A request as the handler has it: the [head](Self::head), and the content to [`read`](Read::read).
///
/// Reading blocks until there is something to read, and so stops a client that is faster than its reader. Where the
/// client waits for `100 Continue` before it sends content, the first read sends it. What a handler does not read is
/// read and discarded after the response, up to [`discard_limit`](h1wire_proto::serving::Policy::discard_limit); beyond it the
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

impl<'a> Request<'a> {
    /// Everything that was said before the content.
    #[inline]
    pub fn head(&self) -> &RequestHead<'a, 'a> {
        &self.head
    }

    /// The method.
    #[inline]
    pub fn method(&self) -> Method<'a> {
        self.head.method
    }

    /// The target as it was sent.
    #[inline]
    pub fn target(&self) -> &'a [u8] {
        self.head.target
    }

    /// The path of the target, whatever its form, without the query: [`RequestHead::path`].
    pub fn path(&self) -> &'a [u8] {
        self.head.path()
    }

    /// The query of the target, without its `?`: [`RequestHead::query`].
    pub fn query(&self) -> Option<&'a [u8]> {
        self.head.query()
    }

    /// The version.
    #[inline]
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// The fields of the head.
    #[inline]
    pub fn fields(&self) -> Fields<'a, 'a> {
        self.head.fields
    }

    /// How many bytes of content there are, if that was said; 0 without content.
    pub fn content_length(&self) -> Option<u64> {
        match self.head.body {
            BodyKind::None => Some(0),
            BodyKind::Length(n) => Some(n),
            BodyKind::Chunked | BodyKind::UntilClose => None,
        }
    }

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
        self.exchange.borrow().link.session.machine().wants_continue()
    }

    /// Which request of its connection this is, counted from 1.
    pub fn number(&self) -> u32 {
        self.exchange.borrow().link.session.requests()
    }

    /// The address of the client; none on Unix sockets, and on streams that have none.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.exchange.borrow().link.peer
    }

    /// The address the client connected to; none as for [`peer_addr`](Self::peer_addr).
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.exchange.borrow().link.local
    }

    /// Whether the client is gone, so that nobody will read the response: its connection was reset, or is closed in both
    /// directions. Looks without blocking; for a handler that takes long before it writes. A client that only ended its
    /// half is still there, unless [`Options::abort_on_end`](super::Options::abort_on_end) says otherwise. `false` for
    /// streams without a [`poll_fd`](crate::Transport::poll_fd).
    pub fn is_aborted(&self) -> bool {
        let exchange = self.exchange.borrow();
        let link = &exchange.link;
        let is_gone = if link.rules.options.abort_on_end { socket::has_ended } else { socket::is_gone };
        link.stream.as_ref().and_then(|stream| stream.poll_fd()).is_some_and(is_gone)
    }

    /// Whether the server is [shutting down](super::Handle::shutdown), so that an answer that goes on and on, such as a
    /// stream of events, should come to its end.
    pub fn is_shutting_down(&self) -> bool {
        self.exchange.borrow().is_shutting_down()
    }
}

impl Read for Request<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.exchange.borrow_mut().read_content(buf, self.trailers, true)
    }
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.head.fmt(f)
    }
}
