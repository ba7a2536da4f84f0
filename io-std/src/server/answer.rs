//! Calling the handler a request is for, and answering in its place where it does not.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use h1wire_proto::{Asks, RequestHead};

use super::core::{Core, Handler};
use super::exchange::Failure;
use super::response::Draft;
use super::{Request, Response};

/// What a request came to.
pub(crate) enum Outcome {
    /// The response is complete, or the connection is another protocol's.
    Done,
    /// The request failed before an answer was begun.
    Failed(Failure),
    /// The connection is to be dropped.
    Abort,
}

enum Choice<'a> {
    Handler(&'a Handler),
    Refuse(u16),
    Close,
}

/// Has the request answered, one way or another.
pub(crate) fn answer(
    core: &Core,
    ordinary: &Handler,
    request: &mut Request<'_>,
    response: &mut Response<'_>,
) -> Outcome {
    let outcome = match choose(core, ordinary, &request.head) {
        Choice::Handler(handler) => catch_unwind(AssertUnwindSafe(|| handler(request, response))),
        Choice::Refuse(status) => {
            response.status(status);
            Ok(Ok(()))
        }
        Choice::Close => return Outcome::Abort,
    };
    finish(outcome, response)
}

fn choose<'a>(core: &'a Core, ordinary: &'a Handler, head: &RequestHead<'_, '_>) -> Choice<'a> {
    let hooks = &core.hooks;
    let is_wanted = || hooks.should_upgrade.as_ref().is_none_or(|wanted| wanted(head));
    match head.asks(hooks.check_continue.is_some()) {
        Asks::Tunnel => hooks.connect.as_deref().map_or(Choice::Close, Choice::Handler),
        Asks::Expectation => hooks.check_expectation.as_deref().map_or(Choice::Refuse(417), Choice::Handler),
        Asks::Continue => Choice::Handler(hooks.check_continue.as_deref().unwrap_or(ordinary)),
        Asks::Upgrade if hooks.upgrade.is_some() && is_wanted() => {
            Choice::Handler(hooks.upgrade.as_deref().unwrap_or(ordinary))
        }
        Asks::Upgrade | Asks::Nothing => Choice::Handler(ordinary),
    }
}

/// Completes the response the handler gave, or answers for a handler that failed.
fn finish(outcome: std::thread::Result<io::Result<()>>, response: &mut Response<'_>) -> Outcome {
    let exchange = response.exchange;
    if exchange.borrow().link.stream.is_none() {
        return Outcome::Done;
    }
    if exchange.borrow().aborted {
        return Outcome::Abort;
    }
    let failed = match outcome {
        Ok(Ok(())) => response.finish().is_err(),
        Ok(Err(_)) => true,
        Err(_panic) => {
            let mut exchange = exchange.borrow_mut();
            exchange.counters.panics.add(1);
            exchange.link.conn.close_after_response();
            true
        }
    };
    if !failed {
        return Outcome::Done;
    }
    if response.is_ended() {
        // For the machine it is complete. What counts is whether its bytes could be written.
        return if response.is_finished() { Outcome::Done } else { Outcome::Abort };
    }
    if response.is_head_sent() {
        exchange.borrow().counters.handler_errors.add(1);
        return Outcome::Abort;
    }
    if let Some(failure) = exchange.borrow_mut().failure.take() {
        return Outcome::Failed(failure);
    }
    exchange.borrow().counters.handler_errors.add(1);
    response.headers.clear();
    response.trailers.clear();
    response.draft = Draft::default();
    exchange.borrow_mut().buffers.gathered.clear();
    match response.status(500).end(b"") {
        Ok(()) => Outcome::Done,
        Err(_) => Outcome::Abort,
    }
}
