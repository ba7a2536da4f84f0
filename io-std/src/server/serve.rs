//! What a thread does with a connection: requests one after another, until it ends or has nothing to read.
//!
//! The machine says what a connection needs next and what becomes of it. Here it is given that.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use h1wire_proto::{Advice, Fields, Headers, InBuf, OwnedFields, OwnedRequest, Recv, ServerEvent, Slots};

use super::answer::{Handler, Handlers, Outcome, answer};
use super::core::Core;
use super::counters::Tally;
use super::door::Order;
use super::ending::{abandon, close, leave};
use super::exchange::{Buffers, Exchange};
use super::fault::Fault;
use super::guard::guarded;
use super::link::{After, Got, Link};
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
                After::Linger => self.core.door.send(Order::Linger(link)),
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
        let expired = link.expired.take();
        let buffers = std::mem::take(&mut self.buffers);
        let mut exchange = RefCell::new(Exchange::new(link, buffers, self.counters.clone()));
        let after = match expired {
            Some(expired) => self.give_up(&mut exchange, &Fault::Expired(expired)),
            None => self.converse(&mut exchange),
        };
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
            let received = exchange.get_mut().link.conn.recv(&mut input, &mut self.slots);
            match received {
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
                    let outcome = answer(&self.handlers, &*self.handler, &mut request, &mut response);
                    let after = match outcome {
                        Outcome::Failed(fault) => {
                            let request = OwnedRequest::from(&head);
                            self.first.consume(consumed);
                            self.answer_fault(exchange, &fault);
                            exchange.get_mut().report(Some(&request.head()));
                            Some(self.last(exchange.get_mut()))
                        }
                        Outcome::Done | Outcome::Abort => {
                            let x = exchange.get_mut();
                            x.report(Some(&head));
                            self.first.consume(consumed);
                            x.link.conn.keep_reading(false);
                            let is_over = matches!(outcome, Outcome::Abort);
                            if is_over { Some(abandon(x)) } else { leave(x, &self.core.queue) }
                        }
                    };
                    if let Some(after) = after {
                        self.note_dropped(exchange.get_mut(), has_content);
                        return after;
                    }
                    if has_content {
                        std::mem::swap(&mut self.first, &mut exchange.get_mut().buffers.more);
                    }
                    served += 1;
                }
                // The rest of a request is read while it is answered, or discarded then.
                Ok(Recv::Event(_)) => {
                    let consumed = before - input.len();
                    self.first.consume(consumed);
                }
                Ok(Recv::NeedInput(_)) => {
                    let consumed = before - input.len();
                    self.first.consume(consumed);
                    match self.wait(exchange.get_mut(), served) {
                        Ok(()) => {}
                        Err(Waited::Leave(after)) => return after,
                        Err(Waited::Failed(fault)) => {
                            self.counters.count(&fault);
                            return self.give_up(exchange, &fault);
                        }
                    }
                }
                Ok(Recv::Paused(_) | Recv::Closed) => {
                    return leave(exchange.get_mut(), &self.core.queue).unwrap_or(After::End);
                }
                Err(error) => {
                    let fault = Fault::Protocol(error);
                    self.counters.count(&fault);
                    return self.give_up(exchange, &fault);
                }
            }
        }
    }

    /// The connection ends. If that is because it had its last request, what came after that is told of.
    fn note_dropped(&self, x: &Exchange, has_content: bool) {
        let is_last = x.link.tenure.is_used_up(&x.link.rules.options.lifetime());
        let behind = if has_content { &x.buffers.more } else { &self.first };
        if is_last
            && x.received
            && x.held < behind.len()
            && let Some(hook) = &self.core.settings.hooks.drop_request
        {
            let _ = guarded(|| hook(x.link.peer));
        }
    }

    /// Waits for more of a head. `Ok`: there is more, or the end.
    fn wait(&mut self, x: &mut Exchange, served: u32) -> Result<(), Waited> {
        if x.flush_out().is_err() {
            return Err(Waited::Leave(After::End));
        }
        let core = &self.core;
        let idle = x.link.is_idle();
        x.link.idle_epoch = core.settings.idle_epoch();
        let crowded = core.queue.is_crowded();
        if served > 0 && idle {
            x.link.age();
            if core.settings.is_draining() {
                x.link.conn.close_after_response();
            }
            if x.link.conn.advice() == Advice::Close {
                return Err(Waited::Leave(close(x)));
            }
        }
        if crowded && x.link.can_park() {
            let readable = x.link.stream.as_mut().is_some_and(|stream| stream.is_readable());
            match readable {
                false => return Err(Waited::Leave(After::Park)),
                true if served >= TURN => return Err(Waited::Leave(After::Requeue)),
                true => {}
            }
        }
        let rules = x.link.rules.clone();
        let buf = rules.room(&mut self.first);
        // Where no other thread is free, and there are connections without one, a request there would have to wait for
        // this one.
        let limit = rules.options.linger_at_idle;
        let scarce = !core.queue.has_free() && core.connections.are_more_than(core.threads);
        let limit = if scarce { limit / 4 } else { limit };
        let limit = u32::try_from(clock::millis(limit)).unwrap_or(u32::MAX);
        match x.link.read_within(limit, buf, &self.counters) {
            Got::Bytes(n) => self.first.filled(n),
            Got::Eof => x.link.conn.recv_eof(),
            Got::Expired(expired) => return Err(Waited::Failed(Fault::Expired(expired))),
            Got::Failed(_) if x.link.conn.may_end() => return Err(Waited::Leave(After::End)),
            Got::Failed(error) => return Err(Waited::Failed(Fault::Stream(error))),
            Got::Nothing => {
                if let Some(expired) = x.link.poll_expired() {
                    return Err(Waited::Failed(Fault::Expired(expired)));
                }
                let told = idle && x.link.idle_epoch != core.settings.idle_epoch();
                if told || idle && core.settings.is_draining() {
                    return Err(Waited::Leave(close(x)));
                }
                if x.link.can_park() {
                    return Err(Waited::Leave(After::Park));
                }
                // Nobody else can watch it, and others have something to do.
                if idle && served > 0 && core.queue.is_crowded() {
                    return Err(Waited::Leave(close(x)));
                }
            }
        }
        Ok(())
    }
}

/// Why waiting for input came to no input.
enum Waited {
    Leave(After),
    Failed(Fault),
}

fn count_request(x: &mut Exchange) {
    let link = &mut x.link;
    link.tenure.request(&link.rules.options.lifetime(), &mut link.conn);
    link.age();
    link.activity.heads += 1;
    link.set_idle(None);
    x.counters.requests.add(1);
    if link.tenure.requests() > 1 {
        x.counters.reused.add(1);
    }
}
