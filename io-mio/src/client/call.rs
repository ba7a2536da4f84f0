//! [`Call`]: what a caller can do about a call under way. Calls only leave a mark, or become calls of the machine; bytes
//! move when the loop has its next turn.

use std::time::Duration;

use bytes::Bytes;
use h1wire_proto::calling::Upload;
use h1wire_proto::{Headers, SendError};

use super::active::{Active, Mode, Stand};
use super::engine::{CallId, Engine};
use super::link::{Link, Source};
use super::request::Request;
use crate::stream::Stream;
use crate::upgraded::Upgraded;

/// A request under way, and its response. Got with each event, and by its [`CallId`] from whoever started it.
///
/// | kind | methods |
/// |---|---|
/// | content, if it is [streamed](super::Request::streamed) | [`write`](Self::write), [`write_shared`](Self::write_shared), [`trailer`](Self::trailer), [`append_trailer`](Self::append_trailer), [`finish`](Self::finish), [`end`](Self::end) |
/// | response | [`pause`](Self::pause), [`resume`](Self::resume) |
/// | connection | [`stream`](Self::stream), [`set_timeout`](Self::set_timeout), [`set_no_delay`](Self::set_no_delay), [`set_tcp_keep_alive`](Self::set_tcp_keep_alive), [`detach`](Self::detach), [`take_over`](Self::take_over), [`stay`](Self::stay) |
/// | ending | [`abort`](Self::abort), [`discard`](Self::discard), [`take_request`](Self::take_request) |
/// | state | [`id`](Self::id), [`is_open`](Self::is_open), [`is_ended`](Self::is_ended), [`is_finished`](Self::is_finished), [`is_answered`](Self::is_answered), [`is_complete`](Self::is_complete), [`buffered`](Self::buffered) |
///
/// Of a call that is over, nothing can be changed and nothing is known.
pub struct Call<'e> {
    engine: &'e mut Engine,
    id: CallId,
}

impl<'e> Call<'e> {
    pub(crate) fn new(engine: &'e mut Engine, id: CallId) -> Self {
        Self { engine, id }
    }

    fn active(&mut self) -> Option<&mut Active> {
        self.engine.active(self.id)
    }

    fn peek(&self) -> Option<&Active> {
        let active = self.engine.calls.get(self.id.key as usize)?;
        (active.generation == self.id.generation).then_some(&**active)
    }

    fn link(&mut self) -> Option<&mut Link> {
        let Stand::On(at) = self.active()?.stand else { return None };
        match self.engine.sources.get_mut(at) {
            Some(Source::Link(link)) => Some(link),
            _ => None,
        }
    }

    /// Its id, by which it is found later.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// Sends a piece of the content. Says whether there is room for more: if not, wait for
    /// [`Event::Drain`](super::Event::Drain), for what is written then is kept in memory. What the server does not want any
    /// more is dropped.
    ///
    /// On a connection that [stays](Self::stay) for another protocol, sends bytes as they are.
    ///
    /// # Errors
    /// [`BodyTooLong`](SendError::BodyTooLong) beyond the declared length; [`WrongState`](SendError::WrongState) after the
    /// end, and for content that is not [streamed](super::Request::streamed).
    pub fn write(&mut self, content: impl AsRef<[u8]>) -> Result<bool, SendError> {
        let content = content.as_ref();
        self.put(
            content.len(),
            |active| match active.mode {
                Mode::Raw { .. } => {
                    h1wire_proto::Out::put(&mut active.out, content);
                    Ok(())
                }
                Mode::Http => match active.call.body() {
                    Some(mut body) => body.data(content, &mut active.out),
                    None => Err(SendError::WrongState),
                },
            },
            || Bytes::copy_from_slice(content),
        )
    }

