//! [`Handler`]: what a server's user is told, and in which order. It decides nothing; `exchange` calls it.

use std::io;

use crate::client::{CallId, Event};
use crate::server::report::{ConnectionReport, Report};
use std::sync::Arc;

use crate::server::request::{ClientError, Request};
use crate::server::response::Response;
use crate::stream::Stream;
use h1wire_proto::{Expired, Fields};

/// What a server does about its requests. One value for each event loop; every call comes from that loop's thread.
///
/// For each request one of the *head* events is called. It may answer at once, keep an [`Exchange`](Self::Exchange) to
/// go on in later events or from other threads, or both. Requests of a connection come one after another: the next is
/// shown when this one is answered.
///
/// | kind | events |
/// |---|---|
/// | connection | [`connection`](Self::connection), [`drop_connection`](Self::drop_connection), [`closed`](Self::closed) |
/// | head | [`request`](Self::request), or one of [`check_continue`](Self::check_continue), [`check_expectation`](Self::check_expectation), [`upgrade`](Self::upgrade), [`connect`](Self::connect) |
/// | exchange, any number | [`data`](Self::data), [`drain`](Self::drain), [`upstream`](Self::upstream), then once each [`end`](Self::end), [`half_closed`](Self::half_closed) |
/// | end | [`report`](Self::report), then one of [`finished`](Self::finished), [`aborted`](Self::aborted) |
/// | trouble | [`client_error`](Self::client_error), [`stream_error`](Self::stream_error), [`timeout`](Self::timeout), [`drop_request`](Self::drop_request) |
///
/// A head event that answers `None` remembers nothing: no exchange or end event follows, and content is discarded. If
/// there is no complete answer then and no [`Responder`](crate::Responder) either, the client is answered 500.
///
/// A panic in any of these ends the connection, after a 500 if no answer was begun; the handler goes on being used.
pub trait Handler {
    /// What is remembered of one exchange from its head to its end.
    type Exchange;

    /// A request. With content, [`data`](Self::data) follows; then [`end`](Self::end).
    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Self::Exchange>;

