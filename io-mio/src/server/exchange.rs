//! What the machine's events come to: calls of the handler, and what follows from what it did.
//!
//! The second half of a connection's turn. It moves no bytes.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use h1wire_proto::serving::Route;
use h1wire_proto::{Fields, RequestHead};

use crate::client::engine::Engine;
use crate::server::answer::Stage;
use crate::server::connection::Active;
use crate::server::drive::Turn;
use crate::server::handler::Handler;
use crate::server::remote::Action;
use crate::server::report::{Failure, Leaving, Marks};
use crate::server::request::Request;
use crate::server::response::Response;

impl<H: Handler> Turn<'_, H> {
    #[inline]
    pub(crate) fn request(&mut self, head: RequestHead<'_, '_>) {
        let number = self.link.session.requests();
        let marks = self.marks(number);
        self.active.answer.begin(marks);
        self.active.request_open = !head.body.is_empty();
        let req = Request { head, number, is_shutting_down: self.cx.draining };
        let exchange =
            self.call(|handler, _, res| match Route::of(&head, true, |_| handler.should_upgrade(&req)) {
                Route::Tunnel => handler.connect(&req, res),
                Route::Expectation => handler.check_expectation(&req, res),
                Route::Upgrade => {
                    res.continue_when_wanted();
                    handler.upgrade(&req, res)
                }
                Route::Continue => handler.check_continue(&req, res),
                Route::Request => handler.request(&req, res),
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
        let Active { answer, outbox, .. } = &mut *self.active;
        if answer.wants.invitation {
            self.link.session.conn().send_continue_if_wanted(&mut outbox.queue);
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
    pub(crate) fn raw_data(&mut self, data: &[u8]) {
        if !data.is_empty() {
            self.data(data);
        }
    }

    /// The end of the client's half of another protocol.
    pub(crate) fn raw_end(&mut self) {
        self.tell(|handler, exchange, res| handler.end(exchange, Fields::EMPTY, res));
        self.settle();
    }

    /// Perhaps there would have been another request.
    #[inline]
    pub(crate) fn tell_dropped(&mut self) {
        if self.link.session.dropped() {
            self.cx.counters.dropped.add(1);
            self.call(|handler, _, _| handler.drop_request());
        }
    }

    /// The client will send nothing more. What it sent before is told first, and in another protocol its end is enough.
    pub(crate) fn half_closed(&mut self) {
        if !self.active.request_open && !self.active.raw {
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

    /// Ends a connection at rest, but reads although no event said that there is something: a request that is there is
    /// answered, as the last.
    pub(crate) fn look_once_more(&mut self) {
        self.link.session.wind_up();
        self.link.readable = true;
    }

    /// Ends the connection.
    pub(crate) fn close(&mut self) {
        self.over = true;
    }

    #[inline]
    pub(crate) fn is_answered(&mut self) -> bool {
        self.active.answer.is_head_sent() && self.link.session.conn().body().is_none()
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
    pub(super) fn call<T>(
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
                self.timers_changed |= std::mem::take(&mut self.active.answer.wants.deadline);
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
        self.link.session.conn().keep_reading(false);
        self.link.session.conn().close_after_response();
        self.active.answer.marks.failure = Some(Failure::Panic);
        let unfinished = self.link.session.conn().body().is_some();
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
            self.link.session.conn().keep_reading(true);
            return;
        }
        active.answer.stage = Stage::Complete;
        active.answer.close_progress();
        self.end_calls(false);
        let active = &*self.active;
        let is_wrong = active.answer.marks.failure.is_some() || active.answer.error.is_some();
        if active.exchange.is_some() || is_wrong {
            self.leave();
        }
    }

    /// The exchange is over but for bytes that wait to be sent.
    pub(super) fn leave(&mut self) {
        let (is_complete, last) = (self.is_answered(), self.active.outbox.position());
        let received = self.link.session.machine().recv_offset();
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
        let unfinished = self.link.session.conn().body().is_some();
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

    /// The marks of a request that begins here.
    #[inline]
    pub(super) fn marks(&self, number: u32) -> Marks {
        let position = self.active.outbox.position();
        Marks::begin(number, self.cx.clock.micros(), self.link.session.machine().recv_offset(), position)
    }

    /// There is something to say although no request waits for an answer.
    #[cold]
    pub(super) fn begin_unasked(&mut self) {
        let marks = self.marks(self.link.session.requests().saturating_add(1));
        self.active.answer.begin_unasked(marks);
    }
}
