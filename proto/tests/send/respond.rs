//! The head of a response and its content, for every combination that frames it differently.

use h1wire_proto::{Advice, BodyLen, Headers, HttpDate, Prepared, SendError, Status, Strictness};

use crate::{refused, server, text, written};

/// A request, and what of it a response depends on.
struct Request {
    head: &'static str,
    is_head: bool,
    http10: bool,
    persists: bool,
}

const REQUESTS: [Request; 8] = {
    const fn request(head: &'static str, is_head: bool, http10: bool, persists: bool) -> Request {
        Request { head, is_head, http10, persists }
    }
    [
        request("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false, false, true),
        request("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", true, false, true),
        request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false, false, false),
        request("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", true, false, false),
        request("GET / HTTP/1.0\r\n\r\n", false, true, false),
        request("HEAD / HTTP/1.0\r\n\r\n", true, true, false),
        request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false, true, true),
        request("HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, true, true),
    ]
};

/// The framing field of a response, from RFC 9112 section 6 and RFC 9110 section 8.6.
fn framing(request: &Request, code: u16, body: BodyLen) -> Option<String> {
    let length = |n: u64| Some(format!("Content-Length: {n}\r\n"));
    match (code, body) {
        // Neither field (RFC 9110 section 8.6, RFC 9112 section 6.1).
        (204, _) => None,
        // RFC 9110 section 15.3.6.
        (205, _) => length(0),
        (_, BodyLen::Exact(n)) => length(n),
        // What a 200 to GET would have is not known.
        (304, _) => None,
        (_, BodyLen::None) if request.is_head => None,
        (_, BodyLen::None) => length(0),
        // RFC 9112 section 6.1: not to an HTTP/1.0 client.
        (_, BodyLen::Unknown) if request.http10 => None,
        (_, BodyLen::Unknown) => Some("Transfer-Encoding: chunked\r\n".to_owned()),
    }
}

#[test]
fn every_combination_of_request_status_and_length_is_framed_by_the_rfc() {
    let codes = [
        (200, "OK"),
        (204, "No Content"),
        (205, "Reset Content"),
        (304, "Not Modified"),
        (404, "Not Found"),
        (500, "Internal Server Error"),
    ];
    let lengths = [BodyLen::None, BodyLen::Exact(0), BodyLen::Exact(5), BodyLen::Unknown];
    for (request, (code, phrase)) in REQUESTS.iter().flat_map(|r| codes.map(|c| (r, c))) {
        for (length, close) in lengths.iter().flat_map(|length| [(*length, false), (*length, true)]) {
            let case =
                format!("{} answered {code} {length:?}, close: {close}", text(request.head.as_bytes()));
            let bodyless = request.is_head || matches!(code, 204 | 205 | 304);
            let until_close = !bodyless && request.http10 && length == BodyLen::Unknown;
            let persists = request.persists && !close && !until_close;

            let mut wanted = format!("HTTP/1.1 {code} {phrase}\r\nX: y\r\n");
            if !persists {
                wanted += "Connection: close\r\n";
            } else if request.http10 {
                wanted += "Connection: keep-alive\r\n";
            }
            wanted.extend(framing(request, code, length));
            wanted += "\r\n";
            let has_content = matches!(length, BodyLen::Exact(5) | BodyLen::Unknown);
            match (bodyless || !has_content, length) {
                (true, _) => {}
                (false, BodyLen::Unknown) if !request.http10 => wanted += "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
                (false, _) => wanted += "hello",
            }

            let (mut conn, mut out) = (server(request.head), Vec::new());
            let fields = [("X", "y"), ("Connection", "close")];
            conn.respond(code, &fields[..if close { 2 } else { 1 }], length, &mut out).expect(&case);
            assert_eq!(conn.body().is_some(), has_content, "{case}");
            if let Some(mut body) = conn.body() {
                body.data(b"hel", &mut out).expect(&case);
                body.data(b"", &mut out).expect(&case);
                body.data(b"lo", &mut out).expect(&case);
            }
            if let Some(body) = conn.body() {
                body.end(&(), &mut out).expect(&case);
            }
            assert_eq!(text(&out), text(wanted.as_bytes()), "{case}");
            assert!(conn.body().is_none(), "{case}");
            // A client that did not mean to end with this may send more before it reads that it cannot.
            let end = if request.persists { Advice::Linger } else { Advice::Close };
            assert_eq!(conn.advice(), if persists { Advice::Reuse } else { end }, "{case}");
        }
    }
}

