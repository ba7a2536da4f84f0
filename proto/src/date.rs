//! `Date` text from unix seconds, and unix seconds from the three forms of a date (RFC 9110 section 5.6.7).
//!
//! The wall clock is the caller's: seconds go in, text comes out. Whether a message carries `Date` is decided in
//! `send`, what a received date means for a cache or a file is decided by who asks.

use crate::digits;

/// The last second that has four digits for its year: 9999-12-31 23:59:59.
const LAST: u64 = 253_402_300_799;
const DAY: u64 = 86_400;
const DAYS: [&[u8]; 7] =
    [b"Sunday", b"Monday", b"Tuesday", b"Wednesday", b"Thursday", b"Friday", b"Saturday"];
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// A point in time as the text of an IMF-fixdate, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
///
/// Holds the whole `Date` field line, so that a serializer copies it in one piece.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HttpDate {
    line: [u8; 37],
}

impl HttpDate {
    /// The date `secs` seconds after 1970-01-01 00:00:00 UTC. Later than the year 9999, which the format cannot
    /// say, it is the last second of that year.
    pub const fn from_unix(secs: u64) -> Self {
        let secs = if secs < LAST { secs } else { LAST };
        let (year, month, day) = civil(secs / DAY);
        let second = secs % DAY;
        let mut line = *b"Date: ___, __ ___ ____ __:__:__ GMT\r\n";
        copy3(&mut line, 6, DAYS[weekday(secs / DAY)]);
        two(&mut line, 11, day);
        copy3(&mut line, 14, MONTHS[month as usize]);
        two(&mut line, 18, year / 100);
        two(&mut line, 20, year % 100);
        two(&mut line, 23, second / 3600);
        two(&mut line, 26, second / 60 % 60);
        two(&mut line, 29, second % 60);
        Self { line }
    }

    /// The seconds from 1970-01-01 00:00:00 UTC to this date.
    pub fn unix(&self) -> u64 {
        // What was written here can be read.
        Self::parse(self.as_bytes(), 0).unwrap_or_default()
    }

    /// The 29 bytes of the date alone, for any field that holds a date.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        let [_, _, _, _, _, _, text @ .., _, _] = &self.line;
        text
    }

    /// The same as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever written to the line.
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The whole field line: `Date: `, the date, CRLF.
    #[inline]
    pub fn line(&self) -> &[u8; 37] {
        &self.line
    }

    /// The unix seconds a received date stands for, in any of the three forms a recipient must accept:
    /// IMF-fixdate, the RFC 850 form, and that of C's `asctime`.
    ///
    /// `now` (unix seconds) gives the two-digit year of the RFC 850 form its century: the latest one in which the
    /// date is at most 50 years in the future.
    ///
    /// `None` for everything else: another case, a name or number out of range, a day of the week that does not
    /// fit the date (RFC 5322 section 3.3), a date before 1970 or after 9999, white space around it. A field with
    /// such a date is to be ignored, or taken as a time in the past, as its definition says.
    pub fn parse(text: &[u8], now: u64) -> Option<u64> {
        let mut text = Text(text);
        let (named, date, second) = match text.0.get(3)? {
            b',' => text.fixdate()?,
            b' ' => text.asctime()?,
            _ => text.rfc850(now)?,
        };
        let days = date.to_days()?;
        (text.0.is_empty() && weekday(days) == named).then(|| days.saturating_mul(DAY).saturating_add(second))
    }
}

impl AsRef<[u8]> for HttpDate {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}
impl core::fmt::Display for HttpDate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}
impl core::fmt::Debug for HttpDate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The current [`HttpDate`], made anew only when the second changes. One for each event loop or thread.
#[derive(Clone, Copy, Debug)]
pub struct DateCache {
    secs: u64,
    date: HttpDate,
}

impl DateCache {
    /// A cache that holds the first second of 1970.
    pub const fn new() -> Self {
        Self { secs: 0, date: HttpDate::from_unix(0) }
    }

    /// The date at `unix_secs`, as [`HttpDate::from_unix`] gives it.
    #[inline]
    pub fn at(&mut self, unix_secs: u64) -> &HttpDate {
        if self.secs != unix_secs {
            *self = Self { secs: unix_secs, date: HttpDate::from_unix(unix_secs) };
        }
        &self.date
    }
}

impl Default for DateCache {
    fn default() -> Self {
        Self::new()
    }
}

/// A day of the calendar. The month counts from 0, the day from 1.
#[derive(Clone, Copy)]
struct Civil {
    year: u64,
    month: u64,
    day: u64,
}

impl Civil {
    /// Days since 1970-01-01. `None` before that, after 9999, and when the month has no such day.
    fn to_days(self) -> Option<u64> {
        if !(1970..=9999).contains(&self.year) || self.day == 0 {
            return None;
        }
        let days = days_from_civil(self.year, self.month, self.day);
        let (year, month, day) = civil(days);
        // The 31st of a month of 30 days would have become the first of the next.
        ((year, month, day) == (self.year, self.month, self.day)).then_some(days)
    }
}

/// Days from 1 March of the year 0 to 1 January 1970. Counted from a first of March, the leap day is the last day
/// of a year and of every longer cycle, and the lengths of the months repeat every five: 31, 30, 31, 30, 31.
const EPOCH: u64 = 719_468;

