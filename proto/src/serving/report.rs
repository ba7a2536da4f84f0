//! [`Report`]: what one exchange came to. Plain data; whoever moves the bytes measures it.

use core::time::Duration;

use super::Why;

/// What one exchange came to. Times are as exact as the clock of whoever measured them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Which request of its connection it was, counted from 1. From 2 on, the connection was reused.
    pub number: u32,
    /// The status of the final response, also of one that the machine made. `None` if no head was sent.
    pub status: Option<u16>,
    /// Whether all of the response was handed to the system, which is the most a server can know.
    pub is_complete: bool,
    /// Bytes of the request after its head, the framing of content included. Those of another protocol are not.
    pub received: u64,
    /// Bytes of the response, interim ones and framing included, that were handed to the system.
    pub sent: u64,
    /// From the complete head to the complete request. `None` if it did not become complete.
    pub request: Option<Duration>,
    /// From the complete head to the head of the final response. `None` without one.
    pub head: Option<Duration>,
    /// From the complete head to the end.
    pub took: Duration,
    /// What broke it off, if something did.
    pub failure: Option<Why>,
}
