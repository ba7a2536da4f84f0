//! Calling the handler a request is for, and answering in its place where it does not.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use h1wire_proto::serving::Route;
use h1wire_proto::{Expired, RequestHead};

use super::client_error::ClientError;
use super::fault::Fault;
use super::report::{Failed, Failure};
use super::response::Draft;
use super::{Request, Response};

/// Answers a request.
pub(crate) type Handler = dyn Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync;
/// Chooses which offers of another protocol are taken.
pub(crate) type UpgradeChoice = dyn Fn(&RequestHead<'_, '_>) -> bool + Send + Sync;
pub(crate) type ErrorHandler = dyn Fn(&ClientError<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync;
/// Asked about a time limit that passed, with the response where nothing was answered yet.
pub(crate) type TimeoutHandler =
    dyn Fn(Expired, Option<SocketAddr>, Option<&mut Response<'_>>) -> bool + Send + Sync;

/// What a server's user set to answer what is special, besides the handler of requests.
#[derive(Default)]
pub(crate) struct Handlers {
    pub(crate) check_continue: Option<Box<Handler>>,
    pub(crate) check_expectation: Option<Box<Handler>>,
    pub(crate) connect: Option<Box<Handler>>,
    pub(crate) upgrade: Option<Upgrade>,
    pub(crate) should_upgrade: Option<Box<UpgradeChoice>>,
    pub(crate) client_error: Option<Box<ErrorHandler>>,
    pub(crate) timeout: Option<Arc<TimeoutHandler>>,
}

/// Who speaks which other protocols.
pub(crate) struct Upgrade {
    pub(crate) protocols: Vec<String>,
    pub(crate) handler: Box<Handler>,
}

/// What a request came to.
pub(crate) enum Outcome {
    /// The response is complete, or the connection is another protocol's.
    Done,
    /// The request failed before an answer was begun.
    Failed(Fault),
    /// The connection is to be dropped.
    Abort,
}

enum Choice<'a> {
    Handler(&'a Handler),
    Refuse(u16),
    RefuseTunnel,
}

/// Has the request answered, one way or another.
pub(crate) fn answer(
    handlers: &Handlers,
    ordinary: &Handler,
    request: &mut Request<'_>,
    response: &mut Response<'_>,
) -> Outcome {
    let outcome = match choose(handlers, ordinary, &request.head) {
        Choice::Handler(handler) => catch_unwind(AssertUnwindSafe(|| handler(request, response))),
        Choice::Refuse(status) => {
            response.status(status);
            Ok(Ok(()))
        }
        Choice::RefuseTunnel => {
            let exchange = &mut *response.exchange.borrow_mut();
            return if exchange.refuse_tunnel().is_ok() { Outcome::Done } else { Outcome::Abort };
        }
    };
    finish(outcome, response)
}

fn choose<'a>(handlers: &'a Handlers, ordinary: &'a Handler, head: &RequestHead<'_, '_>) -> Choice<'a> {
    let is_taken = |head: &RequestHead<'_, '_>| {
        let speaks = |upgrade: &Upgrade| upgrade.protocols.iter().any(|name| head.offers(name));
        handlers.upgrade.as_ref().is_some_and(speaks)
            && handlers.should_upgrade.as_ref().is_none_or(|wanted| wanted(head))
    };
    let special = match Route::of(head, handlers.check_continue.is_some(), is_taken) {
        Route::Tunnel => match handlers.connect.as_deref() {
            Some(handler) => return Choice::Handler(handler),
            None => return Choice::RefuseTunnel,
        },
        Route::Expectation => match handlers.check_expectation.as_deref() {
            Some(handler) => return Choice::Handler(handler),
            None => return Choice::Refuse(417),
        },
        Route::Continue => handlers.check_continue.as_deref(),
        Route::Upgrade => handlers.upgrade.as_ref().map(|upgrade| &*upgrade.handler),
        Route::Request => None,
    };
    Choice::Handler(special.unwrap_or(ordinary))
}

/// Completes the response the handler gave, or answers for a handler that failed.
fn finish(outcome: Result<io::Result<()>, Box<dyn Any + Send>>, response: &mut Response<'_>) -> Outcome {
    let exchange = response.exchange;
    if exchange.borrow().link.stream.is_none() {
        return Outcome::Done;
    }
    let error = match outcome {
        Ok(Ok(())) if exchange.borrow().aborted => None,
        Ok(Ok(())) => response.finish().err(),
        Ok(Err(error)) => Some(error),
        Err(panic) => {
            let mut exchange = exchange.borrow_mut();
            exchange.counters.panics.add(1);
            exchange.note(Failed::new(Failure::Panic, &words(&*panic)));
            exchange.link.session.conn().close_after_response();
            Some(io::ErrorKind::Other.into())
        }
    };
    if let Some(error) = &error {
        note(error, response);
    }
    if exchange.borrow().aborted {
        return Outcome::Abort;
    }
    if error.is_none() {
        return Outcome::Done;
    }
    if response.is_complete() {
        // For the machine it is complete. What counts is whether its bytes could be written.
        return if response.is_finished() { Outcome::Done } else { Outcome::Abort };
    }
    if response.is_head_sent() {
        return Outcome::Abort;
    }
    if let Some(fault) = exchange.borrow_mut().fault.take() {
        return Outcome::Failed(fault);
    }
    response.headers.clear();
    response.trailers.clear();
    response.draft = Draft::default();
    exchange.borrow_mut().buffers.gathered.clear();
    match response.status(500).end(b"") {
        Ok(()) => Outcome::Done,
        Err(_) => Outcome::Abort,
    }
}

/// Has the error of a handler reported, unless it only passes on what went wrong with the request.
fn note(error: &io::Error, response: &Response<'_>) {
    let mut exchange = response.exchange.borrow_mut();
    if exchange.failed.is_some() || exchange.fault.is_some() {
        return;
    }
    let failed = if exchange.link.is_cut_off {
        Failed::new(Failure::Stream(error.kind()), error)
    } else {
        exchange.counters.handler_errors.add(1);
        match response.draft.error() {
            Some(text) => Failed::new(Failure::Handler, &text),
            None => Failed::new(Failure::Handler, error),
        }
    };
    exchange.note(failed);
}

/// What was said with a panic.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the handler panicked: {}", text.unwrap_or("no text"))
}
