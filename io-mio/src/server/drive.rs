//! Driving one connection: read, show to the machine, write, obey.
//!
//! Nothing about the protocol is decided here. What the machine says it needs is read, what it says to do with the
//! socket is done. What the events come to is in `exchange`.

use std::io::{self, ErrorKind, Read};

use h1wire_proto::{Activity, Advice, Pause, Phase, Recv, ServerEvent, Slots, Time};

use crate::client::CallId;
use crate::client::engine::Engine;
use crate::server::answer::Stage;
use crate::server::connection::{Active, Link, Mode, Stop};
use crate::server::context::{Context, Scratch};
use crate::server::handler::Handler;
use crate::stream::Stream;
use crate::upgraded::Taker;

/// How often a connection may read, or have its writer go on, before the others have their turn.
const STEPS: u32 = 4;
/// How many bytes it may write before that.
const WRITES: u64 = 1 << 20;

/// What becomes of a connection after a turn.
pub(crate) enum Fate {
    /// It waits for an event.
    Wait,
    /// It has more to do, after the others had their turn.
    Again,
    /// It is over.
    Close,
    /// It leaves the loop.
    Leave(Taker),
}

/// One turn of one connection, with everything it may use.
pub(crate) struct Turn<'l, H: Handler> {
    pub(crate) link: &'l mut Link,
    pub(crate) active: Box<Active<H::Exchange>>,
    pub(crate) handler: &'l mut H,
    pub(crate) cx: &'l mut Context,
    /// The client of the loop, while no call of it is being run.
    pub(crate) client: Option<&'l mut Engine>,
    /// Calls of exchanges that are over, and whether those were aborted.
    pub(crate) ended_calls: Vec<(CallId, bool)>,
    pub(crate) key: usize,
    /// Nothing was pending when the turn began.
    pub(crate) was_idle: bool,
    /// Set when the connection is to end at once.
    pub(crate) over: bool,
    /// The next deadline may be another.
    pub(crate) timers_changed: bool,
    pub(crate) activity: Activity,
}

