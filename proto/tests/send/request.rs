//! Requests: the exact bytes of their heads, what is added to the caller's fields, and what is refused.

use h1wire_proto::{
    Advice, BodyLen, Client, Conn, Count, FieldSource, Headers, Method, Phase, RecvErrorKind, SendError,
    Slots,
};

use crate::{client, listen, refused, written};

const HOST: [(&str, &str); 1] = [("Host", "a")];
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn asked<F: FieldSource>(method: &str, fields: &F, length: BodyLen) -> String {
    written(|out| client().request(Method::from(method), b"/", fields, length, out))
}

/// B2, B20. RFC 9110 section 8.6, RFC 9112 section 6.3.
/// RFC 9112 section 6.3: how long a response is depends on the method, however the caller wrote it down.
#[test]
fn a_known_method_is_the_known_one_however_it_is_made() {
    for (name, method) in [("HEAD", Method::Head), ("CONNECT", Method::Connect)] {
        assert_eq!((Method::from(name), Method::from(name.as_bytes())), (method, method));
    }
    assert!(matches!(Method::from("head"), Method::Other(name) if name.as_bytes() == b"head"));
}

#[test]
fn every_combination_of_method_and_length_is_framed_by_the_rfc() {
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "POST", "PUT", "PATCH", "TRACE", "PURGE"] {
        let expects = matches!(method, "POST" | "PUT" | "PATCH");
        for (length, framing) in [
            (BodyLen::None, if expects { "Content-Length: 0\n" } else { "" }),
            (BodyLen::Exact(0), "Content-Length: 0\n"),
            (BodyLen::Exact(5), "Content-Length: 5\n"),
            (BodyLen::Exact(u64::MAX), "Content-Length: 18446744073709551615\n"),
            (BodyLen::Unknown, "Transfer-Encoding: chunked\n"),
        ] {
            let empty = matches!(length, BodyLen::None | BodyLen::Exact(0));
            let mut conn = client();
            if method == "TRACE" && !empty {
                // RFC 9110 section 9.3.8.
                refused(&mut conn, SendError::BodyNotAllowed, |conn, out| {
                    conn.request(Method::Trace, b"/", &HOST, length, out)
                });
                continue;
            }
            assert_eq!(asked(method, &HOST, length), format!("{method} / HTTP/1.1\nHost: a\n{framing}\n"));
            conn.request(Method::from(method), b"/", &HOST, length, &mut Count::default()).unwrap();
            assert_eq!(conn.body().is_some(), !empty);
            assert_eq!((conn.advice(), conn.outstanding()), (Advice::Continue, 1));
        }
    }
    refused(&mut client(), SendError::BodyNotAllowed, |conn, out| {
        conn.request(Method::Connect, b"a:1", &HOST, BodyLen::Unknown, out)
    });
}

#[test]
fn content_of_a_request_is_framed_as_declared() {
    let mut conn = client();
    conn.request(Method::Post, b"/", &HOST, BodyLen::Unknown, &mut Count::default()).unwrap();
    assert_eq!(written(|out| conn.body().unwrap().data(b"hello", out)), "5\nhello\n");
    assert_eq!(conn.phase(), Phase::Respond);
    assert_eq!(written(|out| conn.body().unwrap().end(&[("T", "1")], out)), "0\nT: 1\n\n");
    assert_eq!(conn.phase(), Phase::Head);
    assert_eq!(listen(&mut conn, OK), [200]);
    assert_eq!((conn.advice(), conn.outstanding()), (Advice::Reuse, 0));
    conn.request(Method::Post, b"/", &HOST, BodyLen::Exact(2), &mut Count::default()).unwrap();
    refused(&mut conn, SendError::BodyTooLong, |conn, out| conn.body().unwrap().data(b"abc", out));
    refused(&mut conn, SendError::BodyTooShort, |conn, out| conn.body().unwrap().end(&(), out));
    assert_eq!(written(|out| conn.body().unwrap().data(b"ab", out)), "ab");
    assert!(conn.body().is_none());
}

