//! Dates: our own text and parser against another crate's, and the three forms.

use h1wire_proto::{DateCache, HttpDate};
use proptest::prelude::*;
use std::time::{Duration, UNIX_EPOCH};

const DAY: u64 = 86_400;
/// 2024-01-01 00:00:00 UTC.
const NOW: u64 = 1_704_067_200;

fn parse(text: &str) -> Option<u64> {
    HttpDate::parse(text.as_bytes(), NOW)
}

#[test]
fn every_day_of_four_hundred_years_equals_the_reference_and_parses_back() {
    for day in 0..146_097 {
        let secs = day * DAY + day * 7919 % DAY;
        let date = HttpDate::from_unix(secs);
        let reference = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(secs));
        assert_eq!(date.as_str(), reference);
        assert_eq!(HttpDate::parse(date.as_bytes(), NOW), Some(secs), "{date}");
    }
}

#[test]
fn the_line_is_the_date_with_its_name_and_line_end() {
    let date = HttpDate::from_unix(784_111_777);
    assert_eq!(date.as_bytes(), b"Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(date.line(), b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    assert_eq!(format!("{date} {date:?}"), "Sun, 06 Nov 1994 08:49:37 GMT Sun, 06 Nov 1994 08:49:37 GMT");
}

#[test]
fn times_after_the_year_9999_are_its_last_second() {
    let last = "Fri, 31 Dec 9999 23:59:59 GMT";
    for secs in [253_402_300_799, 253_402_300_800, u64::MAX] {
        assert_eq!(HttpDate::from_unix(secs).as_str(), last);
    }
    assert_eq!(parse(last), Some(253_402_300_799));
}

#[test]
fn the_cache_follows_the_clock_forwards_and_backwards() {
    let mut cache = DateCache::default();
    for secs in [0, 0, 1, NOW, NOW, NOW - 1, u64::MAX, 0] {
        assert_eq!(*cache.at(secs), HttpDate::from_unix(secs));
    }
}

#[test]
fn the_three_forms_of_the_same_date_are_the_same_second() {
    for text in
        ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
    {
        assert_eq!(parse(text), Some(784_111_777), "{text}");
    }
    assert_eq!(parse("Wed Nov 16 08:49:37 1994"), Some(784_975_777));
}

#[test]
fn a_two_digit_year_is_at_most_fifty_years_in_the_future() {
    // 2024-01-01 plus 50 years to the second is still in the future, a second more is the past.
    let at =
        |text: &str, now| HttpDate::parse(text.as_bytes(), now).map(|s| HttpDate::from_unix(s).to_string());
    assert_eq!(at("Monday, 01-Jan-74 00:00:00 GMT", NOW).as_deref(), Some("Mon, 01 Jan 2074 00:00:00 GMT"));
    assert_eq!(at("Tuesday, 01-Jan-74 00:00:01 GMT", NOW).as_deref(), Some("Tue, 01 Jan 1974 00:00:01 GMT"));
    assert_eq!(at("Saturday, 01-Jan-00 00:00:00 GMT", NOW).as_deref(), Some("Sat, 01 Jan 2000 00:00:00 GMT"));
    // In 2080, `10` is 2110, thirty years ahead.
    let in_2080 = 3_471_292_800;
    assert_eq!(HttpDate::from_unix(in_2080).as_str(), "Mon, 01 Jan 2080 00:00:00 GMT");
    assert_eq!(
        at("Wednesday, 01-Jan-10 00:00:00 GMT", in_2080).as_deref(),
        Some("Wed, 01 Jan 2110 00:00:00 GMT")
    );
    // A clock that was never set still reads dates of its own century.
    assert_eq!(at("Thursday, 01-Jan-70 00:00:00 GMT", 0).as_deref(), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
    assert_eq!(at("Wednesday, 01-Jan-20 00:00:00 GMT", 0).as_deref(), Some("Wed, 01 Jan 2020 00:00:00 GMT"));
    assert_eq!(
        at("Friday, 31-Dec-99 23:59:59 GMT", u64::MAX).as_deref(),
        Some("Fri, 31 Dec 9999 23:59:59 GMT")
    );
}

#[test]
fn a_leap_second_is_the_first_second_of_the_next_day() {
    assert_eq!(parse("Sat, 31 Dec 2016 23:59:60 GMT"), parse("Sun, 01 Jan 2017 00:00:00 GMT"));
    assert_eq!(parse("Sat, 31 Dec 2016 22:59:60 GMT"), None);
    assert_eq!(parse("Sat, 31 Dec 2016 23:59:61 GMT"), None);
}

#[test]
fn what_is_not_quite_a_date_is_none() {
    for text in [
        "",
        "0",
        "Sun",
        "Sun,",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 NOV 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun,  6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:60 GMT",
        "Sun, 06 Nov 1994 +8:49:37 GMT",
        "Mon, 06 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Thu, 31 Nov 1994 08:49:37 GMT",
        "Wed, 29 Feb 1995 08:49:37 GMT",
        "Mon, 29 Feb 2100 08:49:37 GMT",
        "Wed, 31 Dec 1969 23:59:59 GMT",
        "Sat, 01 Jan 0000 00:00:00 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06 Nov 94 08:49:37 GMT",
        "Sund, 06-Nov-94 08:49:37 GMT",
        "Monday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov 06 08:49:37 94",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov  0 08:49:37 1994",
        "Mon Nov  6 08:49:37 1994",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
    assert!(parse("Thu, 29 Feb 2024 00:00:00 GMT").is_some());
    assert!(parse("Tue, 29 Feb 2000 00:00:00 GMT").is_some());
}

proptest! {
    #[test]
    fn any_second_up_to_9999_parses_back(secs in 0..=253_402_300_799u64, now: u64) {
        prop_assert_eq!(HttpDate::parse(HttpDate::from_unix(secs).as_bytes(), now), Some(secs));
    }

    #[test]
    fn what_we_accept_the_reference_accepts_with_the_same_value(
        text in "(Sun|Mon|Tue|Wed|Thu|Fri|Sat), [0-3][0-9] (Jan|Feb|Apr|Dec) (19|20|21)[0-9]{2} [0-2][0-9]:[0-6][0-9]:[0-5][0-9] GMT",
    ) {
        let theirs = httpdate::parse_http_date(&text).ok().map(|t| t.duration_since(UNIX_EPOCH).unwrap().as_secs());
        prop_assert_eq!(parse(&text), theirs);
    }

    #[test]
    fn one_changed_byte_never_panics(secs in 0..=253_402_300_799u64, at in 0..29usize, byte: u8, now: u64) {
        let mut text = HttpDate::from_unix(secs).as_bytes().to_vec();
        text[at] = byte;
        let ours = HttpDate::parse(&text, now);
        if let Some(secs) = ours {
            // Only a canonical date is accepted in this form.
            let date = HttpDate::from_unix(secs);
            prop_assert!(date.as_bytes() == &text[..] || text.windows(5).any(|w| w == b"59:60"));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(text in proptest::collection::vec(any::<u8>(), 0..40), now: u64) {
        let _ = HttpDate::parse(&text, now);
    }
}
