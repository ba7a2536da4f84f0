//! [`Counters`]: what a server counts, as one table. Who adds to it decides what it means; here is no synchronisation.

use crate::error::RecvErrorKind;
use crate::expired::Expired;
use core::fmt;

use super::Why;

/// One number for each of `N` things, of which mostly few are not zero.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Table<const N: usize>([u64; N]);

impl<const N: usize> Table<N> {
    fn of(&self, index: usize) -> u64 {
        self.0.get(index).copied().unwrap_or_default()
    }
    fn add(&mut self, index: usize, n: u64) {
        if let Some(counter) = self.0.get_mut(index) {
            *counter = counter.wrapping_add(n);
        }
    }
    fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, one)| *sum = sum.wrapping_add(one));
    }
}

impl<const N: usize> Default for Table<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> fmt::Debug for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().enumerate().filter(|(_, n)| **n != 0)).finish()
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a server counted since it was started. Differences between two are what happened in between.
        ///
        /// A server of several threads has one for each, and adds them up when it is asked.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
            errors: Table<{ RecvErrorKind::ALL.len() }>,
            expired: Table<{ Expired::ALL.len() }>,
            ended: Table<{ Why::NAMES.len() }>,
        }

        impl Counters {
            /// The names of the plain counters, in order, with a way to each: for whoever exports them.
            #[allow(clippy::type_complexity)]
            pub const FIELDS: &'static [(&'static str, fn(&mut Self) -> &mut u64)] =
                &[$((stringify!($name), |all| &mut all.$name),)*];

            /// Adds those of another thread.
            pub fn join(&mut self, other: &Self) {
                $(self.$name = self.$name.wrapping_add(other.$name);)*
                self.errors.join(&other.errors);
                self.expired.join(&other.expired);
                self.ended.join(&other.ended);
            }
        }
    };
}

counters! {
    /// Connections accepted or injected.
    accepted,
    /// Connections that are over. Open ones are `accepted - closed`.
    closed,
    /// Connections turned away because there were as many as allowed, or because nobody was free for them, and connections
    /// that their handler did not want.
    refused,
    /// Requests that came after the last one of their connection, and were not looked at.
    dropped,
    /// Requests, counted when their head is complete.
    requests,
    /// Those of them that were not the first of their connection.
    reused,
    /// Exchanges that ended before their answer was sent.
    aborted,
    /// Bytes read from sockets; with TLS, what was in its records.
    bytes_received,
    /// Bytes the sockets took; with TLS, those its sessions took.
    bytes_sent,
    /// Requests that broke the protocol. How, [`errors`](Self::errors) tells.
    protocol_errors,
    /// Time limits that ended a connection or its exchange. Which, [`expired`](Self::expired) tells.
    timeouts,
    /// Reads and writes that failed: resets above all, and TLS that was broken or cut off.
    io_errors,
    /// Times that a connection could not be accepted.
    accept_errors,
    /// Handlers that failed: by an error, or by what could not be sent.
    handler_errors,
    /// Handlers that panicked.
    panics,
    /// Connections that went over to another protocol.
    switched,
}

impl Counters {
    /// How many requests broke the protocol in this way. Over all kinds that is
    /// [`protocol_errors`](Self::protocol_errors).
    pub fn errors(&self, kind: RecvErrorKind) -> u64 {
        self.errors.of(kind as usize)
    }

    /// How often this time limit ended something. Over all limits that is [`timeouts`](Self::timeouts).
    pub fn expired(&self, limit: Expired) -> u64 {
        self.expired.of(limit as usize)
    }

    /// How many connections ended for this reason, whatever the kind of error or limit.
    pub fn ended(&self, why: Why) -> u64 {
        self.ended.of(why.index())
    }

    /// Counts a request that broke the protocol.
    pub fn count_error(&mut self, kind: RecvErrorKind) {
        self.add_errors(kind, 1);
    }

    /// Counts a time limit that ended something.
    pub fn count_expired(&mut self, limit: Expired) {
        self.add_expired(limit, 1);
    }

    /// Counts a connection that ended.
    pub fn count_end(&mut self, why: Why) {
        self.add_ended(why, 1);
        self.closed = self.closed.wrapping_add(1);
    }

    /// Adds `n` requests that broke the protocol in this way, for whoever counts elsewhere.
    pub fn add_errors(&mut self, kind: RecvErrorKind, n: u64) {
        self.protocol_errors = self.protocol_errors.wrapping_add(n);
        self.errors.add(kind as usize, n);
    }

    /// Adds `n` times that this limit ended something, for whoever counts elsewhere.
    pub fn add_expired(&mut self, limit: Expired, n: u64) {
        self.timeouts = self.timeouts.wrapping_add(n);
        self.expired.add(limit as usize, n);
    }

    /// Adds `n` reasons, for whoever counts elsewhere. [`closed`](Self::closed) is not touched.
    pub fn add_ended(&mut self, why: Why, n: u64) {
        self.ended.add(why.index(), n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_up_over_threads_and_over_kinds() {
        let mut one = Counters { requests: 3, ..Counters::default() };
        for kind in RecvErrorKind::ALL {
            one.count_error(*kind);
        }
        for limit in Expired::ALL {
            one.count_expired(*limit);
        }
        one.count_end(Why::Protocol(RecvErrorKind::BadHost));
        let mut all = one;
        all.join(&one);
        assert_eq!((all.requests, all.closed, all.ended(Why::Protocol(RecvErrorKind::BadMethod))), (6, 2, 2));
        assert!(RecvErrorKind::ALL.iter().all(|kind| all.errors(*kind) == 2));
        assert!(Expired::ALL.iter().all(|limit| all.expired(*limit) == 2));
        assert_eq!(all.protocol_errors, 2 * RecvErrorKind::ALL.len() as u64);
        assert_eq!(all.timeouts, 2 * Expired::ALL.len() as u64);
        assert_eq!(*(Counters::FIELDS[4].1)(&mut all), 6, "{}", Counters::FIELDS[4].0);
        assert!(
            format!("{:?}", Counters::default()).contains("errors: {}"),
            "only what was counted is shown"
        );
    }
}