    /// [`write`](Self::write) with content that is kept by reference until it is sent.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_shared(&mut self, content: Bytes) -> Result<bool, SendError> {
        let held = content.clone();
        self.put(
            content.len(),
            |active| match active.mode {
                Mode::Raw { .. } => {
                    active.out.put_shared(content);
                    Ok(())
                }
                Mode::Http => active.frame(content),
            },
            || held,
        )
    }

    fn put(
        &mut self,
        len: usize,
        send: impl FnOnce(&mut Active) -> Result<(), SendError>,
        hold: impl FnOnce() -> Bytes,
    ) -> Result<bool, SendError> {
        let high_water = self.engine.options.high_water();
        let Some(active) = self.active() else { return Err(SendError::WrongState) };
        let raw_finished = matches!(active.mode, Mode::Raw { finished: true, .. });
        if active.flags.finished && active.mode == Mode::Http || raw_finished {
            return Err(SendError::WrongState);
        }
        if len == 0 {
            return Ok(true);
        }
        match active.call.upload() {
            _ if active.mode != Mode::Http => send(active)?,
            Upload::Send => {
                active.call.content_taken();
                send(active)?;
            }
            Upload::Hold => {
                active.call.content_taken();
                active.held.push_back(hold());
            }
            Upload::Refused => return Ok(true),
            Upload::Done => return Err(SendError::BodyTooLong),
        }
        let full = active.buffered() >= high_water;
        active.flags.wants_drain |= full;
        let key = self.id.key;
        self.engine.enqueue(key);
        Ok(!full)
    }

    /// Sets a line of the trailer section, in place of all lines with this name. Trailers are sent with chunked content,
    /// else they are dropped. What is wrong with one is told by [`finish`](Self::finish).
    pub fn trailer(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        self.change(|trailers| trailers.set(name, value))
    }

    /// Adds a line to the trailer section, beside those with the same name.
    pub fn append_trailer(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut Self {
        self.change(|trailers| trailers.append(name, value))
    }

    fn change(&mut self, change: impl FnOnce(&mut Headers) -> Result<(), SendError>) -> &mut Self {
        if let Some(active) = self.active() {
            let done = change(&mut active.trailers);
            active.note(done);
        }
        self
    }

    /// Completes the content. A second time it does nothing.
    ///
    /// On a connection that [stays](Self::stay), shuts down the write side after what was written.
    ///
    /// # Errors
    /// [`BodyTooShort`](SendError::BodyTooShort) before the declared length; what is wrong with the trailers.
    pub fn finish(&mut self) -> Result<(), SendError> {
        let Some(active) = self.active() else { return Err(SendError::WrongState) };
        if let Mode::Raw { finished, .. } = &mut active.mode {
            *finished = true;
        } else if !active.flags.finished {
            if let Some(error) = active.fault.take() {
                return Err(error);
            }
            match active.call.upload() {
                Upload::Send => active.end_content()?,
                Upload::Hold => {}
                Upload::Refused | Upload::Done => {}
            }
            active.flags.finished = true;
        }
        let key = self.id.key;
        self.engine.enqueue(key);
        Ok(())
    }

    /// Sends the last piece of the content.
    ///
    /// # Errors
    /// As [`write`](Self::write) and [`finish`](Self::finish).
    pub fn end(&mut self, content: impl AsRef<[u8]>) -> Result<(), SendError> {
        self.write(content)?;
        self.finish()
    }

    /// Stops reading the response until [`resume`](Self::resume). What was read already is kept, at most one read buffer,
    /// so that the server has to wait.
    pub fn pause(&mut self) {
        if let Some(active) = self.active() {
            active.flags.paused = true;
        }
    }

    /// Goes on reading.
    pub fn resume(&mut self) {
        if let Some(active) = self.active()
            && std::mem::replace(&mut active.flags.paused, false)
        {
            let key = self.id.key;
            self.engine.enqueue(key);
        }
    }

    /// Ends the call, wherever it is: what is left of the response is dropped, and the connection closed. A second time it
    /// does nothing.
    pub fn abort(&mut self) {
        if let Some(active) = self.active() {
            if let Mode::Raw { .. } = active.mode {
                active.error.get_or_insert(super::error::ErrorKind::Aborted);
            }
            active.call.abort();
            let key = self.id.key;
            self.engine.enqueue(key);
        }
    }

    /// Wants to hear nothing more of it. The rest of the response is read and dropped within
    /// [`Options::discard_limit`](super::Options::discard_limit), so that the connection can be kept; before the response
    /// began this is an [`abort`](Self::abort). No event follows but `Close`.
    pub fn discard(&mut self) {
        let limit = self.engine.options.discard_limit;
        if let Some(active) = self.active() {
            if let Mode::Raw { .. } = active.mode {
                active.error.get_or_insert(super::error::ErrorKind::Aborted);
            }
            active.call.discard(limit);
            active.flags.muted |= active.call.is_answered();
            let key = self.id.key;
            self.engine.enqueue(key);
        }
    }

    /// How long nothing may move on the connection from now on, in this call; none is for ever.
    pub fn set_timeout(&mut self, limit: Option<Duration>) {
        if let Some(active) = self.active() {
            active.call.set_idle(limit);
            let key = self.id.key;
            self.engine.schedule(key);
        }
    }

    /// Whether small writes leave at once (`TCP_NODELAY`), from now on. Later requests on the connection find it so.
    pub fn set_no_delay(&mut self, on: bool) {
        if let Some(link) = self.link() {
            link.stream.tune(Some(on), None);
        }
    }

    /// Probes the peer after so long a silence (TCP keep-alive), in whole seconds from 1 to 32,767, from now on.
    pub fn set_tcp_keep_alive(&mut self, initial_delay: Duration) {
        if let Some(link) = self.link() {
            link.stream.tune(None, Some(initial_delay));
        }
    }

    /// The stream of its connection, if it has one: for addresses, options, and what is known of TLS. Reading or writing
    /// here breaks the connection.
    pub fn stream(&self) -> Option<&Stream> {
        let Stand::On(at) = self.peek()?.stand else { return None };
        match self.engine.sources.get(at) {
            Some(Source::Link(link)) => Some(&link.stream),
            _ => None,
        }
    }

    /// Takes the connection out of the agent (`agentRemove` in Node): it no longer counts there, and is closed once the
    /// exchange is over.
    pub fn detach(&mut self) {
        if let Some(Stand::On(at)) = self.peek().map(|active| active.stand) {
            self.engine.detach(at);
        }
    }

    /// Takes the connection over, on [`Event::Switched`](super::Event::Switched): with 101, or with 2xx to `CONNECT`.
    pub fn take_over(&mut self) -> Option<Upgraded> {
        let active = self.active()?;
        let Stand::On(at) = active.stand else { return None };
        if active.call.next() != h1wire_proto::calling::Next::HandOver || active.mode != Mode::Http {
            return None;
        }
        let leftover = active.rest.bytes().to_vec();
        active.rest.consume(usize::MAX);
        active.stand = Stand::Off;
        Some(Upgraded::new(self.engine.take_stream(at)?, leftover))
    }

    /// Goes on with the connection here, on [`Event::Switched`](super::Event::Switched). From then on
    /// [`Event::Data`](super::Event::Data) is what the server sends, [`Event::End`](super::Event::End) the end of that, and
    /// [`write`](Self::write) and [`finish`](Self::finish) are about bytes as they are. Time limits are the caller's business.
    pub fn stay(&mut self) {
        if let Some(active) = self.active() {
            active.flags.stays = true;
        }
    }

    /// The request, on [`Event::Close`](super::Event::Close): to be [renewed](super::Request::renew). None before.
    pub fn take_request(&mut self) -> Option<Request> {
        let active = self.active().filter(|active| active.flags.over)?;
        active.spec.take().map(Request)
    }

    /// Whether it is not over.
    pub fn is_open(&self) -> bool {
        self.peek().is_some()
    }

    /// Whether the whole request was given: to the machine, that is, not necessarily to the system.
    pub fn is_ended(&self) -> bool {
        self.peek().is_none_or(|active| active.flags.finished)
    }

    /// Whether the whole request was given to the system.
    pub fn is_finished(&self) -> bool {
        self.peek().is_none_or(|active| active.call.is_sent())
    }

    /// Whether the final response began.
    pub fn is_answered(&self) -> bool {
        self.peek().is_some_and(|active| active.call.is_answered())
    }

    /// Whether the whole response was received.
    pub fn is_complete(&self) -> bool {
        self.peek().is_some_and(|active| active.call.is_complete())
    }

    /// How many bytes of the request wait in memory.
    pub fn buffered(&self) -> usize {
        self.peek().map_or(0, Active::buffered)
    }
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("id", &self.id).finish_non_exhaustive()
    }
}
