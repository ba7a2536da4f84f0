//! The clock that the machine, the timers and the pool are told the time from.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use h1wire_proto::{HttpDate, Time};

/// Milliseconds since this process first asked.
pub(crate) fn now() -> Time {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let since = ORIGIN.get_or_init(Instant::now).elapsed();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The date of the wall clock for `Date`, made anew only when the second changes. Before 1970 it is the first second
/// of it.
pub(crate) struct WallDate {
    date: HttpDate,
    /// The second in which it is right.
    from: SystemTime,
    until: SystemTime,
}

impl WallDate {
    pub(crate) fn new() -> Self {
        Self::at(SystemTime::now())
    }

    fn at(now: SystemTime) -> Self {
        let secs = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let second = |n| UNIX_EPOCH.checked_add(Duration::from_secs(n)).unwrap_or(now);
        Self { date: HttpDate::from_unix(secs), from: second(secs), until: second(secs.saturating_add(1)) }
    }

    #[inline]
    pub(crate) fn now(&mut self) -> &HttpDate {
        let now = SystemTime::now();
        if now < self.from || now >= self.until {
            *self = Self::at(now);
        }
        &self.date
    }
}

impl Default for WallDate {
    fn default() -> Self {
        Self::new()
    }
}

/// From now until `at`; zero if that is past.
pub(crate) fn until(at: Time) -> Duration {
    Duration::from_millis(at.since(now()))
}

/// A duration as the whole milliseconds the machine counts in, rounded up so that none becomes "off".
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_holds_for_its_second_and_no_longer() {
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        let date = WallDate::at(at(1_000_000_000_999));
        assert_eq!(date.date.as_str(), "Sun, 09 Sep 2001 01:46:40 GMT");
        assert_eq!((date.from, date.until), (at(1_000_000_000_000), at(1_000_000_001_000)));
        let mut stale = date;
        let before = SystemTime::now();
        stale.now();
        assert!(stale.until > before);
    }

    #[test]
    fn before_1970_it_is_the_first_second() {
        let date = WallDate::at(UNIX_EPOCH - Duration::from_secs(7));
        assert_eq!(date.date.as_str(), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
