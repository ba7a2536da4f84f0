//! [`Event`]: what the caller of a request is told, in the order it happens. The order is `h1wire_proto::calling::Order`'s.

use h1wire_proto::calling::Late;
use h1wire_proto::{Fields, ResponseHead};

use super::error::Error;

/// What happens to a call.
///
/// | case | events |
/// |---|---|
/// | success | `Socket`, `Connected`, `Sent`, `Response`, `Data` (any number), `End`, `Close` |
/// | no connection | `Socket`, `Error`, `Close` |
/// | aborted before the response | `Socket`, …, `Abort`, `Error`, `Close` |
/// | aborted within the response | `Socket`, …, `Response`, `Data` (any number), `Abort`, `Aborted`, `Close`, `End`, `ResponseClose` |
/// | failed within the response | …, `Response`, `Data` (any number), `Error`, `Aborted`, `Close`, `End`, `ResponseClose` |
/// | interim responses | …, `Informational` (any number), `Response`, … |
/// | handed over | …, `Response`, `Switched`, `Close` |
/// | kept here as another protocol | …, `Response`, `Switched`, `Data` (any number), `End`, `Close` |
/// | a time limit that only notifies | `Timeout`, and nothing else by itself |
/// | sent again | `Socket`, …, `Retry`, `Socket`, … |
///
/// `Sent` stands where the last byte was given to the system, which for an early answer is after `Response`. No event comes
/// from within the call that starts or aborts a request: they come when its loop has its next turn.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'e> {
    /// A connection is being made for the request, or it was given one. Not while it waits for its turn.
    Socket,
    /// The connection can carry the request. Its addresses and options: [`Call::stream`](super::Call::stream).
    Connected {
        /// Whether it carried another request before.
        reused: bool,
    },
    /// The content may be sent: `100 Continue` came, or the wait for it is over. Only for requests that hold their
    /// content back (RFC 9110 section 10.1.1). What was written meanwhile is sent by itself.
    Continue,
    /// A writer that was told that there is no room can go on.
    Drain,
    /// All of the request was given to the system.
    Sent,
    /// An interim response.
    Informational(&'e ResponseHead<'e, 'e>),
    /// The final response began.
    Response(&'e ResponseHead<'e, 'e>),
    /// The server wants no more of the content (RFC 9112 section 9.5): it answered before it had it all. What is written
    /// from now on is dropped.
    Unwanted,
    /// A piece of the content, never empty.
    Data(&'e [u8]),
    /// The response stream is at its end; complete, with its trailer section, unless [`Aborted`](Self::Aborted) came
    /// before.
    End(Fields<'e, 'e>),
    /// The connection belongs to another protocol, or is a tunnel. Take it with
    /// [`Call::take_over`](super::Call::take_over), or go on here with [`Call::stay`](super::Call::stay); else it is
    /// closed.
    Switched,
    /// A time limit passed.
    Timeout(Late),
    /// The connection turned out to be dead, and the request is sent again (RFC 9110 section 9.2.2).
    Retry,
    /// The call was aborted.
    Abort,
    /// The response was cut off, by an abort or by an error.
    Aborted,
    /// The request failed.
    Error(Error),
    /// The exchange is over: no more events, except those of a response that was cut off.
    Close,
    /// A response that was cut off is closed.
    ResponseClose,
}
