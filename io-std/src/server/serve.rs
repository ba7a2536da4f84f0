//! What a thread does with a connection: requests one after another, until it ends or has nothing to read.
//!
//! The session says what a connection needs next and what becomes of it. Here it is given that.

use std::cell::RefCell;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use h1wire_proto::serving::Next;
use h1wire_proto::{
    Fields, Headers, InBuf, OwnedFields, OwnedRequest, Recv, RequestHead, ServerEvent, Slots,
};

use super::answer::{Handler, Handlers, Outcome, answer};
use super::core::Core;
use super::counters::Tally;
use super::door::Order;
use super::exchange::{Buffers, Exchange};
use super::fault::Fault;
use super::guard::guarded;
use super::link::{After, Link};
use super::moving::Got;
use super::response::Draft;
use super::{Request, Response};
use crate::clock;

/// How many requests of one connection are answered while others wait for the thread.
const TURN: u32 = 64;

/// A thread that serves connections, with its memory.
pub(crate) struct Worker {
    pub(super) core: Arc<Core>,
    pub(super) handlers: Arc<Handlers>,
    handler: Arc<Handler>,
    pub(super) counters: Arc<Tally>,
    /// Input before and after the head at hand.
    pub(super) first: InBuf,
    slots: Slots,
    pub(super) headers: Headers,
    pub(super) response_trailers: Headers,
    request_trailers: OwnedFields,
    buffers: Buffers,
}

impl Worker {
    pub(crate) fn new(core: Arc<Core>, handlers: Arc<Handlers>, handler: Arc<Handler>) -> Self {
        Self {
            counters: core.settings.tally(),
            core,
            handlers,
            handler,
            first: InBuf::new(),
            slots: Slots::new(),
            headers: Headers::new(),
            response_trailers: Headers::new(),
            request_trailers: OwnedFields::new(),
            buffers: Buffers::default(),
        }
    }

    /// Serves connections from the queue until it is stopped.
    pub(crate) fn run(mut self) {
        while let Some(link) = self.core.queue.take() {
            // Handlers that panic are answered for. This is for hooks.
            let Some((link, after)) = guarded(|| self.serve(link)) else {
                self.counters.panics.add(1);
                self.first.consume(usize::MAX);
                continue;
            };
            match after {
                After::Park => self.core.door.send(Order::Park(link)),
                After::Requeue => self.core.queue.push_anyway(link),
                After::End => drop(link),
            }
        }
    }

    pub(super) fn serve(&mut self, mut link: Box<Link>) -> (Box<Link>, After) {
        if link.is_new
            && let Err(_refused) = self.greet(&mut link)
        {
            self.counters.refused.add(1);
            return (link, After::End);
        }
        link.rules.fill(&mut self.first, std::mem::take(&mut link.rest).bytes());
        let late = link.late.take();
        let buffers = std::mem::take(&mut self.buffers);
        let mut exchange = RefCell::new(Exchange::new(link, buffers, self.counters.clone()));
        if let Some(expired) = late {
            self.give_up(&mut exchange, &Fault::Expired(expired));
        }
        let after = self.converse(&mut exchange);
        let Exchange { mut link, buffers, .. } = exchange.into_inner();
        self.buffers = buffers;
        self.buffers.out.clear();
        self.buffers.more.consume(usize::MAX);
        if matches!(after, After::Park | After::Requeue) && !self.first.is_empty() {
            link.rest.keep(self.first.len(), self.first.bytes());
        }
        self.first.consume(usize::MAX);
        (link, after)
    }

    /// Shows a new stream to its user.
    fn greet(&self, link: &mut Link) -> io::Result<()> {
        link.is_new = false;
        if let Some(hook) = &self.core.settings.hooks.connection
            && let Some(stream) = link.stream.take()
        {
            link.stream = Some(hook(stream)?);
        }
        Ok(())
    }

