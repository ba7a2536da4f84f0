//! What a server says beside its final response, and what it says to errors: 1xx, `Expect`, early answers, closing.

use h1wire_proto::{
    Advice, BodyLen, Conn, Expired, HttpDate, Pause, Phase, Recv, RecvError, RecvErrorKind, SendError,
    Server, ServerConfig, Slots, Status,
};

use crate::{hear, refused, server, written};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const EXPECT: &str = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";

/// RFC 9110 section 7.6.1: also in an interim response, a field for the next hop alone is named by `Connection`.
#[test]
fn an_interim_response_names_the_fields_that_are_for_the_next_hop() {
    let mut conn = server(GET);
    assert_eq!(
        written(|out| conn.send_informational(103, &[("Upgrade", "b"), ("Keep-Alive", "timeout=1")], out)),
        "HTTP/1.1 103 Early Hints\nUpgrade: b\nKeep-Alive: timeout=1\nConnection: keep-alive, upgrade\n\n"
    );
    assert_eq!(
        written(|out| conn.send_informational(199, &[("Upgrade", "b"), ("Connection", "Upgrade")], out)),
        "HTTP/1.1 199 \nUpgrade: b\nConnection: Upgrade\n\n"
    );
}

/// D7, G7.
#[test]
fn any_number_of_interim_responses_may_come_before_the_final_one() {
    let mut conn = server(GET);
    assert_eq!(written(|out| conn.send_informational(100, &(), out)), "HTTP/1.1 100 Continue\n\n");
    assert_eq!(written(|out| conn.send_informational(102, &(), out)), "HTTP/1.1 102 Processing\n\n");
    assert_eq!(
        written(|out| conn.send_informational(103, &[("Link", "</a>"), ("Link", "</b>")], out)),
        "HTTP/1.1 103 Early Hints\nLink: </a>\nLink: </b>\n\n"
    );
    assert_eq!(
        written(|out| conn.send_informational(Status::new(199).reason(b"Soon"), &(), out)),
        "HTTP/1.1 199 Soon\n\n"
    );
    assert_eq!(conn.advice(), Advice::Continue);
    conn.respond(200, &(), BodyLen::None, &mut Vec::new()).unwrap();
    refused(&mut conn, SendError::WrongState, |conn, out| conn.send_informational(103, &(), out));
}

#[test]
fn an_interim_response_is_refused_where_it_cannot_be_one() {
    let mut conn = server(GET);
    for code in [0, 99, 101, 200, 404] {
        refused(&mut conn, SendError::BadStatus, |conn, out| conn.send_informational(code, &(), out));
    }
    refused(&mut conn, SendError::ReservedField("Content-Length".into()), |conn, out| {
        conn.send_informational(103, &[("Content-Length", "0")], out)
    });
    refused(&mut conn, SendError::BadFieldValue("X".into()), |conn, out| {
        conn.send_informational(103, &[("X", "\n")], out)
    });
    refused(&mut conn, SendError::BadReason, |conn, out| {
        conn.send_informational(Status::new(103).reason(b"\r\n"), &(), out)
    });
    refused(&mut server(""), SendError::WrongState, |conn, out| conn.send_informational(100, &(), out));
}