/// D1.
#[test]
fn a_status_has_its_registered_phrase_unless_another_is_given() {
    let answer = |status: Status<'_>| {
        written(|out| server("GET / HTTP/1.1\r\nHost: a\r\n\r\n").respond(status, &(), BodyLen::None, out))
    };
    assert_eq!(answer(Status::new(404)), "HTTP/1.1 404 Not Found\nContent-Length: 0\n\n");
    assert_eq!(answer(Status::new(200).reason(b"Fine")), "HTTP/1.1 200 Fine\nContent-Length: 0\n\n");
    // RFC 9112 section 4: the space stays.
    assert_eq!(answer(Status::new(200).reason(b"")), "HTTP/1.1 200 \nContent-Length: 0\n\n");
    assert_eq!(answer(Status::new(299)), "HTTP/1.1 299 \nContent-Length: 0\n\n");
    assert_eq!(answer(Status::new(799)), "HTTP/1.1 799 \nContent-Length: 0\n\n");
}

#[test]
fn a_status_that_is_none_or_of_another_call_is_refused() {
    let mut conn = server("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    for code in [0, 1, 99, 100, 101, 103, 199, 1000, u16::MAX] {
        refused(&mut conn, SendError::BadStatus, |conn, out| conn.respond(code, &(), BodyLen::None, out));
    }
    for reason in [&b"a\rb"[..], b"a\nb", b"a\0b", b"\x7f"] {
        refused(&mut conn, SendError::BadReason, |conn, out| {
            conn.respond(Status::new(200).reason(reason), &(), BodyLen::None, out)
        });
    }
    assert_eq!(
        written(|out| conn.respond(999, &(), BodyLen::None, out)),
        "HTTP/1.1 999 \nContent-Length: 0\n\n"
    );
}

/// D8. RFC 9110 section 6.6.1: a server with a clock sends `Date`, one without does not.
#[test]
fn a_date_is_sent_if_there_is_a_clock_and_no_other_date() {
    let date = HttpDate::from_unix(784_111_777);
    let status = Status::new(200).date(&date);
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(
        written(|out| server(request).respond(status, &(), BodyLen::None, out)),
        "HTTP/1.1 200 OK\nDate: Sun, 06 Nov 1994 08:49:37 GMT\nContent-Length: 0\n\n"
    );
    assert_eq!(
        written(|out| server(request).respond(status, &[("DATE", "x")], BodyLen::None, out)),
        "HTTP/1.1 200 OK\nDATE: x\nContent-Length: 0\n\n"
    );
    assert_eq!(
        written(|out| server(request).respond(200, &(), BodyLen::None, out)),
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n"
    );
}

/// D2, D3, B1: the section is built first, case and order kept, and what is given last wins.
#[test]
fn fields_are_written_as_given_and_headers_in_their_order() {
    let mut headers = Headers::new();
    headers.set("X-Two", "2").unwrap();
    headers.set_values("set-COOKIE", ["a=1", "b=2"]).unwrap();
    headers.set("Server", "s").unwrap();
    let own = [("SERVER", "t"), ("X-Last", "")];
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(
        written(|out| server(request).respond(200, &headers.merged(&own), BodyLen::None, out)),
        "HTTP/1.1 200 OK\nX-Two: 2\nset-COOKIE: a=1\nset-COOKIE: b=2\nSERVER: t\nX-Last: \nContent-Length: 0\n\n"
    );
    let prepared = Prepared::new(&[("Vary", "*")]).unwrap();
    assert_eq!(
        written(|out| server(request).respond_with(200, &(&prepared, [("ETag", "\"1\"")]), b"hi", out)),
        "HTTP/1.1 200 OK\nVary: *\nETag: \"1\"\nContent-Length: 2\n\nhi"
    );
}

/// D9, G5, G6. RFC 9110 section 5: nothing that could end a line, and no name that is not a token.
#[test]
fn names_and_values_are_checked_in_the_last_place_before_bytes() {
    let mut conn = server("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    for name in ["", " ", "a b", "a:", "a\r\n", "\u{e9}", "(a)", "a\0"] {
        refused(&mut conn, SendError::BadFieldName(name.into()), |conn, out| {
            conn.respond(200, &[("A", "1"), (name, "1")], BodyLen::None, out)
        });
    }
    for value in ["a\rb", "a\nb", "a\r\n b", "a\0b", "a\x01b", "\x7f", " a", "a\t"] {
        refused(&mut conn, SendError::BadFieldValue("B".into()), |conn, out| {
            conn.respond(200, &[("A", "1"), ("B", value)], BodyLen::None, out)
        });
    }
    // RFC 9112 section 6: only the machine frames.
    for name in ["Content-Length", "content-LENGTH", "Transfer-Encoding", "transfer-encoding"] {
        refused(&mut conn, SendError::ReservedField(name.into()), |conn, out| {
            conn.respond(200, &[(name, "5")], BodyLen::None, out)
        });
    }
    let mut relaxed = Headers::with_strictness(Strictness::Relaxed);
    relaxed.set("X", " a\x01 ").unwrap();
    assert_eq!(
        written(|out| conn.respond(200, &relaxed, BodyLen::None, out)),
        "HTTP/1.1 200 OK\nX:  a\\x01 \nContent-Length: 0\n\n"
    );
}

