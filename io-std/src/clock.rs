//! The clock that the machine, the timers and the pool are told the time from.

//!
//! A thread may live in a time of its own, which passes when it says so: see `rehearsal` of the server.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use h1wire_proto::{HttpDate, Time};

thread_local! {
    /// The microseconds that have passed in this thread's own time.
    static OWN: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Microseconds since this process first asked.
pub(crate) fn micros() -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    OWN.get().unwrap_or_else(|| {
        let since = ORIGIN.get_or_init(Instant::now).elapsed();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

/// Milliseconds since this process first asked.
pub(crate) fn now() -> Time {
    Time(micros() / 1000)
}

/// The time of day. A thread's own time begins in a second that is easy to know again.
fn wall() -> SystemTime {
    match OWN.get() {
        Some(micros) => UNIX_EPOCH + Duration::from_secs(1_000_000_000) + Duration::from_micros(micros),
        None => SystemTime::now(),
    }
}

/// Runs `part` in a time of its own, in which nothing passes but what [`pass`] says.
#[cfg(unix)]
pub(crate) fn in_own_time<T>(part: impl FnOnce() -> T) -> T {
    struct Restore(Option<u64>);
    impl Drop for Restore {
        fn drop(&mut self) {
            OWN.set(self.0);
        }
    }
    let _restore = Restore(OWN.replace(Some(0)));
    part()
}

/// Has time pass in [`in_own_time`].
#[cfg(unix)]
pub(crate) fn pass(time: Duration) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    OWN.set(OWN.get().map(|now| now.saturating_add(micros)));
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
        Self::at(wall())
    }

    fn at(now: SystemTime) -> Self {
        let secs = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let second = |n| UNIX_EPOCH.checked_add(Duration::from_secs(n)).unwrap_or(now);
        Self { date: HttpDate::from_unix(secs), from: second(secs), until: second(secs.saturating_add(1)) }
    }

    #[inline]
    pub(crate) fn now(&mut self) -> &HttpDate {
        let now = wall();
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
    fn a_time_of_its_own_passes_when_it_is_told_to_and_ends_with_its_part() {
        let before = now();
        in_own_time(|| {
            assert_eq!((now(), WallDate::new().now().as_str()), (Time(0), "Sun, 09 Sep 2001 01:46:40 GMT"));
            pass(Duration::from_millis(1500));
            assert_eq!(
                (now(), WallDate::new().now().as_str()),
                (Time(1500), "Sun, 09 Sep 2001 01:46:41 GMT")
            );
        });
        assert!(now() >= before);
        assert_eq!(OWN.get(), None);
    }

    #[test]
    fn before_1970_it_is_the_first_second() {
        let date = WallDate::at(UNIX_EPOCH - Duration::from_secs(7));
        assert_eq!(date.date.as_str(), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
