//! Content under way: framing, lengths that are kept, trailers, and payloads the machine never sees.

use bytes::Bytes;
use h1wire_proto::{Advice, BodyLen, Conn, Count, Out, OutQueue, Pause, Recv, SendError, Server, Slots};

use crate::{hear, refused, server, written};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// The content behind a head with this length.
fn started(length: BodyLen) -> Conn<Server> {
    let mut conn = server(GET);
    conn.respond(200, &(), length, &mut Count::default()).unwrap();
    conn
}

/// D11, B20, G6.
#[test]
fn content_is_as_long_as_declared_or_an_error() {
    let mut conn = started(BodyLen::Exact(5));
    assert_eq!(conn.body().unwrap().remaining(), Some(5));
    refused(&mut conn, SendError::BodyTooLong, |conn, out| conn.body().unwrap().data(b"hello!", out));
    refused(&mut conn, SendError::BodyTooLong, |conn, _| conn.body().unwrap().frame(6).map(drop));
    assert_eq!(written(|out| conn.body().unwrap().data(b"hel", out)), "hel");
    assert_eq!(conn.body().unwrap().remaining(), Some(2));
    refused(&mut conn, SendError::BodyTooShort, |conn, out| conn.body().unwrap().end(&(), out));
    refused(&mut conn, SendError::BodyTooLong, |conn, out| conn.body().unwrap().data(b"lo!", out));
    assert_eq!(conn.advice(), Advice::Continue);
    assert_eq!(written(|out| conn.body().unwrap().data(b"lo", out)), "lo");
    assert!(conn.body().is_none(), "complete with its last byte");
    assert_eq!(conn.advice(), Advice::Reuse);
}

#[test]
fn the_handle_of_complete_content_takes_nothing_more() {
    let mut conn = started(BodyLen::Exact(2));
    let mut body = conn.body().unwrap();
    let mut out = Vec::new();
    body.data(b"ok", &mut out).unwrap();
    assert_eq!(body.remaining(), Some(0));
    assert_eq!(body.data(b"x", &mut out), Err(SendError::BodyTooLong));
    body.data(b"", &mut out).unwrap();
    body.end(&(), &mut out).unwrap();
    assert_eq!(out, b"ok");
}

/// B2, D4: an empty write does nothing, and above all does not end the content.
#[test]
fn an_empty_write_writes_nothing() {
    let mut conn = started(BodyLen::Unknown);
    assert_eq!(written(|out| conn.body().unwrap().data(b"", out)), "");
    let frame = conn.body().unwrap().frame(0).unwrap();
    assert_eq!((frame.pre(), frame.post()), (&b""[..], &b""[..]));
    assert_eq!(written(|out| conn.body().unwrap().data(b"a", out)), "1\na\n");
    assert_eq!(written(|out| conn.body().unwrap().end(&(), out)), "0\n\n");
}

#[test]
fn the_frame_of_a_payload_is_what_data_writes_around_it() {
    for len in [1usize, 9, 15, 16, 255, 4096, 70_000] {
        for length in [BodyLen::Unknown, BodyLen::Exact(len as u64)] {
            let payload = vec![b'x'; len];
            let mut framed = Vec::new();
            let frame = started(length).body().unwrap().frame(len as u64).unwrap();
            assert!(frame.sends_payload());
            framed.extend_from_slice(frame.pre());
            framed.extend_from_slice(&payload);
            framed.extend_from_slice(frame.post());
            let mut written = Vec::new();
            started(length).body().unwrap().data(&payload, &mut written).unwrap();
            assert_eq!(framed, written);
        }
    }
    let frame = started(BodyLen::Unknown).body().unwrap().frame(u64::MAX).unwrap();
    assert_eq!((frame.pre(), frame.post()), (&b"ffffffffffffffff\r\n"[..], &b"\r\n"[..]));
}

#[test]
fn every_sink_gets_the_same_bytes() {
    let send = |out: &mut dyn Out| {
        let mut conn = server(GET);
        conn.respond(200, &[("X", "y")], BodyLen::Unknown, out).unwrap();
        let mut body = conn.body().unwrap();
        body.data(&[b'z'; 5000], out).unwrap();
        body.end(&[("T", "1")], out).unwrap();
    };
    let (mut vec, mut queue, mut count) = (Vec::new(), OutQueue::<Bytes>::new(), Count::default());
    send(&mut vec);
    send(&mut queue);
    send(&mut count);
    let mut slices = [&b""[..]; 16];
    let n = queue.slices(&mut slices);
    assert_eq!(slices[..n].concat(), vec);
    assert_eq!(count.0, vec.len());
}

