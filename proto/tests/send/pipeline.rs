//! Several requests at once: what may follow what, and which are outstanding.

use h1wire_proto::{
    Advice, BodyLen, Client, ClientConfig, ClientEvent, Conn, Count, Method, Phase, Recv, RecvErrorKind,
    SendError, Slots,
};

use crate::{hear, listen, refused, server, written};

const HOST: [(&str, &str); 1] = [("Host", "a")];
const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn pipeline(depth: u8) -> Conn<Client> {
    Conn::<Client>::new(&ClientConfig { pipeline_depth: depth, ..ClientConfig::default() })
}

fn get(conn: &mut Conn<Client>, out: &mut Vec<u8>) -> Result<(), SendError> {
    conn.request(Method::Get, b"/", &HOST, BodyLen::None, out)
}

#[test]
fn as_many_requests_as_the_depth_may_be_outstanding() {
    for (depth, most) in [(0, 1), (1, 1), (2, 2), (5, 5), (16, 16), (200, 16)] {
        let mut conn = pipeline(depth);
        for n in 1..=most {
            get(&mut conn, &mut Vec::new()).unwrap();
            assert_eq!(conn.outstanding(), n);
        }
        refused(&mut conn, SendError::WrongState, get);
        for n in (0..most).rev() {
            assert_eq!(listen(&mut conn, EMPTY), [200]);
            assert_eq!(conn.outstanding(), n);
            assert_eq!(conn.advice(), if n == 0 { Advice::Reuse } else { Advice::Continue });
        }
        get(&mut conn, &mut Vec::new()).unwrap();
        assert_eq!(conn.outstanding(), 1);
    }
}

#[test]
fn room_in_the_pipeline_comes_back_with_each_response() {
    let mut conn = pipeline(2);
    get(&mut conn, &mut Vec::new()).unwrap();
    get(&mut conn, &mut Vec::new()).unwrap();
    for _ in 0..40 {
        refused(&mut conn, SendError::WrongState, get);
        assert_eq!(listen(&mut conn, "HTTP/1.1 103 Early Hints\r\n\r\n"), [103]);
        assert_eq!(conn.outstanding(), 2, "an interim response answers nothing");
        refused(&mut conn, SendError::WrongState, get);
        assert_eq!(listen(&mut conn, EMPTY), [200]);
        assert_eq!(conn.outstanding(), 1);
        get(&mut conn, &mut Vec::new()).unwrap();
    }
}

/// RFC 9112 section 9.3.2.
#[test]
fn only_an_idempotent_request_may_be_followed_before_it_is_answered() {
    for (method, follows) in [
        ("GET", true),
        ("HEAD", true),
        ("PUT", true),
        ("DELETE", true),
        ("OPTIONS", true),
        ("TRACE", true),
        ("PROPFIND", true),
        ("POST", false),
        ("PATCH", false),
        ("LOCK", false),
        ("UNKNOWN", false),
    ] {
        let mut conn = pipeline(4);
        conn.request(Method::from(method), b"/", &HOST, BodyLen::None, &mut Count::default()).unwrap();
        if follows {
            get(&mut conn, &mut Vec::new()).unwrap();
        } else {
            refused(&mut conn, SendError::WrongState, get);
            listen(&mut conn, EMPTY);
            get(&mut conn, &mut Vec::new()).unwrap();
        }
    }
}

#[test]
fn nothing_follows_a_request_that_closes_switches_or_is_not_complete() {
    for fields in [[("Host", "a"), ("Connection", "close")], [("Host", "a"), ("Upgrade", "x")]] {
        let mut conn = pipeline(4);
        conn.request(Method::Get, b"/", &fields, BodyLen::None, &mut Count::default()).unwrap();
        refused(&mut conn, SendError::WrongState, get);
    }
    let mut conn = pipeline(4);
    conn.request(Method::Connect, b"a:1", &HOST, BodyLen::None, &mut Count::default()).unwrap();
    refused(&mut conn, SendError::WrongState, get);

    let mut conn = pipeline(4);
    conn.request(Method::Put, b"/", &HOST, BodyLen::Exact(2), &mut Count::default()).unwrap();
    refused(&mut conn, SendError::WrongState, get);
    conn.body().unwrap().data(b"ok", &mut Count::default()).unwrap();
    get(&mut conn, &mut Vec::new()).unwrap();
    assert_eq!(conn.outstanding(), 2);
}

