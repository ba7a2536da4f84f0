//! What `recv` says is owed: an answer to every complete request, the rest of one that was begun, and else nothing.

use super::*;
use h1wire_proto::{Advice, BodyLen, Method};

/// One line that says what a server is told of `bytes`, and after them of the end of the stream if `ends`.
fn told(conn: &mut Conn<Server>, bytes: &[u8], ends: bool) -> String {
    let (mut input, mut slots, mut told) = (bytes, Slots::new(), String::new());
    if ends {
        conn.recv_eof();
    }
    loop {
        told += match conn.recv(&mut input, &mut slots).expect("a good request") {
            Recv::Event(ServerEvent::Request(_)) => "request ",
            Recv::Event(ServerEvent::Data(_)) => "data ",
            Recv::Event(ServerEvent::End(_)) => "end ",
            Recv::NeedInput(_) => return told + "needs",
            Recv::Paused(Pause::AwaitingResponse) => return told + "answer",
            Recv::Paused(Pause::FinishResponse) => return told + "finish",
            Recv::Paused(Pause::Switched) => return told + "switched",
            Recv::Closed => return told + "closed",
        }
    }
}

/// What clients say about their connection, each in a request of its own.
const CLIENTS: [&str; 7] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
    "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\nUpgrade: x\r\n\r\n",
];

#[test]
fn every_complete_request_is_owed_an_answer_whatever_it_says_about_the_connection_and_whether_or_not_it_ended()
 {
    for request in CLIENTS {
        for ends in [false, true] {
            for behind in ["", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
                let mut conn = server("");
                let bytes = [request, behind].concat();
                assert_eq!(told(&mut conn, bytes.as_bytes(), ends), "request end answer", "{request} {ends}");
                assert_eq!(told(&mut conn, behind.as_bytes(), ends), "answer", "for as long as it is owed");
                let proposes = request.contains("pgrade") || request.starts_with("CONNECT");
                assert_eq!(conn.proposes_switch(), proposes, "{request}");

                conn.respond(404, &(), BodyLen::Exact(2), &mut Vec::new()).unwrap();
                assert!(!conn.proposes_switch());
                assert_eq!(
                    told(&mut conn, behind.as_bytes(), ends),
                    "finish",
                    "an end that was forgotten shows"
                );
                conn.body().unwrap().data(b"no", &mut Vec::new()).unwrap();
                let after = told(&mut conn, behind.as_bytes(), ends);
                let goes_on = matches!(conn.advice(), Advice::Reuse | Advice::Continue);
                match after.as_str() {
                    "closed" => assert!(!goes_on, "{request}"),
                    "needs" => assert!(goes_on && behind.is_empty() && !ends, "{request}"),
                    "request end answer" => assert!(goes_on && !behind.is_empty(), "{request}"),
                    other => panic!("{other}: {request}"),
                }
            }
        }
    }
}

#[test]
fn a_request_with_content_ends_with_its_content_and_is_owed_its_answer_then() {
    let mut conn = server("");
    let request = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(told(&mut conn, request.as_bytes(), false), "request needs");
    assert_eq!(told(&mut conn, b"ab", true), "data end answer");
}

#[test]
fn an_answer_under_way_that_cannot_be_finished_leaves_nothing_owed() {
    let mut conn = server("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    conn.respond(200, &(), BodyLen::Unknown, &mut Vec::new()).unwrap();
    conn.send_failed();
    assert_eq!(told(&mut conn, b"", false), "closed");
    assert_eq!(conn.advice(), Advice::Close);
}

#[test]
fn only_connect_is_answered_with_a_tunnel() {
    for request in CLIENTS {
        let mut conn = server(request);
        if request.starts_with("CONNECT") {
            assert_eq!(written(|out| conn.accept_tunnel(&[("X", "y")], out)), "HTTP/1.1 200 OK\nX: y\n\n");
            assert_eq!(told(&mut conn, b"\x16", false), "switched");
        } else {
            refused(&mut conn, SendError::WrongState, |conn, out| conn.accept_tunnel(&(), out));
        }
    }
    refused(&mut server(""), SendError::WrongState, |conn, out| conn.accept_tunnel(&(), out));
}

#[test]
fn the_client_is_told_to_continue_once_and_only_if_it_waits_for_that() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let mut out = Vec::new();
    let mut conn = server(head);
    assert!(conn.send_continue_if_wanted(&mut out) && !conn.send_continue_if_wanted(&mut out));
    assert_eq!(out, b"HTTP/1.1 100 Continue\r\n\r\n");
    let mut conn = server(head);
    conn.respond(200, &(), BodyLen::None, &mut Vec::new()).unwrap();
    assert!(!conn.send_continue_if_wanted(&mut out), "it was answered");
    assert!(!server(&head.replace("Expect", "X")).send_continue_if_wanted(&mut out));
    assert!(!server(&(head.to_owned() + "a")).send_continue_if_wanted(&mut out), "it did not wait");
}

#[test]
fn what_is_left_behind_a_response_spoils_the_connection_unless_it_is_line_ends() {
    for (left, advice, after) in [
        ("", Advice::Reuse, ""),
        ("\r\n\r\n", Advice::Reuse, ""),
        ("\r", Advice::Close, "\r"),
        ("HTTP/1.1 200 OK\r\n", Advice::Close, "HTTP/1.1 200 OK\r\n"),
    ] {
        let mut conn = client();
        conn.request(Method::Get, b"/", &[("Host", "a")], BodyLen::None, &mut Vec::new()).unwrap();
        listen(&mut conn, "HTTP/1.1 204 No Content\r\n\r\n");
        let mut input = left.as_bytes();
        assert_eq!((conn.settle(&mut input), text(input)), (advice, text(after.as_bytes())), "{left:?}");
    }
    let mut conn = client();
    conn.request(Method::Get, b"/", &[("Host", "a")], BodyLen::None, &mut Vec::new()).unwrap();
    assert_eq!(conn.settle(&mut &b"HTTP"[..]), Advice::Continue, "the response is not complete");
}
