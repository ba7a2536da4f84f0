//! The clock of an event loop: monotonic time for the timers, the wall clock for `Date`.
//!
//! The only place in this crate that reads a clock. Both are read once for each turn of the loop at most, but for what
//! reports are made of.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use h1wire_proto::{DateCache, HttpDate, Time};

#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    now: Time,
    /// The same moment in microseconds.
    micros: u64,
    date: DateCache,
    unix: u64,
    /// When the wall clock's second is over.
    next_second: Time,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let mut clock = Self {
            origin: Instant::now(),
            now: Time(0),
            micros: 0,
            date: DateCache::new(),
            unix: 0,
            next_second: Time(0),
        };
        clock.advance();
        clock
    }

    /// Reads the monotonic clock, and the wall clock if its second may be over.
    pub(crate) fn advance(&mut self) {
        self.micros = self.read_micros();
        self.now = Time(self.micros / 1000);
        if self.now >= self.next_second {
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            self.unix = wall.as_secs();
            self.next_second = self.now.after(1000 - u64::from(wall.subsec_millis()));
        }
    }

    /// Milliseconds since this clock was made.
    pub(crate) fn read(&self) -> Time {
        Time(self.origin.elapsed().as_millis() as u64)
    }

    /// The same as of the last [`advance`](Self::advance).
    #[inline]
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// Microseconds since this clock was made.
    pub(crate) fn read_micros(&self) -> u64 {
        self.origin.elapsed().as_micros() as u64
    }

    /// The same as of the last [`advance`](Self::advance).
    #[inline]
    pub(crate) fn micros(&self) -> u64 {
        self.micros
    }

    #[inline]
    pub(crate) fn date(&mut self) -> &HttpDate {
        self.date.at(self.unix)
    }
}
