//! The machine: one side of one HTTP/1 connection, without IO, buffers, clock or allocation.
//!
//! This file has the type and what both roles share. Receiving is in `server`, `client` and `content`; sending is in
//! `crate::send`; what the owner of the socket is told about it is in `asking`. Whether a step is legal is decided by
//! `cycle` alone, how long content is by `framing` alone.

mod asking;
mod client;
mod content;
mod outstanding;
mod server;

pub use client::{ClientConfig, ClientEvent};
pub use server::{ServerConfig, ServerEvent};

use core::marker::PhantomData;

use crate::chunked::ChunkLine;
use crate::cycle::{Cycle, Party, Step};
use crate::error::{RecvError, RecvErrorKind};
use crate::head::{Careful, Section};
use crate::leniency::Flags;
use crate::limits::{Bounds, Limits};
use crate::message::Version;
use outstanding::Outstanding;
pub(crate) use outstanding::Sent;
use sealed::Sealed;

/// What one call of [`Conn::recv`] came to.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub enum Recv<E> {
    /// Something happened. Call again: more may be in the input.
    Event(E),
    /// No event is possible until the caller appends bytes to what is left of the input, or calls
    /// [`Conn::recv_eof`].
    NeedInput(Need),
    /// No event is possible until the *local* side acts. What is left of the input stays the caller's; the socket
    /// need not be read meanwhile.
    Paused(Pause),
    /// The peer's half is over, nothing that may still come would be looked at, and nothing is owed to the peer: what is
    /// left to do is what [`Conn::advice`] says. A client's own request may still be under way.
    Closed,
}

/// What the machine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// The first or next bytes of a head, which must be contiguous with what is left of the input.
    Head,
    /// Content: this many bytes are announced, if that is known.
    Content(Option<u64>),
    /// Bytes between the pieces of content: a chunk line, or trailers (contiguous with what is left).
    Framing,
}

/// What the local side must do before there can be another event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pause {
    /// A server: the request is complete and has no final response yet: answer it. So it is for every request, whatever
    /// it says about the connection, and also when the client will send nothing more. One that
    /// [proposes a switch](Conn::proposes_switch) can be answered by that instead.
    AwaitingResponse,
    /// A server: the response that was begun is not complete: go on with it, and [end](crate::BodyTx::end) it.
    FinishResponse,
    /// The connection belongs to another protocol. What is left of the input is its first bytes.
    Switched,
}

mod sealed {
    #[expect(unnameable_types, reason = "it seals `Role`")]
    pub trait Sealed {
        const LOCAL: crate::cycle::Party;
    }
}

/// [`Server`] or [`Client`]. Sealed: a connection has no third side.
pub trait Role: Sealed {
    /// What [`Conn::recv`] tells about.
    type Event<'i: 's, 's>;
}

/// The role that receives requests and sends responses.
#[derive(Debug, Clone, Copy)]
pub enum Server {}
/// The role that sends requests and receives responses.
#[derive(Debug, Clone, Copy)]
pub enum Client {}
impl Sealed for Server {
    const LOCAL: Party = Party::Server;
}
impl Sealed for Client {
    const LOCAL: Party = Party::Client;
}
impl Role for Server {
    type Event<'i: 's, 's> = ServerEvent<'i, 's>;
}
impl Role for Client {
    type Event<'i: 's, 's> = ClientEvent<'i, 's>;
}

