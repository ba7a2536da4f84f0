//! What a handler can do about the connection and the request at hand: the other half of [`Response`].
//!
//! As in `response`, calls only leave a mark, or become calls of the machine. `drive` acts on it.

use std::time::Duration;

use h1wire_proto::{BodyLen, FieldSource, SendError, Status};

use crate::server::answer::Taker;
use crate::server::remote::{ExchangeId, Progress, Responder};
use crate::server::response::Response;
use crate::stream::Stream;
use crate::upgraded::Upgraded;
use std::sync::Arc;

impl Response<'_> {
    /// Stops reading the request's content until [`resume`](Self::resume). What was read already is kept, at most
    /// one read buffer, so that the client has to wait.
    pub fn pause(&mut self) {
        self.answer.paused = true;
    }

    /// Goes on reading the content.
    pub fn resume(&mut self) {
        self.answer.paused = false;
    }

    /// Has the rest of the content shown to the handler although the answer is complete. Otherwise it is discarded, up
    /// to [`Options::discard_limit`](crate::Options::discard_limit), and the exchange is over with its answer.
    pub fn keep_reading(&mut self) {
        self.answer.keep_reading = true;
    }

    /// Sends `100 Continue` by itself when content is first wanted, if the client waits for that.
    pub fn continue_when_wanted(&mut self) {
        self.answer.auto_continue = true;
    }

    /// Sets how much content this request may still have, in bytes, in place of the common limit; `None` is no limit.
    /// Beyond it the client is answered 413.
    pub fn limit_content(&mut self, most: Option<u64>) {
        self.link.conn.limit_content(most);
    }

    /// Lets this answer be the last of its connection.
    pub fn close_after(&mut self) {
        self.link.conn.close_after_response();
    }

    /// Cuts the connection when the handler returns. What was written goes out as far as the socket takes it at once.
    pub fn abort(&mut self) {
        self.answer.abort = true;
    }

    /// Sets the idle time of this connection, in milliseconds; 0 turns it off. Default
    /// [`Timeouts::idle`](h1wire_proto::Timeouts::idle).
    pub fn set_timeout(&mut self, ms: u32) {
        self.link.timers.set_idle((ms > 0).then(|| Duration::from_millis(ms.into())));
        self.answer.timers_changed = true;
    }

    /// For answering from another thread, after the handler returned.
    pub fn responder(&mut self) -> Responder {
        let high_water = self.link.options.high_water();
        let progress = self.answer.progress.get_or_insert_with(|| Arc::new(Progress::new(high_water)));
        let progress = progress.clone();
        Responder::new(self.cx.remote.clone(), progress, self.exchange_id())
    }

    /// The exchange at hand.
    pub(crate) fn exchange_id(&self) -> ExchangeId {
        ExchangeId { key: self.key, generation: self.link.generation, number: self.link.tenure.requests() }
    }

    /// The stream, for its addresses and options. Reading or writing here breaks the connection.
    pub fn stream(&self) -> &Stream {
        &self.link.stream
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
        self.answer.stays = true;
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
        self.answer.stays = true;
        Ok(())
    }

    fn switch<F: FieldSource + ?Sized>(&mut self, fields: &F) -> Result<(), SendError> {
        self.link.conn.switch(fields, &mut self.answer.out)?;
        self.answer.status = 101;
        self.answer.head_sent = true;
        self.answer.marks.head = self.cx.clock.now();
        Ok(())
    }

    fn tunnel<F: FieldSource + ?Sized>(&mut self, fields: &F) -> Result<(), SendError> {
        if !self.answer.is_connect {
            return Err(SendError::WrongState);
        }
        self.link.conn.respond(Status::new(200), fields, BodyLen::None, &mut self.answer.out)?;
        self.answer.status = 200;
        self.answer.head_sent = true;
        self.answer.marks.head = self.cx.clock.now();
        Ok(())
    }

    /// The handler failed: 500 if no head was sent, else the connection is cut.
    pub(crate) fn fail(&mut self) {
        self.answer.failed = true;
    }
}
