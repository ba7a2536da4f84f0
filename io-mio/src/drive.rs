//! Driving one connection: read, show to the machine, call the handler, write, obey.
//!
//! Nothing about the protocol is decided here. What the machine says it needs is read, what it says to do with the
//! socket is done.

use std::io::{ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use h1wire_proto::{Advice, Fields, Pause, Recv, RecvError, RequestHead, ServerEvent, Slots};

use crate::connection::{Active, Connection, Stop};
use crate::context::{Context, Scratch};
use crate::flush::flush;
use crate::handler::Handler;
use crate::remote::{Action, ExchangeId};
use crate::request::Request;
use crate::response::Response;

/// How many reads a connection gets before the others have their turn.
const READS: u32 = 16;

/// What becomes of a connection after a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// It waits for an event.
    Wait,
    /// It has more to do, after the others had their turn.
    Again,
    /// It is over.
    Close,
}

/// One turn of one connection, with everything it may use.
pub(crate) struct Turn<'l, H: Handler> {
    pub(crate) c: &'l mut Connection<H::Exchange>,
    pub(crate) active: Box<Active<H::Exchange>>,
    pub(crate) handler: &'l mut H,
    pub(crate) cx: &'l mut Context,
    pub(crate) scratch: &'l mut Scratch,
    pub(crate) key: usize,
    /// Set when the connection is to end at once.
    pub(crate) over: bool,
}

