//! Receiving content: from the socket by way of the machine to the reader.

use std::io;

use h1wire_proto::{OwnedFields, Recv, ServerEvent};

use super::exchange::Exchange;
use super::fault::Fault;
use super::link::Link;
use super::moving::Got;
use super::report::{Failed, Marks};

/// Least bytes for which content is read from the socket into the reader's own memory.
const DIRECT: usize = 4096;

impl Exchange {
    /// Reads content into `buf`; 0 at its end, when the trailers are there, or if `buf` is empty. If it may not `wait`,
    /// fails with `WouldBlock` where it would have to, and does not ask a client for content that waits for 100.
    pub(crate) fn read_content(
        &mut self,
        buf: &mut [u8],
        trailers: &mut OwnedFields,
        wait: bool,
    ) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if self.held > 0 {
                let n = self.held.min(buf.len());
                let held = self.buffers.more.bytes().get(..n).unwrap_or_default();
                buf[..held.len()].copy_from_slice(held);
                self.skip_held(n);
                return Ok(n);
            }
            if self.received {
                return Ok(0);
            }
            if let Some(fault) = &self.fault {
                return Err(fault.to_io());
            }
            if self.advance(trailers)? {
                continue;
            }
            if wait {
                let conn = self.link.session.conn();
                conn.send_continue_if_wanted(&mut self.buffers.out);
                // Until the handler returns, somebody reads.
                conn.keep_reading(true);
            } else if !self.link.stream.as_mut().is_some_and(|stream| stream.is_readable()) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let bypass = self.link.session.machine().recv_bypass();
            if self.buffers.more.is_empty() && buf.len() >= DIRECT && bypass >= DIRECT as u64 {
                let room = usize::try_from(bypass).map_or(buf.len(), |n| n.min(buf.len()));
                if let Some(n) = self.fill_from(Some(&mut buf[..room]))? {
                    self.link.session.conn().recv_bypassed(n as u64);
                    return Ok(n);
                }
            } else {
                self.fill_from(None)?;
            }
        }
    }

    /// Lets the machine look at what is there. `false`: there is nothing new, more has to be read.
    fn advance(&mut self, trailers: &mut OwnedFields) -> io::Result<bool> {
        let more = &mut self.buffers.more;
        let mut input = more.bytes();
        let before = input.len();
        let Link { session, rules, .. } = &mut *self.link;
        match session.recv(&rules.options.policy, &mut input, &mut self.buffers.slots) {
            Ok(Recv::Event(ServerEvent::Data(data))) => {
                let consumed = before - input.len() - data.len();
                self.held = data.len();
                more.consume(consumed);
                Ok(true)
            }
            Ok(Recv::Event(ServerEvent::End(fields))) => {
                trailers.copy_from(&fields);
                let consumed = before - input.len();
                more.consume(consumed);
                self.received = true;
                self.marks.as_mut().into_iter().for_each(Marks::request);
                Ok(true)
            }
            Ok(Recv::NeedInput(_)) => {
                let consumed = before - input.len();
                more.consume(consumed);
                Ok(false)
            }
            // A request is not looked for while one is under way, so that these end it as well.
            Ok(Recv::Event(ServerEvent::Request(_)) | Recv::Paused(_) | Recv::Closed) => {
                self.received = true;
                Ok(true)
            }
            Err(error) => Err(self.fail(Fault::Protocol(error))),
        }
    }

    /// Reads from the socket: into `direct` if it is given, and then says how much.
    fn fill_from(&mut self, direct: Option<&mut [u8]>) -> io::Result<Option<usize>> {
        // What was said so far may be what the client waits for.
        self.flush_out()?;
        let is_direct = direct.is_some();
        let buf = match direct {
            Some(buf) => buf,
            None => self.link.rules.room(&mut self.buffers.more),
        };
        match self.link.read(buf, &self.counters) {
            Got::Bytes(n) if is_direct => return Ok(Some(n)),
            Got::Bytes(n) => self.buffers.more.filled(n),
            Got::Eof => self.link.session.recv_eof(),
            // Reading without a time to come back by has none that could pass.
            Got::Nothing => {}
            Got::Late(expired) | Got::Over(expired) => return Err(self.fail(Fault::Expired(expired))),
            Got::Failed(error) => {
                self.link.session.gone();
                return Err(self.fail(Fault::Stream(error)));
            }
        }
        Ok(None)
    }

    /// Reads and drops content until the request is complete.
    ///
    /// # Errors
    /// `InvalidData` if that is more than is discarded for the sake of a connection, and those of reading.
    pub(crate) fn discard_content(&mut self) -> io::Result<()> {
        let limit = self.link.rules.options.policy.discard_limit;
        let (mut scrap, mut left) = ([0; 4096], limit.unwrap_or(u64::MAX));
        let mut ignored = OwnedFields::new();
        loop {
            match self.read_content(&mut scrap, &mut ignored, true)? {
                0 => return Ok(()),
                n => left = left.checked_sub(n as u64).ok_or(io::ErrorKind::InvalidData)?,
            }
        }
    }

    /// Forgets content that the machine has told about and nobody has read.
    pub(crate) fn drop_held(&mut self) {
        self.skip_held(self.held);
    }

    fn skip_held(&mut self, n: usize) {
        self.buffers.more.consume(n);
        self.held -= n;
    }

    fn fail(&mut self, fault: Fault) -> io::Error {
        self.counters.count(&fault);
        self.note(Failed::from(&fault));
        let error = fault.to_io();
        self.fault = Some(fault);
        error
    }
}
