//! What a server counts. Plain numbers; who adds to them decides what they mean.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

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
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of one event loop.
        #[derive(Default)]
        pub(crate) struct Shared {
            $(pub(crate) $name: Counter,)*
            pub(crate) used: Counter,
            errors: ByKind<Counter>,
            expired: ByLimit<Counter>,
        }

        /// What a server counted since it was started, over all its event loops.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
            used: u64,
            errors: ByKind<u64>,
            expired: ByLimit<u64>,
        }

        impl Counters {
            pub(crate) fn add(&mut self, shared: &Shared) {
                $(self.$name = self.$name.wrapping_add(shared.$name.get());)*
                for (sum, one) in self.errors.0.iter_mut().zip(&shared.errors.0) {
                    *sum = sum.wrapping_add(one.get());
                }
                for (sum, one) in self.expired.0.iter_mut().zip(&shared.expired.0) {
                    *sum = sum.wrapping_add(one.get());
                }
                self.used = self.used.wrapping_add(shared.used.get());
            }
        }
    };
}

impl Counters {
    /// How many requests broke the protocol in this way. Over all kinds that is
    /// [`protocol_errors`](Self::protocol_errors).
    pub fn errors(&self, kind: RecvErrorKind) -> u64 {
        self.errors.0.get(kind as usize).copied().unwrap_or_default()
    }

    /// How many connections this time limit ended. Over all limits that is [`timeouts`](Self::timeouts).
    pub fn expired(&self, limit: Expired) -> u64 {
        self.expired.0.get(limit as usize).copied().unwrap_or_default()
    }

    /// How many requests were not the first of their connection.
    pub fn reused(&self) -> u64 {
        self.requests.saturating_sub(self.used)
    }
}

/// One number for each [`Expired`], in the order of [`Expired::ALL`].
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct ByLimit<T>([T; Expired::ALL.len()]);

impl fmt::Debug for ByLimit<u64> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0).finish()
    }
}

/// One number for each [`RecvErrorKind`], in the order of [`RecvErrorKind::ALL`].
#[derive(Clone, Copy, PartialEq, Eq)]
struct ByKind<T>([T; RecvErrorKind::ALL.len()]);

impl<T: Default> Default for ByKind<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| T::default()))
    }
}

/// Only what is not zero: nearly all of them mostly are.
impl fmt::Debug for ByKind<u64> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = RecvErrorKind::ALL.iter().zip(&self.0).filter(|(_, n)| **n != 0);
        f.debug_map().entries(counted).finish()
    }
}

impl Shared {
    /// Counts a request that broke the protocol.
    pub(crate) fn protocol_error(&self, kind: RecvErrorKind) {
        self.protocol_errors.add(1);
        if let Some(counter) = self.errors.0.get(kind as usize) {
            counter.add(1);
        }
    }

    /// Counts a time limit that ended a connection.
    pub(crate) fn time_limit(&self, expired: Expired) {
        self.timeouts.add(1);
        if let Some(counter) = self.expired.0.get(expired as usize) {
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

counters! {
    /// Connections accepted or injected.
    accepted,
    /// Connections that are over. Open ones are `accepted - closed`.
    closed,
    /// Connections and requests that were refused because of a limit, and connections that the handler did not want.
    refused,
    /// Requests, counted when their head is complete.
    requests,
    /// Exchanges that ended before their answer was sent.
    aborted,
    /// Bytes read from sockets; with TLS, what was in its records.
    bytes_received,
    /// Bytes the sockets took; with TLS, those its sessions took.
    bytes_sent,
    /// Requests that broke the protocol. How, [`errors`](Self::errors) tells.
    protocol_errors,
    /// Time limits that ended a connection. Which, [`expired`](Self::expired) tells.
    timeouts,
    /// Reads and writes that failed: resets above all, and TLS that was broken or cut off.
    io_errors,
    /// Failed accepts.
    accept_errors,
    /// Handlers that panicked.
    panics,
    /// Handlers that [failed](crate::Response::fail), returned an error, gave no answer, or tried to send what cannot be
    /// sent: once for each exchange.
    handler_errors,
    /// Connections that left the loop or went over to another protocol.
    switched,
}
