//! [`Run`]: running a call. What its connection has is read and shown to the machine, what is queued is written, and what
//! the machine says is done.
//!
//! Nothing about the protocol is decided here. What follows from an event, from time and from an end is
//! `h1wire_proto::calling`'s to say. Bytes move in `moving`, the caller is told in `telling`.

use std::io::ErrorKind as IoKind;

use h1wire_proto::calling::{Happened, Next, Why};
use h1wire_proto::pool::Reuse;
use h1wire_proto::retry::{Attempt, Sent};
use h1wire_proto::{Activity, Version};

use super::active::{Active, Mode, Stand};
use super::engine::{CallId, Engine, Scratch, Tell};
use super::error::{Error, ErrorKind};
use super::event::Event;
use super::link::{Link, Source};
use super::request::Request;
use super::telling::With;

/// How often a call may read before the others have their turn.
const STEPS: u32 = 4;
/// How many bytes it may write before that.
const WRITES: u64 = 1 << 20;

/// What becomes of a call after its run.
enum Fate {
    /// It waits for an event.
    Wait,
    /// It has more to do, after the others had their turn.
    Again,
    /// It is over.
    Over,
}

impl Engine {
    /// Runs a call as far as it can go now. `tell` is called with what happens to it.
    pub(crate) fn run(&mut self, key: u32, tell: &mut Tell<'_>) {
        let Some(active) = self.calls.get(key as usize) else { return };
        let id = CallId { key, generation: active.generation };
        let mut scratch = self.take_scratch();
        self.running = Some(key);
        let mut run = Run { engine: self, id, tell, activity: Activity::default(), writes: WRITES };
        let fate = run.go(&mut scratch);
        self.running = None;
        self.scratch = Some(scratch);
        match fate {
            Fate::Over => return self.forget(key),
            Fate::Again => self.enqueue(key),
            Fate::Wait => {}
        }
        self.schedule(key);
    }
}

/// One run of one call.
pub(super) struct Run<'r, 't> {
    pub(super) engine: &'r mut Engine,
    pub(super) id: CallId,
    pub(super) tell: &'r mut Tell<'t>,
    pub(super) activity: Activity,
    /// How many bytes it may still write.
    pub(super) writes: u64,
}

impl Run<'_, '_> {
    pub(super) fn active(&mut self) -> Option<&mut Active> {
        self.engine.active(self.id)
    }

    /// The call and its connection.
    pub(super) fn both(&mut self) -> Option<(&mut Active, &mut Link)> {
        let Engine { calls, sources, .. } = &mut *self.engine;
        let active = &mut **calls.get_mut(self.id.key as usize)?;
        let Stand::On(at) = active.stand else { return None };
        match sources.get_mut(at) {
            Some(Source::Link(link)) => Some((active, link)),
            _ => None,
        }
    }

    fn go(&mut self, scratch: &mut Scratch) -> Fate {
        self.tell_news();
        if self.is_stillborn() {
            return Fate::Wait;
        }
        let mut steps = STEPS;
        loop {
            let Some(active) = self.active() else { return Fate::Over };
            if let Some(kind) = active.error.take() {
                return self.fail(kind);
            }
            if let Some(error) = active.fault.take_if(|_| active.flags.finished && active.mode == Mode::Http)
            {
                return self.fail(ErrorKind::Refused(error));
            }
            if let (Mode::Http, Next::Close(why)) = (active.mode, active.call.next()) {
                return self.end(why);
            }
            if !matches!(active.stand, Stand::On(_)) {
                return Fate::Wait;
            }
            if let Err(error) = self.flush() {
                self.write_failed(error);
            }
            self.tell_room();
            if steps == 0 || self.writes == 0 {
                return Fate::Again;
            }
            if self.resume(scratch) {
                continue;
            }
            if let Some(fate) = self.obey() {
                return fate;
            }
            let Some((active, link)) = self.both() else { continue };
            if active.error.is_some() {
                continue;
            }
            let more = active.flags.more && !active.is_held();
            let may_read =
                link.ready.readable && !active.flags.eof && !active.flags.more && !active.is_held();
            // A callback may have written after the last flush.
            let may_write = link.ready.writable && !active.out.is_empty();
            if may_read {
                steps -= 1;
                self.read(scratch);
            } else if may_write {
                steps -= 1;
            } else if !more {
                return Fate::Wait;
            }
        }
    }

