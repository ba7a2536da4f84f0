//! [`Call`]: a client's side of one connection, and the exchange on it: what an event, a time limit or an end means, and
//! what to do with the socket next.
//!
//! The protocol is decided by [`Conn`](crate::Conn), which limit passed by [`Timers`](crate::Timers), whether to try again
//! by [`retry`](crate::retry). Here is what follows from their answers.

mod next;
mod time;

pub use next::{Next, Upload};

use core::time::Duration;

use super::credentials::Credentials;
use super::patience::Patience;
use super::request::{Request, encode_connect};
use super::url::Url;
use super::why::Why;
use crate::conn::{Client, ClientConfig, ClientEvent, Conn, Pause, Recv};
use crate::error::{RecvErrorKind, SendError};
use crate::fields::Slots;
use crate::message::{Method, ResponseHead};
use crate::out::Out;
use crate::retry::{Attempt, Sent};
use crate::send::BodyLen;
use crate::send::BodyTx;
use crate::time::Time;
use crate::timeouts::Timeouts;
use crate::timers::{Activity, Timers};
use crate::values::KeepAlive;

/// On what terms a request is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    /// How the response is read. One request at a time: `pipeline_depth` counts as 1.
    pub config: ClientConfig,
    /// How long it may take for what. Its `total` is for whoever makes `ends_at` of it.
    pub patience: Patience,
    /// When everything is to be over.
    pub ends_at: Option<Time>,
    /// Whether the idle limit is only told, and ends nothing.
    pub idle_notifies: bool,
}

/// A client's side of one connection: a [`Conn`](crate::Conn), its time limits, and the exchange on it.
///
/// Methods by kind, in the order they are called:
///
/// * *making*: [`new`](Self::new), when a connection was made; [`begin`](Self::begin) or
///   [`begin_connect`](Self::begin_connect), for each request on it
/// * *receiving*: [`recv`](Self::recv) until it has no more events; [`recv_eof`](Self::recv_eof) once;
///   [`recv_bypass`](Self::recv_bypass) and [`recv_bypassed`](Self::recv_bypassed) for content that is moved without being
///   shown
/// * *sending*: [`upload`](Self::upload) says whether, [`body`](Self::body) does
/// * *telling*, after each batch of IO: [`observe`](Self::observe); [`read_failed`](Self::read_failed),
///   [`write_failed`](Self::write_failed)
/// * *obeying*: [`next`](Self::next)
/// * *time*: [`deadline`](Self::deadline), and when it has come [`expire`](Self::expire) until `None`
/// * *ending it*: [`abort`](Self::abort), [`discard`](Self::discard)
/// * *asking*, at any time: [`attempt`](Self::attempt), [`retry`](Self::retry), [`is_answered`](Self::is_answered), …
///
/// Any order of calls is safe. Each exchange ends once: with [`Next::Release`], [`Next::HandOver`] or [`Next::Close`], which
/// `next` then says until the next `begin`.
#[derive(Debug)]
pub struct Call {
    conn: Conn<Client>,
    timers: Timers,
    limits: Timeouts,
    stall: Option<Duration>,
    /// Since when the server takes nothing, with an answer that nobody reads in the way.
    stalled_at: Option<Time>,
    ends_at: Option<Time>,
    attempt: Attempt,
    hint: KeepAlive,
    stage: Stage,
    /// How much of the rest of the response may be discarded, if that is all that is wanted of it.
    budget: Option<u64>,
    /// Heads that came since the timers were told.
    heads: u32,
    flags: CallFlags,
}

#[derive(Clone, Copy, Debug, Default)]
struct CallFlags {
    notifies: bool,
    /// Bytes wait to be sent.
    unsent: bool,
    /// The wait for 100 is over.
    unheld: bool,
    /// Bytes came that answer nothing.
    spoiled: bool,
    write_failed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// No exchange yet.
    Idle,
    /// The final response is awaited.
    Asking,
    /// It began.
    Answering,
    /// It is complete. The request need not be.
    Complete,
    Switched,
    Over(Why),
}

impl Call {
    /// A connection that was just made.
    pub fn new(config: &ClientConfig) -> Self {
        let config = ClientConfig { pipeline_depth: 1, ..*config };
        let limits = Patience::NONE.timeouts();
        Self {
            conn: Conn::<Client>::new(&config),
            timers: Timers::client(Time(0), &limits),
            limits,
            stall: None,
            stalled_at: None,
            ends_at: None,
            attempt: Attempt::new(Method::Get, false),
            hint: KeepAlive::default(),
            stage: Stage::Idle,
            budget: None,
            heads: 0,
            flags: CallFlags::default(),
        }
    }

