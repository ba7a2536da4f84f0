//! Driving one connection: read, show to the machine, write, obey.
//!
//! Nothing about the protocol is decided here. What the session says to do with the socket is done. What the events come to is in `exchange`.

use std::io::{self, ErrorKind, Read};

use h1wire_proto::serving::{Io, Next, Why};
use h1wire_proto::{Activity, Recv, ServerEvent, Slots};

use crate::client::CallId;
use crate::client::engine::Engine;
use crate::server::answer::Stage;
use crate::server::connection::{Active, Link};
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
    Close {
        /// The client is to see that something is missing.
        reset: bool,
    },
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
    /// How many requests there were before, and what moved in all of the turn.
    pub(crate) requests: u32,
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

impl<H: Handler> Turn<'_, H> {
    pub(crate) fn run(&mut self, scratch: &mut Scratch) -> Fate {
        let mut steps = STEPS;
        let mut writes = WRITES;
        // Where nothing was pending there is nothing else to do first.
        if self.was_idle && self.link.readable && !self.over && !self.link.session.is_lingering() {
            steps -= 1;
            self.read(scratch, usize::MAX);
        }
        loop {
            // What was said before the end still goes out, as far as the socket takes it at once.
            if self.flush(&mut writes).is_err() || self.over {
                return self.close_now();
            }
            if steps == 0 || writes == 0 {
                return Fate::Again;
            }
            if self.may_go_on_writing() {
                steps -= 1;
                self.drain();
                continue;
            }
            if self.active.held && !self.is_held() {
                self.resume(scratch);
                continue;
            }
            self.observe();
            let most = match self.next() {
                Next::Read | Next::Recv if self.active.held => return self.wait(),
                Next::Read => usize::MAX,
                Next::Discard { most } => most.try_into().unwrap_or(usize::MAX),
                Next::Recv => {
                    self.resume(scratch);
                    continue;
                }
                Next::Write | Next::Wait => return self.wait(),
                Next::ShutdownWrite => {
                    if self.link.stream.shutdown_write().is_err() {
                        self.lost();
                    }
                    continue;
                }
                Next::HandOver => match self.hand_over() {
                    Some(fate) => return fate,
                    None => continue,
                },
                Next::Close(_) => match self.part() {
                    Some(fate) => return fate,
                    None => return self.wait(),
                },
                Next::Reset(_) => return Fate::Close { reset: true },
            };
            if !self.link.readable || self.active.eof {
                return self.wait();
            }
            steps -= 1;
            self.read(scratch, most);
        }
    }

    /// What to do next. Another protocol's bytes are the handler's to decide about.
    #[inline]
    fn next(&mut self) -> Next {
        if self.active.raw {
            return self.next_raw();
        }
        let unread = self.link.readable && !self.active.eof && !self.link.gone;
        let io = Io { unread, ended: self.link.ends };
        let next = self.link.session.next(&self.link.options.policy, self.cx.clock.now(), io);
        if next != Next::Read {
            self.tell_dropped();
        }
        next
    }

    #[cold]
    fn next_raw(&mut self) -> Next {
        if self.active.answer.stage == (Stage::Raw { finished: true }) && self.all_is_sent() {
            if self.active.eof {
                self.part_in_order();
                return Next::Close(Why::Asked);
            }
            if self.link.stream.shutdown_write().is_err() {
                self.lost();
            }
        }
        Next::Read
    }

    /// Nothing more can be done now.
    fn wait(&mut self) -> Fate {
        // What was closed in both directions, and not by this side, has nobody who waits.
        if self.over || self.link.gone {
            return self.close_now();
        }
        Fate::Wait
    }

    /// The connection ends here and now.
    #[cold]
    fn close_now(&mut self) -> Fate {
        self.observe();
        // Who left with everything is cut off from nothing.
        if self.link.session.why() == Some(Why::PeerLeft) {
            return Fate::Close { reset: false };
        }
        self.lost();
        let now = self.cx.clock.now();
        let next = self.link.session.next(&self.link.options.policy, now, Io::default());
        Fate::Close { reset: matches!(next, Next::Reset(_)) && !self.active.raw }
    }

    /// Whatever is under way does not go on.
    #[cold]
    fn lost(&mut self) {
        self.over = true;
        if self.link.gone {
            self.link.session.gone();
        } else {
            self.link.session.abort();
        }
    }

    /// Tells the session what moved.
    #[inline]
    pub(crate) fn observe(&mut self) {
        let mut activity = std::mem::take(&mut self.activity);
        let waits = !self.active.outbox.is_empty();
        activity.unsent = match &mut self.link.stream {
            Stream::Other(stream) => {
                // Bytes it took before are on their way to a reader that is slow.
                activity.sent += usize::from(stream.has_moved());
                waits || stream.wants_flush()
            }
            _ => waits,
        };
        activity.paused = self.active.held;
        let Link { session, options, .. } = &mut *self.link;
        self.timers_changed |= session.observe(&options.policy, self.cx.clock.now(), activity);
    }

    /// Whether nothing waits to be sent, here or in the stream.
    #[inline]
    pub(crate) fn all_is_sent(&self) -> bool {
        self.active.outbox.is_empty() && !self.link.stream.wants_flush()
    }

    /// Ends the connection, when a stream that says goodbye to its peer has done so.
    fn part(&mut self) -> Option<Fate> {
        let link = &mut *self.link;
        if let Stream::Other(stream) = &mut link.stream
            && link.session.conn().body().is_none()
            && stream.shutdown_write().is_ok()
            && stream.wants_flush()
            && link.writable
        {
            link.writable = false;
            return None;
        }
        Some(Fate::Close { reset: false })
    }

    /// The connection belongs to another protocol.
    fn hand_over(&mut self) -> Option<Fate> {
        self.cx.counters.switched.add(1);
        self.cx.tallies.switched(self.key);
        let is_raw = matches!(self.active.answer.stage, Stage::Raw { .. });
        match self.active.answer.taker.take() {
            Some(taker) => Some(Fate::Leave(taker)),
            None if is_raw && self.active.exchange.is_some() => {
                self.active.raw = true;
                // What was left of the input is the handler's now.
                self.active.held = true;
                None
            }
            None => Some(Fate::Close { reset: false }),
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
        self.show(&mut input, &mut scratch.slots);
        let used = rest.len() - input.len();
        rest.consume(used);
        rest.release(&mut scratch.spare);
        self.active.rest = rest;
    }

    /// Reads once, at most so many bytes, and shows the machine what came.
    fn read(&mut self, scratch: &mut Scratch, most: usize) {
        let room = scratch.buffer.get_mut(scratch.front..).unwrap_or_default();
        let len = room.len().min(most);
        match self.link.stream.read(room.get_mut(..len).unwrap_or_default()) {
            Ok(0) => self.read_eof(scratch),
            Ok(n) => {
                self.activity.received += n;
                self.received += n as u64;
                self.link.readable = n == len
                    || self.link.ends
                    || self.active.urgent
                    || !self.link.stream.short_read_is_last();
                self.show_read(scratch, n);
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
        if self.active.raw {
            return self.raw_end();
        }
        self.link.session.recv_eof();
        self.resume(scratch);
    }

    #[inline]
    fn show_read(&mut self, scratch: &mut Scratch, n: usize) {
        let Scratch { buffer, front, slots, spare } = scratch;
        let end = *front + n;
        if self.active.rest.is_empty() {
            let fresh = buffer.get(*front..end).unwrap_or_default();
            let mut input = fresh;
            self.show(&mut input, slots);
            if !input.is_empty() {
                self.active.rest.keep_with(input.len(), fresh, spare);
            }
            return;
        }
        let cap = self.link.options.policy.protocol.limits.max_contiguous() + buffer.len();
        let mut rest = std::mem::take(&mut self.active.rest);
        let Some(mut input) = rest.join_in(buffer, *front..end, cap) else {
            // Only if more was read than the machine can have asked for.
            self.lost();
            return;
        };
        self.show(&mut input, slots);
        let left = input.len();
        rest.keep_with(left, buffer.get(..end).unwrap_or_default(), spare);
        self.active.rest = rest;
    }

    /// Takes events from the machine until it has no more for now.
    #[inline]
    fn show(&mut self, input: &mut &[u8], slots: &mut Slots) {
        self.active.held = false;
        while !self.over {
            if self.is_held() {
                self.active.held = true;
                return;
            }
            if self.active.raw {
                return self.raw_data(std::mem::take(input));
            }
            let Link { session, options, .. } = &mut *self.link;
            match session.recv(&options.policy, input, slots) {
                Ok(Recv::Event(ServerEvent::Request(head))) => self.request(head),
                Ok(Recv::Event(ServerEvent::Data(data))) => self.data(data),
                Ok(Recv::Event(ServerEvent::End(trailers))) => self.end(trailers),
                Ok(Recv::NeedInput(_)) => return self.want_content(),
                Ok(Recv::Paused(_) | Recv::Closed) => return,
                Err(error) => self.broken(error, input),
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
        self.sent += sent - before;
        // Also when nothing was sent: there may be more to send than before.
        if let Some(progress) = &answer.progress {
            progress.set_buffered(outbox.len());
        }
        if let Err(error) = &flushed {
            self.stream_failed(error);
        }
        if !self.link.stream.wants_flush() {
            self.finished(sent);
        }
        flushed
    }
}
