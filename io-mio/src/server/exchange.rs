//! What the machine's events come to: calls of the handler, and what follows from what it did.
//!
//! The second half of a connection's turn. It moves no bytes.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use h1wire_proto::{Asks, Expired, Fields, Method, RecvError, RequestHead, Time};

use crate::client::engine::Engine;
use crate::server::answer::Stage;
use crate::server::connection::{Active, Mode, Stop};
use crate::server::drive::Turn;
use crate::server::handler::Handler;
use crate::server::remote::Action;
use crate::server::report::{Failure, Leaving, Marks};
use crate::server::request::{ClientError, Request};
use crate::server::response::Response;

impl<H: Handler> Turn<'_, H> {
    #[inline]
    pub(crate) fn request(&mut self, head: RequestHead<'_, '_>) {
        self.end_own_idle();
        let link = &mut *self.link;
        link.tenure.request(&link.options.lifetime(), &mut link.conn);
        self.active.discarded = 0;
        self.activity.heads += 1;
        let marks = self.marks(self.link.tenure.requests());
        self.active.answer.begin(marks);
        self.active.answer.is_connect = head.method == Method::Connect;
        self.active.request_open = !head.body.is_empty();
        let req = Request { head, number: self.link.tenure.requests(), is_shutting_down: self.cx.draining };
        let exchange = self.call(|handler, _, res| match head.asks(true) {
            Asks::Tunnel => handler.connect(&req, res),
            Asks::Expectation => handler.check_expectation(&req, res),
            Asks::Continue if head.upgrade && handler.should_upgrade(&req) => {
                res.continue_when_wanted();
                handler.upgrade(&req, res)
            }
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
        self.tell(|handler, exchange, res| handler.data(exchange, data, res));
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
        if self.active.answer.wants.invitation && self.link.conn.wants_continue() {
            self.call(|_, _, res| res.send_continue().is_ok());
        }
    }

    /// The request is complete.
    #[inline]
    fn complete(&mut self, trailers: Fields<'_, '_>) {
        self.active.answer.marks.request = self.cx.moment();
        if self.active.answer.wants.rest || !self.is_answered() {
            self.tell(|handler, exchange, res| handler.end(exchange, trailers, res));
            if self.link.ends && !self.link.gone && !self.is_answered() {
                self.tell_half_closed();
            }
        }
        self.settle();
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
        self.tell(|handler, exchange, res| handler.end(exchange, Fields::EMPTY, res));
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
        if !self.active.request_open && self.active.mode == Mode::Http {
            self.tell_half_closed();
            self.settle();
        }
    }

    fn tell_half_closed(&mut self) {
        if self.link.options.abort_on_end && self.active.answer.is_open() {
            let left = Failure::Stream(io::ErrorKind::UnexpectedEof);
            self.active.answer.marks.failure.get_or_insert(left);
            self.active.answer.stage = Stage::Cut;
        }
        self.tell(|handler, exchange, res| handler.half_closed(exchange, res));
    }

    /// The writer can go on.
    pub(crate) fn drain(&mut self) {
        self.active.answer.wants.drain = false;
        self.tell(|handler, exchange, res| handler.drain(exchange, res));
        self.settle();
    }

    /// The server will end.
    pub(crate) fn shutting_down(&mut self) {
        if !self.active.answer.is_open() {
            return;
        }
        if let Some(progress) = &self.active.answer.progress {
            progress.set_shutting_down();
        }
        self.tell(|handler, exchange, res| handler.shutdown(exchange, res));
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
        let is_lingering = self.active.mode == Mode::Linger;
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
            if !self.active.answer.is_open() {
                self.begin_unasked();
            }
            if expired != Expired::Idle {
                self.link.conn.close_after_response();
            }
            let begun = self.active.answer.is_head_sent();
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
        let is_cut = self.active.answer.stage == Stage::Cut;
        let Some(status) = expired.status().filter(|_| !unfinished && !is_cut) else {
            self.over = true;
            return;
        };
        if !self.active.answer.is_head_sent() {
            let date = if self.cx.options.send_date { Some(self.cx.clock.date()) } else { None };
            let Active { answer, outbox, .. } = &mut *self.active;
            if self.link.conn.respond_expired(expired, date, &mut outbox.queue).is_err() {
                self.over = true;
                return;
            }
            answer.head_sent(status, self.cx.clock.micros());
        }
        self.active.stop = Stop::Closed;
        self.abort_exchange(true);
    }

    #[inline]
    pub(crate) fn is_answered(&mut self) -> bool {
        self.active.answer.is_head_sent() && self.link.conn.body().is_none()
    }

    /// Calls the handler about the exchange at hand, if there is one.
    #[inline]
    fn tell(&mut self, f: impl FnOnce(&mut H, &mut H::Exchange, &mut Response<'_>)) {
        if self.active.exchange.is_some() {
            self.call(|handler, exchange, res| {
                if let Some(exchange) = exchange {
                    f(handler, exchange, res);
                }
            });
        }
    }

    /// Calls the handler. A panic ends the connection, not the server: with a 500 if the answer was not begun.
    #[inline]
    fn call<T>(
        &mut self,
        f: impl FnOnce(&mut H, &mut Option<H::Exchange>, &mut Response<'_>) -> T,
    ) -> Option<T> {
        let mut lent = self.client.take();
        let told = self.call_with(lent.as_deref_mut(), f);
        self.client = lent;
        told
    }

    /// As [`call`](Self::call), with the client of the loop where that is in use already.
    #[inline]
    pub(super) fn call_with<T>(
        &mut self,
        client: Option<&mut Engine>,
        f: impl FnOnce(&mut H, &mut Option<H::Exchange>, &mut Response<'_>) -> T,
    ) -> Option<T> {
        let Active { answer, outbox, exchange, .. } = &mut *self.active;
        let mut res = Response { link: self.link, answer, outbox, cx: self.cx, key: self.key, client };
        let handler = &mut *self.handler;
        match catch_unwind(AssertUnwindSafe(|| f(handler, exchange, &mut res))) {
            Ok(value) => {
                self.timers_changed |= self.active.answer.own_idle;
                Some(value)
            }
            Err(_) => {
                self.panicked();
                None
            }
        }
    }

    #[cold]
    fn panicked(&mut self) {
        self.cx.counters.panics.add(1);
        if let Some(exchange) = self.active.exchange.take() {
            self.cx.counters.aborted.add(1);
            self.cx.counters.guard(|| drop(exchange));
        }
        self.link.conn.keep_reading(false);
        self.link.conn.close_after_response();
        self.active.answer.marks.failure = Some(Failure::Panic);
        let unfinished = self.link.conn.body().is_some();
        self.active.answer.fail(unfinished);
    }

    /// What follows from what the handler did.
    #[inline]
    pub(super) fn settle(&mut self) {
        let answer = &self.active.answer;
        match answer.stage {
            _ if self.over => return,
            Stage::Cut => {
                self.over = true;
                return;
            }
            Stage::Idle | Stage::Complete => return,
            Stage::Failed => self.failed(),
            // An answer that switches is the beginning of something that goes on.
            Stage::Raw { .. } => return,
            Stage::Open | Stage::HeadSent => {
                let by_itself = self.active.exchange.is_none() || answer.wants.leave;
                if by_itself && answer.progress.is_none() && !self.is_answered() {
                    self.unanswered();
                }
            }
        }
        if self.over || self.active.answer.taker.is_some() || !self.is_answered() {
            return;
        }
        let active = &mut *self.active;
        if active.answer.wants.rest && active.request_open && active.exchange.is_some() {
            self.link.conn.keep_reading(true);
            return;
        }
        active.answer.stage = Stage::Complete;
        active.answer.close_progress();
        self.end_calls(false);
        let active = &*self.active;
        if active.exchange.is_some() || active.answer.marks.failure.is_some() {
            self.leave();
        }
    }

    /// The exchange is over but for bytes that wait to be sent.
    fn leave(&mut self) {
        let (is_complete, last) = (self.is_answered(), self.active.outbox.position());
        let received = self.link.conn.recv_offset();
        let Active { answer, exchange, leaving, .. } = &mut *self.active;
        let marks = &answer.marks;
        let (status, error) = (answer.draft.status, answer.error.take());
        let report = marks.report(status, is_complete, received, last, self.cx.clock.micros(), error);
        leaving.push_back(Leaving::new(exchange.take(), marks, last, report));
        answer.marks.failure = None;
    }

    /// Nobody will complete the answer.
    #[cold]
    fn unanswered(&mut self) {
        let unfinished = self.link.conn.body().is_some();
        self.call(|_, _, res| {
            res.fail(if unfinished {
                "the answer was not completed"
            } else {
                "the request was not answered"
            });
        });
        if self.active.answer.stage == Stage::Failed {
            self.failed();
        } else {
            self.over = true;
        }
    }

    /// The handler did something that could not be done, and there is still time for a 500.
    #[cold]
    fn failed(&mut self) {
        let answer = &mut self.active.answer;
        answer.draft.renew();
        answer.stage = Stage::Open;
        let answered = self.call(|_, _, res| res.status(500).end(""));
        self.over |= !matches!(answered, Some(Ok(())));
    }

    /// The client broke the protocol.
    #[cold]
    pub(crate) fn broken(&mut self, error: RecvError, raw: &[u8]) {
        self.cx.counters.protocol_error(error.kind());
        if !self.active.answer.is_open() {
            self.begin_unasked();
        }
        self.active.answer.marks.failure = Some(Failure::Protocol(error.kind()));
        let client_error = ClientError { error, raw, bytes_parsed: self.link.conn.recv_offset() };
        self.call(|handler, _, res| handler.client_error(&client_error, res));
        let Active { answer, outbox, .. } = &mut *self.active;
        if !answer.is_head_sent() {
            let date = if self.cx.options.send_date { Some(self.cx.clock.date()) } else { None };
            // Refused if there was an answer already.
            if self.link.conn.respond_error(&error, date, &mut outbox.queue).is_ok()
                && answer.stage != Stage::Cut
            {
                answer.head_sent(error.status(), self.cx.clock.micros());
            }
        }
        // Nothing may be written into an answer that is under way.
        self.over |= self.link.conn.body().is_some() || self.active.answer.stage == Stage::Cut;
        self.abort_exchange(true);
    }

    /// The marks of a request that begins here.
    #[inline]
    fn marks(&self, number: u32) -> Marks {
        let position = self.active.outbox.position();
        Marks::begin(number, self.cx.clock.micros(), self.link.conn.recv_offset(), position)
    }

    /// There is something to say although no request waits for an answer.
    #[cold]
    fn begin_unasked(&mut self) {
        let marks = self.marks(self.link.tenure.requests().saturating_add(1));
        self.active.answer.begin_unasked(marks);
    }

    /// The exchange is over before its answer was sent. `reported`: so it is if there is none.
    fn abort_exchange(&mut self, reported: bool) {
        let was_open = self.active.answer.is_open();
        self.active.answer.close_progress();
        self.end_calls(true);
        self.link.conn.keep_reading(false);
        if self.active.exchange.is_some()
            || (reported || was_open) && self.active.answer.marks.failure.is_some()
        {
            let goes_on = self.active.exchange.is_none() && !self.over;
            self.leave();
            // The report of what the server says by itself waits until it is said.
            if !goes_on && let Some(leaving) = self.active.leaving.pop_back() {
                self.abort(leaving, None);
            }
        }
        self.active.answer.stage = Stage::Complete;
    }

    fn abort(&mut self, leaving: Leaving<H::Exchange>, failure: Option<Failure>) {
        let (exchange, mut report) =
            leaving.into_report(self.active.outbox.sent, self.cx.clock.read_micros());
        report.is_complete &= !self.link.stream.wants_flush();
        report.failure = report.failure.or(failure);
        let Some(mut exchange) = exchange else {
            self.call(|handler, _, _| handler.report(None, &report));
            return;
        };
        self.cx.counters.aborted.add(1);
        self.call(|handler, _, _| {
            handler.report(Some(&mut exchange), &report);
            handler.aborted(exchange);
        });
    }

    /// All answers that end with one of the first `sent` bytes are sent.
    #[inline]
    pub(crate) fn finished(&mut self, sent: u64) {
        while let Some(f) = self.active.outbox.pop_sent() {
            self.over |= self.call(|_, _, _| f(true)).is_none();
        }
        while let Some(leaving) = self.active.leaving.front()
            && leaving.last <= sent
            && let Some(leaving) = self.active.leaving.pop_front()
        {
            let (exchange, report) = leaving.into_report(sent, self.cx.clock.read_micros());
            let told = self.call(|handler, _, _| match exchange {
                Some(mut exchange) => {
                    handler.report(Some(&mut exchange), &report);
                    handler.finished(exchange);
                }
                None => handler.report(None, &report),
            });
            self.over |= told.is_none();
        }
        if self.active.answer.own_idle && !self.active.answer.is_open() && self.active.outbox.is_empty() {
            self.end_own_idle();
        }
    }

    /// The answer that had an idle limit of its own is over.
    #[inline]
    fn end_own_idle(&mut self) {
        if self.active.answer.own_idle {
            self.active.answer.own_idle = false;
            self.link.timers.set_idle(self.link.options.timeouts.idle);
            self.timers_changed = true;
        }
    }

    /// Another protocol came to its end, or went elsewhere.
    pub(crate) fn part_in_order(&mut self) {
        self.active.answer.close_progress();
        self.end_calls(false);
        if let Some(mut exchange) = self.active.exchange.take() {
            self.call(|handler, _, res| {
                handler.report(Some(&mut exchange), &res.report());
                handler.finished(exchange);
            });
        }
    }

    /// Adds what happened in this turn to the counters.
    #[inline]
    pub(crate) fn count(&mut self) {
        let (counters, activity) = (&self.cx.counters, &self.activity);
        counters.requests.add(activity.heads.into());
        counters.bytes_received.add(activity.received as u64);
        counters.bytes_sent.add(activity.sent as u64);
        if activity.heads > 0 && activity.heads == self.link.tenure.requests() {
            counters.used.add(1);
        }
        self.cx.tallies.count(self.key, activity.received, activity.sent);
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
        let unfinished = self.active.answer.stage == (Stage::Raw { finished: false });
        if let crate::Stream::Other(stream) = &mut self.link.stream
            && self.active.outbox.is_empty()
            && !unfinished
            && self.link.conn.body().is_none()
        {
            // What cannot be said at once is not said.
            let _ = stream.shutdown_write();
        }
    }

    /// The connection is over: tells the handler, and leaves nothing after it.
    #[cold]
    pub(crate) fn ended(&mut self) {
        let failure = match self.active.answer.marks.failure {
            None if self.link.gone => Some(Failure::Stream(io::ErrorKind::ConnectionReset)),
            failure => failure,
        };
        for leaving in std::mem::take(&mut self.active.leaving) {
            self.abort(leaving, failure);
        }
        self.active.answer.marks.failure = failure;
        self.abort_exchange(false);
        while let Some(f) = self.active.outbox.pop_waiter() {
            self.call(|_, _, _| f(false));
        }
        self.closed();
        *self.active = Active::new();
    }

    /// The connection is about to go, after everything else was told.
    #[cold]
    fn closed(&mut self) {
        let now = self.cx.clock.now();
        if let Some(report) = self.cx.tallies.report(self.key, self.link.tenure.requests(), now) {
            let stream = &self.link.stream;
            let handler = &mut *self.handler;
            self.cx.counters.guard(|| handler.closed(stream, &report));
        }
    }
}