/// B8. RFC 9112 section 3.
#[test]
fn a_method_or_target_that_cannot_be_sent_is_refused() {
    let mut conn = client();
    for method in ["", "G T", "G\r\nT", "G\u{e9}T", "(GET)"] {
        refused(&mut conn, SendError::BadMethod, |conn, out| {
            conn.request(Method::from(method), b"/", &HOST, BodyLen::None, out)
        });
    }
    let targets: [&[u8]; 12] = [
        b"",
        b" ",
        b"/a b",
        b"/\r\n",
        b"/\0",
        b"/\x7f",
        b"/\xe9",
        b"/#f",
        b"*",
        b"a:1",
        b"http:///",
        b"path",
    ];
    for target in targets {
        refused(&mut conn, SendError::BadTarget, |conn, out| {
            conn.request(Method::Get, target, &HOST, BodyLen::None, out)
        });
    }
    for target in [&b"a"[..], b"a:", b"a:99999", b"/", b"http://a:1/", b"u@a:1"] {
        refused(&mut conn, SendError::BadTarget, |conn, out| {
            conn.request(Method::Connect, target, &HOST, BodyLen::None, out)
        });
    }
    assert_eq!(
        written(|out| client().request(Method::Options, b"*", &HOST, BodyLen::None, out)),
        "OPTIONS * HTTP/1.1\nHost: a\n\n"
    );
    assert_eq!(
        written(|out| client().request(Method::Get, b"http://b/p?q", &HOST, BodyLen::None, out)),
        "GET http://b/p?q HTTP/1.1\nHost: a\n\n"
    );
}

/// RFC 9110 section 4.2.4.
#[test]
fn user_and_password_are_not_sent_in_a_target() {
    for target in ["http://u@a/", "http://u:p@a/", "https://@a/", "ftp://u@a/"] {
        refused(&mut client(), SendError::BadTarget, |conn, out| {
            conn.request(Method::Get, target.as_bytes(), &HOST, BodyLen::None, out)
        });
    }
    let path = written(|out| client().request(Method::Get, b"/u@a", &HOST, BodyLen::None, out));
    assert_eq!(path, "GET /u@a HTTP/1.1\nHost: a\n\n");
}

/// RFC 9112 section 3.2: exactly one valid `Host`, which may be empty.
#[test]
fn a_request_has_exactly_one_host() {
    let mut conn = client();
    let ask = |fields: &'static [(&str, &str)]| {
        move |conn: &mut Conn<Client>, out: &mut Vec<u8>| {
            conn.request(Method::Get, b"/", fields, BodyLen::None, out)
        }
    };
    refused(&mut conn, SendError::MissingHost, ask(&[]));
    refused(&mut conn, SendError::MissingHost, ask(&[("Hosts", "a")]));
    refused(&mut conn, SendError::ReservedField("Host".into()), ask(&[("Host", "a"), ("host", "a")]));
    for bad in [&[("Host", "a/b")], &[("Host", "u@a")], &[("Host", "a:x")], &[("Host", ":80")]] {
        refused(&mut conn, SendError::BadFieldValue("Host".into()), ask(bad));
    }
    assert_eq!(asked("GET", &[("Host", "")], BodyLen::None), "GET / HTTP/1.1\nHost: \n\n");
}

/// B1: the section is built first; case, order and repetitions are kept.
#[test]
fn fields_are_sent_in_their_case_and_order() {
    let mut headers = Headers::new();
    headers.set("hOsT", "a").unwrap();
    headers.set("X-B", "1").unwrap();
    headers.append("x-b", "2").unwrap();
    headers.set("Gone", "").unwrap();
    headers.remove("GONE");
    assert_eq!(asked("GET", &headers, BodyLen::None), "GET / HTTP/1.1\nhOsT: a\nX-B: 1\nx-b: 2\n\n");
}

#[test]
fn fields_the_machine_writes_itself_are_refused() {
    let mut conn = client();
    for (name, value) in [
        ("Content-Length", "5"),
        ("transfer-encoding", "chunked"),
        // RFC 9112 section 7.4: chunked is always acceptable and not listed.
        ("TE", "chunked"),
        ("TE", "trailers, Chunked;q=0.5"),
        // RFC 9110 section 10.1.1: not without content.
        ("Expect", "100-continue"),
    ] {
        refused(&mut conn, SendError::ReservedField(name.into()), |conn, out| {
            conn.request(Method::Get, b"/", &[("Host", "a"), (name, value)], BodyLen::None, out)
        });
    }
    refused(&mut conn, SendError::BadFieldName("X Y".into()), |conn, out| {
        conn.request(Method::Get, b"/", &[("Host", "a"), ("X Y", "")], BodyLen::None, out)
    });
    refused(&mut conn, SendError::BadFieldValue("X".into()), |conn, out| {
        conn.request(Method::Get, b"/", &[("Host", "a"), ("X", "a\r\nB: c")], BodyLen::None, out)
    });
}

