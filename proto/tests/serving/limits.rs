//! What time limits mean.

use crate::{Driven, GET};
use core::time::Duration;
use h1wire_proto::serving::{Lapse, Next, Policy, Why};
use h1wire_proto::{BodyLen, Expired, Time};

const SLOW: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";

impl Driven {
    fn expire(&mut self, at: u64, unread: bool) -> Option<Lapse> {
        self.now = Time(at);
        self.session.expire(&self.policy, self.now, unread)
    }
}

#[test]
fn who_asks_nothing_is_closed_without_a_word_and_who_is_late_is_answered() {
    for (sent, expired) in [("", Expired::KeepAlive), ("GET", Expired::Head), (SLOW, Expired::Body)] {
        let mut policy = Policy::default();
        policy.timeouts.body = Some(Duration::from_secs(60));
        let mut driven = Driven::new(policy);
        driven.receive(sent);
        assert_eq!(driven.deadline(), Some(60_000));
        assert_eq!(driven.expire(59_999, false), None);
        let lapse = driven.expire(60_000, false);
        if expired == Expired::KeepAlive {
            assert_eq!(lapse, Some(Lapse::Over(expired)));
            assert_eq!(driven.next(), Next::Close(Why::Expired(expired)));
            assert!(driven.out.is_empty());
            continue;
        }
        assert_eq!(lapse, Some(Lapse::Late(expired)));
        assert!(driven.session.respond_expired(expired, None, &mut driven.out));
        assert!(driven.out.starts_with(b"HTTP/1.1 408"));
        driven.moved(0, 1);
        assert_eq!(driven.next(), Next::ShutdownWrite);
        driven.eof();
        assert_eq!(driven.next(), Next::Close(Why::Expired(expired)));
    }
}

#[test]
fn a_late_client_may_be_answered_by_somebody_else() {
    let mut driven = Driven::new(Policy::default());
    driven.receive("GET");
    assert_eq!(driven.expire(60_000, false), Some(Lapse::Late(Expired::Head)));
    driven.session.conn().respond_with(503, &(), b"busy", &mut driven.out).unwrap();
    assert!(!driven.session.respond_expired(Expired::Head, None, &mut driven.out));
    driven.moved(0, 1);
    assert_eq!(driven.next(), Next::ShutdownWrite);
}

#[test]
fn an_answer_under_way_to_a_late_client_is_cut_off() {
    for (version, reset) in [("1.0", true), ("1.1", false)] {
        let mut driven = Driven::new(Policy::default());
        driven.receive(&SLOW.replace("1.1", version));
        driven.session.conn().respond(200, &(), BodyLen::Unknown, &mut driven.out).unwrap();
        driven.moved(0, 1);
        assert_eq!(driven.expire(120_000, false), Some(Lapse::Idle));
        assert_eq!(driven.expire(120_000, false), Some(Lapse::Late(Expired::Body)));
        assert!(!driven.session.respond_expired(Expired::Body, None, &mut driven.out));
        let why = Why::Expired(Expired::Body);
        assert_eq!(driven.next(), if reset { Next::Reset(why) } else { Next::Close(why) });
    }
}

#[test]
fn what_was_readable_in_time_is_in_time() {
    let mut driven = Driven::new(Policy::default());
    driven.receive("GET / HTTP/1.1\r\n");
    assert_eq!(driven.expire(61_000, true), Some(Lapse::Read));
    assert_eq!(driven.receive("Host: a\r\n\r\n"), "RE paused");
    assert_eq!(driven.expire(61_000, true), None);
    driven.answer();

    let mut driven = Driven::new(Policy::default());
    driven.receive("GET / HTTP/1.1\r\n");
    assert_eq!(driven.expire(61_000, true), Some(Lapse::Read));
    assert_eq!(driven.receive("H"), " needs");
    assert_eq!(driven.expire(61_000, true), Some(Lapse::Late(Expired::Head)), "once, not for every byte");
}

#[test]
fn an_idle_connection_is_kept_if_somebody_wants_it() {
    let mut driven = Driven::new(Policy::default());
    driven.receive(GET);
    assert_eq!(driven.expire(120_000, false), Some(Lapse::Idle));
    assert_eq!((driven.expire(120_000, false), driven.next()), (None, Next::Wait), "kept");
    driven.session.give_up();
    assert_eq!(driven.next(), Next::Close(Why::Expired(Expired::Idle)));
}

#[test]
fn an_exchange_has_its_own_idle_limit_and_the_next_has_not() {
    let mut policy = Policy::default();
    policy.timeouts.keep_alive = None;
    let mut driven = Driven::new(policy);
    driven.receive(GET);
    driven.session.set_idle(Some(Duration::from_secs(1)));
    assert_eq!(driven.deadline(), Some(1000));
    driven.answer();
    driven.receive("");
    assert_eq!(driven.deadline(), Some(120_000));
    driven.receive(GET);
    assert_eq!(driven.deadline(), Some(120_000));
}

#[test]
fn a_rest_that_does_not_come_is_given_up_and_then_the_client_has_time_to_take_its_answer() {
    let mut driven = Driven::new(Policy::default());
    driven.receive(SLOW);
    driven.answer();
    assert_eq!((driven.next(), driven.deadline()), (Next::Read, Some(5000)));
    assert_eq!(driven.expire(5000, false), None);
    assert_eq!(driven.next(), Next::ShutdownWrite);
    driven.moved(0, 0);
    assert!(matches!(driven.next(), Next::Discard { .. }));
    assert_eq!(driven.deadline(), Some(10_000));
    assert_eq!(driven.expire(10_000, false), Some(Lapse::Over(Expired::Linger)));
    assert_eq!(driven.next(), Next::Close(Why::Refused));
}

#[test]
fn a_reader_that_stopped_is_cut_off() {
    let mut driven = Driven::new(Policy::default());
    driven.receive(GET);
    driven.unsent = true;
    driven.answer();
    driven.receive("");
    assert_eq!(driven.deadline(), Some(120_000));
    let lapses: Vec<_> = std::iter::from_fn(|| driven.expire(120_000, false)).collect();
    assert_eq!(lapses, [Lapse::Idle, Lapse::Over(Expired::Write)]);
    assert_eq!(driven.next(), Next::Reset(Why::Expired(Expired::Write)));
}