/// The year, the month from 0 and the day from 1 of so many days after 1970-01-01.
const fn civil(days: u64) -> (u64, u64, u64) {
    const fn full(days: u64, length: u64) -> u64 {
        // The fourth century of 400 years and the fourth year of four are one day longer than the others.
        let n = days / length;
        if n < 3 { n } else { 3 }
    }
    let days = days + EPOCH;
    let (cycles, days) = (days / 146_097, days % 146_097);
    let centuries = full(days, 36_524);
    let days = days - centuries * 36_524;
    let (fours, days) = (days / 1461, days % 1461);
    let years = full(days, 365);
    let days = days - years * 365;
    let from_march = (5 * days + 2) / 153;
    let day = days - (153 * from_march + 2) / 5 + 1;
    let year = cycles * 400 + centuries * 100 + fours * 4 + years + from_march / 10;
    (year, (from_march + 2) % 12, day)
}

/// The inverse of [`civil`], for years from 1970 on. A day too many counts on into the next month.
const fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let from_march = (month + 10) % 12;
    let year = year - from_march / 10;
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * from_march + 2) / 5 + day - 1 - EPOCH
}

/// The day of the week from 0, Sunday. 1970 began on a Thursday.
const fn weekday(days: u64) -> usize {
    ((days + 4) % 7) as usize
}

const fn two(line: &mut [u8; 37], at: usize, n: u64) {
    line[at] = b'0' + (n / 10) as u8;
    line[at + 1] = b'0' + (n % 10) as u8;
}

const fn copy3(line: &mut [u8; 37], at: usize, name: &[u8]) {
    line[at] = name[0];
    line[at + 1] = name[1];
    line[at + 2] = name[2];
}

/// What is left of a date that is being read.
struct Text<'t>(&'t [u8]);

/// The day of the week that was named, the date, the second of the day.
type Parsed = (usize, Civil, u64);

impl Text<'_> {
    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    fn fixdate(&mut self) -> Option<Parsed> {
        let named = self.day_of_week(3)?;
        self.literal(b", ")?;
        let day = self.number(2)?;
        self.literal(b" ")?;
        let month = self.month()?;
        self.literal(b" ")?;
        let year = self.number(4)?;
        self.literal(b" ")?;
        let second = self.time_of_day()?;
        self.literal(b" GMT")?;
        Some((named, Civil { year, month, day }, second))
    }

    /// `Sunday, 06-Nov-94 08:49:37 GMT`
    fn rfc850(&mut self, now: u64) -> Option<Parsed> {
        let named = self.day_of_week(usize::MAX)?;
        self.literal(b", ")?;
        let day = self.number(2)?;
        self.literal(b"-")?;
        let month = self.month()?;
        self.literal(b"-")?;
        let year = self.number(2)?;
        self.literal(b" ")?;
        let second = self.time_of_day()?;
        self.literal(b" GMT")?;
        // "more than 50 years in the future" is compared to the second, on the calendar.
        let now = now.min(LAST);
        let (this_year, this_month, today) = civil(now / DAY);
        let horizon = this_year + 50;
        let mut year = horizon - horizon % 100 + year;
        if (year, month, day, second) > (horizon, this_month, today, now % DAY) {
            year -= 100;
        }
        Some((named, Civil { year, month, day }, second))
    }

    /// `Sun Nov  6 08:49:37 1994`
    fn asctime(&mut self) -> Option<Parsed> {
        let named = self.day_of_week(3)?;
        self.literal(b" ")?;
        let month = self.month()?;
        self.literal(b" ")?;
        let day = if self.literal(b" ").is_some() { self.number(1)? } else { self.number(2)? };
        self.literal(b" ")?;
        let second = self.time_of_day()?;
        self.literal(b" ")?;
        let year = self.number(4)?;
        Some((named, Civil { year, month, day }, second))
    }

    fn literal(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    fn number(&mut self, count: usize) -> Option<u64> {
        let (number, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits::number(number)
    }

    fn month(&mut self) -> Option<u64> {
        let month = MONTHS.iter().position(|name| self.0.starts_with(*name))?;
        self.0 = self.0.get(3..)?;
        Some(month as u64)
    }

    /// The name of a day, cut to `letters`.
    fn day_of_week(&mut self, letters: usize) -> Option<usize> {
        let (day, rest) = DAYS.iter().enumerate().find_map(|(day, name)| {
            let name = name.get(..letters).unwrap_or(name);
            Some((day, self.0.strip_prefix(name)?))
        })?;
        self.0 = rest;
        Some(day)
    }

    /// `08:49:37` as the second of the day, at most `23:59:60`, a leap second (RFC 5322 section 3.3).
    fn time_of_day(&mut self) -> Option<u64> {
        let hour = self.number(2)?;
        self.literal(b":")?;
        let minute = self.number(2)?;
        self.literal(b":")?;
        let second = self.number(2)?;
        let valid = hour < 24 && minute < 60 && (second < 60 || (hour, minute, second) == (23, 59, 60));
        valid.then_some(hour * 3600 + minute * 60 + second)
    }
}
