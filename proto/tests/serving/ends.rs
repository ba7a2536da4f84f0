//! How connections end, and why.

use crate::{Driven, GET};
use h1wire_proto::serving::{Io, Next, Policy, Why};
use h1wire_proto::{BodyLen, Lifetime, RecvErrorKind, Time};

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n";

fn budgets(discard: u64, linger: u64) -> Policy {
    let mut policy = Policy::default();
    (policy.discard_limit, policy.linger_limit) = (Some(discard), Some(linger));
    policy
}

/// Everything after `ShutdownWrite` up to the client's own end.
fn lingers(driven: &mut Driven, why: Why) {
    assert_eq!(driven.next(), Next::ShutdownWrite);
    assert!(driven.session.is_lingering());
    assert!(matches!(driven.next(), Next::Discard { .. }));
    assert_eq!(driven.eof(), " closed");
    assert_eq!(driven.next(), Next::Close(why));
}

#[test]
fn a_kept_connection_reads_the_next_request_and_closes_when_its_client_leaves() {
    let mut driven = Driven::new(Policy::default());
    assert_eq!(driven.next(), Next::Read);
    for _ in 0..2 {
        assert_eq!(driven.receive(GET), "RE paused");
        assert_eq!(driven.next(), Next::Wait, "it is the handler's turn");
        driven.answer();
        assert_eq!(driven.next(), Next::Recv);
        assert_eq!(driven.receive(""), " needs");
        assert_eq!(driven.next(), Next::Read);
    }
    assert_eq!(driven.eof(), " closed");
    assert_eq!(driven.next(), Next::Close(Why::PeerLeft));
    assert_eq!(driven.session.requests(), 2);
}

#[test]
fn a_client_that_says_close_is_answered_and_its_connection_closed_unless_more_of_it_lies_in_the_socket() {
    for request in ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"] {
        for unread in [false, true] {
            let mut driven = Driven::new(Policy::default());
            assert_eq!(driven.receive(request), "RE paused");
            driven.answer();
            assert_eq!(driven.next(), Next::Recv);
            assert_eq!(driven.receive(""), " closed");
            driven.io.unread = unread;
            if unread {
                assert_eq!(driven.next(), Next::Read, "closed over it, the socket would be reset");
                assert_eq!(driven.receive(GET), " closed");
                lingers(&mut driven, Why::PeerAsked);
            } else {
                assert_eq!(driven.next(), Next::Close(Why::PeerAsked));
            }
        }
    }
}

#[test]
fn a_request_answered_early_is_read_on_if_the_rest_is_within_the_budget_and_the_connection_kept() {
    let mut driven = Driven::new(budgets(100, 1000));
    assert_eq!(driven.receive(POST), "R needs");
    driven.answer();
    assert_eq!(driven.next(), Next::Read);
    assert_eq!(driven.receive(&"x".repeat(99)), "D needs");
    assert_eq!(driven.next(), Next::Read);
    assert_eq!(driven.receive(&format!("x{GET}")), "DERE paused");
    driven.answer();
    assert_eq!(driven.next(), Next::Recv);
}

/// The next head may come with the end of the content, before anybody asks what to do with the socket.
#[test]
fn each_request_answered_early_has_a_budget_of_its_own() {
    let mut driven = Driven::new(budgets(100, 100));
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n";
    assert_eq!(driven.receive(post), "R needs");
    for _ in 0..3 {
        driven.answer();
        assert_eq!(driven.next(), Next::Read);
        assert_eq!(driven.receive(&"x".repeat(90)), "D needs");
        assert_eq!(driven.next(), Next::Read);
        assert_eq!(driven.receive(&("x".repeat(10) + post)), "DER needs");
    }
    assert_eq!(driven.session.why(), None);
}

