//! System calls on sockets that the standard library does not offer: looking without blocking, writing or listening
//! whichever is possible, options.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};
use socket2::{SockRef, TcpKeepalive};

use crate::stream::Wrote;

/// Whether a read would return at once.
pub(crate) fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let peek = recv(fd, &mut [0u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
    match peek {
        Err(Errno::AGAIN) => false,
        // Not a socket.
        Err(Errno::NOTSOCK) => {
            matches!(wait(fd, PollFlags::IN, Some(Duration::ZERO)), Ok(f) if !f.is_empty())
        }
        _ => true,
    }
}

/// Whether the peer is gone, not just done sending.
pub(crate) fn is_gone(fd: BorrowedFd<'_>) -> bool {
    matches!(wait(fd, PollFlags::empty(), Some(Duration::ZERO)), Ok(f) if f.intersects(PollFlags::HUP | PollFlags::ERR))
}

/// Writes what the socket takes now; if that is nothing, waits until it takes something or has something. What it has
/// is told first: a peer that answers may want no more.
pub(crate) fn write_or_readable(
    fd: BorrowedFd<'_>,
    slices: &[IoSlice<'_>],
    limit: Option<Duration>,
) -> io::Result<Wrote> {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    loop {
        let sent = match slices {
            // Nothing is kept here.
            [] => return Ok(Wrote::Bytes(0)),
            [one] => send(fd, one, flags),
            _ => sendmsg(fd, slices, &mut SendAncillaryBuffer::default(), flags),
        };
        match sent {
            Ok(sent) => return Ok(Wrote::Bytes(sent)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                if wait(fd, PollFlags::IN | PollFlags::OUT, limit)? != PollFlags::OUT {
                    return Ok(Wrote::Readable);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits until the descriptor has one of `flags` or is in error.
///
/// # Errors
/// `TimedOut` after `limit`, and those of the system.
pub(crate) fn wait(fd: BorrowedFd<'_>, flags: PollFlags, limit: Option<Duration>) -> io::Result<PollFlags> {
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let mut fds = [PollFd::new(&fd, flags)];
        match poll(&mut fds, left.as_ref()) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(fds[0].revents()),
        }
    }
}

/// `TCP_NODELAY`; nothing on a unix socket.
pub(crate) fn set_no_delay(socket: SockRef<'_>, on: bool) -> io::Result<()> {
    if socket.domain()? == socket2::Domain::UNIX { Ok(()) } else { socket.set_tcp_nodelay(on) }
}

/// The longest silence that every system takes: Linux refuses more (`MAX_TCP_KEEPIDLE`).
const MAX_KEEP_ALIVE: Duration = Duration::from_secs(32_767);

/// TCP keep-alive; nothing on a unix socket. The system counts in whole seconds and refuses 0.
pub(crate) fn set_keep_alive(socket: SockRef<'_>, initial_delay: Option<Duration>) -> io::Result<()> {
    if socket.domain()? == socket2::Domain::UNIX {
        return Ok(());
    }
    match initial_delay {
        None => socket.set_keepalive(false),
        Some(delay) => {
            let delay = delay.clamp(Duration::from_secs(1), MAX_KEEP_ALIVE);
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(delay))
        }
    }
}
