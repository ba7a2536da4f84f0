//! Handlers made of closures: one that answers at once, and one that is given the whole content.

use std::fmt::Display;
use std::sync::Arc;

use h1wire_proto::{Fields, OwnedRequest};

use crate::server::handler::Handler;
use crate::server::request::Request;
use crate::server::response::Response;

/// The handler of [`Server::serve`](crate::Server::serve): a closure that answers at once, or by a
/// [`Responder`](crate::Responder).
pub(crate) struct Closure<F>(pub(crate) Arc<F>);

impl<F, R> Handler for Closure<F>
where
    F: Fn(&Request<'_>, &mut Response<'_>) -> R,
    R: Outcome,
{
    type Exchange = ();

    const TIMED: bool = false;

    #[inline]
    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        if let Some(error) = (self.0)(req, res).error() {
            res.fail(error);
        }
        None
    }
}

/// The handler of [`Server::serve_whole`](crate::Server::serve_whole): a closure that is called when the request is
/// complete, with its content.
pub(crate) struct Whole<F> {
    pub(crate) f: Arc<F>,
    /// The most content, in bytes.
    pub(crate) limit: usize,
}

/// A request whose content is on its way.
pub(crate) struct Incoming {
    head: OwnedRequest,
    number: u32,
    content: Vec<u8>,
}

impl<F, R> Handler for Whole<F>
where
    F: Fn(&Request<'_>, &[u8], &mut Response<'_>) -> R,
    R: Outcome,
{
    type Exchange = Incoming;

    const TIMED: bool = false;

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Incoming> {
        if req.head.body.is_empty() {
            self.answer(req, &[], res);
            return None;
        }
        res.limit_content(Some(self.limit as u64));
        Some(Incoming { head: OwnedRequest::from(&req.head), number: req.number, content: Vec::new() })
    }

    fn data(&mut self, incoming: &mut Incoming, data: &[u8], _: &mut Response<'_>) {
        incoming.content.extend_from_slice(data);
    }

    fn end(&mut self, incoming: &mut Incoming, _: Fields<'_, '_>, res: &mut Response<'_>) {
        let is_shutting_down = res.is_shutting_down();
        let req = Request { head: incoming.head.head(), number: incoming.number, is_shutting_down };
        self.answer(&req, &incoming.content, res);
        res.answer.wants.leave = true;
    }
}

impl<F, R> Whole<F>
where
    F: Fn(&Request<'_>, &[u8], &mut Response<'_>) -> R,
    R: Outcome,
{
    fn answer(&self, req: &Request<'_>, content: &[u8], res: &mut Response<'_>) {
        if let Some(error) = (self.f)(req, content, res).error() {
            res.fail(error);
        }
    }
}

/// What a closure handler may return: nothing, or a result.
pub trait Outcome {
    /// What failed, in words, if something did. The client is then answered 500, or cut off if the answer was begun, and
    /// the words are in the log and what is [reported](crate::Report::error).
    fn error(&self) -> Option<String>;
}

impl Outcome for () {
    fn error(&self) -> Option<String> {
        None
    }
}

impl<T, E: Display> Outcome for Result<T, E> {
    #[inline]
    fn error(&self) -> Option<String> {
        self.as_ref().err().map(E::to_string)
    }
}