#[test]
fn a_request_answered_early_whose_rest_is_too_much_ends_its_connection_without_taking_the_answer_back() {
    let mut driven = Driven::new(budgets(99, 1000));
    assert_eq!(driven.receive(POST), "R needs");
    driven.answer();
    assert_eq!(driven.next(), Next::ShutdownWrite, "it cannot be enough");
    assert_eq!(driven.next(), Next::Discard { most: 1000 });
    driven.discard(400);
    assert_eq!(driven.next(), Next::Discard { most: 600 });
    driven.discard(600);
    assert_eq!(driven.next(), Next::Wait, "its own window stops the client; a close would be a reset");
    assert_eq!(driven.deadline(), Some(5000), "and not for ever");
    driven.io = Io { ended: true, ..Io::default() };
    assert_eq!(driven.next(), Next::Discard { most: u64::MAX }, "what is there is all there will be");
    driven.eof();
    assert_eq!(driven.next(), Next::Close(Why::Refused));
}

#[test]
fn chunks_that_go_on_beyond_the_budget_are_read_no_more() {
    let mut driven = Driven::new(budgets(10, 10));
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(driven.receive(head), "R needs");
    driven.answer();
    assert_eq!(driven.next(), Next::Read);
    assert_eq!(driven.receive("5\r\nabcde\r\n"), "D needs");
    assert_eq!(driven.next(), Next::Read);
    assert_eq!(driven.receive("5\r\nabcde\r\n"), "D needs");
    lingers(&mut driven, Why::Refused);
}

#[test]
fn the_answer_goes_out_before_the_write_side_is_shut_down() {
    let mut driven = Driven::new(budgets(0, 10));
    assert_eq!(driven.receive(POST), "R needs");
    driven.unsent = true;
    driven.answer();
    assert_eq!(driven.next(), Next::Discard { most: 10 }, "a client may send all before it reads");
    driven.discard(10);
    assert_eq!(driven.next(), Next::Write);
    driven.unsent = false;
    driven.moved(0, 1);
    assert_eq!(driven.next(), Next::ShutdownWrite);
    assert_eq!(driven.next(), Next::Discard { most: 10 });
}

#[test]
fn what_a_client_did_wrong_is_answered_and_lingers() {
    let mut driven = Driven::new(Policy::default());
    assert_eq!(driven.receive("GET / HTTP/1.1\r\n\r\n"), "! closed");
    assert!(driven.out.starts_with(b"HTTP/1.1 400"));
    lingers(&mut driven, Why::Protocol(RecvErrorKind::MissingHost));
}

#[test]
fn an_error_that_nobody_answers_closes() {
    let mut driven = Driven::new(Policy::default());
    let mut input = &b"\0\r\n\r\n"[..];
    assert!(driven.session.recv(&driven.policy, &mut input, &mut h1wire_proto::Slots::new()).is_err());
    driven.moved(5, 0);
    assert!(matches!(driven.next(), Next::Close(Why::Protocol(_))));
}

/// RFC 9112 section 8: content that lasts until close would be taken for complete.
#[test]
fn content_that_breaks_off_ends_in_a_reset_where_an_end_would_look_like_its_own() {
    for (request, reset) in [("GET / HTTP/1.0\r\n\r\n", true), (GET, false)] {
        let mut driven = Driven::new(Policy::default());
        driven.receive(request);
        driven.session.conn().respond(200, &(), BodyLen::Unknown, &mut driven.out).unwrap();
        driven.moved(0, 1);
        assert_eq!(driven.next(), Next::Wait);
        driven.session.abort();
        let end = if reset { Next::Reset(Why::Aborted) } else { Next::Close(Why::Aborted) };
        assert_eq!(driven.next(), end);
    }
}

#[test]
fn an_answer_under_way_to_a_request_that_breaks_off_does_not_look_complete() {
    let mut driven = Driven::new(Policy::default());
    assert_eq!(driven.receive("POST / HTTP/1.0\r\nContent-Length: 10\r\n\r\nabc"), "RD needs");
    driven.session.conn().respond(200, &(), BodyLen::Unknown, &mut driven.out).unwrap();
    driven.moved(0, 1);
    assert_eq!(driven.eof(), "! closed");
    assert_eq!(driven.next(), Next::Reset(Why::Protocol(RecvErrorKind::UnexpectedEof)));
}

#[test]
fn bytes_that_cannot_be_sent_any_more_end_in_a_reset() {
    let mut driven = Driven::new(Policy::default());
    driven.receive(GET);
    driven.unsent = true;
    driven.answer();
    assert!(driven.session.gone());
    assert_eq!(driven.next(), Next::Reset(Why::Gone));
}

