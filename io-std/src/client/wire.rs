//! [`Wire`]: one connection, that is a stream with its [`Call`] and its buffers.
//!
//! It moves bytes between them and knows nothing about requests, pools or time.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::time::Duration;

use h1wire_proto::calling::Call;
use h1wire_proto::{ClientConfig, InBuf, Slots};

use crate::stream::{Closer, Transport, Wrote};

/// How much is read at once.
const READ: usize = 16 * 1024;

pub(crate) struct Wire {
    pub(crate) stream: Box<dyn Transport>,
    pub(crate) call: Call,
    pub(crate) input: InBuf,
    pub(crate) slots: Slots,
    /// Bytes to send, from `sent` on.
    pub(crate) out: Vec<u8>,
    sent: usize,
    pub(crate) closer: Option<Closer>,
    pub(crate) local_addr: Option<SocketAddr>,
    pub(crate) peer_addr: Option<SocketAddr>,
    most_input: usize,
    eof: bool,
    read_limit: Option<Duration>,
    write_limit: Option<Duration>,
}

/// What [`Wire::flush`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flushed {
    /// Everything is with the system.
    All,
    /// The system took some of it. Whoever sends looks at the clock before the next: a peer that takes a little at a time
    /// finds room in each call, and none of them takes long.
    Part,
    /// The peer takes nothing, and so many bytes of it were read instead; none: it ended.
    Heard(usize),
}

impl Wire {
    pub(crate) fn new(stream: Box<dyn Transport>, config: &ClientConfig) -> Self {
        Self {
            closer: stream.closer(),
            local_addr: stream.local_addr(),
            peer_addr: stream.peer_addr(),
            stream,
            call: Call::new(config),
            input: InBuf::new(),
            slots: Slots::new(),
            out: Vec::new(),
            sent: 0,
            most_input: config.limits.max_contiguous() + READ,
            eof: false,
            read_limit: None,
            write_limit: None,
        }
    }

    /// Writes what is in `out` and then `payload`, which is advanced past what was taken. `sent` is told how many
    /// bytes the system took, also if it fails.
    pub(crate) fn flush(&mut self, payload: &mut &[u8], sent: &mut usize) -> io::Result<Flushed> {
        loop {
            if *sent > 0 && (self.sent < self.out.len() || !payload.is_empty()) {
                return Ok(Flushed::Part);
            }
            let head = self.out.get(self.sent..).unwrap_or_default();
            let slices = [IoSlice::new(head), IoSlice::new(payload)];
            let slices = match (head.is_empty(), payload.is_empty()) {
                // A stream may keep what it took, as TLS does where its peer does not read.
                (true, true) => &slices[..0],
                (true, false) => &slices[1..],
                (false, true) => &slices[..1],
                (false, false) => &slices[..],
            };
            let written = if !self.eof && !self.is_full() {
                self.stream.write_or_readable(slices)
            } else if slices.is_empty() {
                self.stream.flush().map(|()| Wrote::Bytes(0))
            } else {
                self.stream.write_vectored(slices).map(Wrote::Bytes)
            };
            match written {
                Ok(Wrote::Bytes(_)) if slices.is_empty() => {
                    self.out.clear();
                    self.sent = 0;
                    return Ok(Flushed::All);
                }
                Ok(Wrote::Bytes(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Wrote::Bytes(n)) => {
                    *sent += n;
                    let of_head = n.min(head.len());
                    self.sent += of_head;
                    *payload = payload.get(n - of_head..).unwrap_or_default();
                }
                Ok(Wrote::Readable) => return self.fill().map(Flushed::Heard),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Whether bytes wait to be sent.
    pub(crate) fn has_unsent(&self) -> bool {
        self.sent < self.out.len()
    }

    /// Whether no more is read before some of the input is taken.
    pub(crate) fn is_full(&self) -> bool {
        self.input.len() >= self.most_input
    }

    /// Whether a read would bring something now. Never blocks.
    pub(crate) fn has_more(&mut self) -> bool {
        !self.eof && !self.is_full() && self.stream.is_readable()
    }

    /// Reads what there is, at least a byte, after the input. None: the peer has ended its half, and the machine
    /// knows.
    pub(crate) fn fill(&mut self) -> io::Result<usize> {
        loop {
            let room = self.input.spare(READ, self.most_input);
            match self.stream.read(room) {
                Ok(0) => {
                    self.eof = true;
                    self.call.recv_eof();
                    return Ok(0);
                }
                Ok(n) => {
                    self.input.filled(n);
                    return Ok(n);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Reads content straight into the memory of the user, if there is nothing before it and it is worth it; `None`
    /// otherwise.
    pub(crate) fn fill_direct(&mut self, buf: &mut [u8]) -> Option<io::Result<usize>> {
        let open = self.call.recv_bypass();
        // Where the content goes on to framing, the framing should come with the same read.
        if !self.input.is_empty() || buf.len() < READ || open < READ as u64 {
            return None;
        }
        let most = usize::try_from(open).unwrap_or(usize::MAX).min(buf.len());
        let room = buf.get_mut(..most)?;
        Some(loop {
            match self.stream.read(room) {
                Ok(0) => {
                    self.eof = true;
                    self.call.recv_eof();
                    break Ok(0);
                }
                Ok(n) => {
                    self.call.recv_bypassed(n as u64);
                    break Ok(n);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => break Err(e),
            }
        })
    }

    /// Limits how long the next read may block. To spare system calls, the limit may be off by a two-hundredth.
    pub(crate) fn limit_read(&mut self, limit: Option<Duration>) -> io::Result<()> {
        if !is_near(self.read_limit, limit) {
            self.stream.set_read_timeout(limit)?;
            self.read_limit = limit;
        }
        Ok(())
    }

    /// Limits how long the next write may block, as [`limit_read`](Self::limit_read).
    pub(crate) fn limit_write(&mut self, limit: Option<Duration>) -> io::Result<()> {
        if !is_near(self.write_limit, limit) {
            self.stream.set_write_timeout(limit)?;
            self.write_limit = limit;
        }
        Ok(())
    }
}

/// Whether the limit that is set does for the one that is wanted.
fn is_near(set: Option<Duration>, wanted: Option<Duration>) -> bool {
    match (set, wanted) {
        (None, None) => true,
        (Some(set), Some(wanted)) => set.abs_diff(wanted) <= wanted / 200,
        _ => false,
    }
}

/// Whether a read or write ended because its time was over.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
