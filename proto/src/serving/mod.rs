//! A server's connection as decisions: bytes and time go in, and what to do with the socket comes out.
//!
//! [`Conn`](crate::Conn) knows what a message is and what may be said next. A [`Session`] has one, with its
//! [`Timers`](crate::Timers) and its [age](crate::Tenure), and decides what follows: when to read and when not, what a time
//! limit means, and how the connection ends without taking its last answer back. No sockets, no clock, no threads.
//!
//! | for | see |
//! |---|---|
//! | one connection | [`Session`], [`Next`], [`Io`], [`Lapse`], [`Why`] |
//! | what can be set | [`Policy`] |
//! | whom a request is for | [`Route`] |
//! | what is told and counted | [`Report`], [`Counters`] |
//!
//! # The loop
//!
//! Everything that a server with sockets of its own has to do, but for the handler. It is the same for a thread that
//! blocks, an event loop, or a completion queue: each does `Read` and `Write` its own way, and waits no longer than for
//! the deadline.
//!
//! ```
//! use h1wire_proto::serving::{Io, Lapse, Next, Policy, Session};
//! use h1wire_proto::{Activity, InBuf, Pause, Recv, ServerEvent, Slots, Time};
//! # use std::collections::VecDeque;
//! # struct Socket { input: VecDeque<&'static [u8]>, output: Vec<u8>, is_shut: bool }
//! # impl Socket {
//! #     fn read(&mut self, to: &mut [u8]) -> Option<usize> {
//! #         let piece = self.input.pop_front().unwrap_or_default();
//! #         to[..piece.len()].copy_from_slice(piece);
//! #         Some(piece.len())
//! #     }
//! # }
//! # let requests: [&'static [u8]; 3] = [b"GET / HTT", b"P/1.1\r\nHost: a\r\n\r\n", b"GET /2 HTTP/1.0\r\n\r\n"];
//! # let mut socket = Socket { input: requests.into(), output: Vec::new(), is_shut: false };
//! # let now = || Time(0);
//!
//! let policy = Policy::default();
//! let mut session = Session::new(&policy, now(), 0);
//! let (mut slots, mut input, mut out) = (Slots::new(), InBuf::new(), Vec::new());
//! let mut moved = Activity::default();
//! let why = loop {
//!     // 1. What came becomes events, and events become answers.
//!     let mut rest = input.bytes();
//!     loop {
//!         match session.recv(&policy, &mut rest, &mut slots) {
//!             Ok(Recv::Event(ServerEvent::Request(_head))) => {}
//!             Ok(Recv::Event(ServerEvent::Data(_content))) => {}
//!             Ok(Recv::Event(ServerEvent::End(_trailers))) => {}
//!             // Content is wanted, unless the answer was given instead.
//!             Ok(Recv::NeedInput(_)) if session.conn().send_continue_if_wanted(&mut out) => {}
//!             Ok(Recv::NeedInput(_) | Recv::Closed) => break,
//!             Ok(Recv::Paused(Pause::AwaitingResponse)) => {
//!                 session.conn().respond_with(200, &(), b"hello\n", &mut out).expect("it was asked for");
//!             }
//!             Ok(Recv::Paused(_)) => break,
//!             Err(error) => _ = session.respond_error(&error, None, &mut out),
//!         }
//!     }
//!     let used = input.len() - rest.len();
//!     input.consume(used);
//!     // 2. What was said is written.
//!     moved.sent = out.len();
//!     socket.output.append(&mut out);
//!     // 3. What moved, and what follows.
//!     let _ = session.observe(&policy, now(), std::mem::take(&mut moved));
//!     let most = match session.next(&policy, now(), Io::default()) {
//!         Next::Read => usize::MAX,
//!         Next::Discard { most } => most.try_into().unwrap_or(usize::MAX),
//!         Next::ShutdownWrite => {
//!             socket.is_shut = true;
//!             continue;
//!         }
//!         Next::Close(why) | Next::Reset(why) => break why, // in two ways
//!         // Written is everything already, and answered; a handler elsewhere would have to be waited for.
//!         Next::Recv | Next::Write | Next::Wait | Next::HandOver => continue,
//!     };
//!     // 4. More is read, or the time is up.
//!     let buffer = input.spare(1024, 20_000);
//!     let room = buffer.len().min(most);
//!     match socket.read(&mut buffer[..room]) {
//!         Some(0) => session.recv_eof(),
//!         Some(n) => {
//!             moved.received = n;
//!             input.filled(n);
//!         }
//!         // It was waited for until `session.deadline(&policy)`.
//!         None => while let Some(lapse) = session.expire(&policy, now(), false) {
//!             match lapse {
//!                 Lapse::Idle => session.give_up(),
//!                 Lapse::Late(expired) => _ = session.respond_expired(expired, None, &mut out),
//!                 Lapse::Read | Lapse::Over(_) => {}
//!             }
//!         },
//!     }
//! };
//! assert_eq!(why.to_string(), "the client asked for it");
//! assert!(socket.output.ends_with(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nhello\n"));
//! ```
//!
//! What is read to be dropped goes through `recv` as well, which drops it.

mod counts;
mod ending;
mod next;
mod policy;
mod report;
mod route;
mod session;
#[cfg(test)]
pub(crate) mod tests;
mod why;

pub use counts::Counters;
pub(crate) use ending::Ending;
pub use next::{Io, Next};
pub use policy::Policy;
pub use report::Report;
pub use route::Route;
pub use session::{Lapse, Session};
pub use why::Why;
