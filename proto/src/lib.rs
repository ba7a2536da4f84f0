//! HTTP/1.1 as a state machine without IO: bytes in, events out, and back again.
//!
//! [`Conn`] is one side of one connection, [`Server`] or [`Client`]. It is given the bytes that were read and answers
//! with events; it is told what to say and appends the bytes to write. It has no socket, clock, thread or buffer, and
//! takes at most 192 bytes. Every rule of the protocol (RFC 9110, RFC 9112) is decided here: framing, persistence,
//! pipelining, interim responses, upgrades and tunnels, and what may not be sent. What is left for its owner is to move
//! bytes, to keep time, and to follow [`Conn::advice`]; a server's [`Session`](serving::Session) turns that into steps.
//!
//! # A server
//!
//! Call [`recv`](Conn::recv) until it has no more events. It takes what it consumed off the front of the input; what
//! is left must be in front of what is read next. Events borrow the input and a [`Slots`], which one event loop or
//! thread needs once, so the connection is free to answer while they are looked at.
//!
//! ```
//! use h1wire_proto::{Advice, Conn, Recv, Server, ServerConfig, ServerEvent, Slots};
//!
//! let mut conn = Conn::<Server>::new(&ServerConfig::default());
//! let (mut slots, mut out) = (Slots::new(), Vec::new());
//! // What a socket would have given. Here it is all there is, so to ask for more is to be done.
//! let mut input = &b"GET /hello HTTP/1.1\r\nHost: example.com\r\n\r\n"[..];
//! loop {
//!     match conn.recv(&mut input, &mut slots) {
//!         Ok(Recv::Event(ServerEvent::Request(head))) => {
//!             assert_eq!(head.target, b"/hello");
//!             let fields = [("Content-Type", "text/plain")];
//!             conn.respond_with(200, &fields, b"hello\n", &mut out)?;
//!         }
//!         // The content of the request, if it has any, and its end.
//!         Ok(Recv::Event(ServerEvent::Data(_) | ServerEvent::End(_))) => {}
//!         // Read more, and call `recv_eof` when there is no more.
//!         Ok(Recv::NeedInput(_)) => break,
//!         // Only for servers that do not answer at once: a request waits for its answer, or an answer for its end.
//!         Ok(Recv::Paused(_)) => break,
//!         Ok(Recv::Closed) => break,
//!         Err(error) => {
//!             conn.respond_error(&error, None, &mut out)?;
//!             break;
//!         }
//!     }
//! }
//! assert_eq!(out, b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n");
//! // Once `out` is written: keep the connection, drain it, linger, or close it.
//! assert_eq!(conn.advice(), Advice::Reuse);
//! # Ok::<(), h1wire_proto::SendError>(())
//! ```
//!
//! # A client
//!
//! ```
//! use h1wire_proto::{Advice, BodyLen, Client, ClientConfig, ClientEvent, Conn, Method, Recv, Slots};
//!
//! let mut conn = Conn::<Client>::new(&ClientConfig::default());
//! let mut out = Vec::new();
//! conn.request(Method::Post, b"/notes", &[("Host", "example.com")], BodyLen::Exact(2), &mut out)?;
//! if let Some(mut body) = conn.body() {
//!     body.data(b"hi", &mut out)?;
//! }
//! assert_eq!(out, b"POST /notes HTTP/1.1\r\nHost: example.com\r\nContent-Length: 2\r\n\r\nhi");
//!
//! let mut input = &b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"[..];
//! let (mut slots, mut content) = (Slots::new(), Vec::new());
//! while let Recv::Event(event) = conn.recv(&mut input, &mut slots)? {
//!     match event {
//!         ClientEvent::Response(head) => assert_eq!(head.status, 201),
//!         ClientEvent::Data(data) => content.extend_from_slice(data),
//!         ClientEvent::Informational(_) | ClientEvent::End(_) => {}
//!     }
//! }
//! assert_eq!(content, b"ok");
//! assert_eq!(conn.advice(), Advice::Reuse);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is where
//!
//! | for | see |
//! |---|---|
//! | the machine: receiving, sending, what to do with the socket | [`Conn`], [`Recv`], [`BodyTx`], [`Advice`], [`Phase`] |
//! | bounds on a peer, and what is tolerated of it | [`Limits`], [`ServerLeniency`], [`ClientLeniency`] |
//! | what is received: heads, fields, targets, values of fields | [`RequestHead`], [`ResponseHead`], [`Fields`], [`View`], [`Target`], [`members`] |
//! | what is to be sent: fields and sinks | [`FieldSource`], [`Headers`], [`Prepared`], [`Status`], [`Out`], [`OutQueue`] |
//! | messages that outlive their input | [`OwnedRequest`], [`OwnedResponse`] |
//! | intermediaries | [`Forwarding`] |
//! | time, as an argument: limits, timers, dates | [`Timeouts`], [`Lifetime`], [`Tenure`], [`Timers`], [`Wheel`], [`DateCache`] |
//! | unconsumed input | [`InBuf`] |
//! | a server's connection, as decisions: what to do with the socket, and why it ends | [`serving`] |
//! | a client's exchange and its connections, as decisions | [`calling`], [`pool`], [`retry`] |
//!
//! `serving`, `calling`, `pool` and `retry` are modules because their names only make sense together; everything else is at
//! the root.
//!
//! # Errors
//!
//! [`RecvError`] is the peer's fault. It has the offset of the byte, the status to answer with and the section of the
//! RFC, and is the same however the input was split. Nothing is received after it. [`SendError`] is the caller's
//! fault: nothing was written, and no state has changed. Nothing a peer sends and no order of calls panics.
//!
//! # Features
//!
//! `std` (default) chooses the fastest code for scanning when the program runs, and converts to what the standard library
//! has for errors and moments; without it, that choice is made when
//! compiling and the crate is `no_std`. It needs `alloc` either way, though a `Conn` never allocates: the sinks and
//! the `Slots` do, and grow to what they once needed. `http` converts heads from and to the types of the crate of that
//! name.
//!
//! `extra-platforms` is for processors without atomic compare-and-swap (Cortex-M0, `riscv32imc`), as the feature of the
//! same name in `bytes`: the program then says how [`portable-atomic`](https://docs.rs/portable-atomic) does without.
#![cfg_attr(not(test), no_std)]
// What is disallowed, and why, is in `clippy.toml`.
#![deny(clippy::disallowed_methods)]
#![warn(unnameable_types, unreachable_pub)]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod access_log;
mod advice;
mod authority;
pub mod calling;
mod chunked;
mod class;
mod conn;
mod cycle;
mod date;
mod digits;
mod error;
mod expired;
mod field_name;
mod fields;
mod forward;
mod framing;
mod head;
mod headers;
#[cfg(feature = "http")]
mod http_types;
mod inbuf;
#[cfg(feature = "std")]
mod io_error;
mod leniency;
mod lifetime;
mod limits;
mod message;
mod out;
mod owned;
pub mod pool;
mod proxy_protocol;
mod queue;
mod registry;
pub mod retry;
#[allow(unsafe_code)]
mod scan;
mod send;
pub mod serving;
#[cfg(feature = "std")]
mod system_time;
mod target;
mod time;
mod timeouts;
mod timers;
mod upgrade;
mod validate;
mod values;
mod views;
mod visits;
mod wheel;

