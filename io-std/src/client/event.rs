//! [`Event`]: what an observer of a request is told.
//!
//! In which order is decided by `h1wire_proto::calling::Order`.

use std::net::SocketAddr;

use h1wire_proto::ResponseHead;
use h1wire_proto::calling::Tell;

use crate::error::{ErrorKind, Timeout};

/// What happens to a request. See [`Request::observe`](crate::Request::observe).
///
/// Events come from the thread that uses the request or its response, while it does. The order is that of
/// [`Order`](h1wire_proto::calling::Order):
///
/// | case | events |
/// |---|---|
/// | success | `Socket`, `Connected`, `Sent`, `Response`, `Data` (any number), `End`, `Close` |
/// | no connection | `Socket`, `Error`, `Close` |
/// | aborted before the response began | `Socket`, …, `Abort`, `Error`, `Close` |
/// | aborted after the response began | `Socket`, …, `Response`, `Data` (any number), `Abort`, `Aborted`, `Close`, `End`, `ResponseClose` |
/// | interim responses | `Socket`, …, `Informational` (any number), `Response`, … |
/// | a time limit that only notifies | `Timeout`, and nothing else by itself |
///
/// `Sent` stands where the last byte was given to the system, which for an early answer is after `Response`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'e> {
    /// A connection is being made for the request, or it was given one. Not while it waits for its turn.
    Socket,
    /// The connection can carry the request.
    Connected {
        /// Whether it carried another request before.
        reused: bool,
        /// Its local address, unless it is not a TCP one.
        local_addr: Option<SocketAddr>,
        /// Its peer's address, unless it is not a TCP one.
        peer_addr: Option<SocketAddr>,
    },
    /// All of the request was given to the system.
    Sent,
    /// An interim response.
    Informational(&'e ResponseHead<'e, 'e>),
    /// The final response began.
    Response(&'e ResponseHead<'e, 'e>),
    /// Content that was read.
    Data(&'e [u8]),
    /// The response stream is at its end; complete, unless [`Aborted`](Self::Aborted) came before.
    End,
    /// The connection was handed over to another protocol, or as a tunnel.
    Switched,
    /// A time limit passed.
    Timeout(Timeout),
    /// The connection turned out to be dead, and the request is sent again (RFC 9110 section 9.2.2).
    Retry,
    /// The request was aborted.
    Abort,
    /// The response was cut off, by an abort or by an error.
    Aborted,
    /// The request failed.
    Error(&'e ErrorKind),
    /// The exchange is over: no more events, except those of a response that was cut off.
    Close,
    /// A response that was cut off is closed.
    ResponseClose,
}

/// What is told with an event.
pub(crate) enum With<'e> {
    Nothing,
    Addresses { reused: bool, local_addr: Option<SocketAddr>, peer_addr: Option<SocketAddr> },
    Head(&'e ResponseHead<'e, 'e>),
    Data(&'e [u8]),
    Timeout(Timeout),
    Error(&'e ErrorKind),
}

impl<'e> With<'e> {
    /// The event for what is to be told, if what belongs to it is here.
    pub(crate) fn event(&self, tell: Tell) -> Option<Event<'e>> {
        Some(match (tell, self) {
            (Tell::Socket, _) => Event::Socket,
            (Tell::Connected, Self::Addresses { reused, local_addr, peer_addr }) => {
                Event::Connected { reused: *reused, local_addr: *local_addr, peer_addr: *peer_addr }
            }
            (Tell::Sent, _) => Event::Sent,
            (Tell::Informational, Self::Head(head)) => Event::Informational(head),
            (Tell::Response, Self::Head(head)) => Event::Response(head),
            (Tell::Data, Self::Data(data)) => Event::Data(data),
            (Tell::End, _) => Event::End,
            (Tell::Switched, _) => Event::Switched,
            (Tell::Timeout, Self::Timeout(timeout)) => Event::Timeout(*timeout),
            (Tell::Retry, _) => Event::Retry,
            (Tell::Abort, _) => Event::Abort,
            (Tell::Aborted, _) => Event::Aborted,
            (Tell::Error, Self::Error(kind)) => Event::Error(kind),
            (Tell::Close, _) => Event::Close,
            (Tell::ResponseClose, _) => Event::ResponseClose,
            (Tell::Connected | Tell::Informational | Tell::Response, _) => return None,
            (Tell::Data | Tell::Timeout | Tell::Error, _) => return None,
        })
    }
}
