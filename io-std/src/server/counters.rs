//! What a server counts. Each thread counts for itself; whoever asks adds them up.

use std::sync::atomic::{AtomicU64, Ordering};

use h1wire_proto::{Expired, RecvErrorKind};

use super::fault::Fault;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of one thread. Only that thread writes.
        #[derive(Debug)]
        pub(crate) struct Tally {
            $(pub(crate) $name: Counter,)*
            /// Requests that were not the first of their connection.
            pub(crate) reused: Counter,
            errors: [Counter; RecvErrorKind::ALL.len()],
            expired: [Counter; LIMITS],
        }

        impl Tally {
            pub(crate) fn new() -> Self {
                Self {
                    $($name: Counter::default(),)*
                    reused: Counter::default(),
                    errors: [const { Counter(AtomicU64::new(0)) }; RecvErrorKind::ALL.len()],
                    expired: [const { Counter(AtomicU64::new(0)) }; LIMITS],
                }
            }
        }

        /// What a server counted since it was started. Numbers of a moment: they may be a request apart.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub struct Counters {
            /// Connections there are now.
            pub connections: usize,
            /// Connections that wait for a thread now.
            pub queued: usize,
            /// Connections that are over. Open ones are `accepted - closed`.
            pub closed: u64,
            $($(#[$doc])* pub $name: u64,)*
            reused: u64,
            errors: [u64; RecvErrorKind::ALL.len()],
            expired: [u64; LIMITS],
        }

        impl Counters {
            pub(crate) fn sum<'a>(
                connections: usize,
                queued: usize,
                all: impl Iterator<Item = &'a Tally>,
            ) -> Self {
                let mut sum = Self {
                    connections,
                    queued,
                    closed: 0,
                    $($name: 0,)*
                    reused: 0,
                    errors: [0; RecvErrorKind::ALL.len()],
                    expired: [0; LIMITS],
                };
                for tally in all {
                    $(sum.$name += tally.$name.get();)*
                    sum.reused += tally.reused.get();
                    sum.errors.iter_mut().zip(&tally.errors).for_each(|(sum, one)| *sum += one.get());
                    sum.expired.iter_mut().zip(&tally.expired).for_each(|(sum, one)| *sum += one.get());
                }
                sum.closed = sum.accepted.saturating_sub(connections as u64);
                sum
            }
        }
    };
}

/// How many kinds of limits there are.
const LIMITS: usize = Expired::ALL.len();

counters! {
    /// Connections accepted or injected.
    accepted,
    /// Connections that were refused because of a limit or because every thread was busy, and that the hook did not
    /// want.
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
    /// Failed accepts, for want of descriptors or otherwise.
    accept_errors,
    /// Requests whose handler returned an error, or an answer that could not be sent.
    handler_errors,
    /// Handlers and hooks that panicked.
    panics,
    /// Connections handed over to another protocol.
    switched,
    /// Times a connection was left to the watching thread.
    parked,
}

impl Tally {
    /// Counts a request that broke the protocol.
    fn protocol_error(&self, kind: RecvErrorKind) {
        self.protocol_errors.add(1);
        self.errors.get(kind as usize).into_iter().for_each(|counter| counter.add(1));
    }

    pub(crate) fn count(&self, fault: &Fault) {
        match fault {
            Fault::Protocol(error) => self.protocol_error(error.kind()),
            Fault::Expired(expired) => self.time_limit(*expired),
            Fault::Stream(_) => self.io_errors.add(1),
        }
    }

    /// Counts a time limit that ended a connection.
    pub(crate) fn time_limit(&self, limit: Expired) {
        self.timeouts.add(1);
        self.expired.get(limit as usize).into_iter().for_each(|counter| counter.add(1));
    }
}

impl Counters {
    /// How many requests broke the protocol in this way. Over all kinds that is
    /// [`protocol_errors`](Self::protocol_errors).
    pub fn errors(&self, kind: RecvErrorKind) -> u64 {
        self.errors.get(kind as usize).copied().unwrap_or_default()
    }

    /// How many connections this time limit ended. Over all limits that is [`timeouts`](Self::timeouts).
    pub fn expired(&self, limit: Expired) -> u64 {
        self.expired.get(limit as usize).copied().unwrap_or_default()
    }

    /// How many requests were not the first of their connection.
    pub fn reused(&self) -> u64 {
        self.reused
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
