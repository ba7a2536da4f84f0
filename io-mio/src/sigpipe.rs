//! Moving a file to a socket without SIGPIPE, whatever the process does about that signal.
//!
//! `sendfile` has no flag against it, as `send` has. So the signal is blocked in this thread for the length of the call,
//! and taken back if it was raised; its disposition, which all threads share, stays as it is.

use std::cell::OnceCell;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

thread_local! {
    /// Where the thread takes back signals that were raised while they were blocked.
    static RAISED: OnceCell<SignalFd> = const { OnceCell::new() };
}

/// Calls `f` while SIGPIPE is blocked. `f` says, too, whether it may have been raised.
pub(crate) fn without<T>(f: impl FnOnce() -> (T, bool)) -> T {
    let pipe = SigSet::from(Signal::SIGPIPE);
    let Ok(before) = pipe.thread_swap_mask(SigmaskHow::SIG_BLOCK) else { return f().0 };
    let (value, raised) = f();
    // Who has it blocked anyway may wait for it.
    if !before.contains(Signal::SIGPIPE) && (!raised || take_back(&pipe)) {
        let _ = before.thread_set_mask();
    }
    value
}

/// Takes the signal back if it was raised. If that cannot be known, it stays blocked in this thread.
#[cold]
fn take_back(pipe: &SigSet) -> bool {
    RAISED.with(|raised| {
        let fd = match raised.get() {
            Some(fd) => fd,
            None => {
                let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
                let Ok(fd) = SignalFd::with_flags(pipe, flags) else { return false };
                raised.get_or_init(|| fd)
            }
        };
        fd.read_signal().is_ok()
    })
}