    /// A request whose client waits for `100 Continue` before it sends the content. Called in place of
    /// [`request`](Self::request); call [`Response::send_continue`], or answer.
    ///
    /// Default: an ordinary request, and 100 is sent when content is first wanted.
    fn check_continue(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Self::Exchange> {
        res.continue_when_wanted();
        self.request(req, res)
    }

    /// A request with an expectation that is not `100-continue`. Called in place of [`request`](Self::request).
    ///
    /// Default: 417.
    fn check_expectation(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Self::Exchange> {
        let _ = req;
        if res.status(417).end("").is_err() {
            res.abort();
        }
        None
    }

    /// Whether a request that offers another protocol goes to [`upgrade`](Self::upgrade). Default true.
    fn should_upgrade(&mut self, req: &Request<'_>) -> bool {
        let _ = req;
        true
    }

    /// A request that offers another protocol. Called in place of [`request`](Self::request). Switch with
    /// [`Response::switch_to`] or [`Response::switch_here`], at the latest in [`end`](Self::end), and not before it if
    /// the request has content; or answer as usual.
    ///
    /// Default: an ordinary request, for the client cannot insist.
    fn upgrade(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Self::Exchange> {
        self.request(req, res)
    }

    /// A `CONNECT` request. Called in place of [`request`](Self::request). Accept with [`Response::tunnel_to`] or
    /// [`Response::tunnel_here`], or answer with an error status.
    ///
    /// In a tunnel that stays in the loop, content is what the client sends.
    ///
    /// Default: the connection is closed.
    fn connect(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Self::Exchange> {
        let _ = req;
        res.abort();
        None
    }

    /// A piece of the request's content, never empty.
    fn data(&mut self, exchange: &mut Self::Exchange, data: &[u8], res: &mut Response<'_>) {
        let _ = (exchange, data, res);
    }

    /// The request is complete, with its trailer section. Called for requests without content too, unless the answer
    /// is complete by then.
    fn end(&mut self, exchange: &mut Self::Exchange, trailers: Fields<'_, '_>, res: &mut Response<'_>) {
        let _ = (exchange, trailers, res);
    }

    /// Something happened to a call that was started for this exchange by [`Response::upstream`].
    fn upstream(
        &mut self,
        exchange: &mut Self::Exchange,
        call: CallId,
        event: Event<'_>,
        res: &mut Response<'_>,
    ) {
        let _ = (exchange, call, event, res);
    }

    /// A writer that was told that there is no room can go on.
    fn drain(&mut self, exchange: &mut Self::Exchange, res: &mut Response<'_>) {
        let _ = (exchange, res);
    }

    /// The client will send nothing more. It may still read: this is not an abort. Called behind [`end`](Self::end),
    /// and not if the answer is complete by then.
    fn half_closed(&mut self, exchange: &mut Self::Exchange, res: &mut Response<'_>) {
        let _ = (exchange, res);
    }

    /// Every byte of the answer was handed to the system, or the connection was handed over, or both sides of another
    /// protocol that stayed here came to their end.
    fn finished(&mut self, exchange: Self::Exchange) {
        let _ = exchange;
    }

    /// The connection ended before that, or the request broke the protocol.
    fn aborted(&mut self, exchange: Self::Exchange) {
        let _ = exchange;
    }

    /// What an exchange came to, right before [`finished`](Self::finished) or [`aborted`](Self::aborted).
    fn report(&mut self, exchange: &mut Self::Exchange, report: &Report) {
        let _ = (exchange, report);
    }

    /// A connection ended or left the loop, after everything else was told about it. Only with
    /// [`Options::count_connections`](crate::Options::count_connections).
    fn closed(&mut self, stream: &Stream, report: &ConnectionReport) {
        let _ = (stream, report);
    }

    /// A connection was accepted or injected. Answering false closes it. Default true.
    fn connection(&mut self, stream: &Stream) -> bool {
        let _ = stream;
        true
    }

    /// A connection beyond [`Options::max_connections`](crate::Options::max_connections). Default: it is closed.
    fn drop_connection(&mut self, stream: Stream) {
        drop(stream);
    }

    /// A client sent more on a connection on which it was told that there will be no more answers, because of
    /// [`Options::max_requests`](crate::Options::max_requests). It is not looked at (RFC 9112 section 9.6). Told once for
    /// a connection.
    fn drop_request(&mut self) {}

    /// A request broke the protocol. The answer given here is the last of the connection; without one, and if none was
    /// under way, the client is answered with the error's [status](h1wire_proto::RecvError::status).
    fn client_error(&mut self, error: &ClientError<'_>, res: &mut Response<'_>) {
        let _ = (error, res);
    }

    /// Reading from the stream of a connection failed, or writing to it, and that ends the connection: a reset, a TLS
    /// handshake that came to nothing, a TLS stream that was cut off. [`aborted`](Self::aborted) follows if there is an exchange.
    fn stream_error(&mut self, error: &io::Error, stream: &Stream) {
        let _ = (error, stream);
    }

    /// A time limit passed. After [`Expired::Idle`], answering true keeps the connection; all others end it, after a
    /// 408 if a request was begun and no answer was. An answer that is completed here goes before that, in place of the
    /// 408. Default false.
    fn timeout(
        &mut self,
        expired: Expired,
        exchange: Option<&mut Self::Exchange>,
        res: &mut Response<'_>,
    ) -> bool {
        let _ = (expired, exchange, res);
        false
    }
}

/// The handler behind [`Server::serve`](crate::Server::serve): a closure that answers at once, or by a
/// [`Responder`](crate::Responder).
pub(crate) struct Closure<F>(pub(crate) Arc<F>);

impl<F, R> Handler for Closure<F>
where
    F: Fn(&Request<'_>, &mut Response<'_>) -> R,
    R: Outcome,
{
    type Exchange = ();

    #[inline]
    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        if (self.0)(req, res).failed() {
            res.fail();
        }
        None
    }

    fn connect(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        self.request(req, res)
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