impl<H: Handler> Turn<'_, H> {
    pub(crate) fn run(&mut self, scratch: &mut Scratch) -> Fate {
        let mut steps = STEPS;
        let mut writes = WRITES;
        // Where nothing was pending there is nothing else to do first.
        if self.was_idle && !self.over && self.wants_input() {
            steps -= 1;
            self.read(scratch);
        }
        loop {
            // What was said before the end still goes out, as far as the socket takes it at once.
            if self.flush(&mut writes).is_err() || self.over {
                return Fate::Close;
            }
            if steps == 0 || writes == 0 {
                return Fate::Again;
            }
            if self.may_go_on_writing() {
                steps -= 1;
                self.drain();
                continue;
            }
            if self.may_resume() {
                self.resume(scratch);
                continue;
            }
            if self.all_is_sent()
                && let Some(fate) = self.obey()
            {
                return fate;
            }
            if self.may_resume() {
                continue;
            }
            if !self.wants_input() {
                return if self.link.gone { Fate::Close } else { Fate::Wait };
            }
            steps -= 1;
            self.read(scratch);
        }
    }

    /// Tells the timers what happened. Answers the next deadline if it may be earlier than before.
    #[inline]
    pub(crate) fn observe(&mut self) -> Option<Option<Time>> {
        let waits = !self.active.outbox.is_empty();
        self.activity.unsent = match &mut self.link.stream {
            Stream::Other(stream) => {
                // Bytes it took before are on their way to a reader that is slow.
                self.activity.sent += usize::from(stream.has_moved());
                waits || stream.wants_flush()
            }
            _ => waits,
        };
        self.activity.paused = self.active.stop == Stop::Held || self.link.conn.wants_continue();
        let now = self.cx.clock.now();
        let link = &mut *self.link;
        let phase = match self.active.mode {
            Mode::Linger => Phase::Linger,
            _ => link.conn.phase(),
        };
        if link.timers.observe(now, phase, self.activity) || self.timers_changed {
            return Some(link.next_deadline());
        }
        None
    }

    fn wants_input(&self) -> bool {
        let wanted = self.active.mode == Mode::Linger || self.active.stop == Stop::Input;
        wanted && self.link.readable && !self.active.eof
    }

    /// Whether nothing waits to be sent, here or in the stream.
    #[inline]
    pub(crate) fn all_is_sent(&self) -> bool {
        self.active.outbox.is_empty() && !self.link.stream.wants_flush()
    }

    fn may_drain(&self) -> bool {
        let left = self.link.options.discard_limit.checked_sub(self.active.discarded);
        left.is_some_and(|left| self.link.conn.may_drain(left))
    }

    /// What the machine says about the socket, once everything is written.
    fn obey(&mut self) -> Option<Fate> {
        match self.active.mode {
            Mode::Http => {}
            Mode::Linger => return None,
            Mode::Raw => return self.finish_raw(),
        }
        match self.link.conn.advice() {
            Advice::Continue | Advice::Reuse => None,
            Advice::Drain if self.may_drain() => None,
            Advice::Drain | Advice::Linger => {
                self.active.mode = Mode::Linger;
                self.active.discarded = 0;
                self.active.stop = Stop::Closed;
                match self.link.stream.shutdown_write() {
                    Ok(()) if !self.active.eof => None,
                    _ => Some(Fate::Close),
                }
            }
            // A socket that is closed with bytes nobody read is reset, and the last answer lost: they are shown first.
            Advice::Close if self.link.readable && !self.active.eof && !self.link.gone => {
                self.active.stop = Stop::Input;
                None
            }
            Advice::Close => self.part(),
            Advice::Switched => self.switched(),
        }
    }

    /// Ends the connection, when a stream that says goodbye to its peer has done so.
    #[cold]
    fn part(&mut self) -> Option<Fate> {
        let link = &mut *self.link;
        if let Stream::Other(stream) = &mut link.stream
            && stream.shutdown_write().is_ok()
            && stream.wants_flush()
        {
            link.writable = false;
            return None;
        }
        Some(Fate::Close)
    }

    /// The connection belongs to another protocol.
    fn switched(&mut self) -> Option<Fate> {
        self.cx.counters.switched.add(1);
        self.cx.tallies.switched(self.key);
        let is_raw = matches!(self.active.answer.stage, Stage::Raw { .. });
        match self.active.answer.taker.take() {
            Some(taker) => Some(Fate::Leave(taker)),
            None if is_raw && self.active.exchange.is_some() => {
                self.active.mode = Mode::Raw;
                self.active.stop = Stop::Held;
                None
            }
            None => Some(Fate::Close),
        }
    }

    /// Another protocol's bytes are all written.
    fn finish_raw(&mut self) -> Option<Fate> {
        if self.active.answer.stage != (Stage::Raw { finished: true }) {
            return None;
        }
        if self.active.eof {
            self.part_in_order();
            return self.part();
        }
        self.link.stream.shutdown_write().is_err().then_some(Fate::Close)
    }

    /// Whether the machine may have events in the input it left.
    fn may_resume(&self) -> bool {
        match self.active.stop {
            Stop::Held => !self.is_held(),
            Stop::Answer => !self.active.answer.is_open(),
            Stop::Input | Stop::Closed => false,
        }
    }

    #[inline]
    fn is_held(&self) -> bool {
        let Active { answer, outbox, .. } = &*self.active;
        (answer.wants.pause && answer.is_open()) || outbox.is_full(self.link.options.high_water())
    }

    /// Whether a writer waits and need not.
    fn may_go_on_writing(&self) -> bool {
        let Active { answer, outbox, .. } = &*self.active;
        answer.wants.drain && !outbox.is_full((self.link.options.high_water() / 2).max(1))
    }

    /// Shows the machine what it left.
    fn resume(&mut self, scratch: &mut Scratch) {
        let mut rest = std::mem::take(&mut self.active.rest);
        let mut input = rest.bytes();
        self.active.stop = self.show(&mut input, &mut scratch.slots);
        let used = rest.len() - input.len();
        rest.consume(used);
        rest.release(&mut scratch.spare);
        self.active.rest = rest;
    }

    /// Reads once, and shows the machine what came.
    fn read(&mut self, scratch: &mut Scratch) {
        let room = scratch.buffer.get_mut(scratch.front..).unwrap_or_default();
        let len = room.len();
        match self.link.stream.read(room) {
            Ok(0) => self.read_eof(scratch),
            Ok(n) => {
                self.activity.received += n;
                self.link.readable = n == len
                    || self.link.ends
                    || self.active.urgent
                    || !self.link.stream.short_read_is_last();
                if self.active.mode == Mode::Linger {
                    self.discard(n);
                } else {
                    self.received(scratch, n);
                }
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => self.link.readable = false,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => self.stream_failed(&e),
        }
    }

    #[cold]
    fn read_eof(&mut self, scratch: &mut Scratch) {
        self.active.eof = true;
        // A socket said so before, by an event.
        if !std::mem::replace(&mut self.link.ends, true) {
            self.half_closed();
        }
        match self.active.mode {
            Mode::Linger => self.over = true,
            Mode::Raw => self.raw_end(),
            Mode::Http => {
                self.link.conn.recv_eof();
                self.resume(scratch);
            }
        }
    }

    #[inline]
    fn received(&mut self, scratch: &mut Scratch, n: usize) {
        let Scratch { buffer, front, slots, spare } = scratch;
        let end = *front + n;
        if self.active.rest.is_empty() {
            let fresh = buffer.get(*front..end).unwrap_or_default();
            let mut input = fresh;
            self.active.stop = self.show(&mut input, slots);
            if !input.is_empty() {
                self.active.rest.keep_with(input.len(), fresh, spare);
            }
            return;
        }
        let cap = self.link.options.protocol.limits.max_contiguous() + buffer.len();
        let mut rest = std::mem::take(&mut self.active.rest);
        let Some(mut input) = rest.join_in(buffer, *front..end, cap) else {
            // Only if more was read than the machine can have asked for.
            self.over = true;
            return;
        };
        self.active.stop = self.show(&mut input, slots);
        let left = input.len();
        rest.keep_with(left, buffer.get(..end).unwrap_or_default(), spare);
        self.active.rest = rest;
    }

    fn discard(&mut self, n: usize) {
        if !self.active.request_open {
            self.no_more(true);
        }
        self.active.discarded += n as u64;
        if self.active.discarded > self.link.options.linger_limit {
            self.over = true;
        }
    }

    /// Takes events from the machine until it has no more for now.
    #[inline]
    fn show(&mut self, input: &mut &[u8], slots: &mut Slots) -> Stop {
        loop {
            if self.over {
                return Stop::Closed;
            }
            if self.is_held() {
                return Stop::Held;
            }
            if self.active.mode == Mode::Raw {
                return self.raw_data(std::mem::take(input));
            }
            match self.link.conn.recv(input, slots) {
                Ok(Recv::Event(ServerEvent::Request(head))) => self.request(head),
                Ok(Recv::Event(ServerEvent::Data(data))) => self.data(data),
                Ok(Recv::Event(ServerEvent::End(trailers))) => self.end(trailers),
                Ok(Recv::NeedInput(_)) => {
                    self.want_content();
                    return Stop::Input;
                }
                Ok(Recv::Paused(Pause::AwaitingResponse | Pause::FinishResponse)) => return Stop::Answer,
                Ok(Recv::Paused(Pause::Switched)) => return Stop::Closed,
                Ok(Recv::Closed) => {
                    self.no_more(!input.is_empty());
                    return Stop::Closed;
                }
                Err(error) => {
                    self.broken(error, input);
                    return Stop::Closed;
                }
            }
        }
    }

    /// Writes what is queued, and tells about answers that are sent.
    #[inline]
    fn flush(&mut self, budget: &mut u64) -> io::Result<()> {
        let Active { answer, outbox, .. } = &mut *self.active;
        if answer.is_corked() && !outbox.is_full(self.link.options.high_water()) {
            return Ok(());
        }
        let before = outbox.sent;
        let Link { stream, writable, .. } = &mut *self.link;
        let flushed = outbox.flush(stream, writable, budget);
        let sent = outbox.sent;
        self.activity.sent += (sent - before) as usize;
        // Also when nothing was sent: there may be more to send than before.
        if let Some(progress) = &answer.progress {
            progress.set_buffered(outbox.len());
        }
        if let Err(error) = &flushed {
            self.stream_failed(error);
            self.link.conn.send_failed();
        }
        if !self.link.stream.wants_flush() {
            self.finished(sent);
        }
        flushed
    }
}
