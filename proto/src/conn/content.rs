//! Receiving content: by length, in chunks, until close; then trailers and the end. The same for both roles.
//!
//! How content is framed was decided in `framing`; this file only follows it. It does not decide whether a
//! message may follow.

use super::{Core, Need, Rest, Rx};
use crate::chunked::ChunkLine;
use crate::cycle::{Party, Step};
use crate::error::{RecvError, RecvErrorKind as Kind};
use crate::fields::{Fields, Slots};
use crate::head::{Careful, Read, Reader, Section};
use crate::message::BodyKind;

/// What receiving content came to.
pub(crate) enum Content<'i, 's> {
    Data(&'i [u8]),
    End(Fields<'i, 's>),
    Need(Need),
}

impl Core {
    /// Makes the receive half ready for content of this kind. A request without content is complete at once, for it can
    /// be answered, also by a switch, as soon as its head is known; a response with the end that is told of it.
    #[inline]
    pub(crate) fn begin_content(&mut self, party: Party, body: BodyKind) {
        self.content_left = self.content_bound;
        if party == Party::Client {
            self.flags.rest = Rest::AsAnswered;
        }
        self.rx = match body {
            BodyKind::None | BodyKind::Length(0) if party == Party::Client => {
                self.step(party, Step::End);
                Rx::Over
            }
            BodyKind::None | BodyKind::Length(0) => Rx::Ended,
            BodyKind::Length(n) => Rx::Length(n),
            BodyKind::Chunked => Rx::ChunkLine(ChunkLine::START),
            BodyKind::UntilClose => Rx::UntilClose,
        };
        self.overhead = 0;
    }

    /// The peer's message is complete.
    #[inline]
    pub(crate) fn end_message(&mut self, party: Party) {
        self.rx = Rx::Head;
        self.step(party, Step::End);
    }

    /// The trailer section is complete; what is read next is a head again.
    fn end_chunked(&mut self, party: Party) {
        self.careful =
            Careful::new(if party == Party::Client { Section::Request } else { Section::Response });
        self.end_message(party);
    }

