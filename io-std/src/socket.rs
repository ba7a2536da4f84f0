//! What the operating system offers beyond the standard library: looking without blocking, writing or listening
//! whichever is possible, writing without a signal, options. The only file that names the system.

use std::io::{self, IoSlice};
#[cfg(unix)]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
#[cfg(windows)]
use std::os::windows::io::{AsSocket as AsFd, BorrowedSocket as BorrowedFd};
use std::time::{Duration, Instant};

#[cfg(unix)]
use mio::{Interest, Registry, Token, unix::SourceFd};
use rustix::event::{PollFlags, Timespec, poll};
use rustix::io::Errno;
#[cfg(unix)]
use rustix::net::{RecvFlags, SendAncillaryBuffer, recv, sendmsg};
use rustix::net::{SendFlags, send};
use socket2::{SockRef, Socket, TcpKeepalive};

use crate::stream::Wrote;

#[cfg(unix)]
pub(crate) use std::os::unix::net::{UnixListener, UnixStream};

/// The path that these bytes are.
#[cfg(unix)]
pub(crate) fn path(bytes: &[u8]) -> &std::path::Path {
    use std::os::unix::ffi::OsStrExt;
    std::path::Path::new(std::ffi::OsStr::from_bytes(bytes))
}

/// What can be watched until a read would return something: a descriptor, on Windows a socket.
pub type PollFd<'a> = BorrowedFd<'a>;

/// What of a socket is watched.
pub(crate) fn poll_fd(socket: &impl AsFd) -> PollFd<'_> {
    #[cfg(unix)]
    return socket.as_fd();
    #[cfg(windows)]
    return socket.as_socket();
}

/// Without a signal where the peer is gone.
#[cfg(not(any(target_vendor = "apple", windows)))]
const SILENTLY: SendFlags = SendFlags::NOSIGNAL;
/// There the socket is told, see [`silence`], or there are no signals.
#[cfg(any(target_vendor = "apple", windows))]
const SILENTLY: SendFlags = SendFlags::empty();

/// Has writes to a socket whose peer is gone raise no signal, where that is said of a socket and not of a write.
pub(crate) fn silence(socket: SockRef<'_>) {
    #[cfg(target_vendor = "apple")]
    let _ = socket.set_nosigpipe(true);
    #[cfg(not(target_vendor = "apple"))]
    let _ = socket;
}

/// Watches a descriptor for something to read.
#[cfg(unix)]
pub(crate) fn watch(registry: &Registry, fd: PollFd<'_>, token: Token) -> io::Result<()> {
    registry.register(&mut SourceFd(&fd.as_raw_fd()), token, Interest::READABLE)
}

/// Watches it no longer.
#[cfg(unix)]
pub(crate) fn unwatch(registry: &Registry, fd: PollFd<'_>) {
    let _ = registry.deregister(&mut SourceFd(&fd.as_raw_fd()));
}

/// Whether a read would return at once.
pub(crate) fn is_readable(fd: PollFd<'_>) -> bool {
    #[cfg(unix)]
    match recv(fd, &mut [0u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Err(Errno::WOULDBLOCK) => return false,
        // Not a socket.
        Err(Errno::NOTSOCK) => {}
        _ => return true,
    }
    matches!(wait(fd, PollFlags::IN, Some(Duration::ZERO)), Ok(f) if !f.is_empty())
}

/// Whether the peer is gone, not just done sending.
#[cfg(unix)]
pub(crate) fn is_gone(fd: PollFd<'_>) -> bool {
    matches!(wait(fd, PollFlags::empty(), Some(Duration::ZERO)), Ok(f) if f.intersects(PollFlags::HUP | PollFlags::ERR))
}

/// Whether the peer is done sending, even if not all that it sent was read.
#[cfg(unix)]
pub(crate) fn has_ended(fd: PollFd<'_>) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let ended = matches!(wait(fd, PollFlags::RDHUP, Some(Duration::ZERO)), Ok(f) if !f.is_empty());
    // Elsewhere, as soon as all was read.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let ended = matches!(recv(fd, &mut [0u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT), Ok((0, _)));
    ended || is_gone(fd)
}

/// Writes what the socket takes now.
#[cfg(unix)]
fn send_now(fd: PollFd<'_>, slices: &[IoSlice<'_>]) -> Result<usize, Errno> {
    let flags = SILENTLY | SendFlags::DONTWAIT;
    match slices {
        [one] => send(fd, one, flags),
        many => sendmsg(fd, many, &mut SendAncillaryBuffer::default(), flags),
    }
}

