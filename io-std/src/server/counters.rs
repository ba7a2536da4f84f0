//! What a server counts. Each thread counts for itself; whoever asks adds them up.

use std::sync::atomic::{AtomicU64, Ordering};

use h1wire_proto::{Expired, RecvErrorKind};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of one thread. Only that thread writes.
        #[derive(Debug)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
            /// By `RecvErrorKind`.
            pub(crate) errors: [Counter; RecvErrorKind::ALL.len()],
            /// By `Expired`.
            pub(crate) expired: [Counter; Expired::ALL.len()],
        }

        impl Counters {
            pub(crate) fn new() -> Self {
                Self {
                    $($name: Counter::default(),)*
                    errors: [const { Counter(AtomicU64::new(0)) }; RecvErrorKind::ALL.len()],
                    expired: [const { Counter(AtomicU64::new(0)) }; Expired::ALL.len()],
                }
            }

            pub(crate) fn count_error(&self, kind: RecvErrorKind) {
                self.errors.get(kind as usize).into_iter().for_each(|counter| counter.add(1));
            }

            pub(crate) fn count_expired(&self, limit: Expired) {
                self.expired.get(limit as usize).into_iter().for_each(|counter| counter.add(1));
            }
        }

        /// What a server has done since it was started. Numbers of a moment: they may be a request apart.
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub struct Stats {
            /// Connections there are now.
            pub connections: usize,
            /// Connections that wait for a thread now.
            pub queued: usize,
            $($(#[$doc])* pub $name: u64,)*
            errors: Vec<u64>,
            expired: [u64; Expired::ALL.len()],
        }

        impl Stats {
            pub(crate) fn sum<'a>(
                connections: usize,
                queued: usize,
                all: impl Iterator<Item = &'a Counters>,
            ) -> Self {
                let mut stats = Self {
                    connections,
                    queued,
                    $($name: 0,)*
                    errors: vec![0; RecvErrorKind::ALL.len()],
                    expired: [0; Expired::ALL.len()],
                };
                for counters in all {
                    $(stats.$name += counters.$name.get();)*
                    stats.errors.iter_mut().zip(&counters.errors).for_each(|(sum, one)| *sum += one.get());
                    stats.expired.iter_mut().zip(&counters.expired).for_each(|(sum, one)| *sum += one.get());
                }
                stats
            }
        }
    };
}

counters! {
    /// Connections accepted or injected.
    accepted,
    /// Connections turned away because all threads were busy and the queue full.
    refused_busy,
    /// Connections turned away because there were as many as allowed.
    refused_limit,
    /// Calls to accept a connection that failed, for want of descriptors or otherwise.
    accept_errors,
    /// Requests whose head was complete.
    requests,
    /// Those of them that were not the first of their connection.
    reused,
    /// Requests a handler failed or did not answer completely.
    handler_errors,
    /// Handlers that panicked.
    panics,
    /// Connections handed over to another protocol.
    switched,
    /// Times a connection was left to the watching thread.
    parked,
    /// Bytes read from sockets.
    bytes_received,
    /// Bytes sockets took.
    bytes_sent,
}

impl Stats {
    /// How many times peers did `kind` wrong.
    pub fn errors(&self, kind: RecvErrorKind) -> u64 {
        self.errors.get(kind as usize).copied().unwrap_or_default()
    }

    /// How many times peers broke the protocol.
    pub fn all_errors(&self) -> u64 {
        self.errors.iter().sum()
    }

    /// How many times this time limit passed.
    pub fn expired(&self, limit: Expired) -> u64 {
        self.expired.get(limit as usize).copied().unwrap_or_default()
    }
}

/// A number only one thread changes, so that changing it is a load and a store.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
