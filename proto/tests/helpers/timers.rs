//! The timers of a connection: the limits one by one, then against a model.

use crate::timers_model::ALL;
use core::time::Duration;

use h1wire_proto::{Activity, Expired, Phase, Time, Timeouts, Timers};

const NONE: Activity = Activity { received: 0, sent: 0, heads: 0, unsent: false, paused: false };
const BYTE: Activity = Activity { received: 1, ..NONE };
/// Limits without the two that would fire first in most tests.
const QUIET: Timeouts = Timeouts { idle: None, body: None, ..Timeouts::SERVER };

/// A time limit.
fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

/// A server that saw a whole request and answered it at time 0.
fn kept(limits: &Timeouts) -> Timers {
    let mut timers = Timers::server(Time(0), limits);
    let _ = timers.observe(Time(0), Phase::Idle, Activity { received: 40, sent: 50, heads: 1, ..NONE });
    timers
}

#[test]
fn timers_are_small() {
    assert!(size_of::<Timers>() <= 64, "{}", size_of::<Timers>());
}

#[test]
fn a_new_connection_without_a_byte_ends_when_a_head_would_be_late() {
    let limits = Timeouts::SERVER;
    let mut timers = Timers::server(Time(100), &limits);
    assert_eq!(timers.next(&limits), Some(Time(60_100)));
    assert_eq!(timers.poll(Time(60_099), &limits), None);
    assert_eq!(timers.poll(Time(60_100), &limits), Some(Expired::KeepAlive));
}

/// RFC 9112 section 2.2: they are skipped, but they are no request.
#[test]
fn line_ends_before_a_request_put_nothing_off() {
    let limits = Timeouts::SERVER;
    let mut new = Timers::server(Time(0), &limits);
    let mut kept = kept(&limits);
    for at in (1_000..6_000).step_by(1000) {
        let line_end = Activity { received: 2, ..NONE };
        let _ = (new.observe(Time(at), Phase::Idle, line_end), kept.observe(Time(at), Phase::Idle, line_end));
    }
    assert_eq!((new.next(&limits), kept.next(&limits)), (Some(Time(60_000)), Some(Time(6_000))));
    let _ = new.observe(Time(7_000), Phase::Head, BYTE);
    assert_eq!(new.next(&limits), Some(Time(60_000)));
}

#[test]
fn the_first_head_is_late_counted_from_the_connection() {
    let mut timers = Timers::server(Time(0), &QUIET);
    for at in (30_000..60_000).step_by(1000) {
        let _ = timers.observe(Time(at), Phase::Head, BYTE);
        assert_eq!(timers.next(&QUIET), Some(Time(60_000)));
    }
    assert_eq!(timers.poll(Time(60_000), &QUIET), Some(Expired::Head));
}

#[test]
fn a_later_head_is_late_counted_from_its_first_byte() {
    let mut timers = kept(&QUIET);
    let _ = timers.observe(Time(4_000), Phase::Head, BYTE);
    let _ = timers.observe(Time(50_000), Phase::Head, BYTE);
    assert_eq!(timers.next(&QUIET), Some(Time(64_000)));
}

#[test]
fn each_pipelined_head_that_arrives_in_pieces_has_its_own_time() {
    let mut timers = kept(&QUIET);
    // Every batch completes a request and begins another.
    for at in (0..200_000).step_by(10_000) {
        assert!(timers.observe(Time(at), Phase::Head, Activity { received: 90, sent: 50, heads: 1, ..NONE }));
        assert_eq!(timers.next(&QUIET), Some(Time(at + 60_000)));
    }
    let _ = timers.observe(Time(200_000), Phase::Head, Activity { sent: 50, ..BYTE });
    assert_eq!(timers.next(&QUIET), Some(Time(250_000)));
}

#[test]
fn after_an_answer_keep_alive_replaces_the_idle_time_until_new_data() {
    let limits = Timeouts::SERVER;
    let mut timers = kept(&limits);
    assert_eq!(timers.next(&limits), Some(Time(6_000)));
    let _ = timers.observe(Time(5_500), Phase::Head, BYTE);
    assert_eq!(timers.next(&limits), Some(Time(65_500)));
    let mut timers = kept(&limits);
    assert_eq!(timers.poll(Time(6_000), &limits), Some(Expired::KeepAlive));
    assert_eq!((timers.poll(Time(1 << 40), &limits), timers.next(&limits)), (None, None));
}