/// Where a write cannot be told not to wait, it is made only when the socket takes something, and of no more than is taken
/// at once by a socket that does.
#[cfg(windows)]
fn send_now(fd: PollFd<'_>, slices: &[IoSlice<'_>]) -> Result<usize, Errno> {
    const MOST: usize = 8 * 1024;
    let is_writable = matches!(wait(fd, PollFlags::OUT, Some(Duration::ZERO)), Ok(f) if !f.is_empty());
    let first = slices.iter().find(|slice| !slice.is_empty()).map(|slice| &slice[..slice.len().min(MOST)]);
    match first {
        _ if !is_writable => Err(Errno::WOULDBLOCK),
        Some(first) => send(fd, first, SILENTLY),
        None => Ok(0),
    }
}

/// Writes what the socket takes now; if that is nothing, waits until it takes something, for as long as `limit` says.
///
/// # Errors
/// `TimedOut` after `limit`, and those of the system.
pub(crate) fn send_within(
    fd: PollFd<'_>,
    slices: &[IoSlice<'_>],
    limit: impl Fn() -> io::Result<Option<Duration>>,
) -> io::Result<usize> {
    loop {
        match send_now(fd, slices) {
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) => _ = wait(fd, PollFlags::OUT, limit()?)?,
            sent => return sent.map_err(io::Error::from),
        }
    }
}

/// Writes what the socket takes now; if that is nothing, waits until it takes something or has something. What it has
/// is told first: a peer that answers may want no more.
pub(crate) fn write_or_readable(
    fd: PollFd<'_>,
    slices: &[IoSlice<'_>],
    limit: Option<Duration>,
) -> io::Result<Wrote> {
    // Nothing is kept here.
    if slices.is_empty() {
        return Ok(Wrote::Bytes(0));
    }
    loop {
        match send_now(fd, slices) {
            Ok(sent) => return Ok(Wrote::Bytes(sent)),
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) => {
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
pub(crate) fn wait(fd: PollFd<'_>, flags: PollFlags, limit: Option<Duration>) -> io::Result<PollFlags> {
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let mut fds = [rustix::event::PollFd::new(&fd, flags)];
        match poll(&mut fds, left.as_ref()) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(fds[0].revents()),
        }
    }
}

/// The first socket that is connected or failed, within `limit`.
pub(crate) fn first_ready<'s>(
    sockets: impl Iterator<Item = &'s Socket>,
    limit: Duration,
) -> io::Result<Option<usize>> {
    let watched = |socket| rustix::event::PollFd::from_borrowed_fd(poll_fd(socket), PollFlags::OUT);
    let mut fds: Vec<_> = sockets.map(watched).collect();
    match poll(&mut fds, Timespec::try_from(limit).ok().as_ref()) {
        Ok(_) => Ok(fds.iter().position(|fd| !fd.revents().is_empty())),
        Err(Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a connect that did not wait goes on by itself.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    let goes_on = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
    goes_on || error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error())
}

/// Whether a socket is one of the unix domain.
fn is_local(socket: &SockRef<'_>) -> io::Result<bool> {
    Ok(socket.local_addr()?.is_unix())
}

/// `TCP_NODELAY`; nothing on a unix socket.
pub(crate) fn set_no_delay(socket: SockRef<'_>, on: bool) -> io::Result<()> {
    if is_local(&socket)? { Ok(()) } else { socket.set_tcp_nodelay(on) }
}

/// The longest silence that every system takes: Linux refuses more (`MAX_TCP_KEEPIDLE`).
const MAX_KEEP_ALIVE: Duration = Duration::from_secs(32_767);

/// TCP keep-alive; nothing on a unix socket. The system counts in whole seconds and refuses 0.
pub(crate) fn set_keep_alive(socket: SockRef<'_>, initial_delay: Option<Duration>) -> io::Result<()> {
    if is_local(&socket)? {
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
