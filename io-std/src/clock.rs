//! The clock that the machine, the timers and the pool are told the time from.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use h1wire_proto::Time;

/// Milliseconds since this process first asked.
pub(crate) fn now() -> Time {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let since = ORIGIN.get_or_init(Instant::now).elapsed();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Seconds since 1970 on the wall clock, 0 before it: for `Date`.
pub(crate) fn unix_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// From now until `at`; zero if that is past.
pub(crate) fn until(at: Time) -> Duration {
    Duration::from_millis(at.since(now()))
}

/// A duration as the whole milliseconds the machine counts in, rounded up so that none becomes "off".
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