/// One side of one HTTP/1.0 or HTTP/1.1 connection: bytes in, events out, and back again.
///
/// At most 192 bytes, inline. Methods by kind, in the order they are called:
///
/// * *making*: `new`
/// * *receiving*: [`recv`](Self::recv) until it has no more events; [`recv_eof`](Self::recv_eof) once;
///   [`recv_bypass`](Self::recv_bypass) and [`recv_bypassed`](Self::recv_bypassed) for content that is moved
///   without being shown
/// * *sending*, server: `send_informational`, then `respond` or `respond_with`, then [`body`](Self::body); or `switch`, or
///   `accept_tunnel`; `respond_error` after an error, `respond_expired` after a time limit
/// * *sending*, client: `request`, then [`body`](Self::body)
/// * *asking*: [`phase`](Self::phase) for timers, [`advice`](Self::advice) for the socket
///
/// Reading and writing are independent: an answer may be sent before the request is complete, and events borrow
/// the input and the [`Slots`](crate::Slots), never the connection. Any order of calls is safe; a refused call changes nothing.
///
/// One exchange, as both sides walk through it:
///
/// ```text
///   client:  Idle ── request ──> Body ── end ──> Done
///                      │                          └─ 101 ──────────────┐
///                      v                                               v
///   server:  Idle ──> Await ── response ──> Body ── end ──> Done    Switched (both)
///                      └─ 1xx: still there    2xx to CONNECT ──────────^
/// ```
///
/// Both `Done` is `Idle` again, unless either side gave the connection up.
///
/// An owner goes round in four steps. A server that follows a [`Session`](crate::serving::Session) instead has the fourth
/// one decided as well, with all that belongs to an end:
///
/// ```
/// use h1wire_proto::{Advice, Conn, Pause, Recv, Server, ServerConfig, ServerEvent, Slots};
/// # let mut socket = [&b"POST / HTTP/1.1\r\nHost: a\r\nContent-"[..], b"Length: 2\r\nConnection: close\r\n\r\nhi", b""].into_iter();
/// # let mut sent = Vec::new();
/// let mut conn = Conn::<Server>::new(&ServerConfig::default());
/// let (mut slots, mut input, mut out) = (Slots::new(), Vec::new(), Vec::new());
/// loop {
///     // 1. Show what was read. What is left stays in front of what is read next.
///     let mut rest = &input[..];
///     let is_over = loop {
///         match conn.recv(&mut rest, &mut slots) {
///             Ok(Recv::Event(ServerEvent::Request(head))) => assert_eq!(head.target, b"/"),
///             Ok(Recv::Event(ServerEvent::Data(content))) => assert_eq!(content, b"hi"),
///             Ok(Recv::Event(ServerEvent::End(_trailers))) => {}
///             // 2. Answer: every request, whatever it says about its connection.
///             Ok(Recv::Paused(Pause::AwaitingResponse)) => conn.respond_with(200, &(), b"ho", &mut out)?,
///             Ok(Recv::NeedInput(_) | Recv::Paused(_)) => break false,
///             Ok(Recv::Closed) => break true,
///             Err(error) => {
///                 conn.respond_error(&error, None, &mut out)?;
///                 break true;
///             }
///         }
///     };
///     let used = input.len() - rest.len();
///     input.drain(..used);
///     // 3. Write what was said.
/// #   sent.extend_from_slice(&out);
///     out.clear();
///     // 4. Obey, or read on.
///     match conn.advice() {
///         Advice::Continue | Advice::Reuse if !is_over => {}
///         advice => break assert_eq!(advice, Advice::Close),
///     }
///     match socket.next() {
///         Some(b"") | None => conn.recv_eof(),
///         Some(more) => input.extend_from_slice(more),
///     }
/// }
/// # assert!(sent.ends_with(b"Connection: close\r\nContent-Length: 2\r\n\r\nho"));
/// # Ok::<(), h1wire_proto::SendError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conn<R> {
    pub(crate) core: Core,
    role: PhantomData<fn() -> R>,
}

/// Where the receive half stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rx {
    /// Before or inside a head.
    Head,
    Length(u64),
    UntilClose,
    ChunkLine(ChunkLine),
    ChunkData(u64),
    /// The CRLF after chunk data.
    ChunkCr,
    ChunkLf,
    Trailers,
    /// The message is over but its end was not told yet.
    Ended,
    /// The same of a request without content, which is complete with its head: the joint state knows.
    Over,
    Failed(RecvError),
}

/// Where the sending half stands: how the content under way is framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tx {
    /// No content is under way.
    None,
    /// So many bytes are still owed.
    Length(u64),
    Chunked,
    UntilClose,
    /// The message has no content whatever is written; so many bytes were announced.
    Discard(u64),
}

impl Tx {
    pub(crate) const NONE: Self = Self::None;

    pub(crate) fn is_open(&self) -> bool {
        *self != Self::None
    }
}

