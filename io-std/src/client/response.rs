//! [`Response`]: the head of a response, its content as a reader, and what comes after the end.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::net::SocketAddr;
use std::time::Duration;

use h1wire_proto::calling::announced_length;
use h1wire_proto::{Fields, OwnedResponse, ResponseHead, Version};

use super::exchange::{Exchange, Progress};
use super::request::Request;
use super::upgraded::Upgraded;
use crate::error::ErrorKind;

/// A response. Its content is read from it, as it comes, with [`Read`] or [`BufRead`].
///
/// Once the last byte was read, the connection goes back to its agent. A response that is dropped before is
/// discarded, if the rest of it is there already and within [the agent's budget](crate::AgentBuilder::drain);
/// otherwise its connection is closed. Dropping never blocks.
///
/// Errors of reading are `io::Error`s with an [`Error`](crate::Error) inside: see [`Error::of`](crate::Error::of).
///
/// | kind | methods |
/// |---|---|
/// | head | [`status`](Self::status), [`reason`](Self::reason), [`version`](Self::version), [`header`](Self::header), [`fields`](Self::fields), [`head`](Self::head) |
/// | content | [`Read`], [`BufRead`], [`text`](Self::text), [`content`](Self::content), [`content_length`](Self::content_length) |
/// | after it | [`is_complete`](Self::is_complete), [`trailers`](Self::trailers) |
/// | connection | [`is_reused`](Self::is_reused), [`local_addr`](Self::local_addr), [`peer_addr`](Self::peer_addr), [`bytes_sent`](Self::bytes_sent), [`bytes_received`](Self::bytes_received), [`detach`](Self::detach), [`into_upgraded`](Self::into_upgraded) |
/// | socket | [`set_no_delay`](Self::set_no_delay), [`set_tcp_keep_alive`](Self::set_tcp_keep_alive) |
/// | ending | [`abort`](Self::abort), [`set_timeout`](Self::set_timeout) |
pub struct Response {
    head: OwnedResponse,
    /// `None` only while it is handed over.
    exchange: Option<Exchange>,
}

impl Response {
    pub(crate) fn new(head: OwnedResponse, exchange: Exchange) -> Self {
        Self { head, exchange: Some(exchange) }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The reason phrase as received. It means nothing (RFC 9112 section 4).
    pub fn reason(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.head.head().reason)
    }

    /// The version of the message.
    pub fn version(&self) -> Version {
        self.head.head().version
    }

