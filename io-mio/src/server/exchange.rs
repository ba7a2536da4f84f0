//! What the machine's events come to: calls of the handler, and what follows from what it did.
//!
//! The second half of a connection's turn. It moves no bytes.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use h1wire_proto::{Asks, Expired, Fields, Method, RecvError, RequestHead, Time};

use crate::client::engine::Engine;
use crate::server::answer::Mode;
use crate::server::connection::{Active, Stop};
use crate::server::drive::Turn;
use crate::server::handler::Handler;
use crate::server::remote::Action;
use crate::server::report::{Failure, Leaving, Marks, Report};
use crate::server::request::{ClientError, Request};
use crate::server::response::Response;
use crate::stream::Stream;

impl<H: Handler> Turn<'_, H> {
    #[inline]
    pub(crate) fn request(&mut self, head: RequestHead<'_, '_>) {
        let link = &mut *self.link;
        link.tenure.request(&link.options.lifetime(), &mut link.conn);
        self.active.discarded = 0;
        self.activity.heads += 1;
        self.active.answer.begin();
        self.active.answer.marks =
            Marks::begin(self.cx.clock.now(), link.conn.recv_offset(), &self.active.answer);
        self.active.answer.is_connect = head.method == Method::Connect;
        self.active.request_open = !head.body.is_empty();
        let req = Request { head, number: link.tenure.requests() };
        let exchange = self.call(|handler, _, res| match head.asks(true) {
            Asks::Tunnel => handler.connect(&req, res),
            Asks::Expectation => handler.check_expectation(&req, res),
            Asks::Continue => handler.check_continue(&req, res),
            Asks::Upgrade if handler.should_upgrade(&req) => handler.upgrade(&req, res),
            Asks::Upgrade | Asks::Nothing => handler.request(&req, res),
        });
        self.active.exchange = exchange.flatten();
        if self.active.request_open {
            self.settle();
        } else {
            self.complete(Fields::EMPTY);
        }
    }

    pub(crate) fn data(&mut self, data: &[u8]) {
        if self.active.exchange.is_none() {
            self.active.discarded += data.len() as u64;
            return;
        }
        self.call(|handler, exchange, res| {
            if let Some(exchange) = exchange {
                handler.data(exchange, data, res);
            }
        });
        self.settle();
    }

    pub(crate) fn end(&mut self, trailers: Fields<'_, '_>) {
        // Without content it was complete with its head.
        if std::mem::take(&mut self.active.request_open) {
            self.complete(trailers);
        }
    }

    /// The machine waits for bytes. If they are content the client holds back, it is asked for.
    #[inline]
    pub(crate) fn want_content(&mut self) {
        if self.active.answer.auto_continue && self.link.conn.wants_continue() {
            self.call(|_, _, res| res.send_continue().is_ok());
        }
    }

    /// The request is complete.
    #[inline]
    fn complete(&mut self, trailers: Fields<'_, '_>) {
        self.active.answer.marks.request = self.cx.clock.now();
        if self.active.answer.keep_reading || !self.is_answered() {
            self.tell_end(trailers);
            if self.link.ends && !self.link.gone && !self.is_answered() {
                self.tell_half_closed();
            }
        }
        self.settle();
    }

    #[inline]
    fn tell_end(&mut self, trailers: Fields<'_, '_>) {
        if self.active.exchange.is_some() {
            self.call(|handler, exchange, res| {
                if let Some(exchange) = exchange {
                    handler.end(exchange, trailers, res);
                }
            });
        }
    }

    /// A piece of another protocol.
    pub(crate) fn raw_data(&mut self, data: &[u8]) -> Stop {
        if !data.is_empty() {
            self.data(data);
        }
        if self.active.eof { Stop::Closed } else { Stop::Input }
    }

    /// The end of the client's half of another protocol.
    pub(crate) fn raw_end(&mut self) {
        self.active.stop = Stop::Closed;
        self.tell_end(Fields::EMPTY);
        self.settle();
    }

    /// There will be no more events; perhaps there would have been another request.
    pub(crate) fn no_more(&mut self, ignored: bool) {
        let link = &*self.link;
        if ignored && !self.active.dropped && link.tenure.is_used_up(&link.options.lifetime()) {
            self.active.dropped = true;
            self.cx.counters.refused.add(1);
            self.call(|handler, _, _| handler.drop_request());
        }
    }

    /// The client will send nothing more. What it sent before is told first, and in another protocol its end is enough.
    pub(crate) fn half_closed(&mut self) {
        if !self.active.request_open && self.active.answer.mode == Mode::Http {
            self.tell_half_closed();
            self.settle();
        }
    }

    fn tell_half_closed(&mut self) {
        if self.active.exchange.is_some() {
            self.call(|handler, exchange, res| {
                if let Some(exchange) = exchange {
                    handler.half_closed(exchange, res);
                }
            });
        }
    }

    /// The writer can go on.
    pub(crate) fn drain(&mut self) {
        self.active.answer.wants_drain = false;
        self.call(|handler, exchange, res| {
            if let Some(exchange) = exchange {
                handler.drain(exchange, res);
            }
        });
        self.settle();
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

    /// Reads although no event said that there is something, and lets what there is be the last request.
    pub(crate) fn look_once_more(&mut self) {
        self.link.conn.close_after_response();
        self.link.readable = true;
    }

    /// Ends the connection.
    pub(crate) fn close(&mut self) {
        self.over = true;
    }

    /// Reading or writing failed, and that is the end.
    #[cold]
    pub(crate) fn stream_failed(&mut self, error: &io::Error) {
        self.over = true;
        self.active.answer.marks.failure = Some(Failure::Stream(error.kind()));
        let is_cut = error.kind() == io::ErrorKind::UnexpectedEof;
        // Who has everything may go as it likes.
        let is_lingering = self.active.answer.mode == Mode::Linger;
        if (is_cut || is_lingering) && self.all_is_sent() && self.link.conn.may_end() {
            return;
        }
        self.cx.counters.io_errors.add(1);
        self.call(|handler, _, res| handler.stream_error(error, res.stream()));
    }

    /// Deadlines may have passed.
    pub(crate) fn expire(&mut self, now: Time) {
        while !self.over
            && let Some(expired) = self.link.timers.poll(now, &self.link.options.timeouts)
        {
            if !self.active.answer.open {
                self.active.answer.begin_unasked();
            }
            if expired != Expired::Idle {
                self.link.conn.close_after_response();
            }
            let begun = self.active.answer.head_sent;
            let kept = self.call(|handler, exchange, res| handler.timeout(expired, exchange.as_mut(), res));
            if expired == Expired::Idle && kept == Some(true) {
                self.settle();
                continue;
            }
            self.cx.counters.time_limit(expired);
            self.active.answer.marks.failure = Some(Failure::Timeout(expired));
            self.time_out(expired, begun);
        }
        let link = &mut *self.link;
        if link.tenure.poll(now, &mut link.conn) {
            self.over |= self.active.is_idle();
        }
    }

    /// `begun`: the answer was, before the handler was told.
    fn time_out(&mut self, expired: Expired, begun: bool) {
        let unfinished = begun || self.link.conn.body().is_some();
        let date = if self.cx.options.send_date { Some(self.cx.clock.date()) } else { None };
        let answer = &mut self.active.answer;
        let Some(status) = expired.status().filter(|_| !unfinished && !answer.abort) else {
            self.over = true;
            return;
        };
        if !answer.head_sent {
            if self.link.conn.respond_expired(expired, date, &mut answer.out).is_err() {
                self.over = true;
                return;
            }
            answer.begin();
            (answer.status, answer.head_sent, answer.marks.head) = (status, true, self.cx.clock.now());
        }
        self.active.stop = Stop::Closed;
        self.abort_exchange();
    }

    #[inline]
    pub(crate) fn is_answered(&mut self) -> bool {
        self.active.answer.head_sent && self.link.conn.body().is_none()
    }

    /// Calls the handler. A panic ends the connection, not the server: with a 500 if the answer was not begun.
    #[inline]
    fn call<T>(
        &mut self,
        f: impl FnOnce(&mut H, &mut Option<H::Exchange>, &mut Response<'_>) -> T,
    ) -> Option<T> {
        let client = self.client.take();
        let mut lent = client;
        let told = self.call_with(lent.as_deref_mut(), f);
        self.client = lent;
        told
    }

    /// As [`call`](Self::call), with the client of the loop where that is in use already.
    pub(super) fn call_with<T>(
        &mut self,
        client: Option<&mut Engine>,
        f: impl FnOnce(&mut H, &mut Option<H::Exchange>, &mut Response<'_>) -> T,
    ) -> Option<T> {
        let Active { answer, exchange, .. } = &mut *self.active;
        let mut res = Response { link: self.link, answer, cx: self.cx, key: self.key, client };
        let handler = &mut *self.handler;
        match catch_unwind(AssertUnwindSafe(|| f(handler, exchange, &mut res))) {
            Ok(value) => Some(value),
            Err(_) => {
                self.cx.counters.panics.add(1);
                if let Some(exchange) = self.active.exchange.take() {
                    self.cx.counters.aborted.add(1);
                    self.cx.counters.guard(|| drop(exchange));
                }
                self.link.conn.keep_reading(false);
                self.link.conn.close_after_response();
                self.active.answer.failed = true;
                None
            }
        }
    }

    /// What follows from what the handler did.
    #[inline]
    pub(super) fn settle(&mut self) {
        let answer = &self.active.answer;
        if answer.abort || self.over {
            self.over = true;
            return;
        }
        let forsaken = self.active.exchange.is_none() && answer.progress.is_none();
        if answer.failed || (answer.open && forsaken && !self.is_answered()) {
            self.failed();
        }
        // An answer that switches is the beginning of something that goes on.
        let answer = &self.active.answer;
        if !answer.open || answer.taker.is_some() || answer.stays || !self.is_answered() {
            return;
        }
        let active = &mut *self.active;
        if active.answer.keep_reading && active.request_open && active.exchange.is_some() {
            self.link.conn.keep_reading(true);
            return;
        }
        active.answer.open = false;
        active.answer.close_progress();
        self.end_calls(false);
        let active = &mut *self.active;
        if let Some(exchange) = active.exchange.take() {
            active.leaving.push_back(Leaving::new(exchange, &active.answer, self.link));
        }
    }

    /// The handler did something that could not be done: 500 if there is still time.
    #[cold]
    fn failed(&mut self) {
        self.active.answer.failed = false;
        if self.active.answer.head_sent {
            self.over = !self.is_answered() || self.active.answer.mode == Mode::Raw;
            return;
        }
        self.active.answer.begin();
        let answered = self.call(|_, _, res| res.status(500).end(""));
        self.over = !matches!(answered, Some(Ok(())));
    }

    /// The client broke the protocol.
    #[cold]
    pub(crate) fn broken(&mut self, error: RecvError, raw: &[u8]) {
        self.cx.counters.protocol_error(error.kind());
        if !self.active.answer.open {
            self.active.answer.begin_unasked();
        }
        self.active.answer.marks.failure = Some(Failure::Protocol(error.kind()));
        let client_error = ClientError { error, raw, bytes_parsed: self.link.conn.recv_offset() };
        self.call(|handler, _, res| handler.client_error(&client_error, res));
        if !self.active.answer.head_sent {
            let date = if self.cx.options.send_date { Some(self.cx.clock.date()) } else { None };
            // Refused if there was an answer already.
            let _ = self.link.conn.respond_error(&error, date, &mut self.active.answer.out);
        }
        // Nothing may be written into an answer that is under way.
        self.over |= self.link.conn.body().is_some();
        self.over |= self.active.answer.abort;
        self.abort_exchange();
    }

    /// The exchange is over before its answer was sent.
    fn abort_exchange(&mut self) {
        self.active.answer.open = false;
        self.active.answer.close_progress();
        self.end_calls(true);
        self.link.conn.keep_reading(false);
        if let Some(exchange) = self.active.exchange.take() {
            let leaving = Leaving::new(exchange, &self.active.answer, self.link);
            self.abort(leaving);
        }
    }

    fn abort(&mut self, mut leaving: Leaving<H::Exchange>) {
        self.cx.counters.aborted.add(1);
        let report = leaving.report(self.active.answer.sent, self.cx.clock.now());
        let is_complete = report.is_complete && !self.link.stream.wants_flush();
        let report = Report { failure: self.active.answer.marks.failure, is_complete, ..report };
        self.call(|handler, _, _| {
            handler.report(&mut leaving.exchange, &report);
            handler.aborted(leaving.exchange);
        });
    }

    /// All answers that end with one of the first `sent` bytes are sent.
    #[inline]
    pub(crate) fn finished(&mut self, sent: u64) {
        while let Some(leaving) = self.active.leaving.front()
            && leaving.last <= sent
            && let Some(mut leaving) = self.active.leaving.pop_front()
        {
            let report = leaving.report(sent, self.cx.clock.now());
            let told = self.call(|handler, _, _| {
                handler.report(&mut leaving.exchange, &report);
                handler.finished(leaving.exchange);
            });
            self.over |= told.is_none();
        }
    }

    /// Another protocol came to its end, or went elsewhere.
    pub(crate) fn part_in_order(&mut self) {
        self.active.answer.close_progress();
        self.end_calls(false);
        if let Some(mut exchange) = self.active.exchange.take() {
            self.call(|handler, _, res| {
                handler.report(&mut exchange, &res.report());
                handler.finished(exchange);
            });
        }
    }

    /// The connection left the loop.
    pub(crate) fn left(&mut self) {
        self.part_in_order();
        self.closed();
        *self.active = Active::new();
    }

    /// Has a stream that says goodbye to its peer do so, unless it would be a lie: what was said is not complete.
    #[cold]
    pub(crate) fn say_goodbye(&mut self) {
        let answer = &self.active.answer;
        let unfinished = answer.mode == Mode::Raw && !answer.raw_finished;
        if let Stream::Other(stream) = &mut self.link.stream
            && answer.out.is_empty()
            && !unfinished
            && self.link.conn.body().is_none()
        {
            // What cannot be said at once is not said.
            let _ = stream.shutdown_write();
        }
    }

    /// The connection is over: tells the handler, and leaves nothing behind.
    #[cold]
    pub(crate) fn ended(&mut self) {
        if self.link.gone {
            let reset = Failure::Stream(io::ErrorKind::ConnectionReset);
            self.active.answer.marks.failure.get_or_insert(reset);
        }
        for leaving in std::mem::take(&mut self.active.leaving) {
            self.abort(leaving);
        }
        self.abort_exchange();
        self.closed();
        *self.active = Active::new();
    }
}