/// Everything a connection remembers.
#[derive(Clone, Debug)]
pub(crate) struct Core {
    /// The offset of the next input byte in the stream.
    pub(crate) offset: u64,
    pub(crate) rx: Rx,
    pub(crate) tx: Tx,
    pub(crate) cycle: Cycle,
    pub(crate) careful: Careful,
    pub(crate) bounds: Bounds,
    /// Content that may come in each message. `u64::MAX` is no limit: offsets have no more.
    pub(crate) content_bound: u64,
    /// Interim responses that may come before a final one. `u16::MAX` is no limit: they are counted to that.
    pub(crate) informational_bound: u16,
    pub(crate) lenient: Flags,
    /// Bytes of line ends skipped before the head.
    pub(crate) skipped: u16,
    /// Interim responses since the last final one.
    pub(crate) informational: u16,
    /// Content that may still come in this message.
    pub(crate) content_left: u64,
    /// Framing beyond what the content pays for ([`Limits::chunk_overhead`]).
    pub(crate) overhead: u32,
    /// Seconds a server advertises that it keeps the connection; 0 for none.
    pub(crate) keep_alive_hint: u16,
    pub(crate) flags: ConnFlags,
    pub(crate) outstanding: Outstanding,
    /// The protocols the last request offered ([`crate::upgrade::fingerprint`]).
    pub(crate) offered: u64,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ConnFlags {
    pub(crate) eof: bool,
    /// Some bytes of a head are in the caller's hands.
    pub(crate) in_head: bool,
    /// Input was refused or ignored, or the peer did not know that no more is wanted: it may have more on the way.
    pub(crate) ignored: bool,
    /// Input was left when a server last received: perhaps another request.
    pub(crate) behind: bool,
    pub(crate) require_host: bool,
    /// The request announced `100-continue` and neither 100 nor content was seen since.
    pub(crate) continue_pending: bool,
    pub(crate) rest: Rest,
    /// The peer's version is HTTP/1.0.
    pub(crate) http10: bool,
    /// The server's last request was HEAD.
    pub(crate) head_request: bool,
    /// The owner wants no exchange after this one.
    pub(crate) last: bool,
}

/// What becomes of the rest of the request's content once it is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Rest {
    /// What an answer makes of it: a client may go on sending it, a server only drains it.
    #[default]
    AsAnswered,
    /// A client's is not wanted any more, for the server answered with an error and closes.
    Unwanted,
    /// A server's owner reads on.
    Wanted,
}

impl Core {
    fn new(section: Section, limits: &Limits, lenient: Flags) -> Self {
        Self {
            offset: 0,
            rx: Rx::Head,
            tx: Tx::NONE,
            cycle: Cycle::START,
            careful: Careful::new(section),
            bounds: Bounds::new(limits),
            content_bound: limits.content_bytes.unwrap_or(u64::MAX),
            informational_bound: limits.informational.map_or(u16::MAX, u16::from),
            lenient,
            skipped: 0,
            informational: 0,
            content_left: u64::MAX,
            overhead: 0,
            keep_alive_hint: 0,
            flags: ConnFlags::default(),
            outstanding: Outstanding::NONE,
            offered: 0,
        }
    }

    /// Holds what comes to these limits from now on.
    pub(crate) fn bind(&mut self, limits: &Limits, lenient: Flags) {
        (self.bounds, self.lenient) = (Bounds::new(limits), lenient);
        self.content_bound = limits.content_bytes.unwrap_or(u64::MAX);
        self.informational_bound = limits.informational.map_or(u16::MAX, u16::from);
    }

    /// Takes a step that is legal here.
    #[inline(always)]
    pub(crate) fn step(&mut self, party: Party, step: Step) {
        let taken = self.cycle.apply(party, step);
        debug_assert!(taken.is_ok(), "{party:?} {step:?} in {:?}", self.cycle);
    }

    /// Advances the caller's input.
    #[inline(always)]
    pub(crate) fn consume(&mut self, input: &mut &[u8], n: usize) {
        self.offset = self.offset.saturating_add(n as u64);
        *input = input.get(n..).unwrap_or_default();
    }

    /// The receive half is over: an error by `party` at `at` bytes from the current offset.
    #[cold]
    pub(crate) fn fail(&mut self, party: Party, kind: RecvErrorKind, at: i64) -> RecvError {
        let error = RecvError::new(kind, self.offset.saturating_add_signed(at));
        self.rx = Rx::Failed(error);
        self.flags.in_head = false;
        self.step(party, Step::Fail);
        error
    }