/// RFC 9110 section 15.2.
#[test]
fn an_http_1_0_client_is_sent_no_interim_response() {
    let mut conn = server("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert!(!conn.wants_continue());
    assert_eq!(written(|out| conn.send_informational(100, &(), out)), "");
    assert_eq!(written(|out| conn.send_informational(103, &[("X", "y")], out)), "");
    refused(&mut conn, SendError::BadFieldName("".into()), |conn, out| {
        conn.send_informational(103, &[("", "y")], out)
    });
}

/// C3. RFC 9110 section 10.1.1.
#[test]
fn a_client_that_waits_for_100_gets_it_when_its_content_is_wanted() {
    let mut conn = server(EXPECT);
    assert!(conn.wants_continue());
    assert_eq!(written(|out| conn.send_informational(100, &(), out)), "HTTP/1.1 100 Continue\n\n");
    assert!(!conn.wants_continue());
    assert_eq!(hear(&mut conn, "ok"), 2);
    assert_eq!(
        written(|out| conn.respond(200, &(), BodyLen::None, out)),
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n"
    );
    assert_eq!(conn.advice(), Advice::Reuse);
}

#[test]
fn content_that_comes_unasked_ends_the_wait_for_100() {
    let mut conn = server(EXPECT);
    assert_eq!(hear(&mut conn, "o"), 1);
    assert!(!conn.wants_continue());
    let mut conn = server(EXPECT);
    conn.recv_bypassed(1);
    assert!(!conn.wants_continue());
}

#[test]
fn another_interim_response_does_not_end_the_wait_for_100() {
    let mut conn = server(EXPECT);
    conn.send_informational(103, &(), &mut Vec::new()).unwrap();
    assert!(conn.wants_continue());
}

/// RFC 9110 section 10.1.1: nobody knows whether the content will still come.
#[test]
fn an_answer_instead_of_100_closes_the_connection() {
    let mut conn = server(EXPECT);
    assert_eq!(
        written(|out| conn.respond(401, &(), BodyLen::None, out)),
        "HTTP/1.1 401 Unauthorized\nConnection: close\nContent-Length: 0\n\n"
    );
    assert!(!conn.wants_continue());
    assert_eq!(conn.advice(), Advice::Linger);
    assert_eq!(conn.phase(), Phase::Linger);
}

/// C4.
#[test]
fn another_expectation_can_be_refused_with_417() {
    let mut conn = server("GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n");
    assert!(!conn.wants_continue());
    assert_eq!(
        written(|out| conn.respond(417, &(), BodyLen::None, out)),
        "HTTP/1.1 417 Expectation Failed\nContent-Length: 0\n\n"
    );
    assert_eq!(conn.advice(), Advice::Reuse);
}

/// RFC 9112 section 9.3: the rest of the content is read, or the connection closed.
#[test]
fn an_answer_before_the_content_is_there_leaves_the_content_to_be_read() {
    let mut conn = server("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
    assert_eq!(
        written(|out| conn.respond(200, &(), BodyLen::None, out)),
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n"
    );
    assert_eq!(conn.advice(), Advice::Drain);
    assert_eq!(hear(&mut conn, "cd"), 2);
    assert_eq!(conn.advice(), Advice::Reuse);
    assert_eq!(hear(&mut conn, GET), 1);
}

#[test]
fn an_answer_with_close_before_the_content_is_there_lingers() {
    let mut conn = server("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
    conn.respond(200, &[("Connection", "close")], BodyLen::None, &mut Vec::new()).unwrap();
    assert_eq!(conn.advice(), Advice::Linger);
}

/// C5: each status of an error, once, then nothing more.
#[test]
fn an_error_is_answered_with_its_status_and_close() {
    for (request, answer) in [
        ("G@T", "400 Bad Request"),
        ("GET / HTTP/2.0\r\n\r\n", "505 HTTP Version Not Supported"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x, chunked\r\n\r\n", "501 Not Implemented"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "413 Content Too Large",
        ),
    ] {
        let mut conn = server("");
        let error = conn.recv(&mut request.as_bytes(), &mut Slots::new()).unwrap_err();
        let said = written(|out| conn.respond_error(&error, None, out));
        if error.kind() == RecvErrorKind::VersionUnsupported {
            // RFC 9110 section 15.6.6: the response ought to say what is spoken.
            assert_eq!(
                said,
                format!(
                    "HTTP/1.1 {answer}\nConnection: close\nContent-Length: 39\n\n\
                     HTTP/1.1 and HTTP/1.0 are spoken here.\\n"
                )
            );
        } else {
            assert_eq!(said, format!("HTTP/1.1 {answer}\nConnection: close\nContent-Length: 0\n\n"));
        }
        assert_eq!(conn.advice(), Advice::Linger);
        refused(&mut conn, SendError::WrongState, |conn, out| conn.respond_error(&error, None, out));
    }
}

#[test]
fn every_kind_of_error_can_be_answered() {
    let date = HttpDate::from_unix(0);
    for kind in RecvErrorKind::ALL {
        let (error, mut conn) = (RecvError::new(*kind, 0), server(""));
        let said = written(|out| conn.respond_error(&error, Some(&date), out));
        let line = format!("HTTP/1.1 {} ", error.status());
        assert!(said.starts_with(&line), "{said}");
        assert!(said.contains("\nDate: Thu, 01 Jan 1970 00:00:00 GMT\nConnection: close\n"), "{said}");
    }
}

/// RFC 9110 section 15.5.9.
#[test]
fn a_client_that_is_late_is_answered_once_where_it_began_a_request_and_was_not_answered() {
    const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";
    let limits = [
        Expired::Idle,
        Expired::Head,
        Expired::KeepAlive,
        Expired::Body,
        Expired::Request,
        Expired::Continue,
        Expired::Write,
        Expired::Linger,
    ];
    for expired in limits {
        for (received, answered) in [("", false), ("GET / HT", false), (POST, false), (POST, true)] {
            let mut conn = server("");
            let _ = conn.recv(&mut received.as_bytes(), &mut Slots::new()).unwrap();
            if answered {
                conn.respond(200, &(), BodyLen::Unknown, &mut Vec::new()).unwrap();
            }
            if answered || expired.status().is_none() {
                refused(&mut conn, SendError::WrongState, |conn, out| {
                    conn.respond_expired(expired, None, out)
                });
                continue;
            }
            assert_eq!(
                written(|out| conn.respond_expired(expired, None, out)),
                "HTTP/1.1 408 Request Timeout\nConnection: close\nContent-Length: 0\n\n"
            );
            assert!(matches!(conn.advice(), Advice::Linger | Advice::Close), "{:?}", conn.advice());
            refused(&mut conn, SendError::WrongState, |conn, out| conn.respond_expired(expired, None, out));
        }
    }
}

/// C5: nothing is written into an answer that is under way.
#[test]
fn an_error_in_content_that_is_being_answered_is_not_answered() {
    let mut conn = server("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    conn.respond(200, &(), BodyLen::Unknown, &mut Vec::new()).unwrap();
    let error = conn.recv(&mut &b"x\r\n"[..], &mut Slots::new()).unwrap_err();
    refused(&mut conn, SendError::WrongState, |conn, out| conn.respond_error(&error, None, out));
    // The answer itself may be completed.
    assert_eq!(conn.advice(), Advice::Continue);
    assert_eq!(written(|out| conn.body().unwrap().end(&(), out)), "0\n\n");
    assert_eq!(conn.advice(), Advice::Linger);
}

#[test]
fn an_error_in_content_that_is_not_answered_yet_is_answered() {
    let mut conn = server("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let error = conn.recv(&mut &b"x\r\n"[..], &mut Slots::new()).unwrap_err();
    assert_eq!(
        written(|out| conn.respond_error(&error, None, out)),
        "HTTP/1.1 400 Bad Request\nConnection: close\nContent-Length: 0\n\n"
    );
    assert_eq!(conn.advice(), Advice::Linger);
}

#[test]
fn an_error_after_the_answer_is_not_answered_again() {
    let mut conn = server("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    conn.respond(200, &(), BodyLen::None, &mut Vec::new()).unwrap();
    assert_eq!(conn.advice(), Advice::Drain);
    let error = conn.recv(&mut &b"x\r\n"[..], &mut Slots::new()).unwrap_err();
    refused(&mut conn, SendError::WrongState, |conn, out| conn.respond_error(&error, None, out));
    assert_eq!(conn.advice(), Advice::Linger);
}

/// RFC 9112 section 9.6: after the end of the client's half, the answer is the last.
#[test]
fn a_half_closed_client_is_answered_with_close() {
    let mut conn = server(GET);
    conn.recv_eof();
    assert_eq!(
        written(|out| conn.respond(200, &(), BodyLen::None, out)),
        "HTTP/1.1 200 OK\nConnection: close\nContent-Length: 0\n\n"
    );
    assert_eq!(conn.advice(), Advice::Close);
}

/// RFC 9112 section 9.6: nothing is read after a response with `close`.
#[test]
fn requests_behind_an_answer_with_close_are_not_looked_at() {
    let mut conn = server(GET);
    conn.respond(200, &[("Connection", "close")], BodyLen::None, &mut Vec::new()).unwrap();
    assert_eq!(conn.advice(), Advice::Linger, "the client may be sending");
    let mut input = GET.as_bytes();
    assert!(matches!(conn.recv(&mut input, &mut Slots::new()), Ok(Recv::Closed)));
    assert_eq!(input.len(), GET.len());
    assert_eq!(conn.advice(), Advice::Linger);
}

/// RFC 9112 section 9.6: closed at once, a connection whose client goes on is reset, and the answer may be lost.
#[test]
fn a_connection_is_closed_at_once_only_if_its_client_knew_that_it_would_be() {
    let close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let end = |request: &str, own: &[(&str, &str)], told: bool, half_closed: bool| {
        let mut conn = server(request);
        if half_closed {
            conn.recv_eof();
        }
        conn.respond(200, own, BodyLen::Unknown, &mut Vec::new()).unwrap();
        if told {
            conn.close_after_response();
        }
        conn.body().unwrap().end(&(), &mut Vec::new()).unwrap();
        assert!(matches!(conn.recv(&mut &b""[..], &mut Slots::new()), Ok(Recv::Closed)));
        conn.advice()
    };
    for own in [&[][..], &[("Connection", "close")]] {
        assert_eq!(end(close, own, false, false), Advice::Close, "it asked for that");
        assert_eq!(end(close, own, true, false), Advice::Close, "it asked for that");
        assert_eq!(end("GET / HTTP/1.0\r\n\r\n", own, false, false), Advice::Close, "so it is in HTTP/1.0");
        assert_eq!(end(GET, own, true, true), Advice::Close, "it will send nothing more");
        assert_eq!(end(GET, own, true, false), Advice::Linger, "it cannot have known");
    }
}

/// RFC 9112 section 9.6: a server that means to close says so.
#[test]
fn a_server_that_shuts_down_says_so_in_its_next_answer() {
    let mut conn = server(GET);
    conn.respond(200, &(), BodyLen::Unknown, &mut Vec::new()).unwrap();
    conn.close_after_response();
    conn.body().unwrap().end(&(), &mut Vec::new()).unwrap();
    assert_eq!(conn.advice(), Advice::Reuse, "its head was sent before");
    assert_eq!(hear(&mut conn, GET), 1);
    assert_eq!(
        written(|out| conn.respond(200, &(), BodyLen::None, out)),
        "HTTP/1.1 200 OK\nConnection: close\nContent-Length: 0\n\n"
    );
    assert_eq!(conn.advice(), Advice::Linger);
}

#[test]
fn nothing_is_sent_after_bytes_were_lost() {
    let mut conn = server(GET);
    conn.send_failed();
    refused(&mut conn, SendError::Poisoned, |conn, out| conn.respond(200, &(), BodyLen::None, out));
    refused(&mut conn, SendError::Poisoned, |conn, out| conn.send_informational(100, &(), out));
    refused(&mut conn, SendError::Poisoned, |conn, out| {
        conn.respond_error(&RecvError::new(RecvErrorKind::BareLf, 0), None, out)
    });
    assert_eq!(conn.advice(), Advice::Close);
    let mut conn = server(GET);
    conn.respond(200, &(), BodyLen::Exact(5), &mut Vec::new()).unwrap();
    conn.send_failed();
    assert!(conn.body().is_none());
    assert_eq!(conn.advice(), Advice::Close);
}

/// G10.
#[test]
fn a_request_without_content_can_be_answered_while_its_head_is_held() {
    let mut conn = Conn::<Server>::new(&ServerConfig::default());
    let (mut input, mut slots) = (GET.as_bytes(), Slots::new());
    let Ok(Recv::Event(h1wire_proto::ServerEvent::Request(head))) = conn.recv(&mut input, &mut slots) else {
        panic!("a request")
    };
    let host = head.fields.get("host").unwrap();
    assert_eq!(
        written(|out| conn.respond(200, &[("X-Host", host)], BodyLen::None, out)),
        "HTTP/1.1 200 OK\nX-Host: a\nContent-Length: 0\n\n"
    );
    assert_eq!(conn.advice(), Advice::Reuse);
    assert!(!matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Paused(Pause::AwaitingResponse))));
}