/// RFC 9112 section 2.2: nothing stands between the messages.
#[test]
fn pipelined_requests_lie_end_to_end() {
    let mut conn = pipeline(4);
    let bytes = written(|out| {
        conn.request(Method::Put, b"/1", &HOST, BodyLen::Unknown, out)?;
        let mut body = conn.body().expect("content");
        body.data(b"x", out)?;
        body.end(&(), out)?;
        conn.request(Method::Put, b"/2", &HOST, BodyLen::Exact(2), out)?;
        conn.body().expect("content").data(b"\r\n", out)?;
        conn.request(Method::Get, b"/3", &HOST, BodyLen::None, out)
    });
    assert_eq!(
        bytes,
        "PUT /1 HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n1\nx\n0\n\n\
         PUT /2 HTTP/1.1\nHost: a\nContent-Length: 2\n\n\n\
         GET /3 HTTP/1.1\nHost: a\n\n"
    );
}

/// A request of a pipeline is still being sent when the answer to the one before is complete.
#[test]
fn content_behind_the_front_goes_on_while_the_front_is_answered() {
    let mut conn = pipeline(4);
    get(&mut conn, &mut Vec::new()).unwrap();
    conn.request(Method::Put, b"/", &HOST, BodyLen::Exact(4), &mut Count::default()).unwrap();
    conn.body().unwrap().data(b"ab", &mut Count::default()).unwrap();
    assert_eq!(listen(&mut conn, EMPTY), [200]);
    assert_eq!(conn.outstanding(), 1);
    assert_eq!(written(|out| conn.body().unwrap().data(b"cd", out)), "cd");
    assert_eq!(listen(&mut conn, EMPTY), [200]);
    assert_eq!((conn.advice(), conn.outstanding()), (Advice::Reuse, 0));
}

#[test]
fn content_behind_the_front_may_be_complete_before_the_front_is_answered() {
    let mut conn = pipeline(4);
    get(&mut conn, &mut Vec::new()).unwrap();
    conn.request(Method::Put, b"/", &HOST, BodyLen::Exact(2), &mut Count::default()).unwrap();
    conn.body().unwrap().data(b"ab", &mut Count::default()).unwrap();
    assert_eq!(listen(&mut conn, &[EMPTY, EMPTY].concat()), [200, 200]);
    assert_eq!((conn.advice(), conn.outstanding()), (Advice::Reuse, 0));
}

/// RFC 9112 section 9.6: nobody answers what came behind a response with `close`.
#[test]
fn requests_behind_a_response_with_close_stay_outstanding() {
    let mut conn = pipeline(4);
    for _ in 0..3 {
        get(&mut conn, &mut Vec::new()).unwrap();
    }
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(listen(&mut conn, close), [200]);
    assert_eq!((conn.advice(), conn.outstanding()), (Advice::Close, 2));
    refused(&mut conn, SendError::WrongState, get);
}

#[test]
fn the_end_of_the_stream_leaves_what_was_not_answered_outstanding() {
    let mut conn = pipeline(4);
    get(&mut conn, &mut Vec::new()).unwrap();
    get(&mut conn, &mut Vec::new()).unwrap();
    assert_eq!(listen(&mut conn, EMPTY), [200]);
    conn.recv_eof();
    let error = conn.recv(&mut &b""[..], &mut Slots::new()).unwrap_err();
    assert_eq!(error.kind(), RecvErrorKind::UnexpectedEof);
    assert_eq!((conn.advice(), conn.outstanding()), (Advice::Close, 1));
}

/// Whoever pools the connection asks right behind the event, without another call of `recv`.
#[test]
fn a_connection_is_not_reusable_between_two_responses_of_a_pipeline() {
    let mut conn = pipeline(2);
    get(&mut conn, &mut Vec::new()).unwrap();
    get(&mut conn, &mut Vec::new()).unwrap();
    let (mut slots, bytes) = (Slots::new(), [EMPTY, EMPTY].concat());
    let mut input = bytes.as_bytes();
    for (advice, phase, left) in [(Advice::Continue, Phase::Head, 1), (Advice::Reuse, Phase::Idle, 0)] {
        assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Event(ClientEvent::Response(_)))));
        assert_eq!(
            (conn.advice(), conn.outstanding()),
            (Advice::Continue, left + 1),
            "its end is still to be told"
        );
        assert!(matches!(conn.recv(&mut input, &mut slots), Ok(Recv::Event(ClientEvent::End(_)))));
        assert_eq!((conn.advice(), conn.phase(), conn.outstanding()), (advice, phase, left));
    }
}

/// RFC 9112 section 9.3.2: a server answers in order, because it sees one request at a time.
#[test]
fn a_server_answers_a_pipeline_in_order() {
    let mut conn = server("");
    let mut slots = Slots::new();
    let bytes = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut input = bytes.as_bytes();
    let mut out = Vec::new();
    for n in ["1", "2"] {
        while let Recv::Event(_) = conn.recv(&mut input, &mut slots).unwrap() {}
        conn.respond_with(200, &(), n.as_bytes(), &mut out).unwrap();
    }
    assert_eq!(
        out,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"
    );
    assert_eq!(hear(&mut conn, "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"), 1);
}
