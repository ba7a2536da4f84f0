//! [`Counters`]: what became of a client's requests, counted.

use super::why::{Late, Why};
use crate::error::RecvErrorKind;

/// What a client counted since it was made. Plain numbers: whoever shares them keeps them under its lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Counters {
    /// Exchanges that were begun on a connection; a retry is another one.
    pub exchanges: u64,
    /// Those of them on a connection that had carried another.
    pub reused: u64,
    /// Automatic retries.
    pub retries: u64,
    /// Exchanges whose response was complete.
    pub complete: u64,
    /// Exchanges that handed the connection over.
    pub switched: u64,
    /// Exchanges their owner ended, or wanted no more of.
    pub aborted: u64,
    /// Exchanges whose connection ended within or before the response.
    pub hung_up: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Connections that could not be made.
    pub connect_failures: u64,
    /// Bytes the system took.
    pub bytes_sent: u64,
    /// Bytes that were read.
    pub bytes_received: u64,
    protocol: [u64; RecvErrorKind::ALL.len()],
    late: [u64; Late::ALL.len()],
}

impl Counters {
    /// Nothing yet.
    pub const NONE: Self = Self {
        exchanges: 0,
        reused: 0,
        retries: 0,
        complete: 0,
        switched: 0,
        aborted: 0,
        hung_up: 0,
        connections: 0,
        connect_failures: 0,
        bytes_sent: 0,
        bytes_received: 0,
        protocol: [0; RecvErrorKind::ALL.len()],
        late: [0; Late::ALL.len()],
    };

    /// Exchanges that failed because the server broke the protocol in this way.
    pub fn protocol_errors(&self, kind: RecvErrorKind) -> u64 {
        self.protocol.get(place(kind)).copied().unwrap_or(0)
    }

    /// Requests that failed because this limit passed.
    pub fn timeouts(&self, late: Late) -> u64 {
        self.late.get(late as usize).copied().unwrap_or(0)
    }

    /// An exchange was begun.
    pub fn begin(&mut self, reused: bool) {
        self.exchanges += 1;
        self.reused += u64::from(reused);
    }

    /// An exchange is over. `None`: its connection is kept.
    pub fn end(&mut self, why: Option<Why>) {
        match why {
            None | Some(Why::PeerCloses | Why::WeClose | Why::Unfinished | Why::Spoiled) => {
                self.complete += 1
            }
            Some(Why::Aborted | Why::Dropped) => self.aborted += 1,
            Some(Why::HangUp(_) | Why::Broken) => self.hung_up += 1,
            Some(Why::Late(late)) => {
                if let Some(count) = self.late.get_mut(late as usize) {
                    *count += 1;
                }
            }
            Some(Why::Protocol(error)) => {
                if let Some(count) = self.protocol.get_mut(place(error.kind())) {
                    *count += 1;
                }
            }
        }
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::NONE
    }
}

fn place(kind: RecvErrorKind) -> usize {
    RecvErrorKind::ALL.iter().position(|other| *other == kind).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::RecvError;

    #[test]
    fn every_end_is_counted_once_and_where_it_belongs() {
        let mut counters = Counters::NONE;
        let ends = RecvErrorKind::ALL.iter().map(|kind| Why::Protocol(RecvError::new(*kind, 0)));
        for why in ends.chain(Late::ALL.map(Why::Late)) {
            counters.end(Some(why));
        }
        assert!(RecvErrorKind::ALL.iter().all(|kind| counters.protocol_errors(*kind) == 1));
        assert!(Late::ALL.iter().all(|late| counters.timeouts(*late) == 1));
        for why in [None, Some(Why::PeerCloses), Some(Why::Aborted), Some(Why::Broken)] {
            counters.end(why);
        }
        assert_eq!((counters.complete, counters.aborted, counters.hung_up), (2, 1, 1));
    }
}