#[test]
fn without_keep_alive_the_ordinary_idle_time_goes_on() {
    let limits = Timeouts { keep_alive: None, ..Timeouts::SERVER };
    let mut timers = kept(&limits);
    assert_eq!(timers.next(&limits), Some(Time(120_000)));
    assert_eq!(timers.poll(Time(120_000), &limits), Some(Expired::Idle));
}

#[test]
fn keep_alive_waits_for_the_answer_to_leave() {
    let limits = Timeouts::SERVER;
    let mut timers = kept(&limits);
    let waiting = Activity { received: 40, sent: 5, heads: 1, unsent: true, ..NONE };
    assert!(timers.observe(Time(1_000), Phase::Idle, waiting));
    assert_eq!(timers.next(&limits), Some(Time(121_000)));
    assert!(timers.observe(Time(50_000), Phase::Idle, Activity { sent: 45, ..NONE }));
    assert_eq!(timers.next(&limits), Some(Time(56_000)));
}

#[test]
fn batches_of_whole_messages_only_postpone() {
    let limits = Timeouts::SERVER;
    let mut timers = kept(&limits);
    for at in 1..5_000 {
        let batch = Activity { received: 640, sent: 800, heads: 16, ..NONE };
        assert!(!timers.observe(Time(at), Phase::Idle, batch));
        assert_eq!(timers.next(&limits), Some(Time(at + 6_000)));
    }
}

#[test]
fn a_slow_but_live_upload_outlives_the_request_time() {
    let mut timers = kept(&QUIET);
    let _ = timers.observe(Time(0), Phase::Body, Activity { heads: 1, ..BYTE });
    // 250 bytes a second for an hour.
    for at in (1_000..3_600_000).step_by(1_000) {
        let _ = timers.observe(Time(at), Phase::Body, Activity { received: 250, ..NONE });
        assert_eq!(timers.poll(Time(at), &QUIET), None, "{at}");
    }
    // Then it drips, and has the window that has begun to show that it moves.
    let mut ended = None;
    for at in (3_600_000..3_640_000).step_by(1_000) {
        let _ = timers.observe(Time(at), Phase::Body, BYTE);
        ended = ended.or(timers.poll(Time(at), &QUIET).map(|expired| (at, expired)));
    }
    assert!(matches!(ended, Some((3_600_000..=3_620_000, Expired::Request))), "{ended:?}");
}

#[test]
fn a_dripping_upload_ends_at_the_request_time() {
    let mut timers = kept(&QUIET);
    let _ = timers.observe(Time(0), Phase::Body, Activity { heads: 1, ..BYTE });
    for at in (1_000..300_000).step_by(1_000) {
        let _ = timers.observe(Time(at), Phase::Body, Activity { received: 200, ..NONE });
        assert_eq!(timers.poll(Time(at), &QUIET), None);
    }
    assert_eq!(timers.poll(Time(300_000), &QUIET), Some(Expired::Request));
}

#[test]
fn without_a_rate_the_request_time_is_absolute() {
    let limits = Timeouts { body_rate: None, ..QUIET };
    let mut timers = kept(&limits);
    let _ = timers.observe(Time(0), Phase::Body, Activity { heads: 1, ..BYTE });
    let _ = timers.observe(Time(299_999), Phase::Body, Activity { received: 1 << 30, paused: true, ..NONE });
    assert_eq!(timers.poll(Time(300_000), &limits), Some(Expired::Request));
}

