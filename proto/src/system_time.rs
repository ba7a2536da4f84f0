//! [`HttpDate`] from and to the standard library's [`SystemTime`].
//!
//! With the feature `std`, and nothing else of it: a moment is converted here, and no clock read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::date::HttpDate;

/// In whole seconds, rounded down. What is before 1970 is its beginning, as what is after the year 9999 is
/// its end.
impl From<SystemTime> for HttpDate {
    fn from(time: SystemTime) -> Self {
        Self::from_unix(time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }
}

impl From<HttpDate> for SystemTime {
    fn from(date: HttpDate) -> Self {
        UNIX_EPOCH + Duration::from_secs(date.unix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_moment_to_the_second_and_back() {
        for secs in [0, 784_111_777, 253_402_300_799] {
            let moment = UNIX_EPOCH + Duration::from_secs(secs);
            assert_eq!(SystemTime::from(HttpDate::from(moment + Duration::from_millis(999))), moment);
        }
        assert_eq!(HttpDate::from(UNIX_EPOCH - Duration::from_secs(1)), HttpDate::from_unix(0));
    }
}
