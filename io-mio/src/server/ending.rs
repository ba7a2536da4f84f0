//! How exchanges and connections end: sent to the last byte, broken off by the client, by time or by the stream.
//!
//! What follows while they go on is in `exchange`.

use std::io;

use h1wire_proto::{Expired, RecvError, Time};

use crate::server::answer::Stage;
use crate::server::connection::{Active, Mode, Stop};
use crate::server::drive::Turn;
use crate::server::handler::Handler;
use crate::server::report::{Failure, Leaving};
use crate::server::request::ClientError;

impl<H: Handler> Turn<'_, H> {
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
    pub(super) fn end_own_idle(&mut self) {
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