#[test]
fn a_second_response_is_refused_and_so_is_one_without_a_request() {
    let mut conn = server("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    conn.respond(200, &(), BodyLen::Unknown, &mut Vec::new()).unwrap();
    refused(&mut conn, SendError::WrongState, |conn, out| conn.respond(200, &(), BodyLen::None, out));
    refused(&mut conn, SendError::WrongState, |conn, out| conn.respond_with(200, &(), b"a", out));
    conn.body().unwrap().end(&(), &mut Vec::new()).unwrap();
    assert_eq!(conn.advice(), Advice::Reuse);
    refused(&mut conn, SendError::WrongState, |conn, out| conn.respond(200, &(), BodyLen::None, out));
}

/// RFC 9110 section 15.5.9: a server may say 408 before a request is there; it is the last word.
#[test]
fn a_response_before_any_request_is_the_last() {
    let mut conn = server("");
    assert_eq!(
        written(|out| conn.respond(408, &(), BodyLen::None, out)),
        "HTTP/1.1 408 Request Timeout\nConnection: close\nContent-Length: 0\n\n"
    );
    assert_eq!(conn.advice(), Advice::Linger, "the request may come yet");
}

/// RFC 9110 section 15.5.22.
#[test]
fn a_426_names_the_protocols_and_connection_names_the_field() {
    let mut conn = server("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    refused(&mut conn, SendError::MissingUpgrade, |conn, out| conn.respond(426, &(), BodyLen::None, out));
    assert_eq!(
        written(|out| conn.respond(426, &[("Upgrade", "HTTP/3.0")], BodyLen::None, out)),
        "HTTP/1.1 426 Upgrade Required\nUpgrade: HTTP/3.0\nConnection: upgrade\nContent-Length: 0\n\n"
    );
}

/// RFC 9110 section 7.6.1: what the caller named is not named twice.
#[test]
fn connection_options_are_added_to_the_callers_own() {
    let close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = |request: &str, fields: &[(&str, &str)]| {
        written(|out| server(request).respond(200, fields, BodyLen::None, out))
    };
    assert_eq!(
        answer(close, &[("Connection", "x"), ("Upgrade", "b")]),
        "HTTP/1.1 200 OK\nConnection: x\nUpgrade: b\nConnection: close, upgrade\nContent-Length: 0\n\n"
    );
    assert_eq!(
        answer(close, &[("connection", "x, Close")]),
        "HTTP/1.1 200 OK\nconnection: x, Close\nContent-Length: 0\n\n"
    );
    assert_eq!(
        answer("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &[("Connection", "Keep-Alive")]),
        "HTTP/1.1 200 OK\nConnection: Keep-Alive\nContent-Length: 0\n\n"
    );
}

/// G1.
#[test]
fn a_keep_alive_time_is_advertised_only_where_the_connection_persists() {
    let mut conn = server("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    conn.advertise_keep_alive(5);
    assert_eq!(
        written(|out| conn.respond(200, &(), BodyLen::None, out)),
        "HTTP/1.1 200 OK\nConnection: keep-alive\nKeep-Alive: timeout=5\nContent-Length: 0\n\n"
    );
    let mut conn = server("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    conn.advertise_keep_alive(5);
    assert_eq!(
        written(|out| conn.respond(200, &(), BodyLen::None, out)),
        "HTTP/1.1 200 OK\nConnection: close\nContent-Length: 0\n\n"
    );
}

#[test]
fn whole_responses_are_their_parts_together() {
    for request in &REQUESTS {
        for (code, content) in [(200, "hello"), (200, ""), (204, "hello"), (304, "hello"), (205, "x")] {
            let (mut conn, mut parts) = (server(request.head), Vec::new());
            conn.respond(code, &(), BodyLen::Exact(content.len() as u64), &mut parts).unwrap();
            if let Some(mut body) = conn.body() {
                body.data(content.as_bytes(), &mut parts).unwrap();
            }
            assert!(conn.body().is_none(), "the declared length completes it");
            let (mut conn, mut whole) = (server(request.head), Vec::new());
            conn.respond_with(code, &(), content.as_bytes(), &mut whole).unwrap();
            assert_eq!(text(&whole), text(&parts));
            assert!(conn.body().is_none());
        }
    }
}
