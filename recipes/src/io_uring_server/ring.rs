//! The ring, as something safe: an operation owns what it is about, from its submission to its completion.
//!
//! Entries name memory by address, so pushing one is `unsafe`, as is taking the descriptor that an accept made. Such code
//! is otherwise for the scanner alone; this file is not shipped, and shows nothing unsafe to others. It knows no HTTP.
#![allow(unsafe_code)]

use h1wire_proto::InBuf;
use io_uring::{IoUring, opcode, types};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::{collections::HashMap, io, mem, ptr};

/// A socket, and the memory the kernel reads from it and writes to it.
pub struct Wire {
    /// The socket.
    pub stream: TcpStream,
    /// What was received and not consumed.
    pub input: InBuf,
    /// What is to be sent.
    pub out: Vec<u8>,
}

/// What the kernel is asked to do, with everything it does it to, and with what the asker wants back.
pub enum Operation<C> {
    /// Accepts a connection.
    Accept(TcpListener),
    /// Reads at least a byte and at most `room`.
    Receive { wire: Wire, kept: C, room: usize },
    /// Writes from the front of `out`.
    Send { wire: Wire, kept: C },
}

/// What the kernel did. Bytes that were received are in `input`, those that were sent are gone from `out`.
pub enum Completion<C> {
    Accepted(TcpListener, io::Result<TcpStream>),
    Received(Wire, C, io::Result<usize>),
    Sent(Wire, C, io::Result<usize>),
}

/// The ring, and what is under way in it.
pub struct Ring<C> {
    ring: IoUring,
    /// By the number that comes back with the completion.
    under_way: HashMap<u64, Operation<C>>,
    submitted: u64,
}

impl<C> Ring<C> {
    /// A ring. Fails with `Unsupported` or `PermissionDenied` where the kernel has none to give.
    pub fn new() -> io::Result<Self> {
        Ok(Self { ring: IoUring::new(64)?, under_way: HashMap::new(), submitted: 0 })
    }

    /// Asks for `operation`, with the next `wait`.
    pub fn submit(&mut self, mut operation: Operation<C>) -> io::Result<()> {
        let entry = match &mut operation {
            Operation::Accept(listener) => {
                opcode::Accept::new(types::Fd(listener.as_raw_fd()), ptr::null_mut(), ptr::null_mut()).build()
            }
            Operation::Receive { wire, room, .. } => {
                let room = wire.input.spare(*room, usize::MAX);
                let fd = types::Fd(wire.stream.as_raw_fd());
                opcode::Recv::new(fd, room.as_mut_ptr(), room.len() as u32).build()
            }
            Operation::Send { wire, .. } => {
                let fd = types::Fd(wire.stream.as_raw_fd());
                opcode::Send::new(fd, wire.out.as_ptr(), wire.out.len() as u32).build()
            }
        };
        self.submitted += 1;
        self.under_way.insert(self.submitted, operation);
        let entry = entry.user_data(self.submitted);
        // SAFETY: The socket and the memory (on the heap, so it stays when its owner is moved) belong to an operation
        // in the map. `wait` takes it out when the kernel is done, `under_way` shows no buffer, `drop` frees nothing.
        while unsafe { self.ring.submission().push(&entry) }.is_err() {
            self.ring.submit()?;
        }
        Ok(())
    }

    /// Waits for completions, at most `ms` milliseconds.
    pub fn wait(&mut self, ms: u64) -> io::Result<Vec<Completion<C>>> {
        let limit = types::Timespec::new().sec(ms / 1000).nsec((ms % 1000 * 1_000_000) as u32);
        match self.ring.submitter().submit_with_args(1, &types::SubmitArgs::new().timespec(&limit)) {
            Err(e) if !matches!(e.raw_os_error(), Some(libc::ETIME | libc::EINTR | libc::EBUSY)) => {
                return Err(e);
            }
            _ => {}
        }
        let under_way = &mut self.under_way;
        let completed = self.ring.completion().filter_map(|entry| {
            let result = usize::try_from(entry.result())
                .map_err(|_| io::Error::from_raw_os_error(entry.result().saturating_neg()));
            Some(match under_way.remove(&entry.user_data())? {
                Operation::Accept(listener) => {
                    // SAFETY: The kernel has just made this descriptor, for this accept alone.
                    let stream = result.map(|fd| unsafe { TcpStream::from_raw_fd(fd as i32) });
                    Completion::Accepted(listener, stream)
                }
                Operation::Receive { mut wire, kept, .. } => {
                    wire.input.filled(*result.as_ref().unwrap_or(&0));
                    Completion::Received(wire, kept, result)
                }
                Operation::Send { mut wire, kept } => {
                    wire.out.drain(..*result.as_ref().unwrap_or(&0));
                    Completion::Sent(wire, kept, result)
                }
            })
        });
        Ok(completed.collect())
    }

    /// The sockets that something is under way for, and what belongs to them.
    pub fn under_way(&mut self) -> impl Iterator<Item = (&TcpStream, &mut C)> {
        self.under_way.values_mut().filter_map(|operation| match operation {
            Operation::Accept(_) => None,
            Operation::Receive { wire, kept, .. } | Operation::Send { wire, kept } => {
                Some((&wire.stream, kept))
            }
        })
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }
}

impl<C> Drop for Ring<C> {
    fn drop(&mut self) {
        // The kernel may go on for a moment after the ring is closed. What it works on is never freed.
        mem::forget(mem::take(&mut self.under_way));
    }
}