#[test]
fn a_client_that_has_everything_may_go_as_it_likes() {
    let mut driven = Driven::new(Policy::default());
    assert!(!driven.session.clone().gone(), "before it said anything");
    driven.receive(GET);
    assert!(driven.session.clone().gone(), "it waits for an answer");
    driven.answer();
    driven.receive("");
    assert!(!driven.session.gone());
    assert!(matches!(driven.next(), Next::Reset(Why::PeerLeft)));
}

#[test]
fn a_server_that_is_shut_down_gives_the_answer_at_hand_as_the_last() {
    let mut driven = Driven::new(Policy::default());
    driven.receive(GET);
    driven.session.wind_up();
    driven.answer();
    assert!(driven.out.ends_with(b"Connection: close\r\nContent-Length: 0\r\n\r\n"));
    assert_eq!(driven.next(), Next::Recv);
    driven.receive("");
    lingers(&mut driven, Why::WoundUp);
}

#[test]
fn a_server_that_is_shut_down_closes_at_rest_unless_a_request_lies_in_the_socket() {
    for requests in 0..2 {
        for unread in [false, true] {
            let mut driven = Driven::new(Policy::default());
            for _ in 0..requests {
                driven.receive(GET);
                driven.answer();
                driven.receive("");
            }
            driven.session.wind_up();
            driven.io.unread = unread;
            if unread {
                assert_eq!(driven.next(), Next::Read);
                assert_eq!(driven.receive(GET), "RE paused");
                driven.io.unread = false;
                driven.answer();
                driven.receive("");
                lingers(&mut driven, Why::WoundUp);
            } else {
                driven.now = Time(5000);
                assert_eq!(driven.next(), Next::Close(Why::WoundUp));
            }
        }
    }
    let mut driven = Driven::new(Policy::default());
    driven.receive(GET);
    driven.answer();
    driven.receive("");
    driven.session.wind_up();
    lingers(&mut driven, Why::WoundUp);
    let mut driven = Driven::new(Policy::default());
    driven.receive("GET");
    driven.session.wind_up();
    assert_eq!(driven.next(), Next::Read, "a request has begun");
}

#[test]
fn what_came_after_the_last_request_is_dropped_and_told_once() {
    let mut policy = Policy::default();
    policy.lifetime = Lifetime { max_requests: Some(1), ..Lifetime::default() };
    let mut driven = Driven::new(policy);
    assert_eq!(driven.receive(&[GET, GET].concat()), "RE paused");
    assert!(!driven.session.dropped());
    driven.answer();
    assert_eq!(driven.receive(""), " closed");
    assert!(driven.input.is_empty() && driven.session.dropped() && !driven.session.dropped());
    assert_eq!(driven.next(), Next::ShutdownWrite);
    driven.discard(9);
    assert!(!driven.session.dropped());
    driven.eof();
    assert_eq!(driven.next(), Next::Close(Why::Requests));
}

#[test]
fn what_comes_after_the_last_request_while_its_client_is_waited_for_is_told_as_well() {
    let mut policy = Policy::default();
    policy.lifetime = Lifetime { max_requests: Some(1), ..Lifetime::default() };
    let mut driven = Driven::new(policy);
    driven.receive(GET);
    driven.answer();
    driven.receive("");
    assert_eq!(driven.next(), Next::ShutdownWrite);
    driven.receive(GET);
    assert!(driven.session.dropped());
}

#[test]
fn an_old_connection_ends_at_rest_or_with_its_next_answer() {
    let mut policy = Policy::default();
    policy.lifetime = Lifetime { max_age: Some(core::time::Duration::from_secs(3)), ..Lifetime::default() };
    for at_rest in [true, false] {
        let mut driven = Driven::new(policy.clone());
        driven.receive(GET);
        if at_rest {
            driven.answer();
            driven.receive("");
        }
        driven.now = Time(2000);
        driven.moved(0, 1);
        assert_eq!(driven.deadline(), Some(3000));
        driven.now = Time(3000);
        assert_eq!(driven.session.expire(&driven.policy, driven.now, false), None);
        if at_rest {
            lingers(&mut driven, Why::Age);
        } else {
            driven.answer();
            driven.receive("");
            lingers(&mut driven, Why::Age);
        }
    }
}
