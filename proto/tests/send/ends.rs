//! Ends in odd places: of streams, of pieces, of patience. What must not be said, and what must not be lost.

use super::*;
use h1wire_proto::{Advice, BodyLen, Method, RecvErrorKind};

const HOST: [(&str, &str); 1] = [("Host", "a")];
const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn written(say: impl FnOnce(&mut Vec<u8>) -> Result<(), SendError>) -> String {
    let mut out = Vec::new();
    say(&mut out).unwrap();
    text(&out).replace("\\r\\n", "")
}

/// RFC 9112 section 9.6: a client that says it sends no more has not taken back what it sent.
#[test]
fn a_half_closed_client_is_answered_to_its_whole_pipeline() {
    let bytes = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    for eager in [false, true] {
        let mut conn = server("");
        let (mut input, mut slots) = (bytes.as_bytes(), Slots::new());
        conn.recv_eof();
        for last in [false, true] {
            let request = conn.recv(&mut input, &mut slots);
            assert!(matches!(request, Ok(Recv::Event(ServerEvent::Request(_)))));
            if eager {
                assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Event(ServerEvent::End(_)))));
                let owed = conn.recv(&mut input, &mut slots);
                assert!(matches!(owed, Ok(Recv::Paused(Pause::AwaitingResponse))));
            }
            let close = written(|out| conn.respond(204, &(), BodyLen::None, out)).contains("close");
            assert_eq!(close, last);
            if !eager {
                assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Event(ServerEvent::End(_)))));
            }
        }
        assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Closed)));
        assert_eq!(conn.advice(), Advice::Close);
    }
}

#[test]
fn an_error_before_a_request_is_known_is_not_answered_as_the_head_before_it() {
    let mut conn = server("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    conn.respond(204, &(), BodyLen::None, &mut Vec::new()).unwrap();
    let error = conn.recv(&mut &b"GET / HTTP/9.9\r\n\r\n"[..], &mut Slots::new()).unwrap_err();
    let answer = written(|out| conn.respond_error(&error, None, out));
    assert!(answer.ends_with("spoken here.\\n"), "{answer}");
}

/// RFC 9110 section 8.6: in a 304 it would be the length of a 200.
#[test]
fn a_304_without_content_says_nothing_of_its_length() {
    let mut conn = server("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = written(|out| conn.respond_with(304, &(), b"", out));
    assert_eq!(answer, "HTTP/1.1 304 Not Modified\n\n");
}

/// RFC 9110 section 7.6.1.
#[test]
fn a_keep_alive_field_is_named_by_connection() {
    let mut conn = client();
    let fields = [("Host", "a"), ("Keep-Alive", "timeout=5")];
    let request = written(|out| conn.request(Method::Get, b"/", &fields, BodyLen::None, out));
    assert_eq!(request, "GET / HTTP/1.1\nHost: a\nKeep-Alive: timeout=5\nConnection: keep-alive\n\n");
}

/// RFC 9110 section 7.8.
#[test]
fn an_upgrade_field_without_a_protocol_is_none() {
    let mut conn = server("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    let none = [("Upgrade", ",")];
    assert_eq!(conn.switch(&none, &mut Vec::new()), Err(SendError::MissingUpgrade));
    assert_eq!(conn.respond(426, &none, BodyLen::None, &mut Vec::new()), Err(SendError::MissingUpgrade));

    let mut conn = server("");
    let mut input = &b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: ,\r\n\r\n"[..];
    match conn.recv(&mut input, &mut Slots::new()) {
        Ok(Recv::Event(ServerEvent::Request(head))) => assert!(!head.upgrade),
        other => panic!("{other:?}"),
    }
}

fn expecting(conn: &mut Conn<Client>, body: BodyLen) {
    let fields = [("Host", "a"), ("Expect", "100-continue")];
    conn.request(Method::Post, b"/", &fields, body, &mut Vec::new()).unwrap();
}

#[test]
fn content_held_back_behind_the_front_of_a_pipeline_is_not_what_the_front_is_answered_about() {
    let mut conn = Conn::<Client>::new(&ClientConfig { pipeline_depth: 2, ..ClientConfig::default() });
    conn.request(Method::Get, b"/", &HOST, BodyLen::None, &mut Vec::new()).unwrap();
    expecting(&mut conn, BodyLen::Exact(1));
    let mut input = &b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"[..];
    let mut slots = Slots::new();
    for _ in 0..4 {
        assert!(conn.awaits_continue() && conn.wants_content());
        assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Event(_))));
    }
    assert_eq!(conn.advice(), Advice::Continue);
    assert!(conn.awaits_continue() && conn.wants_content());
    assert_eq!(listen(&mut conn, "HTTP/1.1 100 Continue\r\n\r\n"), [100]);
    assert!(!conn.awaits_continue() && conn.wants_content());
    conn.body().unwrap().data(b"x", &mut Vec::new()).unwrap();
    assert_eq!(listen(&mut conn, EMPTY), [200]);
    assert_eq!(conn.advice(), Advice::Reuse);
}

