//! What an event loop counts, for any thread to read. What each number means is said at
//! [`Counters`](h1wire_proto::serving::Counters).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use h1wire_proto::serving::Counters;
use h1wire_proto::{Expired, RecvErrorKind};

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
    ($($name:ident,)*) => {
        /// The counters of one event loop.
        #[derive(Default)]
        pub(crate) struct Shared {
            $(pub(crate) $name: Counter,)*
            errors: Errors,
            expired: [Counter; Expired::ALL.len()],
        }

        impl Shared {
            /// Adds what was counted so far.
            pub(crate) fn add_to(&self, sum: &mut Counters) {
                $(sum.$name = sum.$name.wrapping_add(self.$name.get());)*
                for (kind, one) in RecvErrorKind::ALL.iter().zip(&self.errors.0) {
                    sum.add_errors(*kind, one.get());
                }
                for (limit, one) in Expired::ALL.iter().zip(&self.expired) {
                    sum.add_expired(*limit, one.get());
                }
            }
        }
    };
}

counters! {
    accepted,
    closed,
    refused,
    dropped,
    requests,
    reused,
    aborted,
    bytes_received,
    bytes_sent,
    io_errors,
    accept_errors,
    handler_errors,
    panics,
    switched,
}

/// One number for each [`RecvErrorKind`].
struct Errors([Counter; RecvErrorKind::ALL.len()]);

impl Default for Errors {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Counter::default()))
    }
}

impl Shared {
    /// Counts a request that broke the protocol.
    pub(crate) fn protocol_error(&self, kind: RecvErrorKind) {
        if let Some(counter) = self.errors.0.get(kind as usize) {
            counter.add(1);
        }
    }

    /// Counts a time limit that ended a connection.
    pub(crate) fn time_limit(&self, expired: Expired) {
        if let Some(counter) = self.expired.get(expired as usize) {
            counter.add(1);
        }
    }

    /// Calls something of the user's. A panic is counted, and goes no further.
    pub(crate) fn guard<T>(&self, f: impl FnOnce() -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(f)).ok();
        self.panics.add(u64::from(done.is_none()));
        done
    }
}
