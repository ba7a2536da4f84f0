//! Time as an argument. The machine and its helpers never read a clock.

use core::ops::Add;
use core::time::Duration;

/// Monotonic time in milliseconds, from any origin the caller likes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Time(pub u64);

impl Time {
    /// The time `ms` milliseconds later; the end of time if that is beyond it.
    pub const fn after(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The time so much later; the end of time if that is beyond it. Part of a millisecond counts as a whole one, so that
/// no deadline comes before its time.
impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.after(millis(duration))
    }
}

/// Whole milliseconds, rounded up; as many as there are if there are more.
pub(crate) const fn millis(duration: Duration) -> u64 {
    let part = duration.subsec_nanos().div_ceil(1_000_000) as u64;
    duration.as_secs().saturating_mul(1000).saturating_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_rounded_up_to_milliseconds_and_never_overflows() {
        for (nanos, ms) in [(0, 0), (1, 1), (1_000_000, 1), (1_000_001, 2), (1_999_999_999, 2_000)] {
            assert_eq!(Time(5) + Duration::from_nanos(nanos), Time(5 + ms));
        }
        assert_eq!(Time(5) + Duration::MAX, Time(u64::MAX));
    }
}