impl<H: Handler> Turn<'_, H> {
    pub(crate) fn run(&mut self) -> Fate {
        let mut reads = READS;
        loop {
            if self.over || self.flush().is_err() {
                return Fate::Close;
            }
            if self.may_resume() {
                self.resume();
                continue;
            }
            if self.active.answer.out.is_empty()
                && let Some(fate) = self.obey()
            {
                return fate;
            }
            let reading = self.c.lingering || self.active.stop == Stop::Input;
            if !reading || !self.c.readable || self.c.eof {
                return if self.c.gone { Fate::Close } else { Fate::Wait };
            }
            if reads == 0 {
                return Fate::Again;
            }
            reads -= 1;
            self.read();
        }
    }

    /// Does something with the answer that another thread asked for.
    pub(crate) fn act(&mut self, action: Action) {
        self.call(|_, _, res| action(res));
        self.settle();
    }

    /// Nobody will answer, unless the handler kept the exchange.
    pub(crate) fn forsake(&mut self) {
        self.active.answer.progress = None;
        self.settle();
    }

    /// Ends the connection.
    pub(crate) fn close(&mut self) {
        self.over = true;
    }

    /// The connection is over: tells the handler, and leaves nothing behind.
    #[cold]
    pub(crate) fn ended(&mut self) {
        self.active.answer.close_progress();
        let leaving = std::mem::take(&mut self.active.leaving).into_iter().map(|(_, exchange)| exchange);
        for exchange in leaving.chain(self.active.exchange.take()) {
            self.cx.counters.aborted.add(1);
            self.call(|handler, _, _| handler.aborted(exchange));
        }
        *self.active = Active::new();
    }

    /// What the machine says about the socket, once everything is written.
    fn obey(&mut self) -> Option<Fate> {
        if self.c.lingering {
            return None;
        }
        match self.c.conn.advice() {
            Advice::Continue | Advice::Reuse => None,
            Advice::Drain if self.c.discarded <= self.cx.options.discard_limit => None,
            Advice::Drain | Advice::Linger => {
                self.c.lingering = true;
                self.c.discarded = 0;
                self.active.stop = Stop::Closed;
                match self.c.stream.shutdown_write() {
                    Ok(()) if !self.c.eof => None,
                    _ => Some(Fate::Close),
                }
            }
            Advice::Close | Advice::Switched => Some(Fate::Close),
        }
    }

    /// Whether the machine may have events in the input it left.
    fn may_resume(&self) -> bool {
        match self.active.stop {
            Stop::Held => !self.is_held(),
            Stop::Answer => !self.active.answer.open,
            Stop::Input | Stop::Closed => false,
        }
    }

    #[inline]
    fn is_held(&self) -> bool {
        let answer = &self.active.answer;
        answer.paused || answer.out.is_full(self.cx.options.write_high_water)
    }

    /// Shows the machine what it left.
    fn resume(&mut self) {
        let mut rest = std::mem::take(&mut self.active.rest);
        let mut slots = std::mem::take(&mut self.scratch.slots);
        let mut input = rest.bytes();
        self.active.stop = self.show(&mut input, &mut slots);
        let used = rest.len() - input.len();
        rest.consume(used);
        rest.release(&mut self.scratch.spare);
        self.active.rest = rest;
        self.scratch.slots = slots;
    }

    /// Reads once, and shows the machine what came.
    fn read(&mut self) {
        let front = self.scratch.front;
        let mut buffer = std::mem::take(&mut self.scratch.buffer);
        let room = buffer.get_mut(front..).unwrap_or_default();
        let len = room.len();
        match self.c.stream.read(room) {
            Ok(0) => self.read_eof(),
            Ok(n) => {
                self.cx.counters.bytes_received.add(n as u64);
                self.c.readable = n == len || self.c.ends || !self.c.stream.short_read_is_last();
                if self.c.lingering {
                    self.discard(n);
                } else {
                    self.received(&mut buffer, front, n);
                }
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => self.c.readable = false,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => {
                self.cx.counters.io_errors.add(1);
                self.over = true;
            }
        }
        self.scratch.buffer = buffer;
    }

    fn read_eof(&mut self) {
        self.c.eof = true;
        if self.c.lingering {
            self.over = true;
            return;
        }
        self.c.conn.recv_eof();
        self.resume();
    }

    #[inline]
    fn received(&mut self, buffer: &mut [u8], front: usize, n: usize) {
        let end = front + n;
        let cap = self.cx.options.protocol.limits.max_contiguous() + buffer.len();
        let mut rest = std::mem::take(&mut self.active.rest);
        let mut slots = std::mem::take(&mut self.scratch.slots);
        let Some(mut input) = rest.join_in(buffer, front..end, cap) else {
            // Only if more was read than the machine can have asked for.
            self.over = true;
            return;
        };
        self.active.stop = self.show(&mut input, &mut slots);
        let left = input.len();
        rest.keep_with(left, buffer.get(..end).unwrap_or_default(), &mut self.scratch.spare);
        self.active.rest = rest;
        self.scratch.slots = slots;
    }

    fn discard(&mut self, n: usize) {
        self.c.discarded += n as u64;
        if self.c.discarded > self.cx.options.linger_limit {
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
            match self.c.conn.recv(input, slots) {
                Ok(Recv::Event(ServerEvent::Request(head))) => self.request(head),
                Ok(Recv::Event(ServerEvent::Data(data))) => self.data(data),
                Ok(Recv::Event(ServerEvent::End(trailers))) => self.end(trailers),
                Ok(Recv::NeedInput(_)) => return Stop::Input,
                Ok(Recv::Paused(Pause::AwaitingResponse | Pause::SwitchProposed)) => return Stop::Answer,
                Ok(Recv::Paused(Pause::Switched) | Recv::Closed) => return Stop::Closed,
                Err(error) => {
                    self.broken(error);
                    return Stop::Closed;
                }
            }
        }
    }

    #[inline]
    fn request(&mut self, head: RequestHead<'_, '_>) {
        self.c.requests += 1;
        self.c.discarded = 0;
        self.cx.counters.requests.add(1);
        self.active.answer.begin();
        self.active.request_open = !head.body.is_empty();
        let request = Request { head, number: self.c.requests };
        let exchange = self.call(|handler, _, res| handler.request(&request, res));
        self.active.exchange = exchange.flatten();
        if self.active.request_open {
            self.settle();
        } else {
            self.complete(Fields::EMPTY);
        }
    }

    fn data(&mut self, data: &[u8]) {
        if self.active.exchange.is_none() {
            self.c.discarded += data.len() as u64;
            return;
        }
        self.call(|handler, exchange, res| {
            if let Some(exchange) = exchange {
                handler.data(exchange, data, res);
            }
        });
        self.settle();
    }

    fn end(&mut self, trailers: Fields<'_, '_>) {
        self.active.request_open = false;
        self.complete(trailers);
    }

    /// The request is complete.
    #[inline]
    fn complete(&mut self, trailers: Fields<'_, '_>) {
        if self.active.exchange.is_some() && !self.is_answered() {
            self.call(|handler, exchange, res| {
                if let Some(exchange) = exchange {
                    handler.end(exchange, trailers, res);
                }
            });
        }
        self.settle();
    }

    #[inline]
    fn is_answered(&mut self) -> bool {
        self.active.answer.head_sent && self.c.conn.body().is_none()
    }

    /// Calls the handler. A panic ends the connection, not the server: with a 500 if the answer was not begun.
    #[inline]
    fn call<T>(
        &mut self,
        f: impl FnOnce(&mut H, &mut Option<H::Exchange>, &mut Response<'_>) -> T,
    ) -> Option<T> {
        let Active { answer, exchange, .. } = &mut *self.active;
        let id = ExchangeId { key: self.key, generation: self.c.generation, number: self.c.requests };
        let mut res = Response { conn: &mut self.c.conn, answer, cx: self.cx, id };
        let handler = &mut *self.handler;
        match catch_unwind(AssertUnwindSafe(|| f(handler, exchange, &mut res))) {
            Ok(value) => Some(value),
            Err(_) => {
                self.cx.counters.panics.add(1);
                self.cx.counters.aborted.add(u64::from(self.active.exchange.take().is_some()));
                self.c.conn.close_after_response();
                self.active.answer.failed = true;
                None
            }
        }
    }

    /// What follows from what the handler did.
    #[inline]
    fn settle(&mut self) {
        if self.active.answer.abort {
            self.over = true;
            return;
        }
        let answer = &self.active.answer;
        let forsaken = self.active.exchange.is_none() && answer.progress.is_none();
        if answer.failed || (answer.open && forsaken && !self.is_answered()) {
            self.failed();
        }
        if !self.active.answer.open || !self.is_answered() {
            return;
        }
        let active = &mut *self.active;
        active.answer.open = false;
        active.answer.close_progress();
        if let Some(exchange) = active.exchange.take() {
            active.leaving.push_back((active.answer.sent + active.answer.out.len(), exchange));
        }
    }

    /// The handler did something that could not be done: 500 if there is still time.
    #[cold]
    fn failed(&mut self) {
        self.active.answer.failed = false;
        if self.active.answer.head_sent {
            self.over = !self.is_answered();
            return;
        }
        self.active.answer.begin();
        let answered = self.call(|_, _, res| res.status(500).end(""));
        self.over = !matches!(answered, Some(Ok(())));
    }

    /// The client broke the protocol.
    #[cold]
    fn broken(&mut self, error: RecvError) {
        self.cx.counters.protocol_errors.add(1);
        let date = if self.cx.options.send_date { Some(self.cx.clock.date()) } else { None };
        // An answer that is under way is not written into; what is advised then is to close.
        let _ = self.c.conn.respond_error(&error, date, &mut self.active.answer.out);
        self.active.answer.open = false;
        if let Some(exchange) = self.active.exchange.take() {
            self.cx.counters.aborted.add(1);
            self.call(|handler, _, _| handler.aborted(exchange));
        }
    }

    /// Writes what is queued, and tells about answers that are sent.
    #[inline]
    fn flush(&mut self) -> std::io::Result<()> {
        let before = self.active.answer.sent;
        let flushed = flush(self.c, &mut self.active.answer);
        let sent = self.active.answer.sent;
        if sent != before {
            self.cx.counters.bytes_sent.add(sent - before);
        }
        if let Some(progress) = &self.active.answer.progress {
            progress.set_buffered(self.active.answer.out.buffered());
        }
        if flushed.is_err() {
            self.cx.counters.io_errors.add(1);
            self.c.conn.send_failed();
        }
        while let Some((last, _)) = self.active.leaving.front()
            && *last <= sent
            && let Some((_, exchange)) = self.active.leaving.pop_front()
        {
            self.cx.counters.answered.add(1);
            self.call(|handler, _, _| handler.finished(exchange));
        }
        flushed
    }
}