/// D6. RFC 9112 section 7.1.2: trailers only with chunks.
#[test]
fn trailers_follow_the_last_chunk_and_are_dropped_without_chunks() {
    let mut conn = started(BodyLen::Unknown);
    assert_eq!(
        written(|out| conn.body().unwrap().end(&[("X-Sum", "1"), ("x-sum", "2")], out)),
        "0\nX-Sum: 1\nx-sum: 2\n\n"
    );
    assert_eq!(conn.advice(), Advice::Reuse);
    let mut conn = server("GET / HTTP/1.0\r\n\r\n");
    conn.respond(200, &(), BodyLen::Unknown, &mut Count::default()).unwrap();
    assert_eq!(written(|out| conn.body().unwrap().end(&[("X-Sum", "1")], out)), "");
    let mut conn = server("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    conn.respond(200, &(), BodyLen::Exact(5), &mut Count::default()).unwrap();
    assert_eq!(written(|out| conn.body().unwrap().end(&[("X-Sum", "1")], out)), "");
    assert_eq!(conn.advice(), Advice::Reuse);
}

/// D6. RFC 9110 section 6.5.1: nothing that frames, routes, authenticates or says how to process content.
#[test]
fn trailers_that_may_not_be_sent_are_refused_before_a_byte() {
    for length in [BodyLen::Unknown, BodyLen::Exact(5)] {
        let mut conn = started(length);
        for name in [
            "Authorization",
            "Cache-Control",
            "Connection",
            "Content-Encoding",
            "content-length",
            "Content-Range",
            "Content-Type",
            "Cookie",
            "Expect",
            "HOST",
            "If-Match",
            "If-Modified-Since",
            "If-None-Match",
            "If-Range",
            "If-Unmodified-Since",
            "Keep-Alive",
            "Max-Forwards",
            "Pragma",
            "Proxy-Authenticate",
            "Proxy-Authorization",
            "Proxy-Connection",
            "Range",
            "Set-Cookie",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade",
            "WWW-Authenticate",
        ] {
            refused(&mut conn, SendError::TrailerForbidden(name.into()), |conn, out| {
                conn.body().unwrap().end(&[("X", "1"), (name, "1")], out)
            });
        }
        for (name, value, error) in [
            ("a b", "1", SendError::BadFieldName("a b".into())),
            ("", "1", SendError::BadFieldName("".into())),
            ("X", "a\r\nb: c", SendError::BadFieldValue("X".into())),
            ("X", "\0", SendError::BadFieldValue("X".into())),
        ] {
            refused(&mut conn, error, |conn, out| conn.body().unwrap().end(&[(name, value)], out));
        }
    }
}

/// D5. RFC 9110 sections 9.3.2, 15.3.5 and 15.4.5.
#[test]
fn content_of_a_response_that_has_none_is_counted_and_not_sent() {
    for (request, code) in [("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200), (GET, 204), (GET, 205), (GET, 304)] {
        let mut conn = server(request);
        conn.respond(code, &(), BodyLen::Exact(5), &mut Count::default()).unwrap();
        let mut body = conn.body().unwrap();
        let frame = body.frame(3).unwrap();
        assert!(!frame.sends_payload() && frame.pre().is_empty() && frame.post().is_empty());
        assert_eq!(body.remaining(), Some(2));
        assert_eq!(written(|out| body.data(b"lo", out)), "");
        assert!(conn.body().is_none());
        assert_eq!(conn.advice(), Advice::Reuse);

        let mut conn = server(request);
        conn.respond(code, &(), BodyLen::Unknown, &mut Count::default()).unwrap();
        let mut body = conn.body().unwrap();
        assert_eq!(body.remaining(), None);
        assert_eq!(written(|out| body.data(b"hello", out)), "");
        assert_eq!(written(|out| body.end(&(), out)), "");
        assert_eq!(conn.advice(), Advice::Reuse);
    }
}

/// C2: the next request is read when the answer is complete, not before.
#[test]
fn an_answer_under_way_holds_back_the_next_request() {
    let mut conn = started(BodyLen::Exact(2));
    let mut slots = Slots::new();
    let mut input = GET.as_bytes();
    let recv = conn.recv(&mut input, &mut slots).unwrap();
    assert!(matches!(recv, Recv::Paused(Pause::FinishResponse)));
    assert_eq!(input.len(), GET.len());
    conn.body().unwrap().data(b"ok", &mut Vec::new()).unwrap();
    assert_eq!(hear(&mut conn, GET), 1);
}