    /// The usual turn of chunked content: the end of one chunk, and the whole of the next with an ordinary line, are
    /// in the input. Nothing changes unless it is so, and then only what was counted: the state stays the same.
    #[inline(always)]
    pub(crate) fn next_chunk<'i>(&mut self, input: &mut &'i [u8]) -> Option<&'i [u8]> {
        if !matches!(self.rx, Rx::ChunkCr) || self.overhead > 0 {
            return None;
        }
        let line = input.strip_prefix(b"\r\n")?;
        let (size, len) = ChunkLine::quick(line)?;
        let (data, rest) = line.get(len..)?.split_at_checked(size as usize)?;
        let size = u64::from(size);
        if size == 0 || size > self.content_left {
            return None;
        }
        self.content_left -= size;
        // Beyond 2^64 an offset means nothing, whichever it is. To stay there, as elsewhere, would cost every chunk.
        self.offset = self.offset.wrapping_add(2 + len as u64 + size);
        *input = rest;
        Some(data)
    }

    /// Takes the next piece of content by `party` from the input.
    #[inline(never)]
    pub(crate) fn recv_content<'i: 's, 's>(
        &mut self,
        party: Party,
        input: &mut &'i [u8],
        slots: &'s mut Slots,
    ) -> Result<Content<'i, 's>, RecvError> {
        loop {
            match self.rx {
                Rx::Length(n) | Rx::ChunkData(n) => {
                    if n > self.content_left {
                        return Err(self.fail(party, Kind::ContentTooLarge, 0));
                    }
                    if input.is_empty() {
                        return self.need(party, Need::Content(Some(n)));
                    }
                    return Ok(Content::Data(self.take(input, n)));
                }
                Rx::ChunkCr => {
                    match input.first() {
                        None => return self.need(party, Need::Framing),
                        Some(b'\r') => self.consume(input, 1),
                        Some(_) => return Err(self.fail(party, Kind::BadChunkEnd, 0)),
                    }
                    self.rx = Rx::ChunkLf;
                }
                Rx::ChunkLf => {
                    match input.first() {
                        None => return self.need(party, Need::Framing),
                        Some(b'\n') => self.consume(input, 1),
                        // The offset of the byte that is not the CRLF's second, as in one piece it would be.
                        Some(_) => return Err(self.fail(party, Kind::BadChunkEnd, 0)),
                    }
                    self.rx = Rx::ChunkLine(ChunkLine::START);
                }
                Rx::ChunkLine(line) => {
                    if input.is_empty() {
                        return self.need(party, Need::Framing);
                    }
                    self.chunk_line(party, line, input)?;
                }
                Rx::Trailers => return self.recv_trailers(party, input, slots),
                Rx::UntilClose => {
                    if !input.is_empty() {
                        if self.content_left == 0 {
                            return Err(self.fail(party, Kind::ContentTooLarge, 0));
                        }
                        return Ok(Content::Data(self.take(input, self.content_left)));
                    }
                    if !self.flags.eof {
                        return Ok(Content::Need(Need::Content(None)));
                    }
                    self.end_message(party);
                    return Ok(Content::End(Fields::EMPTY));
                }
                Rx::Ended => {
                    self.end_message(party);
                    return Ok(Content::End(Fields::EMPTY));
                }
                Rx::Over => {
                    self.rx = Rx::Head;
                    return Ok(Content::End(Fields::EMPTY));
                }
                Rx::Failed(error) => return Err(error),
                Rx::Head => return Ok(Content::Need(Need::Head)),
            }
        }
    }

    #[inline(always)]
    fn take<'i>(&mut self, input: &mut &'i [u8], at_most: u64) -> &'i [u8] {
        let n = (input.len() as u64).min(at_most) as usize;
        let (data, _) = input.split_at(n);
        self.consume(input, n);
        self.took_content(n as u64);
        data
    }

    /// Content was moved past the machine.
    pub(crate) fn took(&mut self, n: u64) {
        self.offset = self.offset.saturating_add(n);
        self.took_content(n);
    }

    #[inline(always)]
    fn took_content(&mut self, n: u64) {
        self.content_left = self.content_left.saturating_sub(n);
        match &mut self.rx {
            Rx::Length(left) => {
                *left -= n;
                if *left == 0 {
                    self.rx = Rx::Ended;
                }
            }
            Rx::ChunkData(left) => {
                *left -= n;
                if *left == 0 {
                    self.rx = Rx::ChunkCr;
                }
            }
            _ => {}
        }
    }

    fn chunk_line(&mut self, party: Party, mut line: ChunkLine, input: &mut &[u8]) -> Result<(), RecvError> {
        if line == ChunkLine::START
            && let Some((size, len)) = ChunkLine::quick(input)
        {
            self.consume(input, len);
            return self.chunk(party, size.into(), len as u16);
        }
        match line.read(input, self.bounds.chunk_line, self.lenient) {
            Ok((used, done)) => {
                self.consume(input, used);
                self.rx = Rx::ChunkLine(line);
                match done {
                    Some((size, len)) => self.chunk(party, size, len),
                    None => Ok(()),
                }
            }
            Err((kind, at)) => Err(self.fail(party, kind, at)),
        }
    }

    /// A chunk line of `len` bytes was consumed.
    #[inline(always)]
    fn chunk(&mut self, party: Party, size: u64, len: u16) -> Result<(), RecvError> {
        // Lines without extensions cost nothing, however small their chunks.
        let cost = (len as u64).saturating_sub(16);
        if cost > 0 || self.overhead > 0 {
            let owed = (self.overhead as u64 + cost).saturating_sub(size.saturating_mul(2));
            self.overhead = owed.min(u32::MAX as u64) as u32;
            if self.overhead > self.bounds.overhead {
                return Err(self.fail(party, Kind::ChunkOverhead, -1));
            }
        }
        if size == 0 {
            self.rx = Rx::Trailers;
            self.careful = Careful::new(Section::Trailers);
        } else {
            self.rx = Rx::ChunkData(size);
        }
        Ok(())
    }

    fn recv_trailers<'i: 's, 's>(
        &mut self,
        party: Party,
        input: &mut &'i [u8],
        slots: &'s mut Slots,
    ) -> Result<Content<'i, 's>, RecvError> {
        if let (true, [b'\r', b'\n', ..]) = (self.careful.is_fresh(), *input) {
            self.consume(input, 2);
            self.end_chunked(party);
            return Ok(Content::End(Fields::EMPTY));
        }
        let mut reader = Reader {
            careful: &mut self.careful,
            bounds: &self.bounds,
            lenient: self.lenient,
            max: self.bounds.trailers,
        };
        match reader.trailers(input, slots) {
            Read::Complete(len) => {
                let (section, _) = input.split_at(len);
                self.consume(input, len);
                self.end_chunked(party);
                Ok(Content::End(slots.fields(section)))
            }
            Read::Partial if self.flags.eof => Err(self.fail(party, Kind::UnexpectedEof, input.len() as i64)),
            Read::Partial => Ok(Content::Need(Need::Framing)),
            Read::Bad(kind, at) => Err(self.fail(party, kind, at as i64)),
        }
    }

    /// More input is needed, which is an error if there will be none (RFC 9112 section 8).
    fn need<'i, 's>(&mut self, party: Party, need: Need) -> Result<Content<'i, 's>, RecvError> {
        if self.flags.eof {
            return Err(self.fail(party, Kind::UnexpectedEof, 0));
        }
        Ok(Content::Need(need))
    }
}
