//! The thread that watches idle connections, so that those the peer closed, and those that were idle for too long,
//! leave the pool without anybody asking.
//!
//! It runs while an agent has idle connections, and never decides anything: it asks and tells the pool.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use super::driver::{Driver, State};

pub(crate) struct Reaper {
    /// How often to look; `None`: no thread, connections are looked at when they are used.
    period: Option<Duration>,
    stopped: Mutex<bool>,
    bell: Condvar,
}

impl Reaper {
    pub(super) fn new(period: Option<Duration>) -> Self {
        Self { period, stopped: Mutex::new(false), bell: Condvar::new() }
    }

    /// Starts watching, unless that goes on already.
    pub(super) fn start(self: &Arc<Self>, driver: &Arc<Driver>, state: &mut State) {
        if state.reaping {
            return;
        }
        let Some(period) = self.period else { return };
        let (reaper, driver) = (self.clone(), Arc::downgrade(driver));
        let thread = thread::Builder::new().name("h1wire idle".into());
        // Without a thread, connections are still looked at before they are used.
        state.reaping = thread.spawn(move || reaper.watch(period, &driver)).is_ok();
    }

    pub(super) fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    fn watch(&self, period: Duration, driver: &Weak<Driver>) {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        while !*stopped {
            let waited = self.bell.wait_timeout(stopped, period);
            stopped = waited.unwrap_or_else(PoisonError::into_inner).0;
            if *stopped {
                return;
            }
            drop(stopped);
            // The last owner may be gone, or be this thread: `stop` is called either way.
            if !driver.upgrade().is_some_and(|driver| driver.sweep(true)) {
                return;
            }
            stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }
}
