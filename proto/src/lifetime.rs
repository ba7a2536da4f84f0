//! [`Lifetime`]: how long a server keeps one connection in use, in requests and in time.
//!
//! Plain arithmetic over what the owner counts. What is done at the end is the owner's:
//! [`close_after_response`](crate::Conn::close_after_response).

use crate::time::Time;
use core::time::Duration;

/// When a connection of a server is to end, so that its clients spread anew over the servers behind a balancer.
///
/// ```
/// use h1wire_proto::{Lifetime, Time};
/// use core::time::Duration;
/// let lifetime = Lifetime { max_requests: 2, max_age: Some(Duration::from_secs(10)), max_age_jitter: 10 };
/// assert!(!lifetime.is_last(1) && lifetime.is_last(2));
/// assert_eq!(lifetime.end(Time(500), 0), Some(Time(10_500)));
/// assert_eq!(lifetime.end(Time(500), u64::MAX), Some(Time(9_501)));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Lifetime {
    /// The most requests. Default 0, for no limit.
    pub max_requests: u32,
    /// The age after which there is no further request. Default none.
    pub max_age: Option<Duration>,
    /// By how many percent of `max_age`, at most, a connection ends earlier, so that connections made together do not
    /// end together. More than 100 counts as 100. Default 0.
    pub max_age_jitter: u8,
}

impl Lifetime {
    /// Whether the `number`th request, counted from 1, is the last one.
    #[inline]
    pub const fn is_last(&self, number: u32) -> bool {
        self.max_requests > 0 && number >= self.max_requests
    }

    /// The time from which on a connection that begins at `begin` is too old for another request. `random` should be
    /// another number for each connection, from the whole range.
    pub fn end(&self, begin: Time, random: u64) -> Option<Time> {
        let age = u64::try_from(self.max_age?.as_millis()).unwrap_or(u64::MAX);
        let most = u128::from(age) * u128::from(self.max_age_jitter.min(100)) / 100;
        // Never more than `age`, for `most` is not.
        let earlier = ((most * u128::from(random)) >> 64) as u64;
        Some(begin.after(age.saturating_sub(earlier)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_without_limits_never_ends() {
        let none = Lifetime::default();
        assert!(!none.is_last(0) && !none.is_last(1) && !none.is_last(u32::MAX));
        assert_eq!(none.end(Time(7), 7), None);
    }

    #[test]
    fn an_end_is_at_most_its_percentage_early_and_never_overflows() {
        let end = |age: u64, jitter, random| {
            let max_age = Some(Duration::from_millis(age));
            Lifetime { max_age, max_age_jitter: jitter, ..Lifetime::default() }.end(Time(100), random)
        };
        for random in [0, 1, u64::MAX / 2, u64::MAX] {
            assert_eq!(end(1000, 0, random), Some(Time(1100)));
            assert_eq!(end(0, 10, random), Some(Time(100)));
            assert!((1000..=1100).contains(&end(1000, 10, random).unwrap().0));
            assert_eq!(end(1000, 255, random), end(1000, 100, random));
            assert!(end(u64::MAX, 100, random).is_some());
        }
        assert_ne!(end(1000, 10, 0), end(1000, 10, u64::MAX));
        assert_eq!(end(u64::MAX, 0, 0), Some(Time(u64::MAX)));
    }
}