#[test]
fn content_nobody_reads_does_not_run_out_of_time() {
    let limits = Timeouts { idle: None, ..Timeouts::SERVER };
    let mut timers = kept(&limits);
    let _ = timers.observe(Time(0), Phase::Body, Activity { heads: 1, paused: true, ..BYTE });
    assert_eq!(timers.next(&limits), None);
    assert!(timers.observe(Time(1_000_000), Phase::Body, NONE));
    // From now on it must move again: a window for the rate.
    assert_eq!(timers.next(&limits), Some(Time(1_010_000)));
    assert_eq!(timers.poll(Time(1_010_000), &limits), Some(Expired::Request));
    assert_eq!(timers.next(&limits), Some(Time(1_120_000)));
    assert_eq!(timers.poll(Time(1_120_000), &limits), Some(Expired::Body));
}

#[test]
fn silent_content_is_noticed_even_while_the_answer_streams() {
    let limits = Timeouts::SERVER;
    let mut timers = kept(&limits);
    let _ = timers.observe(Time(0), Phase::Body, Activity { heads: 1, ..BYTE });
    for at in (1_000..120_000).step_by(1_000) {
        let _ = timers.observe(Time(at), Phase::Body, Activity { sent: 100, ..NONE });
    }
    assert_eq!(timers.poll(Time(120_000), &limits), Some(Expired::Body));
}

#[test]
fn a_reader_that_stopped_is_noticed_while_it_sends() {
    let limits = Timeouts::SERVER;
    let mut timers = kept(&limits);
    for at in (0..120_000).step_by(1_000) {
        let _ = timers.observe(Time(at), Phase::Respond, Activity { unsent: true, ..BYTE });
    }
    assert_eq!(timers.poll(Time(120_000), &limits), Some(Expired::Write));
}

#[test]
fn an_expired_limit_is_reported_again_only_after_its_clock_was_set_anew() {
    let limits = Timeouts { idle: ms(1_000), ..Timeouts::SERVER };
    let mut timers = kept(&limits);
    let _ = timers.observe(Time(0), Phase::Respond, Activity { heads: 1, ..BYTE });
    assert_eq!(timers.poll(Time(1_000), &limits), Some(Expired::Idle));
    assert!(!timers.observe(Time(2_000), Phase::Respond, NONE));
    assert_eq!((timers.poll(Time(9_000), &limits), timers.next(&limits)), (None, None));
    assert!(timers.observe(Time(9_000), Phase::Respond, Activity { sent: 1, ..NONE }));
    assert_eq!(timers.next(&limits), Some(Time(10_000)));
}

#[test]
fn the_idle_time_of_one_connection_can_be_changed() {
    let limits = Timeouts::SERVER;
    let mut timers = kept(&limits);
    let _ = timers.observe(Time(0), Phase::Respond, Activity { heads: 1, ..BYTE });
    timers.set_idle(ms(50));
    assert_eq!(timers.poll(Time(50), &limits), Some(Expired::Idle));
    timers.set_idle(ms(70));
    assert_eq!(timers.next(&limits), Some(Time(70)));
    timers.set_idle(None);
    assert_eq!(timers.next(&limits), None);
}

#[test]
fn a_linger_is_absolute() {
    let limits = Timeouts::SERVER;
    let mut timers = kept(&limits);
    for at in (0..5_000).step_by(100) {
        let _ = timers.observe(Time(at), Phase::Linger, Activity { received: 10_000, ..NONE });
    }
    assert_eq!(timers.poll(Time(5_000), &limits), Some(Expired::Linger));
}

#[test]
fn a_linger_begins_when_the_last_answer_is_sent() {
    let limits = Timeouts::SERVER;
    let mut timers = kept(&limits);
    for at in (0..100_000).step_by(10_000) {
        let _ = timers.observe(Time(at), Phase::Linger, Activity { sent: 1, unsent: true, ..NONE });
        assert_eq!(timers.next(&limits), Some(Time(at + 120_000)), "as for every reader");
    }
    assert!(
        timers.observe(Time(100_000), Phase::Linger, Activity { sent: 1, ..NONE }),
        "an earlier deadline"
    );
    assert_eq!(timers.poll(Time(104_999), &limits), None);
    assert_eq!(timers.poll(Time(105_000), &limits), Some(Expired::Linger));
}

#[test]
fn another_protocol_has_its_own_time() {
    let limits = Timeouts::SERVER;
    let mut timers = kept(&limits);
    let _ = timers.observe(Time(0), Phase::Switched, Activity { heads: 1, unsent: true, ..BYTE });
    assert_eq!(timers.next(&limits), None);
}