    /// A used connection that was closed meanwhile, or cannot carry this request, is exchanged for another, before anything was sent.
    fn is_stillborn(&mut self) -> bool {
        let Some((active, link)) = self.both() else { return false };
        let attempt = active.call.attempt();
        let untouched = attempt.reused && attempt.sent == Sent::Nothing;
        if !untouched || active.mode != Mode::Http {
            return false;
        }
        let unfit = link.old && active.flags.unmeasured;
        if !unfit && !link.ready.readable {
            return false;
        }
        if !unfit && !Engine::is_dead(&mut link.stream) {
            link.ready.readable = link.ready.ends;
            return false;
        }
        let Stand::On(at) = active.stand else { return false };
        active.stand = Stand::Off;
        let key = self.id.key;
        self.engine.release(at, Reuse::No);
        self.engine.acquire(key, false);
        true
    }

    /// Tells the machine what was moved. To be called before it is asked what is next.
    fn observe(&mut self) {
        let now = self.engine.clock.now();
        let mut activity = std::mem::take(&mut self.activity);
        let Some((active, link)) = self.both() else { return };
        activity.unsent = !active.out.is_empty() || link.stream.wants_flush();
        if let crate::stream::Stream::Other(stream) = &mut link.stream {
            activity.sent += usize::from(stream.has_moved());
        }
        activity.paused = active.is_held();
        let _ = active.call.observe(now, activity);
        if active.call.is_sent() {
            self.happen(Happened::Sent, With::Nothing);
        }
    }

    /// Does what the machine says.
    fn obey(&mut self) -> Option<Fate> {
        if let Mode::Raw { .. } = self.active()?.mode {
            return self.obey_raw();
        }
        self.observe();
        let active = self.active()?;
        if active.flags.more && !active.is_held() {
            return None;
        }
        match active.call.next() {
            Next::Read | Next::Write => None,
            Next::Release(hint) => {
                let old = active.call.conn().peer_version() == Version::Http10;
                let reuse = if active.flags.one_shot { Reuse::No } else { Reuse::Yes(hint) };
                active.rest.consume(usize::MAX);
                if let Some((_, link)) = self.both() {
                    link.old = old;
                }
                self.engine.counters.end(None);
                Some(self.leave(reuse))
            }
            Next::HandOver => self.hand_over(),
            Next::Close(why) => Some(self.end(why)),
        }
    }

    /// The connection belongs to another protocol.
    fn hand_over(&mut self) -> Option<Fate> {
        self.engine.counters.switched += 1;
        self.happen(Happened::Switched, With::Nothing);
        let active = self.active()?;
        if active.flags.stays && matches!(active.stand, Stand::On(_)) {
            active.mode = Mode::Raw { finished: false, ended: false, shut: false };
            active.flags.more = !active.rest.is_empty();
            active.flags.finished = true;
            return None;
        }
        Some(self.leave(Reuse::No))
    }

    /// Another protocol is over when both sides came to their end.
    fn obey_raw(&mut self) -> Option<Fate> {
        let (active, link) = self.both()?;
        let Mode::Raw { finished: true, ended, shut } = &mut active.mode else { return None };
        if !active.out.is_empty() || link.stream.wants_flush() {
            return None;
        }
        if *ended {
            return Some(self.leave(Reuse::No));
        }
        if std::mem::replace(shut, true) {
            return None;
        }
        let done = link.stream.shutdown_write();
        done.err().map(|error| self.fail(ErrorKind::Socket(error)))
    }

    /// The exchange is over in order, or at least the response is whole.
    fn leave(&mut self, reuse: Reuse) -> Fate {
        if let Some(active) = self.active()
            && let Stand::On(at) = active.stand
        {
            active.stand = Stand::Off;
            self.engine.release(at, reuse);
        }
        self.close()
    }

