//! [`ClientLoop`]: a client inside a loop that the user runs.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::calling::Counters;
use h1wire_proto::pool::{Origin, OriginView, Totals};
use mio::event::Event as Readiness;
use mio::{Registry, Token, Waker};

use super::call::Call;
use super::engine::{CallId, Engine, MANY};
use super::error::Error;
use super::event::Event;
use super::options::Options;
use super::request::Request;

/// Who is told what happens to the calls of a [`ClientLoop`], in the thread of the loop.
pub trait Caller {
    /// What is remembered of one call from its start to its end.
    type State;

    /// Something happened to a call. A panic aborts it.
    fn event(&mut self, state: &mut Self::State, event: Event<'_>, call: &mut Call<'_>);
}

/// A closure that keeps its own state.
impl<F: FnMut(Event<'_>, &mut Call<'_>)> Caller for F {
    type State = ();

    fn event(&mut self, (): &mut (), event: Event<'_>, call: &mut Call<'_>) {
        self(event, call);
    }
}

/// An HTTP client inside a loop that the user runs.
///
/// | when | call |
/// |---|---|
/// | once | [`new`](Self::new) |
/// | whenever there is something to ask | [`start`](Self::start) |
/// | before each `poll` | [`timeout`](Self::timeout): how long it may wait at most |
/// | for each event, whatever its token | [`event`](Self::event) |
/// | after the events of each `poll` | [`turn`](Self::turn) |
///
/// ```no_run
/// use std::sync::Arc;
/// use h1wire_mio::client::{Call, ClientLoop, Event, Options, Request};
/// use mio::{Events, Poll, Token, Waker};
///
/// let mut poll = Poll::new()?;
/// let waker = Arc::new(Waker::new(poll.registry(), Token(0))?);
/// let tell = |event: Event<'_>, _: &mut Call<'_>| println!("{event:?}");
/// let mut client = ClientLoop::new(poll.registry(), waker, Token(1), Options::default(), tell)?;
/// client.start(Request::get("http://localhost:8080/"), ())?;
/// let mut events = Events::with_capacity(64);
/// while client.calls() > 0 {
///     poll.poll(&mut events, client.timeout())?;
///     for event in &events {
///         client.event(event);
///     }
///     client.turn();
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct ClientLoop<C: Caller> {
    pub(crate) engine: Engine,
    /// By the key of the call.
    states: Vec<Option<C::State>>,
    caller: C,
}

impl<C: Caller> ClientLoop<C> {
    /// A client without connections. Its tokens are `first_token` and all above it. `waker` wakes the poll that
    /// `registry` belongs to; its own token may be any below.
    ///
    /// # Errors
    /// Those of cloning the registry.
    pub fn new(
        registry: &Registry,
        waker: Arc<Waker>,
        first_token: Token,
        options: Options,
        caller: C,
    ) -> io::Result<Self> {
        let engine = Engine::new(registry, waker, first_token, options)?;
        Ok(Self { engine, states: Vec::new(), caller })
    }

    /// Starts a call. Its events come with the next [`turn`](Self::turn), never from within this method.
    ///
    /// # Errors
    /// What is wrong with the request, with the request in it. What goes wrong later is told by [`Event::Error`].
    pub fn start(&mut self, request: Request, state: C::State) -> Result<CallId, Error> {
        let id = self.engine.start(request, None)?;
        self.remember(id, state);
        Ok(id)
    }

    /// Keeps the state of a call that was started.
    pub(crate) fn remember(&mut self, id: CallId, state: C::State) {
        let at = id.key as usize;
        if self.states.len() <= at {
            self.states.resize_with(at + 1, || None);
        }
        if let Some(place) = self.states.get_mut(at) {
            *place = Some(state);
        }
    }

    /// A call that never was.
    pub(crate) fn dead_call(&mut self) -> Call<'_> {
        Call::new(&mut self.engine, CallId { key: u32::MAX, generation: 0 })
    }

    /// A call, for what its caller can do about it.
    pub fn call(&mut self, id: CallId) -> Call<'_> {
        Call::new(&mut self.engine, id)
    }

    /// The caller.
    pub fn caller(&mut self) -> &mut C {
        &mut self.caller
    }

    /// How many calls are under way.
    pub fn calls(&self) -> usize {
        self.engine.calls.len()
    }

    /// Counts over all origins.
    pub fn totals(&self) -> Totals {
        self.engine.pool.totals()
    }

    /// What there is for each origin, in their order.
    pub fn origins(&self) -> impl Iterator<Item = OriginView<'_, Arc<Origin>>> {
        self.engine.pool.origins()
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.engine.counters
    }

    /// Closes the idle connections.
    pub fn close_idle(&mut self) {
        self.engine.close_idle();
    }

    /// Closes every connection, also those in use, and fails every call that waits. The client can be used again.
    pub fn destroy(&mut self) {
        self.engine.destroy();
    }

    /// How long the next poll may wait; `None` is for ever.
    pub fn timeout(&self) -> Option<Duration> {
        self.engine.timeout()
    }

    /// Takes an event. Those with tokens of others are ignored.
    pub fn event(&mut self, event: &Readiness) {
        self.engine.event(event);
    }

    /// Does what is due, and tells the caller what happened.
    pub fn turn(&mut self) {
        self.engine.turn();
        for _ in 0..self.engine.jobs() {
            let Some((key, _)) = self.engine.next_job() else { return };
            let Self { engine, states, caller } = self;
            engine.run(key, &mut |engine, id, event| {
                let Some(mut state) = states.get_mut(id.key as usize).and_then(Option::take) else { return };
                let mut call = Call::new(engine, id);
                if catch_unwind(AssertUnwindSafe(|| caller.event(&mut state, event, &mut call))).is_err() {
                    call.abort();
                    return;
                }
                if let Some(place) = states.get_mut(id.key as usize) {
                    *place = Some(state);
                }
            });
            if engine.calls.is_empty() && states.capacity() > MANY {
                *states = Vec::new();
            } else if !engine.calls.contains(key as usize)
                && let Some(state) = states.get_mut(key as usize)
            {
                *state = None;
            }
        }
    }
}

impl<C: Caller> std::fmt::Debug for ClientLoop<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientLoop").field("totals", &self.totals()).finish_non_exhaustive()
    }
}
