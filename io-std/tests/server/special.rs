//! Expectations, interim responses, switches of protocol, tunnels, and what clients do wrong.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};

use h1wire_proto::{RecvErrorKind, SendError};

use crate::peer::{GET, Peer, echo, server, wait_until};

const EXPECTING: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";

#[test]
fn the_first_read_of_the_content_sends_100_continue_where_it_is_awaited() {
    let server = server().start(echo).unwrap();
    let mut peer = Peer::to(&server);
    assert_eq!(peer.send(EXPECTING).head(), "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(peer.send("hi").response().1, "hi");
    // Content that is there already needs no invitation.
    assert_eq!(peer.send(EXPECTING.to_owned() + "ho").response().1, "ho");
}

#[test]
fn an_answer_without_reading_refuses_the_content_and_ends_the_connection() {
    let server = server().start(|_, res| res.status(413).end("no")).unwrap();
    let answer = Peer::to(&server).send(EXPECTING).rest();
    assert_eq!(answer, "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
}

#[test]
fn a_handler_of_its_own_decides_about_expectations() {
    let server = server()
        .on_check_continue(|req, res| {
            assert!(req.wants_continue());
            res.send_continue()?;
            assert!(!req.wants_continue());
            echo(req, res)
        })
        .on_check_expectation(|req, res| res.end(req.fields().get("expect").unwrap_or_default()))
        .start(|_, _| panic!("not for the ordinary handler"))
        .unwrap();
    let mut peer = Peer::to(&server);
    assert_eq!(peer.send(EXPECTING).head(), "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(peer.send("hi").response().1, "hi");
    assert_eq!(peer.send("GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n").response().1, "more");
}

#[test]
fn other_expectations_are_answered_417() {
    let server = server().start(echo).unwrap();
    let mut peer = Peer::to(&server);
    let (head, _) = peer.send("GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n").response();
    assert_eq!(head, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(peer.send(GET).response().1, "");
}

#[test]
fn interim_responses_come_before_the_final_one_and_not_behind_it() {
    let server = server()
        .start(|_, res| {
            res.send_processing()?;
            res.send_early_hints(&[("Link", "</a.css>; rel=preload")])?;
            res.send_informational(199, &())?;
            let refused = res.send_informational(200, &()).unwrap_err();
            assert_eq!(inner(&refused), Some(SendError::BadStatus));
            res.end("x")?;
            let late = res.send_informational(103, &()).unwrap_err();
            assert_eq!(inner(&late), Some(SendError::WrongState));
            Ok(())
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    assert_eq!(peer.send(GET).head(), "HTTP/1.1 102 Processing\r\n\r\n");
    assert_eq!(peer.head(), "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
    assert_eq!(peer.head(), "HTTP/1.1 199 \r\n\r\n");
    assert_eq!(peer.response().1, "x");
}

fn inner(error: &io::Error) -> Option<SendError> {
    error.get_ref()?.downcast_ref().copied()
}

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";

#[test]
fn a_switch_hands_over_the_stream_and_the_first_bytes() {
    let server = server()
        .on_upgrade(["echo"], |_, res| {
            let mut upgraded = res.switch(&[("Upgrade", "echo")])?;
            let mut buf = [0; 4];
            upgraded.read_exact(&mut buf)?;
            upgraded.write_all(&buf)?;
            // The rest on a thread of its own: the server has forgotten the connection.
            std::thread::spawn(move || {
                let (mut stream, first) = upgraded.into_parts();
                assert!(first.is_empty() || first == b"ef");
                let mut rest = first;
                stream.read_to_end(&mut rest).unwrap();
                stream.write_all(&rest).unwrap();
                stream.shutdown(Shutdown::Both).unwrap();
            });
            Ok(())
        })
        .start(echo)
        .unwrap();
    let mut peer = Peer::to(&server);
    peer.send(UPGRADE.to_owned() + "abcdef");
    assert_eq!(
        peer.head(),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n"
    );
    assert_eq!(peer.exactly(4), b"abcd");
    wait_until("the connection is forgotten", || server.handle().connections() == 0);
    assert_eq!(peer.send("gh").end().rest(), "efgh");
    assert_eq!(server.handle().counters().switched, 1);
}

#[test]
fn a_switch_waits_for_the_content_of_its_request() {
    let server = server()
        .start(|_, res| {
            let mut upgraded = res.switch(&[("Upgrade", "echo")])?;
            let mut buf = [0; 4];
            upgraded.read_exact(&mut buf)?;
            upgraded.write_all(&buf)
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    peer.send(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\nContent-Length: 3\r\n\r\nx",
    );
    assert!(peer.send("yzabcd").head().starts_with("HTTP/1.1 101 "));
    assert_eq!(peer.rest(), "abcd");
}

#[test]
fn an_offer_nobody_takes_is_an_ordinary_request() {
    let server = server()
        .on_upgrade(["echo"], |_, _| panic!("was not chosen"))
        .should_upgrade(|head| head.target == b"/other")
        .start(|req, res| res.end(format!("{}", req.head().upgrade)))
        .unwrap();
    let mut peer = Peer::to(&server);
    assert_eq!(peer.send(UPGRADE).response().1, "true");
    assert_eq!(peer.send(GET).response().1, "false");
}

#[test]
fn a_panic_over_an_offer_is_answered_with_500_and_ends_its_connection_alone() {
    let server = server().on_upgrade(["echo"], |_, _| panic!("over an offer")).start(echo).unwrap();
    let mut other = Peer::to(&server);
    other.send(GET).response();
    let got = Peer::to(&server).send(UPGRADE).rest();
    assert_eq!(got, "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    other.send(GET).response();
    assert_eq!(server.handle().counters().panics, 1);
}

#[test]
fn a_switch_nobody_offered_is_refused_before_a_byte_is_sent() {
    let server = server()
        .start(|_, res| {
            let refused = res.switch(&[("Upgrade", "echo")]).unwrap_err();
            assert_eq!(inner(&refused), Some(SendError::WrongState));
            let refused = res.tunnel().unwrap_err();
            assert_eq!(inner(&refused), Some(SendError::WrongState));
            res.end("still here")
        })
        .unwrap();
    assert_eq!(Peer::to(&server).send(GET).response().1, "still here");
}

#[test]
fn connect_opens_a_tunnel_or_is_answered_501_where_nobody_makes_tunnels() {
    let connect = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n";
    let tunnels = server()
        .on_connect(|req, res| {
            if req.target() != b"a:1" {
                return res.status(403).end("");
            }
            let mut tunnel = res.header("x-by", "me").tunnel()?;
            let mut buf = Vec::new();
            tunnel.read_to_end(&mut buf)?;
            tunnel.write_all(&buf)
        })
        .start(echo)
        .unwrap();
    let mut peer = Peer::to(&tunnels);
    assert_eq!(peer.send(connect).head(), "HTTP/1.1 200 OK\r\nx-by: me\r\n\r\n");
    assert_eq!(peer.send("through").end().rest(), "through");
    let refused = Peer::to(&tunnels).send(format!("CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n{GET}")).rest();
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    assert_eq!(
        refused.matches("HTTP/1.1").count(),
        1,
        "what was meant for the tunnel is no request: {refused}"
    );
    let plain = server().start(echo).unwrap();
    let refused = Peer::to(&plain).send(connect.to_owned() + GET).rest();
    assert_eq!(refused, "HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn what_clients_do_wrong_is_answered_with_its_status_and_ends_the_connection() {
    let server = server().start(echo).unwrap();
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n", "y".repeat(17_000));
    for (bytes, status, kind) in [
        ("BAD\r\n\r\n", 400, RecvErrorKind::BadMethod),
        ("GET / HTTP/1.1\r\n\r\n", 400, RecvErrorKind::MissingHost),
        ("GET / HTTP/2.0\r\n\r\n", 505, RecvErrorKind::VersionUnsupported),
        (&long, 431, RecvErrorKind::HeadTooLarge),
    ] {
        let answer = Peer::to(&server).send(bytes).rest();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        assert_eq!(server.handle().counters().errors(kind), 1, "{kind:?}");
    }
    assert_eq!(server.handle().counters().protocol_errors, 4);
}

#[test]
fn what_came_before_an_error_is_answered_and_content_that_breaks_off_fails_the_read() {
    let failed = Arc::new(Mutex::new(Vec::new()));
    let seen = failed.clone();
    let server = server()
        .start(move |req, res| {
            let mut content = Vec::new();
            let read = req.read_to_end(&mut content).inspect_err(|e| seen.lock().unwrap().push(e.kind()));
            read.and_then(|_| res.end(content))
        })
        .unwrap();
    let answers = Peer::to(&server).send(GET.to_owned() + GET + "BAD\r\n\r\n").rest();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 400 Bad Request").count(), 1, "{answers}");
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = Peer::to(&server).send(chunked.to_owned() + "1\r\nx\r\nZ\r\n").rest();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    let answer = Peer::to(&server).send(chunked.to_owned() + "5\r\nx").end().rest();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert_eq!(*failed.lock().unwrap(), [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof]);
}

#[test]
fn a_hook_sees_what_clients_do_wrong_and_may_answer_in_its_own_words() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let server = server()
        .on_client_error(move |error, res| {
            assert!(res.peer_addr().is_some());
            let kind = error.error.kind();
            log.lock().unwrap().push((kind, error.bytes_parsed, error.raw.to_vec()));
            match error.raw {
                b"QUIET\r\n\r\n" => res.abort(),
                b"TEAPOT\r\n\r\n" => return res.status(418).end("short and stout"),
                _ => {}
            }
            Ok(())
        })
        .start(echo)
        .unwrap();
    assert_eq!(
        Peer::to(&server).send("TEAPOT\r\n\r\n").rest(),
        "HTTP/1.1 418 I'm a Teapot\r\nConnection: close\r\nContent-Length: 15\r\n\r\nshort and stout"
            .replace("I'm a Teapot", h1wire_proto::reason_phrase(418).unwrap_or_default())
    );
    Peer::to(&server).send("QUIET\r\n\r\n").assert_closed();
    let answers = Peer::to(&server).send(GET.to_owned() + "BAD\r\n\r\n").rest();
    assert!(answers.contains("HTTP/1.1 400 Bad Request\r\n"), "{answers}");
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[2], (RecvErrorKind::BadMethod, GET.len() as u64, b"BAD\r\n\r\n".to_vec()));
}

#[test]
fn nothing_is_written_into_an_answer_that_is_under_way() {
    let server = server()
        .on_client_error(|_, res| res.end("not this"))
        .start(|req, res| {
            res.write_all(b"begun")?;
            res.flush()?;
            io::copy(req, &mut io::sink())?;
            res.finish()
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\n");
    assert!(peer.head().ends_with("Transfer-Encoding: chunked\r\n\r\n"));
    assert_eq!(peer.rest(), "5\r\nbegun\r\n");
}

#[test]
fn a_connection_cut_off_within_a_pipeline_answers_nothing_more() {
    let server = server()
        .start(|req, res| match req.target() {
            b"/aborted" => {
                res.abort();
                Ok(())
            }
            b"/answered" => {
                res.end("last")?;
                res.abort();
                Ok(())
            }
            _ => res.end("first"),
        })
        .unwrap();
    for (target, answers) in [("/aborted", 1), ("/answered", 2)] {
        let before = server.handle().counters().requests;
        let pipeline = format!("{GET}GET {target} HTTP/1.1\r\nHost: a\r\n\r\n{}", GET.repeat(20));
        let got = Peer::to(&server).send(pipeline).rest();
        assert!(got.matches("HTTP/1.1 ").count() <= answers, "{target}: {got}");
        assert_eq!(server.handle().counters().requests, before + 2, "{target}");
    }
    assert_eq!(Peer::to(&server).send(GET).response().1, "first");
}

#[test]
fn an_offer_behind_pipelined_requests_is_taken_after_their_answers() {
    let server = server()
        .on_upgrade(["echo"], |_, res| {
            let mut upgraded = res.switch(&[("Upgrade", "echo")])?;
            let mut rest = Vec::new();
            upgraded.read_to_end(&mut rest)?;
            upgraded.write_all(&rest)
        })
        .start(|req, res| res.end(req.target()))
        .unwrap();
    let mut peer = Peer::to(&server);
    let pipeline = [GET, GET, UPGRADE, "the bytes behind it"].concat();
    peer.send(pipeline).end();
    assert_eq!((peer.response().1, peer.response().1), ("/".into(), "/".into()));
    assert!(peer.head().starts_with("HTTP/1.1 101 "));
    assert_eq!(peer.rest(), "the bytes behind it");
}

/// What `curl --http2` and Java's client say with everything they ask for.
#[test]
fn an_offer_nobody_here_speaks_is_an_ordinary_request() {
    let server = server()
        .on_upgrade(["websocket"], |_, res| res.switch(&[("Upgrade", "websocket")]).map(drop))
        .start(|_, res| res.end("ordinary"))
        .unwrap();
    let offer = |protocol: &str| {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {protocol}\r\n\r\n"
        )
    };
    let mut peer = Peer::to(&server);
    assert_eq!(peer.send(offer("h2c")).response().1, "ordinary");
    assert_eq!(peer.send(offer("h2c, TLS/1.0")).response().1, "ordinary");
    assert!(peer.send(offer("h2c, WebSocket")).head().starts_with("HTTP/1.1 101 "));
}
