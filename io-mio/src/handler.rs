//! [`Handler`]: what a server's user is told, and in which order. It decides nothing; `drive` calls it.

use crate::request::Request;
use crate::response::Response;
use h1wire_proto::Fields;

/// What a server does about its requests. One value for each event loop; every call comes from that loop's thread.
///
/// For each request one of the head events is called: [`request`](Self::request), or a more special one whose default
/// is documented with it. It may answer at once, keep an [`Exchange`](Self::Exchange) to go on in later events, or
/// both. Requests of a connection come one after another: the next is shown when this one is answered.
pub trait Handler {
    /// What is remembered of one exchange from its head to its end.
    type Exchange;

    /// A request. With content, [`data`](Self::data) follows; then [`end`](Self::end).
    ///
    /// `None` remembers nothing: no more events come for this exchange, and its content is discarded.
    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Self::Exchange>;

    /// A piece of the request's content, never empty.
    fn data(&mut self, exchange: &mut Self::Exchange, data: &[u8], res: &mut Response<'_>) {
        let _ = (exchange, data, res);
    }

    /// The request is complete, with its trailer section. Called for requests without content too, unless the answer
    /// is complete by then.
    fn end(&mut self, exchange: &mut Self::Exchange, trailers: Fields<'_, '_>, res: &mut Response<'_>) {
        let _ = (exchange, trailers, res);
    }

    /// Every byte of the answer was handed to the system.
    fn finished(&mut self, exchange: Self::Exchange) {
        let _ = exchange;
    }

    /// The connection ended before that.
    fn aborted(&mut self, exchange: Self::Exchange) {
        let _ = exchange;
    }
}

/// The handler behind [`Server::serve`](crate::Server::serve): a closure that answers at once.
pub(crate) struct Closure<F>(pub(crate) F);

impl<F, R> Handler for Closure<F>
where
    F: Fn(&Request<'_>, &mut Response<'_>) -> R,
    R: Outcome,
{
    type Exchange = ();

    #[inline]
    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        let outcome = (self.0)(req, res);
        if outcome.failed() {
            res.fail();
        }
        None
    }
}

/// What a closure handler may return: nothing, or a result.
pub trait Outcome {
    /// Whether the closure failed. The client is then answered 500, or cut off if the answer was begun.
    fn failed(&self) -> bool;
}

impl Outcome for () {
    fn failed(&self) -> bool {
        false
    }
}
impl<T, E> Outcome for Result<T, E> {
    fn failed(&self) -> bool {
        self.is_err()
    }
}