#[test]
fn a_client_has_only_the_limits_it_asks_for() {
    let mut timers = Timers::client(Time(0), &Timeouts::CLIENT);
    for phase in [Phase::Idle, Phase::Head, Phase::Body, Phase::Respond, Phase::Linger] {
        let _ = timers.observe(Time(0), phase, Activity { unsent: true, ..NONE });
        assert_eq!(timers.next(&Timeouts::CLIENT), None, "{phase:?}");
    }
}

#[test]
fn a_client_waits_a_second_for_continue() {
    let limits = Timeouts::CLIENT;
    let mut timers = Timers::client(Time(0), &limits);
    let _ = timers.observe(Time(10), Phase::AwaitContinue, Activity { sent: 100, ..NONE });
    assert_eq!(timers.poll(Time(1_010), &limits), Some(Expired::Continue));
    assert_eq!(timers.next(&limits), None);
}

#[test]
fn a_client_counts_the_answer_from_its_last_byte_and_the_exchange_from_its_first() {
    let limits = Timeouts { headers: ms(1_000), request: ms(3_500), ..Timeouts::CLIENT };
    let mut timers = Timers::client(Time(0), &limits);
    let _ = timers.observe(Time(100), Phase::Head, Activity { unsent: true, ..NONE });
    assert_eq!(timers.next(&limits), Some(Time(3_600)));
    for at in [1_000, 2_000] {
        let _ = timers.observe(Time(at), Phase::Head, Activity { sent: 10, ..NONE });
        assert_eq!(timers.next(&limits), Some(Time(at + 1_000)));
    }
    let _ = timers.observe(Time(2_900), Phase::Body, Activity { heads: 1, ..BYTE });
    assert_eq!(timers.poll(Time(3_600), &limits), Some(Expired::Request));
}

#[test]
fn the_client_is_told_when_it_was_late() {
    let answered = [Expired::Head, Expired::Body, Expired::Request];
    for expired in ALL {
        assert_eq!(expired.status(), answered.contains(&expired).then_some(408));
    }
}

#[test]
fn keep_alive_is_advertised_in_whole_seconds_without_its_buffer() {
    assert_eq!(Timeouts::MODERN_SERVER.keep_alive_hint(), Some(65));
    assert_eq!(Timeouts { keep_alive: ms(999), ..Timeouts::SERVER }.keep_alive_hint(), None);
    assert_eq!(Timeouts::CLIENT.keep_alive_hint(), None);
    let hint = |keep_alive| Timeouts { keep_alive, ..Timeouts::SERVER }.keep_alive_hint();
    assert_eq!(
        (hint(ms(65_535_999)), hint(ms(65_536_000)), hint(Some(Duration::MAX))),
        (Some(65_535), Some(65_535), Some(65_535))
    );
}

#[test]
fn a_limit_of_zero_has_passed_when_it_begins() {
    let limits = Timeouts { headers: ms(0), ..Timeouts::SERVER };
    let mut timers = Timers::server(Time(7), &limits);
    assert_eq!(timers.poll(Time(7), &limits), Some(Expired::KeepAlive));
    let mut timers = kept(&QUIET);
    timers.set_idle(ms(0));
    let _ = timers.observe(Time(9), Phase::Respond, Activity { heads: 1, ..BYTE });
    assert_eq!(timers.poll(Time(9), &QUIET), Some(Expired::Idle));
}

#[test]
fn without_limits_there_is_no_deadline() {
    let never = Timeouts {
        idle: None,
        headers: None,
        keep_alive: None,
        request: None,
        body: None,
        write: None,
        ..Timeouts::SERVER
    };
    let mut timers = Timers::server(Time(0), &never);
    for phase in [Phase::Idle, Phase::Head, Phase::Body, Phase::Respond, Phase::Idle] {
        let _ = timers.observe(Time(0), phase, Activity { unsent: true, heads: 1, ..BYTE });
        assert_eq!((timers.next(&never), timers.poll(Time(1 << 50), &never)), (None, None), "{phase:?}");
    }
}
