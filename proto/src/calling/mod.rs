//! A client's exchange as decisions: what goes on the wire and which way, what a response, a time limit or an end means,
//! and what to do with the socket next.
//!
//! No sockets, no clock, no threads, no environment, no parser for URLs: a driver says what happened and does what it is
//! told. Which connection a request gets is decided by [`pool`](crate::pool), whether it may be sent again by
//! [`retry`](crate::retry).
//!
//! | for | see |
//! |---|---|
//! | a request by its parts: the pool's key, the target, the head | [`Request`], [`Url`], [`Dial`] |
//! | which proxy a host goes through, and how | [`Proxies`], [`Proxy`], [`Route`], [`encode_connect`], [`Socks5`] |
//! | one exchange on one connection | [`Call`], [`Terms`], [`Next`], [`Upload`], [`Why`] |
//! | time | [`Patience`], [`Wait`], [`Lapse`], [`Late`] |
//! | what observers are told, what is counted | [`Order`], [`Counters`] |
//!
//! # The loop
//!
//! For one request on a connection that the pool assigned, with the socket's part left out:
//!
//! ```
//! use h1wire_proto::calling::{Call, Lapse, Next, Request, Terms, Upload, Url};
//! use h1wire_proto::retry::Attempt;
//! use h1wire_proto::{Activity, BodyLen, ClientConfig, ClientEvent, Headers, Method, Recv, Slots, Time};
//!
//! # let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
//! # let mut socket = &answer[..];
//! # let now = || Time(0);
//! let headers = Headers::new();
//! let url = Url { host: "example.org", target: "/", ..Url::default() };
//! let request = Request::new("GET", url, &headers);
//! let (mut call, mut slots) = (Call::new(&ClientConfig::default()), Slots::new());
//! let (mut input, mut out, mut content) = (Vec::new(), Vec::new(), Vec::new());
//! call.begin(now(), &request, BodyLen::None, &Terms::default(), Attempt::new(Method::Get, false), &mut out)?;
//! let kept = loop {
//!     // Events first: what came may end it.
//!     let mut rest = &input[..];
//!     while let Ok(Recv::Event(event)) = call.recv(&mut rest, &mut slots) {
//!         match event {
//!             ClientEvent::Informational(_) => {}
//!             ClientEvent::Response(head) => assert_eq!(head.status, 200),
//!             ClientEvent::Data(data) => content.extend_from_slice(data),
//!             ClientEvent::End(_trailers) => {}
//!         }
//!     }
//!     let used = input.len() - rest.len();
//!     input.drain(..used);
//!     // Content of the request goes here, while `call.upload()` is `Upload::Send`.
//!     assert_eq!(call.upload(), Upload::Done);
//!     let mut moved = Activity::default();
//!     match call.next() {
//!         Next::Release(_hint) => break true, // to the pool
//!         Next::Close(why) => break why.is_complete(),
//!         Next::HandOver => break true,
//!         Next::Write => {
//!             // Waits for room or for input, until `call.deadline()`.
//!             moved.sent = out.len();
//!             out.clear();
//!         }
//!         Next::Read => {
//!             // Waits for input, until `call.deadline()`. At the end of the stream: `call.recv_eof()`.
//!             moved.received = socket.len();
//!             input.extend_from_slice(socket);
//! #           socket = b"";
//!         }
//!     }
//!     moved.unsent = !out.is_empty();
//!     let _ = call.observe(now(), moved);
//!     if call.deadline().is_some_and(|at| at <= now()) {
//!         while let Some(lapse) = call.expire(now()) {
//!             assert_ne!(lapse, Lapse::Notice(h1wire_proto::calling::Late::Idle));
//!         }
//!     }
//! };
//! assert!(kept && content == b"hello");
//! # Ok::<(), h1wire_proto::SendError>(())
//! ```
//!
//! If it fails and [`Call::retry`] has an attempt, the request is sent once more, over a connection from
//! [`Pool::acquire_fresh`](crate::pool::Pool::acquire_fresh).

mod address;
mod call;
mod counters;
mod credentials;
mod exempt;
mod fields;
mod length;
mod order;
mod patience;
mod plain;
mod proxies;
mod proxy;
mod request;
mod socks;
#[cfg(test)]
mod tests;
mod url;
mod why;

pub use address::{address, without_zone};
pub use call::{Call, Next, Terms, Upload};
pub use counters::Counters;
pub use credentials::Credentials;
pub use fields::Fields;
pub use length::announced_length;
pub use order::{Happened, Order, Tell};
pub use patience::{Lapse, Patience, Wait};
pub use proxies::{Proxies, Route};
pub use proxy::{Proxy, ProxyError, ProxyScheme};
pub use request::{Dial, Request, encode_connect};
pub use socks::{Socks5, SocksError};
pub use url::Url;
pub use why::{Late, Why};