    /// Begins an exchange: appends the head of `request`, with content of this length, to `out`.
    ///
    /// `attempt` says whether the connection is a [reused](Attempt::reused) one, and whether this is a retry.
    ///
    /// # Errors
    /// As [`Conn::request`](crate::Conn::request), and [`WrongState`](SendError::WrongState) unless the connection is new or
    /// [released](Next::Release). Nothing is written then, and the connection is as good as before.
    pub fn begin<O: Out + ?Sized>(
        &mut self,
        now: Time,
        request: &Request<'_>,
        length: BodyLen,
        terms: &Terms,
        attempt: Attempt,
        out: &mut O,
    ) -> Result<(), SendError> {
        self.prepare(terms)?;
        request.encode(&mut self.conn, length, out)?;
        self.start(now, terms, attempt);
        Ok(())
    }

    /// Begins to ask a proxy for a tunnel to the server of `url`, as [`encode_connect`](super::encode_connect) writes it.
    /// With [`Next::HandOver`] the stream leads to the server; any other answer is a refusal.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn begin_connect<O: Out + ?Sized>(
        &mut self,
        now: Time,
        url: &Url<'_>,
        credentials: Option<&Credentials>,
        terms: &Terms,
        out: &mut O,
    ) -> Result<(), SendError> {
        self.prepare(terms)?;
        encode_connect(&mut self.conn, url, credentials, out)?;
        self.start(now, terms, Attempt::new(Method::Connect, false));
        Ok(())
    }

    fn prepare(&mut self, terms: &Terms) -> Result<(), SendError> {
        let free = self.stage == Stage::Idle || matches!(self.next(), Next::Release(_));
        if !free || self.flags.spoiled {
            return Err(SendError::WrongState);
        }
        self.conn.configure(&ClientConfig { pipeline_depth: 1, ..terms.config });
        Ok(())
    }

    fn start(&mut self, now: Time, terms: &Terms, attempt: Attempt) {
        self.limits = terms.patience.timeouts();
        self.timers = Timers::client(now, &self.limits);
        (self.stall, self.stalled_at) = (terms.patience.stall, None);
        self.ends_at = terms.ends_at;
        self.attempt = Attempt { sent: Sent::Nothing, answered: false, ..attempt };
        (self.hint, self.stage, self.budget, self.heads) = (KeepAlive::default(), Stage::Asking, None, 0);
        self.flags = CallFlags { notifies: terms.idle_notifies, unsent: true, ..CallFlags::default() };
        let _ = self.timers.observe(now, self.conn.phase(), Activity { unsent: true, ..Activity::default() });
    }

    /// Takes the next event from the front of `input`, as [`Conn::recv`](crate::Conn::recv) does, but
    /// for what comes after the response: it is no error, and spoils the connection.
    ///
    /// # Errors
    /// Why the exchange is over without a complete response; [`next`](Self::next) says the same.
    pub fn recv<'i: 's, 's>(
        &mut self,
        input: &mut &'i [u8],
        slots: &'s mut Slots,
    ) -> Result<Recv<ClientEvent<'i, 's>>, Why> {
        match self.stage {
            Stage::Over(why) => return Err(why),
            Stage::Switched => return Ok(Recv::Paused(Pause::Switched)),
            Stage::Idle | Stage::Complete => return Ok(self.nothing_asked(input, slots)),
            Stage::Asking | Stage::Answering => {}
        }
        let recv = match self.conn.recv(input, slots) {
            Ok(recv) => recv,
            // That writing failed is the reason for what came of it.
            Err(_) if self.flags.write_failed => return Err(self.over(Why::Broken)),
            Err(error) if error.kind() == RecvErrorKind::UnexpectedEof => {
                return Err(self.over(Why::HangUp(error)));
            }
            Err(error) => return Err(self.over(Why::Protocol(error))),
        };
        match &recv {
            Recv::Event(ClientEvent::Response(head)) => self.answered(head),
            Recv::Event(ClientEvent::Data(data)) => self.spend(data.len() as u64)?,
            Recv::Event(ClientEvent::End(_)) => self.stage = Stage::Complete,
            Recv::Closed => return Err(self.over(Why::Broken)),
            Recv::Event(ClientEvent::Informational(_)) => self.attempt.answered = true,
            Recv::NeedInput(_) => self.spend(0)?,
            Recv::Paused(_) => {}
        }
        Ok(recv)
    }

    fn answered(&mut self, head: &ResponseHead<'_, '_>) {
        self.heads += 1;
        self.attempt.answered = true;
        self.hint = KeepAlive::parse(head.fields.get_all("keep-alive"));
        self.stage = if head.switched { Stage::Switched } else { Stage::Answering };
    }

    /// Content was received: does nothing unless it is only to be discarded.
    fn spend(&mut self, n: u64) -> Result<(), Why> {
        let Some(budget) = &mut self.budget else { return Ok(()) };
        // No more is read of what is known to be too much.
        match budget.checked_sub(n).filter(|left| *left >= self.conn.recv_bypass()) {
            Some(left) => {
                *budget = left;
                Ok(())
            }
            None => Err(self.over(Why::Dropped)),
        }
    }

    /// What comes while nothing is asked can only be line ends, or the end (RFC 9112 section 9.2).
    fn nothing_asked<'i: 's, 's>(
        &mut self,
        input: &mut &'i [u8],
        slots: &'s mut Slots,
    ) -> Recv<ClientEvent<'i, 's>> {
        if !matches!(self.conn.recv(input, slots), Ok(Recv::NeedInput(_) | Recv::Closed)) || !input.is_empty()
        {
            self.flags.spoiled = true;
        }
        Recv::Closed
    }

    /// The server will send nothing after the input that is left: see [`Conn::recv_eof`](crate::Conn::recv_eof).
    pub fn recv_eof(&mut self) {
        self.conn.recv_eof();
    }

    /// How many content bytes may be moved without showing them: see [`Conn::recv_bypass`](crate::Conn::recv_bypass).
    pub fn recv_bypass(&self) -> u64 {
        if self.stage == Stage::Answering { self.conn.recv_bypass() } else { 0 }
    }

    /// Tells that so many were: see [`Conn::recv_bypassed`](crate::Conn::recv_bypassed).
    pub fn recv_bypassed(&mut self, n: u64) {
        let n = n.min(self.recv_bypass());
        self.conn.recv_bypassed(n);
        let _ = self.spend(n);
    }

    /// The content to send, while there is more to come; whether it should be sent now is for [`upload`](Self::upload) to
    /// say.
    pub fn body(&mut self) -> Option<BodyTx<'_>> {
        if matches!(self.stage, Stage::Over(_)) {
            return None;
        }
        self.conn.body()
    }

    /// Reading failed. Unless the response was complete, that is the end.
    pub fn read_failed(&mut self) {
        match self.stage {
            // The first reason to close stands.
            Stage::Complete | Stage::Idle if matches!(self.next(), Next::Close(_)) => {}
            Stage::Complete | Stage::Idle => self.flags.spoiled = true,
            _ => _ = self.over(Why::Broken),
        }
    }

    /// Writing failed. What the server said before it closed is worth more than that (RFC 9112 section 9.5): read on until
    /// it answered, or ended.
    pub fn write_failed(&mut self) {
        self.conn.send_failed();
        (self.flags.write_failed, self.flags.unsent) = (true, false);
    }

    /// Ends the exchange, wherever it is. Does nothing if it is over.
    pub fn abort(&mut self) {
        if self.is_live() || self.stage == Stage::Switched {
            self.over(Why::Aborted);
        }
    }

    /// The rest of the response is not wanted: it is read and dropped while that is at most `budget` bytes of content, so
    /// that the connection can be kept; otherwise it is closed. Before the response began, or while the request is not
    /// complete, this is an [`abort`](Self::abort).
    pub fn discard(&mut self, budget: u64) {
        match self.stage {
            Stage::Answering if !self.conn.core.tx.is_open() => {
                self.budget = Some(budget);
                let _ = self.spend(0);
            }
            Stage::Asking | Stage::Switched => self.abort(),
            Stage::Answering | Stage::Complete if self.is_live() => _ = self.over(Why::Dropped),
            Stage::Idle | Stage::Answering | Stage::Complete | Stage::Over(_) => {}
        }
    }

    /// Ends the exchange for this reason, unless it ended for another.
    fn over(&mut self, why: Why) -> Why {
        if let Stage::Over(before) = self.stage {
            return before;
        }
        self.stage = Stage::Over(why);
        why
    }

    /// What is known of this attempt at the request.
    pub fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// Some of the content is gone, so that the request cannot be repeated.
    pub fn content_taken(&mut self) {
        self.attempt.replayable = false;
    }

    /// The attempt to make now, if the exchange failed in a way that is worth an automatic retry (RFC 9110 section 9.2.2).
    /// It goes over a [fresh](crate::pool::Pool::acquire_fresh) connection.
    pub fn retry(&self) -> Option<Attempt> {
        match self.stage {
            Stage::Over(why) if why.is_dead() && self.attempt.retries_by_itself() => {
                Some(self.attempt.again(false))
            }
            _ => None,
        }
    }

    /// Whether the final response began.
    pub fn is_answered(&self) -> bool {
        matches!(self.stage, Stage::Answering | Stage::Complete | Stage::Switched)
    }

    /// Whether the whole response was received.
    pub fn is_complete(&self) -> bool {
        self.stage == Stage::Complete
    }

    /// Whether the whole request was given to the system.
    pub fn is_sent(&self) -> bool {
        self.attempt.sent == Sent::All
    }

    /// The machine, to be asked.
    pub fn conn(&self) -> &Conn<Client> {
        &self.conn
    }
}