pub use access_log::AccessLine;
pub use advice::{Advice, Phase};
pub use authority::Authority;
pub use conn::{
    Client, ClientConfig, ClientEvent, Conn, Need, Pause, Recv, Role, Server, ServerConfig, ServerEvent,
};
pub use date::{DateCache, HttpDate};
pub use error::{RecvError, RecvErrorKind, SendError};
pub use expired::Expired;
pub use field_name::FieldName;
pub use fields::{Escaped, Fields, FieldsIter, Slots};
pub use forward::{
    EndToEnd, ForwardRequest, ForwardResponse, ForwardedFields, ForwardedForm, Forwarding, HopByHop, NextHop,
    NotForwarded,
};
pub use headers::{Headers, Merged};
pub use inbuf::InBuf;
pub use leniency::{ClientLeniency, ServerLeniency};
pub use lifetime::{Lifetime, Tenure};
pub use limits::Limits;
pub use message::{Asks, BodyKind, Expect, Extension, Method, RequestHead, ResponseHead, Version};
pub use out::{Count, Out};
pub use owned::{OwnedFields, OwnedRequest, OwnedResponse};
pub use proxy_protocol::{BadProxyHeader, ProxyHeader};
pub use queue::OutQueue;
pub use registry::{METHODS, MethodInfo, STATUS_CODES, reason_phrase};
#[doc(hidden)]
pub use scan::{ScanDigest, scan_twins};
pub use send::{BodyLen, BodyTx, FieldSource, Frame, Prepared, Status};
pub use target::Target;
pub use time::Time;
pub use timeouts::Timeouts;
pub use timers::{Activity, Timers};
pub use validate::{Strictness, validate_name, validate_value};
pub use values::{
    KeepAlive, Members, Parameter, Parameters, members, members_with_comments, split_parameters, tokens,
    unquote,
};
pub use views::{Distinct, Duplicates, Named, View};
#[cfg(fuzzing)]
#[doc(hidden)]
pub use visits::take as take_visits;
pub use wheel::Wheel;

#[cfg(test)]
mod tests {
    use super::*;

    /// What one thread reads another may answer: nothing here is bound to a thread.
    #[test]
    fn everything_may_be_sent_to_and_shared_with_other_threads() {
        fn is_send_and_sync<T: Send + Sync>() {}
        is_send_and_sync::<Conn<Server>>();
        is_send_and_sync::<Conn<Client>>();
        is_send_and_sync::<(Slots, InBuf, OutQueue, Headers, Prepared)>();
        is_send_and_sync::<(OwnedRequest, OwnedResponse, OwnedFields)>();
        is_send_and_sync::<(Timers, Wheel, DateCache, Tenure)>();
        is_send_and_sync::<pool::Pool<pool::Origin>>();
        is_send_and_sync::<(RequestHead<'_, '_>, ResponseHead<'_, '_>, Target<'_>)>();
        is_send_and_sync::<(RecvError, SendError)>();
    }
}
