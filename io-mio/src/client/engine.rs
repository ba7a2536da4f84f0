//! [`Engine`]: the calls and connections of one loop, whoever runs that loop and whoever the calls are for.
//!
//! Here it takes events, time, and what other threads have for it. What the pool decides is done in `agent`, how
//! connections are made in `making`, and what a call does in `drive`.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::calling::{Counters, Lapse, Order, Terms, Wait};
use h1wire_proto::pool::{Origin, Pool};
use h1wire_proto::retry::Attempt;
use h1wire_proto::{BodyLen, Method, Slots, Time, Wheel};
use mio::event::Event as Readiness;
use mio::{Registry, Token, Waker};
use slab::Slab;

use super::active::{Active, Mode, Owner, Stand};
use super::agent::{Later, Place};
use super::errands::Errands;
use super::error::{Error, ErrorKind};
use super::event::Event;
use super::link::Source;
use super::mailbox::Mailbox;
use super::making::{Letter, Making};
use super::options::Options;
use super::plan::Plan;
use super::request::Request;
use super::spec::Content;
use crate::clock::Clock;

/// How many [`Active`] are kept for the next calls.
const SPARES: usize = 64;

/// Beyond so many entries, tables are given back when they are empty.
pub(crate) const MANY: usize = 256;

/// One call of one loop, never given twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId {
    pub(crate) key: u32,
    pub(crate) generation: u32,
}

/// Who is told what happens to a call.
pub(crate) type Tell<'t> = dyn FnMut(&mut Engine, CallId, Event<'_>) + 't;

/// Memory that calls use one after another.
pub(crate) struct Scratch {
    /// Where everything is read to, after `front` bytes for what was left from before.
    pub(crate) buffer: Box<[u8]>,
    pub(crate) front: usize,
    pub(crate) slots: Slots,
    pub(crate) spare: Vec<u8>,
}

pub(crate) struct Engine {
    pub(crate) options: Arc<Options>,
    pub(crate) clock: Clock,
    pub(crate) pool: Pool<Arc<Origin>>,
    /// By [`ConnId::index`](h1wire_proto::pool::ConnId::index).
    pub(crate) places: Vec<Option<Place>>,
    /// By [`Ticket::index`](h1wire_proto::pool::Ticket::index): the key of the call.
    pub(crate) holders: Vec<u32>,
    /// What the pool is to be told when its last decisions are done.
    pub(crate) later: VecDeque<Later>,
    pub(crate) sources: Slab<Source>,
    pub(crate) makings: Slab<Box<Making>>,
    pub(crate) making_wheel: Wheel,
    pub(crate) calls: Slab<Box<Active>>,
    pub(crate) call_wheel: Wheel,
    // A call is moved by its box, never by itself.
    #[allow(clippy::vec_box)]
    spares: Vec<Box<Active>>,
    /// Calls that have something to do.
    jobs: VecDeque<u32>,
    /// The call that is being run.
    pub(crate) running: Option<u32>,
    pub(crate) counters: Counters,
    pub(crate) registry: Registry,
    pub(crate) first_token: usize,
    pub(crate) mailbox: Mailbox<Letter>,
    letters: Vec<Letter>,
    pub(crate) errands: Errands,
    pub(crate) scratch: Option<Box<Scratch>>,
    generation: u32,
    /// The clock was read since the last poll.
    ticked: bool,
}

impl Engine {
    /// An engine without connections. Its tokens are `first_token` and all above it.
    pub(crate) fn new(
        registry: &Registry,
        waker: Arc<Waker>,
        first_token: Token,
        options: Options,
    ) -> io::Result<Self> {
        Ok(Self {
            clock: Clock::new(),
            pool: Pool::new(options.pool),
            places: Vec::new(),
            holders: Vec::new(),
            later: VecDeque::new(),
            sources: Slab::new(),
            makings: Slab::new(),
            making_wheel: Wheel::new(Time(0)),
            calls: Slab::new(),
            call_wheel: Wheel::new(Time(0)),
            spares: Vec::new(),
            jobs: VecDeque::new(),
            running: None,
            counters: Counters::NONE,
            registry: registry.try_clone()?,
            first_token: first_token.0,
            mailbox: Mailbox::new(waker),
            letters: Vec::new(),
            errands: Errands::new(options.threads),
            scratch: None,
            generation: 0,
            ticked: false,
            options: Arc::new(options),
        })
    }

