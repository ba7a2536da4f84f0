//! Calls of a client in the loop of a server: started by a handler, told to it with the exchange they are for, and ended
//! with that exchange.
//!
//! What a call is and does is in `crate::client`. Here is only who it belongs to.

use std::io;
use std::sync::Arc;

use mio::{Registry, Token, Waker};

use crate::client::engine::Engine;
use crate::client::{self, Call, CallId, Error, Event, Owner};
use crate::server::context::Context;
use crate::server::drive::Turn;
use crate::server::event_loop::EventLoop;
use crate::server::handler::Handler;
use crate::server::options::Options;
use crate::server::remote::ExchangeId;
use crate::server::response::Response;

/// The tokens of a loop's client begin so far after those of the loop.
pub(super) const TOKENS: usize = 1 << 30;

impl From<ExchangeId> for Owner {
    fn from(id: ExchangeId) -> Self {
        Self { key: id.key, generation: id.generation, number: id.number }
    }
}

impl From<Owner> for ExchangeId {
    fn from(owner: Owner) -> Self {
        Self { key: owner.key, generation: owner.generation, number: owner.number }
    }
}

impl Response<'_> {
    /// Starts a request to another server, in this loop, for the sake of the exchange at hand. What happens to it is told to
    /// [`Handler::upstream`]. It ends with the exchange: what is left of it then is aborted, or, if the answer is
    /// complete, discarded.
    ///
    /// # Errors
    /// What is wrong with the request, and [`Invalid`](client::ErrorKind::Invalid) in a loop that has no client: see
    /// [`Server::client`](crate::Server::client).
    pub fn upstream(&mut self, request: client::Request) -> Result<CallId, Error> {
        let owner = self.exchange_id().into();
        let Some(engine) = &mut self.client else {
            return Err(Error::without_client(request));
        };
        let id = engine.start(request, Some(owner))?;
        self.answer.calls.push(id);
        Ok(id)
    }

    /// A call that was started by [`upstream`](Self::upstream), for what can be done about it. None in a loop without a
    /// client.
    pub fn call(&mut self, id: CallId) -> Option<Call<'_>> {
        Some(Call::new(self.client.as_deref_mut()?, id))
    }
}

impl<H: Handler> Turn<'_, H> {
    /// Runs a call of the exchange at hand, and tells the handler what happened to it.
    pub(super) fn run_call(&mut self, key: u32) {
        let Some(engine) = self.client.take() else { return };
        engine.run(key, &mut |engine, id, event| self.tell_upstream(engine, id, event));
        self.client = Some(engine);
        self.end_ended_calls();
    }

    fn tell_upstream(&mut self, engine: &mut Engine, id: CallId, event: Event<'_>) {
        if self.active.exchange.is_none() || !self.active.answer.calls.contains(&id) {
            return spare(self.handler, self.cx, engine, id, &event);
        }
        self.call_with(Some(engine), |handler, exchange, res| {
            if let Some(exchange) = exchange {
                handler.upstream(exchange, id, event, res);
            }
        });
        self.settle();
    }

    /// The exchange at hand is over, and so are its calls.
    #[inline]
    pub(super) fn end_calls(&mut self, aborted: bool) {
        if self.active.answer.calls.is_empty() {
            return;
        }
        let calls = self.active.answer.calls.drain(..);
        self.ended_calls.extend(calls.map(|id| (id, aborted)));
        self.end_ended_calls();
    }

    fn end_ended_calls(&mut self) {
        let Some(engine) = &mut self.client else { return };
        for (id, aborted) in self.ended_calls.drain(..) {
            let mut call = Call::new(engine, id);
            if aborted {
                call.abort();
            } else {
                call.discard();
            }
        }
    }
}

/// A call ends after the exchange it was for: its request is of use for the next one.
fn spare<H: Handler>(handler: &mut H, cx: &Context, engine: &mut Engine, id: CallId, event: &Event<'_>) {
    if let Event::Close = event
        && let Some(request) = Call::new(engine, id).take_request()
    {
        cx.counters.guard(|| handler.spare(request));
    }
}

/// The client of a loop, if its options have one.
pub(super) fn client(
    options: &Options,
    registry: &Registry,
    waker: &Arc<Waker>,
    first_token: Token,
) -> io::Result<Option<Box<Engine>>> {
    let Some(client) = &options.client else { return Ok(None) };
    let first = Token(first_token.0.saturating_add(TOKENS));
    Ok(Some(Box::new(Engine::new(registry, waker.clone(), first, client.clone())?)))
}

impl<H: Handler> EventLoop<H> {
    /// Does what is due for the client, and runs its calls.
    pub(super) fn turn_client(&mut self) {
        let Some(client) = &mut self.client else { return };
        client.turn();
        for _ in 0..client.jobs() {
            let Some(client) = &mut self.client else { return };
            let Some((key, owner)) = client.next_job() else { return };
            match owner.map(ExchangeId::from).filter(|id| self.is_open(*id)) {
                Some(id) => self.run_with(id.key, |turn| turn.run_call(key)),
                None => {
                    let Self { client: Some(client), handler, cx, .. } = self else { return };
                    client.run(key, &mut |engine, id, event| spare(handler, cx, engine, id, &event));
                }
            }
        }
    }
}
