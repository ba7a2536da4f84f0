//! What a server counts. Each thread counts for itself; whoever asks adds them up to [`Counters`].

use std::sync::atomic::{AtomicU64, Ordering};

use h1wire_proto::serving::{Counters, Why};
use h1wire_proto::{Expired, RecvErrorKind};

use super::fault::Fault;

macro_rules! tally {
    ($($name:ident)*) => {
        /// The counters of one thread. Only that thread writes.
        #[derive(Debug)]
        pub(crate) struct Tally {
            $(pub(crate) $name: Counter,)*
            /// Times a connection was left to the thread that watches.
            pub(crate) parked: Counter,
            errors: [Counter; RecvErrorKind::ALL.len()],
            expired: [Counter; Expired::ALL.len()],
        }

        impl Tally {
            pub(crate) fn new() -> Self {
                Self {
                    $($name: Counter::new(),)*
                    parked: Counter::new(),
                    errors: [const { Counter::new() }; RecvErrorKind::ALL.len()],
                    expired: [const { Counter::new() }; Expired::ALL.len()],
                }
            }

            /// Adds what was counted here.
            pub(crate) fn add_to(&self, sum: &mut Counters) {
                $(sum.$name += self.$name.get();)*
                for (kind, counter) in RecvErrorKind::ALL.iter().zip(&self.errors) {
                    sum.add_errors(*kind, counter.get());
                }
                for (limit, counter) in Expired::ALL.iter().zip(&self.expired) {
                    sum.add_expired(*limit, counter.get());
                }
            }
        }
    };
}

tally! {
    accepted refused dropped requests reused aborted bytes_received bytes_sent io_errors accept_errors
    handler_errors panics switched
}

impl Tally {
    /// Counts what a client did wrong.
    pub(crate) fn count(&self, fault: &Fault) {
        match fault {
            Fault::Protocol(error) => self.add(&self.errors, error.kind() as usize),
            Fault::Expired(expired) => self.time_limit(*expired),
            Fault::Stream(_) => self.io_errors.add(1),
        }
    }

    /// Counts a time limit that ended a connection or its exchange.
    pub(crate) fn time_limit(&self, limit: Expired) {
        self.add(&self.expired, limit as usize);
    }

    fn add(&self, table: &[Counter], index: usize) {
        table.get(index).into_iter().for_each(|counter| counter.add(1));
    }
}

/// A reason of each kind, in the order of their places.
const WHYS: [Why; Why::NAMES.len()] = [
    Why::Asked,
    Why::PeerAsked,
    Why::PeerLeft,
    Why::Requests,
    Why::Age,
    Why::WoundUp,
    Why::Refused,
    Why::Protocol(RecvErrorKind::BadMethod),
    Why::Expired(Expired::Idle),
    Why::Aborted,
    Why::Gone,
];

/// How connections ended, in whatever thread: that is once for each.
#[derive(Debug)]
pub(crate) struct Ends {
    all: AtomicU64,
    by_reason: [AtomicU64; Why::NAMES.len()],
}

impl Ends {
    pub(crate) const fn new() -> Self {
        Self { all: AtomicU64::new(0), by_reason: [const { AtomicU64::new(0) }; Why::NAMES.len()] }
    }

    /// Counts a connection that ended, or went over to another protocol.
    pub(crate) fn count(&self, why: Option<Why>) {
        self.all.fetch_add(1, Ordering::Relaxed);
        let counter = why.and_then(|why| self.by_reason.get(why.index()));
        counter.into_iter().for_each(|counter| _ = counter.fetch_add(1, Ordering::Relaxed));
    }

    pub(crate) fn add_to(&self, sum: &mut Counters) {
        sum.closed += self.all.load(Ordering::Relaxed);
        for (why, counter) in WHYS.iter().zip(&self.by_reason) {
            sum.add_ended(*why, counter.load(Ordering::Relaxed));
        }
    }
}

/// A number only one thread changes, so that changing it is a load and a store.
#[derive(Debug)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_at_its_place() {
        let ends = Ends::new();
        for (place, why) in WHYS.iter().enumerate() {
            assert_eq!(why.index(), place);
            ends.count(Some(*why));
        }
        ends.count(None);
        let mut sum = Counters::default();
        ends.add_to(&mut sum);
        assert_eq!(sum.closed, WHYS.len() as u64 + 1);
        assert!(WHYS.iter().all(|why| sum.ended(*why) == 1));
    }
}
