//! [`Outbox`]: what waits to be written to a stream, copied bytes and shared ones and pieces of files, and its way out.
//!
//! One `write` or `writev` takes as much as is there. Who may add how much is decided elsewhere.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::sync::Arc;

use h1wire_proto::{Frame, OutQueue};

use crate::files::Files;
use crate::stream::Stream;

/// How many slices one `writev` takes.
const SLICES: usize = 32;
/// How many pieces of files may wait before an outbox is full whatever their length: each keeps a descriptor.
const FILES: usize = 2;

/// Called when the bytes up to a position were given to the system, with true, or never will be, with false.
type Waiter = Box<dyn FnOnce(bool)>;

/// The output of one connection.
pub(crate) struct Outbox {
    pub(crate) queue: OutQueue,
    files: Files,
    /// Bytes that left the queue since the connection was last idle.
    pub(crate) sent: u64,
    /// Who waits for which byte to leave, in order.
    waiters: VecDeque<(u64, Waiter)>,
}

impl Outbox {
    pub(crate) const fn new() -> Self {
        Self { queue: OutQueue::new(), files: Files::new(), sent: 0, waiters: VecDeque::new() }
    }

    /// Where the next byte goes: how many are sent or queued.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        self.sent + self.queue.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many bytes wait, those of files included.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.queue.len().try_into().unwrap_or(usize::MAX)
    }

    /// Whether a writer should wait until less than `limit` bytes are left. Bytes of files count as others do.
    #[inline]
    pub(crate) fn is_full(&self, limit: usize) -> bool {
        self.queue.len() >= limit as u64 || self.files.len() >= FILES
    }

    /// Appends a piece of a file, as it is.
    pub(crate) fn put_file(&mut self, file: Arc<File>, offset: u64, len: u64) {
        self.files.push(file, offset, len);
        self.queue.put_external(0, len);
    }

    /// Appends a piece of a file with the framing the machine gave for it.
    pub(crate) fn put_file_framed(&mut self, frame: &Frame, file: Arc<File>, offset: u64, len: u64) {
        if frame.sends_payload() {
            self.files.push(file, offset, len);
            self.queue.put_external_framed(frame, 0, len);
        }
    }

    /// Has `f` called when all that is queued now was given to the system, or will not be.
    pub(crate) fn when_sent(&mut self, f: Waiter) {
        self.waiters.push_back((self.position(), f));
    }

    /// The next waiter whose bytes have left.
    #[inline]
    pub(crate) fn pop_sent(&mut self) -> Option<Waiter> {
        match self.waiters.front() {
            Some((at, _)) if *at <= self.sent => self.pop_waiter(),
            _ => None,
        }
    }

    /// The next waiter, whatever was sent.
    pub(crate) fn pop_waiter(&mut self) -> Option<Waiter> {
        self.waiters.pop_front().map(|(_, f)| f)
    }

    /// Gives back memory beyond `keep` bytes, once nothing is left.
    #[inline]
    pub(crate) fn trim(&mut self, keep: usize) {
        self.sent = 0;
        if self.queue.capacity() > keep {
            self.queue.shrink_to(keep);
        }
    }

    /// Writes until nothing is left, the stream is full, which is noted in `writable`, or `budget` bytes were written,
    /// which is counted down.
    #[inline]
    pub(crate) fn flush(
        &mut self,
        stream: &mut Stream,
        writable: &mut bool,
        budget: &mut u64,
    ) -> io::Result<()> {
        while *writable && *budget > 0 && !self.queue.is_empty() {
            let before = self.sent;
            self.step(stream, writable)?;
            *budget = budget.saturating_sub(self.sent - before);
        }
        if *writable && stream.wants_flush() {
            push(stream, writable)?;
        }
        Ok(())
    }

    /// One system call.
    #[inline]
    fn step(&mut self, stream: &mut Stream, writable: &mut bool) -> io::Result<()> {
        let (offered, written) = match self.queue.only_slice() {
            Some(slice) => (slice.len(), stream.write(slice)),
            None => {
                if let Some((_, len)) = self.queue.front_external() {
                    return self.send_file(stream, writable, len);
                }
                let mut slices = [IoSlice::new(&[]); SLICES];
                let filled = self.queue.fill(&mut slices, IoSlice::new);
                let slices = slices.get(..filled).unwrap_or_default();
                let offered = slices.iter().map(|s| s.len()).sum();
                // What else is queued, a file or more slices, is the very next to be written.
                let more = (offered as u64) < self.queue.len();
                (offered, stream.write_slices(slices, more))
            }
        };
        match written {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => {
                self.queue.advance(n);
                self.sent += n as u64;
                // What did not fit now would not fit in a second call; an event tells when it does.
                *writable = n == offered || !stream.short_write_is_last();
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => *writable = false,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// Moves some of the file whose turn it is.
    fn send_file(&mut self, stream: &mut Stream, writable: &mut bool, len: u64) -> io::Result<()> {
        match self.files.send(stream, len) {
            Ok(moved) => {
                self.sent += moved;
                if self.queue.advance_external(moved) {
                    self.files.pop();
                }
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                *writable = false;
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(()),
            Err(e) => Err(e),
        }
    }
}

/// Has the stream send what it took.
#[cold]
fn push(stream: &mut Stream, writable: &mut bool) -> io::Result<()> {
    match stream.flush() {
        Err(e) if e.kind() == ErrorKind::WouldBlock => *writable = false,
        Err(e) if e.kind() == ErrorKind::Interrupted => {}
        done => return done,
    }
    Ok(())
}