    /// Begins a call. Its events come when it is run.
    pub(crate) fn start(&mut self, request: Request, owner: Option<Owner>) -> Result<CallId, Error> {
        self.tick();
        let now = self.clock.now();
        let mut active = self.spares.pop().unwrap_or_else(|| Box::new(Active::new()));
        let mut attempt = Attempt::new(Method::from_bytes(request.method().as_bytes()), false);
        attempt.idempotent = request.0.idempotent.unwrap_or(attempt.idempotent);
        active.spec = Some(request.0);
        if let Err(kind) = self.prepare(&mut active, now, attempt) {
            let request = active.spec.take().map(Request);
            self.keep(active);
            return Err(Error::new(kind, attempt.verdict(), request));
        }
        self.generation = self.generation.wrapping_add(1);
        (active.generation, active.owner) = (self.generation, owner);
        active.order = Order::new();
        let entry = self.calls.vacant_entry();
        let key = entry.key() as u32;
        let id = CallId { key, generation: active.generation };
        active.abort = active.spec.as_ref().and_then(|spec| spec.abort.clone());
        if active.abort.as_ref().is_some_and(|abort| !abort.join(&self.mailbox, id)) {
            active.error = Some(ErrorKind::Aborted);
        }
        entry.insert(active);
        self.acquire(key, false);
        self.schedule(key);
        self.enqueue(key);
        Ok(id)
    }

    /// Writes the head, and what may be sent at once, to a queue that any connection can send.
    pub(crate) fn prepare(&self, active: &mut Active, now: Time, attempt: Attempt) -> Result<(), ErrorKind> {
        let options = &*self.options;
        let Some(spec) = active.spec.as_deref_mut() else { return Err(ErrorKind::Aborted) };
        if let Some(kind) = spec.fault.take() {
            return Err(kind);
        }
        active.origin = Some(spec.origin(&self.options)?);
        let parts = spec.parts(options)?;
        if parts.url.https
            && spec.create_connection.is_none()
            && options.create_connection.is_none()
            && !Plan::can_speak_tls(options)
        {
            return Err(ErrorKind::invalid("https needs the feature `tls` and the option of that name"));
        }
        let (patience, length) = (spec.patience(options), spec.length(&parts)?);
        let first = !attempt.is_retry;
        if first {
            active.ends_at = patience.total.map(|limit| now.after(millis(limit)));
        }
        let terms = Terms {
            config: spec.config(options),
            patience,
            ends_at: active.ends_at,
            idle_notifies: spec.timeout_notifies,
        };
        active.call = h1wire_proto::calling::Call::new(&terms.config);
        active.out.clear();
        if spec.raw {
            active.mode = Mode::Raw { finished: false, ended: false, shut: false };
            active.flags.close_owed = true;
        } else {
            active
                .call
                .begin(now, &parts, length, &terms, attempt, &mut active.out)
                .map_err(ErrorKind::Refused)?;
        }
        active.wait = Wait::new(&patience, active.ends_at, spec.timeout_notifies);
        active.limits = terms.config.limits;
        active.held.clear();
        if let Content::Whole(content) = &spec.content {
            active.held.push_back(content.clone());
        }
        active.flags.one_shot = spec.is_one_shot();
        active.flags.unmeasured = length == BodyLen::Unknown;
        active.flags.finished = !matches!(spec.content, Content::Streamed);
        active.release_content();
        active.fault.take().map_or(Ok(()), |error| Err(ErrorKind::Refused(error)))
    }

    /// Takes an event. Those with tokens of others are ignored.
    pub(crate) fn event(&mut self, event: &Readiness) {
        let Some(at) = event.token().0.checked_sub(self.first_token) else { return };
        self.tick();
        match self.sources.get_mut(at) {
            None => {}
            Some(Source::Attempt { making, .. }) => {
                let making = *making;
                self.attempt_ready(making, at);
            }
            Some(Source::Wiring { making, .. }) => {
                let making = *making;
                self.wire(making);
            }
            Some(Source::Link(link)) => {
                link.ready.note(event);
                match link.call {
                    Some(call) => self.enqueue(call),
                    None => self.idle_ready(at),
                }
            }
        }
        self.obey();
    }

