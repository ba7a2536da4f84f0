//! What a handler can ask and do about the connection and the request at hand: the other half of [`Response`].
//!
//! As in `response`, calls only leave a mark, or become calls of the machine. `drive` acts on it.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::{FieldSource, ProxyHeader, SendError};

use crate::server::answer::Stage;
use crate::server::progress::Progress;
use crate::server::remote::ExchangeId;
use crate::server::report::{ConnectionReport, Report};
use crate::server::responder::Responder;
use crate::server::response::Response;
use crate::stream::Stream;
use crate::upgraded::{Taker, Upgraded};

impl Response<'_> {
    /// Stops reading the request's content until [`resume`](Self::resume). What was read already is kept, at most
    /// one read buffer, so that the client has to wait.
    pub fn pause(&mut self) {
        self.answer.wants.pause = true;
    }

    /// Goes on reading the content.
    pub fn resume(&mut self) {
        self.answer.wants.pause = false;
    }

    /// Has the rest of the content shown to the handler although the answer is complete. Otherwise it is discarded, up
    /// to [`Policy::discard_limit`](h1wire_proto::serving::Policy::discard_limit), and the exchange is over with its answer.
    pub fn keep_reading(&mut self) {
        self.answer.wants.rest = true;
    }

    /// Sends `100 Continue` by itself when content is first wanted, if the client waits for that.
    pub fn continue_when_wanted(&mut self) {
        self.answer.wants.invitation = true;
    }

    /// Sets how much content this request may still have, in bytes, in place of the common limit; `None` is no limit.
    /// Beyond it the client is answered 413.
    pub fn limit_content(&mut self, most: Option<u64>) {
        self.link.session.conn().limit_content(most);
    }

    /// Lets this answer be the last of its connection.
    pub fn close_after(&mut self) -> &mut Self {
        self.link.session.conn().close_after_response();
        self
    }

    /// Cuts the connection when the handler returns. What was written goes out as far as the socket takes it at once.
    pub fn abort(&mut self) {
        self.answer.stage = Stage::Cut;
    }

    /// The handler failed, and `error` says why in the [report](Report::error): the client is answered 500 if no head
    /// was sent, and cut off in the middle of an answer.
    pub fn fail(&mut self, error: impl Display) {
        self.blame(error);
        self.answer.marks.failure.get_or_insert(crate::Failure::Handler);
        let unfinished = self.link.session.conn().body().is_some();
        self.answer.fail(unfinished);
    }

    /// Sets how long this connection may go without a byte in either direction while this answer is under way; `None`
    /// is for as long as it likes. Default [`Timeouts::idle`](h1wire_proto::Timeouts::idle), which holds again when the
    /// exchange is over.
    pub fn set_timeout(&mut self, limit: Option<Duration>) {
        self.link.session.set_idle(limit);
        self.answer.wants.deadline = true;
    }

    /// Holds back what is written from now on, over any number of events, until [`uncork`](Self::uncork), or the answer
    /// is complete, or as much waits as [may](crate::Options::write_high_water).
    pub fn cork(&mut self) {
        self.answer.wants.cork = true;
    }

    /// Lets go what [`cork`](Self::cork) held back.
    pub fn uncork(&mut self) {
        self.answer.wants.cork = false;
    }

    /// Has `f` called, in the event loop's thread, when everything written so far was given to the system, with true;
    /// with false if the connection ends before.
    pub fn when_sent(&mut self, f: impl FnOnce(bool) + 'static) {
        self.outbox.when_sent(Box::new(f));
    }

    /// For answering from another thread, after the handler returned.
    pub fn responder(&mut self) -> Responder {
        let (high_water, draining) = (self.link.options.high_water(), self.cx.draining);
        let progress = self.answer.progress.get_or_insert_with(|| Arc::new(Progress::new(high_water)));
        if draining {
            progress.set_shutting_down();
        }
        let progress = progress.clone();
        Responder::new(self.cx.remote.clone(), progress, self.exchange_id())
    }

    /// The exchange at hand.
    pub(crate) fn exchange_id(&self) -> ExchangeId {
        ExchangeId { key: self.key, generation: self.link.generation, number: self.link.session.requests() }
    }

    /// The stream, for its addresses and options. Reading or writing here breaks the connection.
    pub fn stream(&self) -> &Stream {
        &self.link.stream
    }

    /// The client's address: the one a proxy [announced](crate::Server::proxy_protocol), or that of the other end. None
    /// over a unix socket.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.cx.peers.of(self.key, self.link.generation, || match self.announced() {
            Some(ProxyHeader::Client { source, .. }) => Some(source),
            Some(ProxyHeader::Own) => None,
            None => self.stream().peer_addr(),
        })
    }

    /// What a proxy in front said of the connection, with [`Server::proxy_protocol`](crate::Server::proxy_protocol).
    pub fn announced(&self) -> Option<ProxyHeader> {
        self.stream().announced()
    }

    /// Whether the final head was sent: handed to the machine, that is, not necessarily to the system.
    pub fn is_head_sent(&self) -> bool {
        self.answer.is_head_sent()
    }

    /// Whether the answer is complete: its last byte was given.
    pub fn is_complete(&mut self) -> bool {
        self.answer.is_head_sent() && self.link.session.conn().body().is_none()
    }

    /// Whether the answer is complete and all of it was handed to the system.
    /// [`Handler::finished`](crate::Handler::finished) tells when.
    pub fn is_finished(&mut self) -> bool {
        self.is_complete() && self.outbox.is_empty() && !self.link.stream.wants_flush()
    }

    /// Whether the server shuts down, so that an answer without an end should come to one.
    /// [`Handler::shutdown`](crate::Handler::shutdown) tells when.
    pub fn is_shutting_down(&self) -> bool {
        self.cx.draining
    }

    /// What the exchange came to so far. [`Handler::report`](crate::Handler::report) tells it at the end.
    pub fn report(&mut self) -> Report {
        let is_complete = self.is_complete();
        let sent = if is_complete { self.outbox.position() } else { self.outbox.sent };
        let (status, received) = (self.answer.draft.status, self.link.session.machine().recv_offset());
        let (now, error) = (self.cx.clock.read_micros(), self.answer.error.clone());
        self.answer.marks.report(status, is_complete, received, sent, now, error)
    }

    /// What the connection came to before the events of this turn of the loop, which it counts when they are over.
    /// None without [`Options::count_connections`](crate::Options::count_connections).
    pub fn connection(&self) -> Option<ConnectionReport> {
        self.cx.tallies.report(self.key, self.link.session.requests(), self.cx.clock.now())
    }

    /// How many bytes of output wait, those of files and of earlier answers included.
    pub fn buffered(&self) -> usize {
        self.outbox.len()
    }

    /// Sends 101 and hands the connection to `taker` when that was written. `fields` name the protocol in `Upgrade`.
    ///
    /// `taker` runs in the event loop's thread and should be done soon.
    ///
    /// # Errors
    /// What the machine refuses ([`Conn::switch`](h1wire_proto::Conn::switch)), above all a request that does not
    /// offer this, or is not complete.
    pub fn switch_to<F: FieldSource + ?Sized>(
        &mut self,
        fields: &F,
        taker: impl FnOnce(Upgraded) + 'static,
    ) -> Result<(), SendError> {
        self.switch(fields)?;
        self.answer.taker = Some(Taker::new(taker));
        Ok(())
    }

    /// Sends 101 and keeps the connection in the loop. From then on [`Handler::data`](crate::Handler::data) is what the
    /// client sends, [`Handler::end`](crate::Handler::end) the end of that, and [`write`](Self::write) and
    /// [`finish`](Self::finish) are about bytes as they are. Time limits are the handler's business.
    ///
    /// # Errors
    /// As [`switch_to`](Self::switch_to).
    pub fn switch_here<F: FieldSource + ?Sized>(&mut self, fields: &F) -> Result<(), SendError> {
        self.switch(fields)?;
        self.answer.stage = Stage::Raw { finished: false };
        Ok(())
    }

    /// Answers `CONNECT` with 200 and hands the connection over, as [`switch_to`](Self::switch_to) does.
    ///
    /// # Errors
    /// [`WrongState`](SendError::WrongState) if the request is not `CONNECT`, or is answered; what is wrong with the
    /// fields.
    pub fn tunnel_to<F: FieldSource + ?Sized>(
        &mut self,
        fields: &F,
        taker: impl FnOnce(Upgraded) + 'static,
    ) -> Result<(), SendError> {
        self.tunnel(fields)?;
        self.answer.taker = Some(Taker::new(taker));
        Ok(())
    }

    /// Answers `CONNECT` with 200 and keeps the connection in the loop, as [`switch_here`](Self::switch_here) does.
    ///
    /// # Errors
    /// As [`tunnel_to`](Self::tunnel_to).
    pub fn tunnel_here<F: FieldSource + ?Sized>(&mut self, fields: &F) -> Result<(), SendError> {
        self.tunnel(fields)?;
        self.answer.stage = Stage::Raw { finished: false };
        Ok(())
    }

    /// Says that nobody here makes tunnels.
    pub(crate) fn refuse_tunnel(&mut self) {
        let now = self.cx.moment();
        if self.link.session.refuse_tunnel(self.cx.date(), &mut self.outbox.queue).is_ok() {
            self.answer.head_sent(501, now);
        }
    }

    fn switch<F: FieldSource + ?Sized>(&mut self, fields: &F) -> Result<(), SendError> {
        let switched = self.link.session.conn().switch(fields, &mut self.outbox.queue);
        switched.map_err(|error| self.refused(error))?;
        self.answer.head_sent(101, self.cx.moment());
        Ok(())
    }

    fn tunnel<F: FieldSource + ?Sized>(&mut self, fields: &F) -> Result<(), SendError> {
        let accepted = self.link.session.conn().accept_tunnel(fields, &mut self.outbox.queue);
        accepted.map_err(|error| self.refused(error))?;
        self.answer.head_sent(200, self.cx.moment());
        Ok(())
    }

    /// Sends an interim response with any 1xx status but 101. HTTP/1.0 clients are sent none.
    ///
    /// # Errors
    /// What the machine refuses ([`Conn::informational`](h1wire_proto::Conn::send_informational)).
    pub fn send_informational<F: FieldSource + ?Sized>(
        &mut self,
        status: u16,
        fields: &F,
    ) -> Result<(), SendError> {
        let sent = self.link.session.conn().send_informational(status, fields, &mut self.outbox.queue);
        sent.map_err(|error| self.refused(error))
    }

    /// Sends `100 Continue`: the content is wanted.
    ///
    /// # Errors
    /// As [`informational`](Self::send_informational).
    pub fn send_continue(&mut self) -> Result<(), SendError> {
        self.send_informational(100, &())
    }

    /// Sends `102 Processing`.
    ///
    /// # Errors
    /// As [`informational`](Self::send_informational).
    pub fn send_processing(&mut self) -> Result<(), SendError> {
        self.send_informational(102, &())
    }

    /// Sends `103 Early Hints`, usually with `Link` fields (RFC 8297).
    ///
    /// # Errors
    /// As [`informational`](Self::send_informational).
    pub fn send_early_hints<F: FieldSource + ?Sized>(&mut self, fields: &F) -> Result<(), SendError> {
        self.send_informational(103, fields)
    }

    #[inline]
    pub(super) fn note(&mut self, done: Result<(), SendError>) -> &mut Self {
        if let Err(error) = done {
            self.answer.draft.error.get_or_insert(error);
            self.refused(error);
        }
        self
    }

    /// Keeps the text of what could not be done for the report.
    #[cold]
    pub(crate) fn refused(&mut self, error: SendError) -> SendError {
        self.blame(error);
        error
    }

    /// Keeps the first of these texts for the report.
    #[cold]
    pub(crate) fn blame(&mut self, error: impl Display) {
        if self.answer.error.is_none() {
            self.answer.error = Some(error.to_string().into());
            self.cx.counters.handler_errors.add(1);
        }
    }
}