    /// The value of the field `name`, whatever its case. Several lines of it become one value by the rule for their
    /// name: see `h1wire_proto::Duplicates`. `Set-Cookie` is never joined: ask [`fields`](Self::fields).
    pub fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let fields = self.head.fields();
        let value = fields.view().get(name)?.into_owned();
        Some(value.into())
    }

    /// The field lines as received: in order, with case and duplicates.
    pub fn fields(&self) -> Fields<'_, '_> {
        self.head.fields()
    }

    /// The whole head.
    pub fn head(&self) -> ResponseHead<'_, '_> {
        self.head.head()
    }

    /// How long the content is, if it was said. Of an answer to `HEAD`, and of a 304, that is the length an answer to
    /// `GET` would have (RFC 9110 section 8.6); there is no content then.
    pub fn content_length(&self) -> Option<u64> {
        announced_length(&self.head.head())
    }

    /// The rest of the content.
    ///
    /// # Errors
    /// As reading; content that is longer than `most` bytes is `InvalidData`.
    pub fn content(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.by_ref().take((most as u64).saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() > most {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the content is longer than expected"));
        }
        Ok(bytes)
    }

    /// The rest of the content as text, at most 16 MiB of it. Bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// As [`content`](Self::content).
    pub fn text(&mut self) -> io::Result<String> {
        let bytes = self.content(16 << 20)?;
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    /// Whether the whole response was received.
    pub fn is_complete(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.progress == Progress::Complete)
    }

    /// The trailer section. Empty until the content was read to its end.
    pub fn trailers(&self) -> Fields<'_, '_> {
        self.exchange.as_ref().map_or(Fields::EMPTY, |exchange| exchange.trailers.as_fields())
    }

    /// Whether the connection had carried another request before.
    pub fn is_reused(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.info.reused)
    }

    /// The local address of the connection, if it is a TCP one.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.exchange.as_ref()?.info.local_addr
    }

    /// The peer's address, if it is a TCP one. With a proxy, that is the proxy.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.exchange.as_ref()?.info.peer_addr
    }

    /// How many bytes of the exchange the system took so far: the request, with its head and framing.
    pub fn bytes_sent(&self) -> u64 {
        self.exchange.as_ref().map_or(0, |exchange| exchange.info.sent)
    }

    /// How many bytes of the exchange came so far: the response with interim ones, heads and framing. More than was
    /// [read](Read) of it may have come.
    pub fn bytes_received(&self) -> u64 {
        self.exchange.as_ref().map_or(0, |exchange| exchange.info.received)
    }

    /// How long nothing may move on the connection from now on; `None` is for ever.
    pub fn set_timeout(&mut self, limit: Option<Duration>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.set_idle(limit);
        }
    }

    /// Whether small writes leave at once (`TCP_NODELAY`), from now on.
    ///
    /// # Errors
    /// Those of the system; `NotConnected` if the connection went its way, as it does with the last byte.
    pub fn set_no_delay(&mut self, on: bool) -> io::Result<()> {
        Exchange::tune(self.exchange.as_mut(), |stream| stream.set_no_delay(on))
    }

    /// Probes the peer after so long a silence (TCP keep-alive), in whole seconds from 1 to 32,767, from now on; `None` does not.
    ///
    /// # Errors
    /// As [`set_no_delay`](Self::set_no_delay).
    pub fn set_tcp_keep_alive(&mut self, initial_delay: Option<Duration>) -> io::Result<()> {
        Exchange::tune(self.exchange.as_mut(), |stream| stream.set_keep_alive(initial_delay))
    }

    /// Takes the connection out of its agent (Node's `agentRemove`): it no longer counts there, and is
    /// closed once the response is over.
    pub fn detach(&mut self) {
        if let Some(exchange) = &mut self.exchange {
            exchange.detach();
        }
    }

    /// Ends the exchange: what is left of the response is dropped and the connection closed. Does nothing if it is
    /// over.
    pub fn abort(&mut self) {
        if let Some(exchange) = self.exchange.as_mut().filter(|exchange| exchange.progress == Progress::Open)
        {
            drop(exchange.cut(ErrorKind::Aborted));
        }
    }

    /// The request, to send another like it. The rest of the response is given up as if dropped.
    pub fn into_request(mut self) -> Option<Request> {
        let mut exchange = self.exchange.take()?;
        exchange.discard(exchange.drain_budget());
        Some(Request::of(exchange.into_parts().1))
    }

    /// The connection, if the server handed it over: with 101, or with 2xx to `CONNECT`. Nobody taking it, it is
    /// closed.
    ///
    /// # Errors
    /// The response itself, if it is an ordinary one.
    pub fn into_upgraded(mut self) -> Result<Upgraded, Box<Self>> {
        let Some(exchange) = self.exchange.take_if(|exchange| exchange.switched) else {
            return Err(Box::new(self));
        };
        match exchange.into_wire() {
            Some(wire) => Ok(Upgraded::new(*wire)),
            None => Err(Box::new(self)),
        }
    }
}

impl Read for Response {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(exchange) = &mut self.exchange else { return Ok(0) };
        let read = exchange.read(buf);
        read.map_err(|kind| exchange.cut(kind).into())
    }
}

impl BufRead for Response {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let Some(exchange) = &mut self.exchange else { return Ok(&[]) };
        if let Err(kind) = exchange.fill() {
            return Err(exchange.cut(kind).into());
        }
        Ok(exchange.content())
    }

    fn consume(&mut self, n: usize) {
        if let Some(exchange) = &mut self.exchange {
            exchange.consume(n);
        }
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        if let Some(exchange) = &mut self.exchange {
            exchange.discard(exchange.drain_budget());
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head.head().fmt(f)
    }
}
