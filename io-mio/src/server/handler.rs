//! [`Handler`]: what a server's user is told, and in which order. It decides nothing; `exchange` calls it.

use std::io;

use crate::client::{CallId, Event};
use crate::server::report::{ConnectionReport, Report};
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
/// | exchange, any number | [`data`](Self::data), [`drain`](Self::drain), [`upstream`](Self::upstream), then once each [`end`](Self::end), [`half_closed`](Self::half_closed); at any time [`shutdown`](Self::shutdown) |
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

    /// Whether [reports](Self::report) tell when a head was sent and a request was complete, for which the clock is read
    /// each time. Otherwise those moments are the ones when the event loop last looked at the clock.
    const TIMED: bool = true;

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
    ///
    /// If its client waits for `100 Continue`, too, that is sent when content is first wanted.
    fn upgrade(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Self::Exchange> {
        self.request(req, res)
    }

    /// A `CONNECT` request. Called in place of [`request`](Self::request). Accept with [`Response::tunnel_to`] or
    /// [`Response::tunnel_here`], or answer with an error status.
    ///
    /// In a tunnel that stays in the loop, content is what the client sends.
    ///
    /// Default: 501, and the connection is closed.
    fn connect(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Self::Exchange> {
        let _ = req;
        res.refuse_tunnel();
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

    /// The request of a [call](Response::upstream) that ended after the exchange it was for. Made into the next one by
    /// [`Request::renew`](crate::client::Request::renew), it spares that one the allocator; see also
    /// [`Call::take_request`](crate::client::Call::take_request). Default: dropped.
    fn spare(&mut self, request: crate::client::Request) {
        drop(request);
    }

    /// A writer that was told that there is no room can go on.
    fn drain(&mut self, exchange: &mut Self::Exchange, res: &mut Response<'_>) {
        let _ = (exchange, res);
    }

    /// The client will send nothing more. It may still read: this is not an abort, unless
    /// [`Options::abort_on_end`](crate::Options::abort_on_end) says so. Called after [`end`](Self::end), and not if the
    /// answer is complete by then.
    fn half_closed(&mut self, exchange: &mut Self::Exchange, res: &mut Response<'_>) {
        let _ = (exchange, res);
    }

    /// The server shuts down. An answer that would go on for ever, such as a stream of events, should come to its end:
    /// what is under way at the deadline is cut off. Not called if the answer is complete.
    fn shutdown(&mut self, exchange: &mut Self::Exchange, res: &mut Response<'_>) {
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
    ///
    /// Without an exchange, what one came to that a handler failed or panicked in, or that the server answered by itself:
    /// a request that broke the protocol (400, 413, 431), or was late (408).
    fn report(&mut self, exchange: Option<&mut Self::Exchange>, report: &Report) {
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
    /// [`Lifetime::max_requests`](h1wire_proto::Lifetime::max_requests). It is not looked at (RFC 9112 section 9.6). Told once for
    /// a connection.
    fn drop_request(&mut self) {}

    /// A request broke the protocol. The answer given here is the last of the connection; without one, and if none was
    /// under way, the client is answered with the error's [status](h1wire_proto::RecvError::status).
    fn client_error(&mut self, error: &ClientError<'_>, res: &mut Response<'_>) {
        let _ = (error, res);
    }

    /// Reading from the stream of a connection failed, or writing to it, and that ends the connection: a reset, a TLS
    /// handshake that failed, a TLS stream that was cut off. [`aborted`](Self::aborted) follows if there is an exchange.
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
