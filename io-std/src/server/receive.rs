//! Receiving content: from the socket by way of the machine to the reader.

use std::io;

use h1wire_proto::{OwnedFields, Recv, ServerEvent};

use super::exchange::Exchange;
use super::fault::Fault;
use super::link::{Got, Link};
use super::queue::Queue;
use super::report::{Failed, Marks};

/// Least bytes for which content is read from the socket into the reader's own memory.
const DIRECT: usize = 4096;
/// For how many milliseconds nothing but this connection is looked at while its content is dropped.
const GLANCE: u32 = 20;

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
                self.link.conn.send_continue_if_wanted(&mut self.buffers.out);
            } else if !self.link.stream.as_mut().is_some_and(|stream| stream.is_readable()) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let bypass = self.link.conn.recv_bypass();
            if self.buffers.more.is_empty() && buf.len() >= DIRECT && bypass >= DIRECT as u64 {
                let room = usize::try_from(bypass).map_or(buf.len(), |n| n.min(buf.len()));
                if let Some(n) = self.fill_from(Some(&mut buf[..room]))? {
                    self.link.conn.recv_bypassed(n as u64);
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
        match self.link.conn.recv(&mut input, &mut self.buffers.slots) {
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
            Got::Eof => self.link.conn.recv_eof(),
            // Reading without a time to come back by has none that could pass.
            Got::Nothing => {}
            Got::Expired(expired) => return Err(self.fail(Fault::Expired(expired))),
            Got::Failed(error) => return Err(self.fail(Fault::Stream(error))),
        }
        Ok(None)
    }

    /// Reads and drops content until the request is complete. `false` if that takes more than the limit, or fails; and if
    /// there are `others`, when one of them waits for the thread, which has better things to do.
    pub(crate) fn discard_content(&mut self, others: Option<&Queue<Box<Link>>>) -> bool {
        let mut left = self.link.rules.options.discard_limit;
        let mut ignored = OwnedFields::new();
        while !self.received {
            if self.held as u64 > left {
                return false;
            }
            left -= self.held as u64;
            self.skip_held(self.held);
            if !self.link.conn.may_drain(left) || self.fault.is_some() {
                return false;
            }
            match self.advance(&mut ignored) {
                Ok(true) => {}
                Ok(false) => match others {
                    Some(others) if others.is_crowded() || !self.fill_briefly() => return false,
                    None if self.fill_from(None).is_err() => return false,
                    _ => {}
                },
                Err(_) => return false,
            }
        }
        true
    }

    /// Reads what comes soon, which may be nothing. `false`: there is nothing to wait for.
    fn fill_briefly(&mut self) -> bool {
        if self.flush_out().is_err() {
            return false;
        }
        let buf = self.link.rules.room(&mut self.buffers.more);
        match self.link.read_within(GLANCE, buf, &self.counters) {
            Got::Bytes(n) => self.buffers.more.filled(n),
            Got::Eof => self.link.conn.recv_eof(),
            Got::Nothing => {}
            Got::Expired(_) | Got::Failed(_) => return false,
        }
        self.link.poll_expired().is_none()
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