    /// Tells the last of it.
    fn close(&mut self) -> Fate {
        if let Some(active) = self.active()
            && std::mem::take(&mut active.flags.close_owed)
        {
            self.say_close();
        }
        Fate::Over
    }

    /// The machine says that the exchange is over, and that the connection is closed.
    fn end(&mut self, why: Why) -> Fate {
        let Some(active) = self.active() else { return Fate::Over };
        let kind = match why {
            _ if why.is_complete() => {
                self.engine.counters.end(Some(why));
                return self.leave(Reuse::No);
            }
            Why::Dropped => {
                self.engine.counters.end(Some(why));
                self.happen(Happened::Dropped, With::Nothing);
                return self.leave(Reuse::No);
            }
            Why::Late(late) => ErrorKind::Timeout(late),
            Why::HangUp(error) => ErrorKind::HangUp(error),
            Why::Protocol(error) => ErrorKind::Parse(error),
            Why::Broken => {
                let error = active.broken.take();
                ErrorKind::Socket(error.unwrap_or_else(|| IoKind::ConnectionReset.into()))
            }
            _ => ErrorKind::Aborted,
        };
        let retries = active.spec.as_ref().is_some_and(|spec| spec.retries);
        if let Some(attempt) = active.call.retry().filter(|_| retries) {
            return self.again(why, attempt);
        }
        self.engine.counters.end(Some(why));
        self.fail(kind)
    }

    /// The request is sent once more, over a fresh connection.
    fn again(&mut self, why: Why, attempt: Attempt) -> Fate {
        self.engine.counters.end(Some(why));
        self.engine.counters.retries += 1;
        let now = self.engine.clock.now();
        let Some(mut active) = self.engine.calls.get_mut(self.id.key as usize).map(std::mem::take) else {
            return Fate::Over;
        };
        let stand = std::mem::replace(&mut active.stand, Stand::Off);
        active.rest.consume(usize::MAX);
        active.flags.eof = false;
        active.flags.more = false;
        let prepared = self.engine.prepare(&mut active, now, attempt);
        if let Some(place) = self.engine.calls.get_mut(self.id.key as usize) {
            *place = active;
        }
        if let Stand::On(at) = stand {
            self.engine.release(at, Reuse::No);
        }
        if let Err(kind) = prepared {
            return self.fail(kind);
        }
        self.happen(Happened::Retry, With::Nothing);
        let key = self.id.key;
        self.engine.acquire(key, true);
        Fate::Again
    }

    /// The call failed.
    fn fail(&mut self, kind: ErrorKind) -> Fate {
        let now = self.engine.clock.now();
        let Some(active) = self.active() else { return Fate::Over };
        let attempt = active.call.attempt();
        match std::mem::replace(&mut active.stand, Stand::Off) {
            Stand::Waiting(ticket) => {
                self.engine.pool.cancel(now, ticket);
                self.engine.obey();
            }
            Stand::On(at) => self.engine.release(at, Reuse::No),
            Stand::Off => {}
        }
        let Some(active) = self.active() else { return Fate::Over };
        if let Mode::Raw { .. } = active.mode {
            let error = Error::new(kind, attempt.verdict(), None);
            self.say(Event::Error(error));
            return self.close();
        }
        if active.flags.close_owed {
            // The response is complete: that the rest of the request cannot be sent is nobody's concern.
            return self.close();
        }
        if let ErrorKind::Timeout(late) = kind {
            self.happen(Happened::Timeout, With::Late(late));
        }
        let Some(active) = self.active() else { return Fate::Over };
        let untouched = attempt.sent == Sent::Nothing && attempt.replayable;
        let request = if untouched { active.spec.take().map(Request) } else { None };
        let happened = if matches!(kind, ErrorKind::Aborted) { Happened::Aborted } else { Happened::Failed };
        let error = Error::new(kind, attempt.verdict(), request);
        self.happen(happened, With::Error(error));
        self.close()
    }
}