    /// Skips line ends before a start line, up to the limit of a head. `Err` holds an error's kind.
    #[cold]
    pub(crate) fn skip_crlf(&mut self, input: &mut &[u8]) -> Result<(), RecvErrorKind> {
        while let [b'\r', b'\n', ..] = input {
            self.consume(input, 2);
            self.skipped = self.skipped.saturating_add(2);
            if self.skipped as u32 >= self.bounds.head || self.skipped == u16::MAX {
                return Err(RecvErrorKind::HeadTooLarge);
            }
        }
        Ok(())
    }

    pub(crate) fn version(&self) -> Version {
        if self.flags.http10 { Version::Http10 } else { Version::Http11 }
    }
}

impl<R: Role> Conn<R> {
    pub(crate) const fn from_core(core: Core) -> Self {
        Self { core, role: PhantomData }
    }

    /// The peer will send nothing after the input that is left. From now on [`Recv::NeedInput`] is never answered:
    /// what is left becomes events, then [`Recv::Closed`] or an
    /// [`UnexpectedEof`](RecvErrorKind::UnexpectedEof).
    ///
    /// It is a call, not an empty slice, because an empty slice only means that nothing is there *yet*. The peer's
    /// half-close neither ends the local half nor cancels an answer (RFC 9112 section 9.6).
    pub fn recv_eof(&mut self) {
        self.core.flags.eof = true;
    }

    /// How many content bytes the caller may move without showing them to the machine (splice, direct read), within the
    /// [limit on content](Self::limit_content). Zero unless content is next; without a limit, `u64::MAX` while it lasts
    /// until close.
    pub fn recv_bypass(&self) -> u64 {
        let announced = match self.core.rx {
            Rx::Length(n) | Rx::ChunkData(n) => n,
            Rx::UntilClose => u64::MAX,
            _ => 0,
        };
        announced.min(self.core.content_left)
    }

    /// Tells that `n` content bytes were moved without being shown. More than [`recv_bypass`](Self::recv_bypass)
    /// are counted as that many.
    pub fn recv_bypassed(&mut self, n: u64) {
        let n = n.min(self.recv_bypass());
        if R::LOCAL == Party::Server && n > 0 {
            self.core.flags.continue_pending = false;
        }
        self.core.took(n);
    }

    /// Sets how much of the content at hand may still come, in place of
    /// [`Limits::content_bytes`](crate::Limits::content_bytes): for a server that allows more, or less, where it knows
    /// what the request is for; `None` is no limit. Call it with the head; the next message has the common limit again.
    pub fn limit_content(&mut self, most: Option<u64>) {
        self.core.content_left = most.unwrap_or(u64::MAX);
    }

    /// Bytes that were written earlier did not reach the peer: nothing may be sent any more.
    pub fn send_failed(&mut self) {
        self.core.tx = Tx::NONE;
        // Refused where the connection is another protocol's, which is not ours to fail.
        let _ = self.core.cycle.apply(local::<R>(), Step::Fail);
    }
}

pub(crate) fn local<R: Role>() -> Party {
    R::LOCAL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Slots;
    use crate::message::Method;
    use crate::send::BodyLen;

    #[test]
    fn a_connection_is_at_most_192_bytes() {
        assert!(size_of::<Conn<Server>>() <= 192, "{}", size_of::<Conn<Server>>());
        assert!(size_of::<Conn<Client>>() <= 192, "{}", size_of::<Conn<Client>>());
    }

    #[test]
    fn no_more_content_may_go_past_the_machine_than_the_limit_allows() {
        let limits = Limits { content_bytes: Some(5), ..Limits::DEFAULT };
        let mut conn = Conn::<Client>::new(&ClientConfig { limits, ..ClientConfig::default() });
        conn.request(Method::Get, b"/", &[("Host", "a")], BodyLen::None, &mut Vec::new()).unwrap();
        let (mut slots, mut input) = (Slots::new(), &b"HTTP/1.1 200 OK\r\n\r\n"[..]);
        assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Event(ClientEvent::Response(_)))));
        assert_eq!(conn.recv_bypass(), 5);
        conn.recv_bypassed(6);
        assert_eq!(conn.recv_bypass(), 0);
        assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::NeedInput(_))));
        let error = conn.recv(&mut &b"x"[..], &mut slots).unwrap_err();
        assert_eq!(error, RecvError::new(RecvErrorKind::ContentTooLarge, 24));
    }
}
