//! How exchanges and connections end: sent to the last byte, broken off by the client, by time or by the stream.
//!
//! What follows while they go on is in `exchange`.

use std::io;

use h1wire_proto::serving::Lapse;
use h1wire_proto::{Expired, RecvError, Time};

use crate::server::answer::Stage;
use crate::server::connection::{Active, Link};
use crate::server::drive::Turn;
use crate::server::handler::Handler;
use crate::server::report::{Failure, Leaving};
use crate::server::request::ClientError;

impl<H: Handler> Turn<'_, H> {
    /// Reading or writing failed, and that is the end.
    #[cold]
    pub(crate) fn stream_failed(&mut self, error: &io::Error) {
        self.observe();
        let is_cut = error.kind() == io::ErrorKind::UnexpectedEof;
        let is_reset = error.kind() == io::ErrorKind::ConnectionReset;
        let is_lost = self.link.session.gone() || self.active.exchange.is_some();
        self.over = true;
        self.active.answer.marks.failure = Some(Failure::Stream(error.kind()));
        // Who has everything may go as it likes.
        if !is_lost && (is_cut || is_reset) {
            return;
        }
        self.cx.counters.io_errors.add(1);
        self.call(|handler, _, res| handler.stream_error(error, res.stream()));
    }

    /// Limits may have passed.
    pub(crate) fn expire(&mut self, now: Time) {
        while !self.over {
            let unread = self.link.readable && !self.active.eof && !self.active.held;
            let Link { session, options, .. } = &mut *self.link;
            let Some(lapse) = session.expire(&options.policy, now, unread) else { return };
            match lapse {
                // This turn does, and then time is asked again.
                Lapse::Read => return,
                Lapse::Idle => {
                    if self.tell_lapse(Expired::Idle) {
                        self.settle();
                        continue;
                    }
                    self.link.session.give_up();
                    self.time_limit(Expired::Idle);
                    self.over = true;
                }
                Lapse::Late(expired) => {
                    self.tell_lapse(expired);
                    self.time_limit(expired);
                    self.time_out(expired);
                }
                Lapse::Over(expired) => {
                    self.tell_lapse(expired);
                    self.time_limit(expired);
                    self.over = true;
                }
            }
        }
    }

    /// Whether the handler objects.
    fn tell_lapse(&mut self, expired: Expired) -> bool {
        if !self.active.answer.is_open() {
            self.begin_unasked();
        }
        self.call(|handler, exchange, res| handler.timeout(expired, exchange.as_mut(), res)) == Some(true)
    }

    fn time_limit(&mut self, expired: Expired) {
        self.cx.counters.time_limit(expired);
        self.active.answer.marks.failure = Some(Failure::Timeout(expired));
    }

    /// The client was late with its request.
    fn time_out(&mut self, expired: Expired) {
        if self.active.answer.stage == Stage::Cut {
            self.over = true;
            return;
        }
        let Active { answer, outbox, .. } = &mut *self.active;
        let now = self.cx.clock.micros();
        if self.link.session.respond_expired(expired, self.cx.date(), &mut outbox.queue) {
            answer.head_sent(expired.status().unwrap_or(answer.draft.status), now);
        }
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
        let client_error =
            ClientError { error, raw, bytes_parsed: self.link.session.machine().recv_offset() };
        self.call(|handler, _, res| handler.client_error(&client_error, res));
        if self.active.answer.stage == Stage::Cut {
            self.over = true;
        }
        let Active { answer, outbox, .. } = &mut *self.active;
        let now = self.cx.clock.micros();
        if self.link.session.respond_error(&error, self.cx.date(), &mut outbox.queue) {
            answer.head_sent(error.status(), now);
        }
        self.abort_exchange(true);
    }

    /// The exchange is over before its answer was sent. `reported`: so it is if there is none.
    fn abort_exchange(&mut self, reported: bool) {
        let was_open = self.active.answer.is_open();
        self.active.answer.close_progress();
        self.end_calls(true);
        self.link.session.conn().keep_reading(false);
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
        #[cfg(feature = "log")]
        crate::server::log::note(self.link.generation, &self.link.stream, &report);
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
            #[cfg(feature = "log")]
            crate::server::log::note(self.link.generation, &self.link.stream, &report);
            let told = self.call(|handler, _, _| match exchange {
                Some(mut exchange) => {
                    handler.report(Some(&mut exchange), &report);
                    handler.finished(exchange);
                }
                None => handler.report(None, &report),
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
                handler.report(Some(&mut exchange), &res.report());
                handler.finished(exchange);
            });
        }
    }

    /// Adds what happened in this turn to the counters.
    #[inline]
    pub(crate) fn count(&mut self) {
        let counters = &self.cx.counters;
        let requests = self.link.session.requests();
        let begun = u64::from(requests.wrapping_sub(self.requests));
        counters.requests.add(begun);
        // The first one of a connection is not on a used one.
        counters.reused.add(begun.saturating_sub(u64::from(self.requests == 0)));
        counters.bytes_received.add(self.received);
        counters.bytes_sent.add(self.sent);
        self.cx.tallies.count(self.key, self.received, self.sent);
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
            && self.link.session.conn().body().is_none()
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
        if let Some(report) = self.cx.tallies.report(self.key, self.link.session.requests(), now) {
            let stream = &self.link.stream;
            let handler = &mut *self.handler;
            self.cx.counters.guard(|| handler.closed(stream, &report));
        }
    }
}