    /// How long the next poll may wait; `None` is for ever.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        if !self.jobs.is_empty() || self.mailbox.is_woken() {
            return Some(Duration::ZERO);
        }
        let next = [self.call_wheel.next(), self.making_wheel.next(), self.pool.poll_timeout()];
        let next = next.into_iter().flatten().min()?;
        // Rounded up: a poll that returns too early would only come back.
        Some(Duration::from_millis(next.since(self.clock.read()).saturating_add(1)))
    }

    /// Does what is due without an event, but for [running](Self::run) the [jobs](Self::next_job) there are.
    pub(crate) fn turn(&mut self) {
        self.tick();
        self.ticked = false;
        if self.mailbox.is_woken() {
            let mut letters = std::mem::take(&mut self.letters);
            self.mailbox.take(&mut letters);
            for letter in letters.drain(..) {
                self.receive(letter);
            }
            self.letters = letters;
            self.obey();
        }
        let now = self.clock.now();
        while let Some(key) = self.making_wheel.poll(now) {
            self.making_due(key);
            self.obey();
        }
        while let Some(key) = self.call_wheel.poll(now) {
            self.call_due(key as u32, now);
        }
        if self.pool.poll_timeout().is_some_and(|at| at <= now) {
            self.pool.handle_timeout(now);
            self.obey();
        }
    }

    /// How many jobs there are now.
    pub(crate) fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// The next call to run, and who it is for.
    pub(crate) fn next_job(&mut self) -> Option<(u32, Option<Owner>)> {
        while let Some(key) = self.jobs.pop_front() {
            if let Some(active) = self.calls.get_mut(key as usize) {
                active.flags.queued = false;
                return Some((key, active.owner));
            }
        }
        None
    }

    /// Has a call run soon.
    pub(crate) fn enqueue(&mut self, key: u32) {
        if self.running == Some(key) {
            return;
        }
        if let Some(active) = self.calls.get_mut(key as usize)
            && !std::mem::replace(&mut active.flags.queued, true)
        {
            self.jobs.push_back(key);
        }
    }

    /// The call of this id, while it lasts.
    pub(crate) fn active(&mut self, id: CallId) -> Option<&mut Active> {
        let active = self.calls.get_mut(id.key as usize)?;
        (active.generation == id.generation).then_some(&mut **active)
    }

    /// Time limits of a call may have passed.
    fn call_due(&mut self, key: u32, now: Time) {
        let Some(active) = self.calls.get_mut(key as usize) else { return };
        loop {
            let lapse = match active.stand {
                Stand::Waiting(_) => active.wait.expire(now),
                Stand::On(_) if active.mode == Mode::Http => active.call.expire(now),
                Stand::On(_) => None,
                Stand::Off => None,
            };
            match lapse {
                None => break,
                Some(Lapse::Continue) => active.news.unheld = true,
                Some(Lapse::Notice(late)) => active.news.late = Some(late),
                Some(Lapse::Over(late)) => {
                    active.error.get_or_insert(ErrorKind::Timeout(late));
                    break;
                }
            }
        }
        self.enqueue(key);
        self.schedule(key);
    }

    /// Has a call looked at when its next time limit passes.
    pub(crate) fn schedule(&mut self, key: u32) {
        let Some(active) = self.calls.get(key as usize) else { return };
        let next = match active.stand {
            _ if active.error.is_some() => None,
            Stand::Waiting(_) => active.wait.deadline(),
            // The limits of another protocol are the caller's business.
            Stand::On(_) if active.mode == Mode::Http => active.call.deadline(),
            Stand::On(_) => None,
            Stand::Off => None,
        };
        match next {
            Some(at) => self.call_wheel.schedule(key as usize, at),
            None => self.call_wheel.cancel(key as usize),
        }
    }

    /// Closes the idle connections.
    pub(crate) fn close_idle(&mut self) {
        self.tick();
        self.pool.close_idle(self.clock.now(), None);
        self.obey();
    }

    /// Closes every connection, and fails every call.
    pub(crate) fn destroy(&mut self) {
        self.tick();
        self.pool.destroy(self.clock.now());
        self.obey();
    }

    /// Forgets a call that is over.
    pub(crate) fn forget(&mut self, key: u32) {
        self.call_wheel.cancel(key as usize);
        if let Some(active) = self.calls.try_remove(key as usize) {
            if let Some(abort) = &active.abort {
                abort.leave(&self.mailbox, CallId { key, generation: active.generation });
            }
            self.keep(active);
        }
        // What many calls at once needed is not kept for ever.
        if self.calls.is_empty() && self.calls.capacity() > MANY {
            self.calls.shrink_to_fit();
            self.jobs.shrink_to_fit();
        }
    }

    fn keep(&mut self, mut active: Box<Active>) {
        if self.spares.len() < SPARES {
            active.reset();
            self.spares.push(active);
        }
    }

    pub(crate) fn take_scratch(&mut self) -> Box<Scratch> {
        self.scratch.take().unwrap_or_else(|| {
            let front = self.options.protocol.limits.max_contiguous();
            let buffer = vec![0; front + self.options.read_buffer.max(1024)].into_boxed_slice();
            Box::new(Scratch { buffer, front, slots: Slots::new(), spare: Vec::new() })
        })
    }

    /// Reads the clock, once between two polls.
    pub(crate) fn tick(&mut self) {
        if !self.ticked {
            self.ticked = true;
            self.clock.advance();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

pub(crate) fn millis(limit: Duration) -> u64 {
    u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)
}
