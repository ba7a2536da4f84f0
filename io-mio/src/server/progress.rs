//! [`Progress`]: what an event loop tells those who answer one of its requests from elsewhere.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a loop tells the [`Responder`]s of an exchange.
#[derive(Debug)]
pub(crate) struct Progress {
    open: AtomicBool,
    shutting_down: AtomicBool,
    /// Bytes on the way to the loop.
    pub(crate) sent: AtomicUsize,
    /// Bytes in its queue of output.
    buffered: AtomicUsize,
    high_water: usize,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Progress {
    pub(crate) fn new(high_water: usize) -> Self {
        Self {
            open: AtomicBool::new(true),
            shutting_down: AtomicBool::new(false),
            sent: AtomicUsize::new(0),
            buffered: AtomicUsize::new(0),
            high_water,
            lock: Mutex::new(()),
            changed: Condvar::new(),
        }
    }

    /// So many bytes now wait to be sent.
    pub(crate) fn set_buffered(&self, buffered: usize) {
        if self.buffered.swap(buffered, Ordering::AcqRel) > buffered {
            self.announce();
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    pub(crate) fn is_shutting_down(&self) -> bool {
        self.shutting_down.load(Ordering::Acquire)
    }

    /// The server will end.
    pub(crate) fn set_shutting_down(&self) {
        self.shutting_down.store(true, Ordering::Release);
        self.announce();
    }

    pub(crate) fn close(&self) {
        self.open.store(false, Ordering::Release);
        self.announce();
    }

    pub(crate) fn announce(&self) {
        drop(locked(&self.lock));
        self.changed.notify_all();
    }

    pub(crate) fn is_full(&self) -> bool {
        let waiting = self.sent.load(Ordering::Acquire).saturating_add(self.buffered.load(Ordering::Acquire));
        waiting >= self.high_water
    }

    /// Waits until less than `high_water` bytes wait to be sent, or nobody can answer any more, or `timeout` has
    /// passed. Says whether there is room.
    pub(crate) fn wait_writable(&self, timeout: Duration) -> bool {
        let until = Instant::now().checked_add(timeout);
        let mut guard = locked(&self.lock);
        while self.is_open() && self.is_full() {
            let left = until.map_or(timeout, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            guard = self.changed.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.is_open()
    }
}

/// Locks. No code that can panic runs under the locks of this crate.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