/// RFC 9110 section 10.1.1: content, or its end, ends the wait; nothing does not.
#[test]
fn only_what_is_sent_ends_the_wait_for_100() {
    let mut conn = client();
    expecting(&mut conn, BodyLen::Unknown);
    conn.body().unwrap().data(b"", &mut Vec::new()).unwrap();
    assert!(conn.awaits_continue());
    conn.body().unwrap().end(&(), &mut Vec::new()).unwrap();
    assert!(!conn.awaits_continue());
    assert_eq!(listen(&mut conn, EMPTY), [200]);
    assert_eq!(conn.advice(), Advice::Reuse);
}

#[test]
fn a_connection_the_server_has_closed_is_not_reused_even_before_the_machine_is_asked_again() {
    let mut conn = client();
    conn.request(Method::Get, b"/", &HOST, BodyLen::None, &mut Vec::new()).unwrap();
    assert_eq!(listen(&mut conn, EMPTY), [200]);
    conn.recv_eof();
    assert_eq!(conn.advice(), Advice::Close);
    let again = conn.request(Method::Get, b"/", &HOST, BodyLen::None, &mut Vec::new());
    assert_eq!(again, Err(SendError::WrongState));
}

/// RFC 9112 section 9.2: or the next request would be taken to be answered by it.
#[test]
fn a_second_response_while_the_request_is_still_sent_is_an_error() {
    let mut conn = client();
    conn.request(Method::Post, b"/", &HOST, BodyLen::Exact(1), &mut Vec::new()).unwrap();
    assert_eq!(listen(&mut conn, EMPTY), [200]);
    let mut slots = Slots::new();
    assert!(matches!(conn.recv(&mut &b"\r\n"[..], &mut slots), Ok(Recv::Closed)));
    let error = conn.recv(&mut EMPTY.as_bytes(), &mut slots).unwrap_err();
    assert_eq!(error.kind(), RecvErrorKind::UnsolicitedResponse);
    assert_eq!(conn.advice(), Advice::Close);
}

#[test]
fn a_server_that_leaves_while_the_request_is_still_sent_is_not_reused() {
    let mut conn = client();
    conn.request(Method::Post, b"/", &HOST, BodyLen::Exact(1), &mut Vec::new()).unwrap();
    assert_eq!(listen(&mut conn, EMPTY), [200]);
    conn.recv_eof();
    assert!(matches!(conn.recv(&mut &b""[..], &mut Slots::new()), Ok(Recv::Closed)));
    conn.body().unwrap().data(b"x", &mut Vec::new()).unwrap();
    assert_eq!(conn.advice(), Advice::Close);
}

/// RFC 9112 section 9.6. The answer could not say so any more.
#[test]
fn a_connection_told_to_close_behind_an_answer_is_closed_unless_another_request_is_there() {
    const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let answered = |told_late: bool| {
        let mut conn = server(GET);
        conn.respond(200, &(), BodyLen::Exact(1), &mut Vec::new()).unwrap();
        if !told_late {
            conn.close_after_response();
        }
        conn.body().unwrap().data(b"x", &mut Vec::new()).unwrap();
        assert_eq!(conn.advice(), Advice::Reuse);
        conn
    };
    let mut conn = answered(false);
    assert!(matches!(conn.recv(&mut &b""[..], &mut Slots::new()), Ok(Recv::Closed)));
    assert_eq!(conn.advice(), Advice::Linger);

    let mut conn = answered(true);
    assert_eq!(hear(&mut conn, ""), 0);
    assert_eq!(conn.advice(), Advice::Reuse);
    conn.close_after_response();
    assert_eq!(conn.advice(), Advice::Close);

    let mut conn = answered(false);
    assert_eq!(hear(&mut conn, GET), 1);
    assert!(written(|out| conn.respond(204, &(), BodyLen::None, out)).contains("close"));

    let mut conn = Conn::<Server>::new(&ServerConfig::default());
    conn.close_after_response();
    assert_eq!(conn.advice(), Advice::Reuse, "its first request is answered");
}
