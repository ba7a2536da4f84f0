//! Expectations, tunnels and switches, and the fields of the server itself.

use crate::{Driven, GET};
use h1wire_proto::serving::{Next, Policy, Why};
use h1wire_proto::{BodyLen, Headers, HttpDate, Prepared};

const WAITS: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";

#[test]
fn who_reads_on_sends_100_before_the_final_head_and_the_connection_is_kept() {
    let mut driven = Driven::new(Policy::default());
    assert_eq!(driven.receive(WAITS), "R needs");
    driven.session.conn().keep_reading(true);
    driven.session.conn().respond(200, &(), BodyLen::Unknown, &mut driven.out).unwrap();
    let head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: keep-alive\r\n";
    assert!(driven.out.starts_with(head));
    driven.session.conn().body().unwrap().end(&(), &mut driven.out).unwrap();
    driven.moved(0, 1);
    assert_eq!(driven.next(), Next::Read, "the rest is wanted");
    assert_eq!(driven.receive("abc"), "DE needs");
    assert_eq!(driven.next(), Next::Read);
}

#[test]
fn a_client_that_waits_for_100_and_gets_an_answer_instead_is_not_kept() {
    let mut driven = Driven::new(Policy::default());
    driven.receive(WAITS);
    driven.answer();
    assert!(driven.out.starts_with(b"HTTP/1.1 200 OK\r\nConnection: close\r\n"));
    assert_eq!(driven.next(), Next::ShutdownWrite, "it may or may not send its content");
}

#[test]
fn a_tunnel_that_nobody_makes_is_refused_and_the_connection_ends() {
    let mut driven = Driven::new(Policy::default());
    assert_eq!(driven.receive("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n\x16\x03"), "RE paused");
    driven.session.refuse_tunnel(None, &mut driven.out).unwrap();
    assert!(driven.out.starts_with(b"HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n"));
    driven.moved(0, 1);
    assert_eq!(driven.next(), Next::Recv);
    assert_eq!(driven.receive(""), " closed", "what came after it is for nobody");
    assert_eq!(driven.next(), Next::ShutdownWrite);
    driven.eof();
    assert_eq!(driven.next(), Next::Close(Why::Asked));
}

#[test]
fn a_connection_that_switched_is_handed_over_when_its_answer_is_sent() {
    let mut driven = Driven::new(Policy::default());
    assert_eq!(driven.receive("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n\x16\x03"), "RE paused");
    driven.session.conn().accept_tunnel(&(), &mut driven.out).unwrap();
    driven.unsent = true;
    driven.moved(0, 0);
    assert_eq!(driven.next(), Next::Write);
    driven.unsent = false;
    driven.moved(0, 1);
    assert_eq!(driven.next(), Next::HandOver);
    assert_eq!(driven.input, b"\x16\x03");
    assert_eq!(driven.deadline(), None, "its time is another's business");
}

#[test]
fn the_servers_own_fields_give_way_to_the_handlers_and_the_date_is_asked_for_only_if_it_is_sent() {
    let mut policy = Policy::default();
    policy.set_server("mine").unwrap();
    let mut headers = Headers::new();
    assert!(policy.own_fields(&headers).is_some());
    headers.set("SERVER", "theirs").unwrap();
    assert!(policy.own_fields(&headers).is_none());
    assert!(policy.set_server("a\nb").is_err() && policy.server.is_some());
    policy.server = Some(Prepared::new(&[("Server", "x"), ("X-Frame-Options", "DENY")]).unwrap());

    let date = HttpDate::from_unix(0);
    assert!(policy.date(|| &date).is_some());
    policy.send_date = false;
    assert!(policy.date(|| panic!("nobody needs it")).is_none());
}

#[test]
fn answers_say_how_long_the_connection_is_kept_if_the_policy_says_so() {
    for advertise in [true, false] {
        let mut policy = Policy::default();
        policy.advertise_keep_alive = advertise;
        let mut driven = Driven::new(policy);
        driven.receive(GET);
        driven.answer();
        let said = driven.out.windows(21).any(|line| line == b"Keep-Alive: timeout=5");
        assert_eq!(said, advertise);
    }
}