/// RFC 9110 section 7.6.1, RFC 9112 section 7.4.
#[test]
fn connection_names_te_and_upgrade_beside_the_callers_own_options() {
    let ask = |fields: &[(&str, &str)]| asked("GET", &fields.to_vec(), BodyLen::None);
    assert_eq!(
        ask(&[("Host", "a"), ("TE", "trailers")]),
        "GET / HTTP/1.1\nHost: a\nTE: trailers\nConnection: TE\n\n"
    );
    assert_eq!(
        ask(&[("Host", "a"), ("TE", "gzip"), ("Upgrade", "x")]),
        "GET / HTTP/1.1\nHost: a\nTE: gzip\nUpgrade: x\nConnection: upgrade, TE\n\n"
    );
    assert_eq!(
        ask(&[("Host", "a"), ("Connection", "close, te"), ("TE", "gzip"), ("Upgrade", "x")]),
        "GET / HTTP/1.1\nHost: a\nConnection: close, te\nTE: gzip\nUpgrade: x\nConnection: upgrade\n\n"
    );
}

/// B19. RFC 9110 section 10.1.1.
#[test]
fn announced_content_waits_for_100_a_final_response_or_its_own_sending() {
    let expecting = || {
        let mut conn = client();
        let fields = [("Host", "a"), ("Expect", "100-Continue")];
        assert_eq!(
            written(|out| conn.request(Method::Put, b"/", &fields, BodyLen::Exact(2), out)),
            "PUT / HTTP/1.1\nHost: a\nExpect: 100-Continue\nContent-Length: 2\n\n"
        );
        assert!(conn.awaits_continue());
        assert_eq!(conn.phase(), Phase::AwaitContinue);
        conn
    };
    let mut conn = expecting();
    assert_eq!(listen(&mut conn, "HTTP/1.1 103 Early Hints\r\n\r\n"), [103]);
    assert!(conn.awaits_continue(), "another interim response is not it");
    assert_eq!(listen(&mut conn, "HTTP/1.1 100 Continue\r\n\r\n"), [100]);
    assert!(!conn.awaits_continue());
    assert_eq!(written(|out| conn.body().unwrap().data(b"ok", out)), "ok");
    assert_eq!(listen(&mut conn, OK), [200]);
    assert_eq!(conn.advice(), Advice::Reuse);

    let mut conn = expecting();
    assert_eq!(written(|out| conn.body().unwrap().data(b"o", out)), "o");
    assert!(!conn.awaits_continue(), "nobody waits for ever");
    assert_eq!(written(|out| conn.body().unwrap().data(b"k", out)), "k");
    assert_eq!(listen(&mut conn, OK), [200]);
    assert_eq!(conn.advice(), Advice::Reuse);

    let mut conn = expecting();
    assert_eq!(listen(&mut conn, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"), [417]);
    assert!(!conn.awaits_continue());
    assert_eq!(conn.advice(), Advice::Close, "whether the content is awaited is in doubt");
}

/// RFC 9112 section 9.5: an early answer is seen while content is sent, which may go on.
#[test]
fn an_early_response_does_not_end_the_request() {
    let mut conn = client();
    conn.request(Method::Post, b"/", &HOST, BodyLen::Exact(4), &mut Count::default()).unwrap();
    conn.body().unwrap().data(b"ab", &mut Count::default()).unwrap();
    assert_eq!(listen(&mut conn, OK), [200]);
    assert_eq!((conn.advice(), conn.outstanding()), (Advice::Continue, 0));
    assert_eq!(written(|out| conn.body().unwrap().data(b"cd", out)), "cd");
    assert_eq!(conn.advice(), Advice::Reuse);
}

/// RFC 9112 section 9.5: a server that closes will not read the rest.
#[test]
fn an_early_response_with_close_ends_the_request() {
    let mut conn = client();
    conn.request(Method::Post, b"/", &HOST, BodyLen::Exact(4), &mut Count::default()).unwrap();
    let close = "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(listen(&mut conn, close), [413]);
    assert_eq!(conn.advice(), Advice::Close);
}

/// RFC 9112 section 6.1: not before the server is known to speak HTTP/1.1 again.
#[test]
fn content_of_unknown_length_is_not_sent_to_an_http_1_0_server() {
    let mut conn = client();
    conn.request(Method::Get, b"/", &HOST, BodyLen::None, &mut Count::default()).unwrap();
    let old = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(listen(&mut conn, old), [200]);
    assert_eq!(conn.advice(), Advice::Reuse);
    refused(&mut conn, SendError::Http10Peer, |conn, out| {
        conn.request(Method::Post, b"/", &HOST, BodyLen::Unknown, out)
    });
    let known = written(|out| conn.request(Method::Post, b"/", &HOST, BodyLen::Exact(2), out));
    assert_eq!(known, "POST / HTTP/1.1\nHost: a\nContent-Length: 2\n\n");
}

/// RFC 9112 section 9.6.
#[test]
fn nothing_is_sent_after_either_side_said_close() {
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let ask = |conn: &mut Conn<Client>, out: &mut Vec<u8>| {
        conn.request(Method::Get, b"/", &HOST, BodyLen::None, out)
    };
    let mut conn = client();
    ask(&mut conn, &mut Vec::new()).unwrap();
    assert_eq!(listen(&mut conn, close), [200]);
    assert_eq!((conn.advice(), conn.phase()), (Advice::Close, Phase::Closed));
    refused(&mut conn, SendError::WrongState, ask);

    let mut conn = client();
    let fields = [("Host", "a"), ("Connection", "close")];
    conn.request(Method::Get, b"/", &fields, BodyLen::None, &mut Vec::new()).unwrap();
    refused(&mut conn, SendError::WrongState, ask);
    assert_eq!(listen(&mut conn, OK), [200]);
    assert_eq!(conn.advice(), Advice::Close);
    refused(&mut conn, SendError::WrongState, ask);
}

#[test]
fn nothing_is_sent_after_an_error_or_after_bytes_were_lost() {
    let ask = |conn: &mut Conn<Client>, out: &mut Vec<u8>| {
        conn.request(Method::Get, b"/", &HOST, BodyLen::None, out)
    };
    let mut conn = client();
    let error = conn.recv(&mut &b"HTTP/1.1 200 OK\r\n\r\n"[..], &mut Slots::new()).unwrap_err();
    assert_eq!(error.kind(), RecvErrorKind::UnsolicitedResponse);
    assert_eq!(conn.advice(), Advice::Close);
    refused(&mut conn, SendError::WrongState, ask);
    let mut conn = client();
    conn.send_failed();
    refused(&mut conn, SendError::Poisoned, ask);
    assert_eq!(conn.advice(), Advice::Close);
}

/// B5, B13: advice after each step.
#[test]
fn the_advice_follows_an_exchange_step_by_step() {
    let mut conn = client();
    assert_eq!((conn.advice(), conn.phase(), conn.outstanding()), (Advice::Reuse, Phase::Idle, 0));
    conn.request(Method::Get, b"/", &HOST, BodyLen::None, &mut Count::default()).unwrap();
    assert_eq!((conn.advice(), conn.phase(), conn.outstanding()), (Advice::Continue, Phase::Head, 1));
    assert_eq!(listen(&mut conn, "HTTP/1.1 102 Processing\r\n\r\n"), [102]);
    assert_eq!((conn.advice(), conn.phase(), conn.outstanding()), (Advice::Continue, Phase::Head, 1));
    assert_eq!(listen(&mut conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), [200]);
    assert_eq!((conn.advice(), conn.phase(), conn.outstanding()), (Advice::Continue, Phase::Body, 1));
    assert_eq!(listen(&mut conn, "ok"), [0]);
    assert_eq!((conn.advice(), conn.phase(), conn.outstanding()), (Advice::Reuse, Phase::Idle, 0));
}