    fn converse(&mut self, exchange: &mut RefCell<Exchange>) -> After {
        let mut served = 0;
        loop {
            let mut input = self.first.bytes();
            let before = input.len();
            let Link { session, rules, .. } = &mut *exchange.get_mut().link;
            match session.recv(&rules.options.policy, &mut input, &mut self.slots) {
                Ok(Recv::Event(ServerEvent::Request(head))) => {
                    let has_content = !head.body.is_empty();
                    let consumed = before - if has_content { 0 } else { input.len() };
                    self.headers.clear();
                    self.response_trailers.clear();
                    if !self.request_trailers.as_fields().is_empty() {
                        self.request_trailers.copy_from(&Fields::EMPTY);
                    }
                    let x = exchange.get_mut();
                    x.begin(&head, input);
                    count_request(x);
                    let rest = if has_content { &[] } else { input };
                    let mut request = Request { exchange, head, trailers: &mut self.request_trailers };
                    let mut response = Response {
                        exchange,
                        headers: &mut self.headers,
                        trailers: &mut self.response_trailers,
                        draft: Draft::default(),
                        rest,
                    };
                    match answer(&self.handlers, &*self.handler, &mut request, &mut response) {
                        Outcome::Done => finish(exchange.get_mut(), &head),
                        Outcome::Abort => {
                            exchange.get_mut().link.session.abort();
                            finish(exchange.get_mut(), &head);
                        }
                        Outcome::Failed(fault) => {
                            let request = OwnedRequest::from(&head);
                            self.answer_fault(exchange, &fault);
                            finish(exchange.get_mut(), &request.head());
                        }
                    }
                    self.first.consume(consumed);
                    let x = exchange.get_mut();
                    if x.link.stream.is_none() {
                        return After::End;
                    }
                    if has_content {
                        std::mem::swap(&mut self.first, &mut x.buffers.more);
                    }
                    served += 1;
                }
                // The rest of a request is read while it is answered, or dropped then.
                Ok(Recv::Event(event)) => {
                    let is_end = matches!(event, ServerEvent::End(_));
                    let consumed = before - input.len();
                    self.first.consume(consumed);
                    exchange.get_mut().received |= is_end;
                }
                Ok(Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed) => {
                    let consumed = before - input.len();
                    self.first.consume(consumed);
                    if let ControlFlow::Break(after) = self.obey(exchange, served) {
                        return after;
                    }
                }
                Err(error) => {
                    let fault = Fault::Protocol(error);
                    self.counters.count(&fault);
                    self.give_up(exchange, &fault);
                }
            }
        }
    }

    /// Does what the session says now that it has no more events. Goes on when there is something to show it.
    fn obey(&mut self, exchange: &mut RefCell<Exchange>, served: u32) -> ControlFlow<After> {
        let x = exchange.get_mut();
        // Whether it succeeds, the session knows.
        let _ = x.flush_out();
        x.link.wind_up();
        match x.link.follow() {
            Some(Next::Recv) => ControlFlow::Continue(()),
            Some(Next::Read) => self.wait(exchange, served),
            // Its client is waited for, by whoever can do that best.
            Some(Next::Discard { .. } | Next::Wait) if x.link.can_park() => ControlFlow::Break(After::Park),
            Some(Next::Discard { .. } | Next::Wait) => self.wait(exchange, served),
            _ => {
                self.core.settings.note_dropped(&mut x.link.session, x.link.peer, &self.counters);
                ControlFlow::Break(After::End)
            }
        }
    }

    /// Waits for more to read. Goes on if there is more, or the end, or if a limit has passed.
    fn wait(&mut self, exchange: &mut RefCell<Exchange>, served: u32) -> ControlFlow<After> {
        let x = exchange.get_mut();
        let core = &self.core;
        let is_idle = x.link.is_idle();
        x.link.idle_epoch = core.settings.idle_epoch();
        if core.queue.is_crowded() && x.link.can_park() {
            let readable = x.link.stream.as_mut().is_some_and(|stream| stream.is_readable());
            match readable {
                false => return ControlFlow::Break(After::Park),
                true if served >= TURN => return ControlFlow::Break(After::Requeue),
                true => {}
            }
        }
        let rules = x.link.rules.clone();
        let buf = rules.room(&mut self.first);
        // Where no other thread is free, and there are connections without one, a request there would have to wait for
        // this one.
        let scarce = !core.queue.has_free() && core.connections.are_more_than(core.threads);
        let limit = rules.options.linger_at_idle;
        let limit = if scarce { limit / 4 } else { limit };
        let got = x.link.read_within(clock::millis(limit), buf, &self.counters);
        let got = match got {
            Got::Nothing => x.link.is_late().unwrap_or(Got::Nothing),
            got => got,
        };
        match got {
            Got::Bytes(n) => self.first.filled(n),
            Got::Eof => x.link.session.recv_eof(),
            Got::Late(expired) => {
                self.counters.time_limit(expired);
                self.give_up(exchange, &Fault::Expired(expired));
            }
            Got::Over(expired) => self.counters.time_limit(expired),
            Got::Failed(error) => {
                if !x.link.session.gone() {
                    return ControlFlow::Break(After::End);
                }
                let fault = Fault::Stream(error);
                self.counters.count(&fault);
                self.give_up(exchange, &fault);
            }
            Got::Nothing => {
                let is_told = is_idle && x.link.idle_epoch != core.settings.idle_epoch();
                if !is_told && x.link.can_park() {
                    return ControlFlow::Break(After::Park);
                }
                // If nobody else can watch it, and others have something to do, it is closed at rest as well.
                if is_told || is_idle && served > 0 && core.queue.is_crowded() {
                    x.link.session.wind_up();
                    return self.obey(exchange, served);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// An exchange is answered, or will not be.
fn finish(x: &mut Exchange, head: &RequestHead<'_, '_>) {
    x.counters.aborted.add((!x.is_complete()).into());
    x.report(Some(head));
    x.drop_held();
    x.link.session.conn().keep_reading(false);
}

fn count_request(x: &mut Exchange) {
    x.link.age();
    x.link.reset_idle();
    x.counters.requests.add(1);
    if x.link.session.requests() > 1 {
        x.counters.reused.add(1);
    }
}
