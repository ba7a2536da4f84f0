//! Limits at their extremes, and content that is moved past the machine.

use super::*;
use h1wire_proto::{BodyLen, Limits, Method, RecvErrorKind};

const HOST: [(&str, &str); 1] = [("Host", "a")];

#[test]
fn content_beyond_its_limit_cannot_be_moved_past_the_machine() {
    let mut conn = server("");
    let mut input = &b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"[..];
    assert!(matches!(conn.recv(&mut input, &mut Slots::new()), Ok(Recv::Event(_))));
    assert_eq!(conn.recv_bypass(), 9);
    conn.limit_content(Some(8));
    assert_eq!(conn.recv_bypass(), 8);
    let error = conn.recv(&mut &b""[..], &mut Slots::new()).unwrap_err();
    assert_eq!(error.kind(), RecvErrorKind::ContentTooLarge);
}

#[test]
fn more_than_a_stream_can_have_moved_past_the_machine_is_no_overflow() {
    let mut conn = client();
    conn.request(Method::Get, b"/", &HOST, BodyLen::None, &mut Vec::new()).unwrap();
    assert_eq!(listen(&mut conn, "HTTP/1.1 200 OK\r\n\r\n"), [200]);
    assert_eq!(conn.recv_bypass(), u64::MAX);
    conn.recv_bypassed(u64::MAX - 1);
    assert_eq!(conn.recv_bypass(), 1);
    let mut input = &b"ab"[..];
    assert!(matches!(conn.recv(&mut input, &mut Slots::new()), Ok(Recv::Event(ClientEvent::Data(b"a")))));
    let error = conn.recv(&mut input, &mut Slots::new()).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (RecvErrorKind::ContentTooLarge, u64::MAX));
}

#[test]
fn more_than_a_connection_can_have_moved_past_the_machine_is_no_overflow() {
    let (mut conn, mut slots) = (server(""), Slots::new());
    for _ in 0..3 {
        let post = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", i64::MAX);
        let _ = conn.recv(&mut post.as_bytes(), &mut slots).unwrap();
        conn.recv_bypassed(u64::MAX);
        let _ = conn.recv(&mut &b""[..], &mut slots).unwrap();
        conn.respond(200, &(), BodyLen::None, &mut Vec::new()).unwrap();
    }
    let mut input = &b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
        1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"[..];
    let mut events = 0;
    while let Recv::Event(_) = conn.recv(&mut input, &mut slots).unwrap() {
        events += 1;
    }
    assert_eq!(events, 5);
}

/// Every limit at its extremes: whole or byte by byte, the same end.
#[test]
fn extreme_limits_neither_stall_nor_depend_on_splits() {
    let outcome = |limits: Limits, bytes: &[u8], step: usize| {
        let mut conn = Conn::<Server>::new(&ServerConfig { limits, ..ServerConfig::default() });
        let (mut slots, mut from, mut to, mut events) = (Slots::new(), 0, 0, 0);
        loop {
            let mut input = &bytes[from..to];
            let recv = conn.recv(&mut input, &mut slots);
            from = to - input.len();
            match recv {
                Err(error) => return (events, Some(error)),
                Ok(Recv::Event(ServerEvent::Data(_))) => {}
                Ok(Recv::Event(_)) => events += 1,
                Ok(Recv::NeedInput(_)) if to < bytes.len() => {
                    let held = to - from;
                    assert!(held < limits.max_contiguous(), "stalls with {held} bytes: {limits:?}");
                    to = (to + step).min(bytes.len());
                }
                Ok(_) => return (events, None),
            }
        }
    };
    let bytes =
        b"\r\nPOST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n";
    let with_trailers = [bytes.strip_suffix(b"\r\n").unwrap(), b"A: b\r\n\r\n"].concat();
    for bytes in [&bytes[..], &with_trailers] {
        for n in [0, 1, 2, 3, 15, 16, 17, 60, 61, 62, 63, u16::MAX - 1, u16::MAX] {
            let big = if n == u16::MAX { u32::MAX } else { n.into() };
            let default = Limits::DEFAULT;
            for limits in [
                Limits { head_bytes: big, ..default },
                Limits { target_bytes: big, ..default },
                Limits { method_bytes: n, ..default },
                Limits { fields: Some(big), ..default },
                Limits { chunk_line_bytes: n, ..default },
                Limits { chunk_overhead: Some(big), ..default },
                Limits { trailer_bytes: big, ..default },
                Limits { fields: None, chunk_overhead: None, informational: None, ..default },
                Limits { content_bytes: Some(big.into()), ..default },
                Limits { head_bytes: big, chunk_line_bytes: n, trailer_bytes: big, ..default },
            ] {
                let whole = outcome(limits, bytes, bytes.len());
                assert_eq!(outcome(limits, bytes, 1), whole, "{limits:?}");
                assert_eq!(outcome(limits, bytes, 2), whole, "{limits:?}");
            }
        }
    }
}
