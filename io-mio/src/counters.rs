//! What a server counts. Plain numbers; who adds to them decides what they mean.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that one event loop adds to and any thread may read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. There is one writer, so that no locked instruction is needed.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of one event loop.
        #[derive(Debug, Default)]
        pub(crate) struct Shared {
            $(pub(crate) $name: Counter,)*
        }

        /// What a server counted since it was started, over all its event loops.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            pub(crate) fn add(&mut self, shared: &Shared) {
                $(self.$name = self.$name.wrapping_add(shared.$name.get());)*
            }
        }
    };
}

impl Shared {
    /// Calls something of the user's. A panic is counted, and goes no further.
    pub(crate) fn guard<T>(&self, f: impl FnOnce() -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(f)).ok();
        self.panics.add(u64::from(done.is_none()));
        done
    }
}

counters! {
    /// Connections accepted or injected.
    accepted,
    /// Connections that are over. Open ones are `accepted - closed`.
    closed,
    /// Connections and requests that were refused because of a limit.
    refused,
    /// Requests, counted when their head is complete.
    requests,
    /// Exchanges that ended before their answer was sent.
    aborted,
    /// Bytes read from sockets.
    bytes_received,
    /// Bytes the sockets took.
    bytes_sent,
    /// Requests that broke the protocol.
    protocol_errors,
    /// Time limits that ended a connection.
    timeouts,
    /// Reads and writes that failed, resets above all.
    io_errors,
    /// Times that a connection could not be accepted.
    accept_errors,
    /// Handlers that panicked.
    panics,
    /// Connections that left the loop or went over to another protocol.
    switched,
}
