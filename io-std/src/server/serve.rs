//! What a thread does with a connection: requests one after another, until it ends or has nothing to read.
//!
//! The machine says what a connection needs next and what becomes of it. Here it is given that.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use h1wire_proto::{Advice, Fields, Headers, InBuf, OwnedFields, Recv, ServerEvent, Slots};

use super::answer::{Outcome, answer};
use super::core::{Core, Handler, guarded};
use super::counters::Counters;
use super::ending::{abandon, close, leave};
use super::exchange::{Buffers, Exchange, Failure};
use super::link::{Got, Link};
use super::response::Draft;
use super::{Request, Response};

/// How many requests of one connection are answered while others wait for the thread.
const TURN: u32 = 64;

/// What becomes of a connection.
pub(crate) enum After {
    /// Somebody else watches it until there is something to read.
    Park,
    /// It has something to read, and others have waited for longer.
    Requeue,
    /// It was shut down for writing and is read until its peer closes.
    Linger,
    /// It is over.
    End,
}

/// A thread that serves connections, with its memory.
pub(crate) struct Worker {
    pub(super) core: Arc<Core>,
    handler: Arc<Handler>,
    pub(super) counters: Arc<Counters>,
    /// Input before and behind the head at hand.
    pub(super) first: InBuf,
    slots: Slots,
    pub(super) headers: Headers,
    pub(super) response_trailers: Headers,
    request_trailers: OwnedFields,
    buffers: Buffers,
}

impl Worker {
    pub(crate) fn new(core: Arc<Core>, handler: Arc<Handler>) -> Self {
        Self {
            counters: core.counters(),
            core,
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
                After::Park => self.core.door.park(link),
                After::Requeue => self.core.queue.push_anyway(link),
                After::Linger => self.core.door.linger(link),
                After::End => drop(link),
            }
        }
    }

    fn serve(&mut self, mut link: Box<Link>) -> (Box<Link>, After) {
        if link.is_new
            && let Err(_refused) = self.greet(&mut link)
        {
            return (link, After::End);
        }
        self.core.fill(&mut self.first, std::mem::take(&mut link.rest).bytes());
        let expired = link.expired.take();
        let buffers = std::mem::take(&mut self.buffers);
        let mut exchange =
            RefCell::new(Exchange::new(link, buffers, self.core.clone(), self.counters.clone()));
        let after = match expired {
            Some(expired) => self.give_up(&mut exchange, &Failure::Expired(expired)),
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
        if let Some(hook) = &self.core.hooks.connection
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
                    let hook = self.core.hooks.report.as_ref();
                    let began = hook.map(|_| exchange.borrow().began());
                    let outcome = answer(&self.core, &*self.handler, &mut request, &mut response);
                    if let (Some(hook), Some(began)) = (hook, &began) {
                        hook(&exchange.borrow().report(head, began));
                    }
                    self.first.consume(consumed);
                    exchange.get_mut().link.conn.keep_reading(false);
                    let after = match outcome {
                        Outcome::Done => leave(exchange.get_mut()),
                        Outcome::Abort => Some(abandon(exchange.get_mut())),
                        Outcome::Failed(failure) => Some(self.give_up(exchange, &failure)),
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
                        Err(Waited::Failed(failure)) => return self.give_up(exchange, &failure),
                    }
                }
                Ok(Recv::Paused(_) | Recv::Closed) => return leave(exchange.get_mut()).unwrap_or(After::End),
                Err(error) => {
                    self.counters.count_error(error.kind());
                    return self.give_up(exchange, &Failure::Protocol(error));
                }
            }
        }
    }

    /// The connection ends. If that is because it had its last request, what came behind that is told of.
    fn note_dropped(&self, x: &Exchange, has_content: bool) {
        let is_last = x.link.tenure.is_used_up(&self.core.options.lifetime());
        let behind = if has_content { &x.buffers.more } else { &self.first };
        if is_last
            && x.received
            && x.held < behind.len()
            && let Some(hook) = &self.core.hooks.dropped
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
        x.link.idle_epoch = core.idle_epoch();
        let crowded = core.queue.is_crowded();
        if served > 0 && idle {
            x.link.age();
            if core.is_draining() {
                x.link.conn.close_after_response();
            }
            if x.link.conn.advice() == Advice::Close {
                return Err(Waited::Leave(close(x)));
            }
        }
        if crowded && can_park(&x.link) {
            let readable = x.link.stream.as_mut().is_some_and(|stream| stream.is_readable());
            match readable {
                false => return Err(Waited::Leave(After::Park)),
                true if served >= TURN => return Err(Waited::Leave(After::Requeue)),
                true => {}
            }
        }
        let buf = core.room(&mut self.first);
        // Where no other thread is free, and there are connections without one, a request there would have to wait for
        // this one.
        let limit = core.options.linger_at_idle;
        let scarce = !core.queue.has_free() && core.connections.are_more_than(core.options.threads);
        let limit = if scarce { limit.div_ceil(4) } else { limit };
        match x.link.read_within(limit, buf, &self.counters) {
            Got::Bytes(n) => self.first.filled(n),
            Got::Eof => x.link.conn.recv_eof(),
            Got::Expired(expired) => {
                self.counters.count_expired(expired);
                return Err(Waited::Failed(Failure::Expired(expired)));
            }
            Got::Failed(_) if x.link.conn.may_end() => return Err(Waited::Leave(After::End)),
            Got::Failed(error) => return Err(Waited::Failed(Failure::Stream(error))),
            Got::Nothing => {
                if let Some(expired) = x.link.poll_expired() {
                    self.counters.count_expired(expired);
                    return Err(Waited::Failed(Failure::Expired(expired)));
                }
                let told = idle && x.link.idle_epoch != core.idle_epoch();
                if told || idle && core.is_draining() {
                    return Err(Waited::Leave(close(x)));
                }
                if can_park(&x.link) {
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
    Failed(Failure),
}

fn count_request(x: &mut Exchange) {
    let link = &mut x.link;
    link.tenure.request(&x.core.options.lifetime(), &mut link.conn);
    link.age();
    link.activity.heads += 1;
    link.set_idle(None);
    x.counters.requests.add(1);
    if link.tenure.requests() > 1 {
        x.counters.reused.add(1);
    }
}

/// Whether another thread can wait for it.
pub(super) fn can_park(link: &Link) -> bool {
    link.stream.as_ref().is_some_and(|stream| stream.poll_fd().is_some())
}
