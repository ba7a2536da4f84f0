//! Requests and answers over real sockets: one after another, pipelined, split, and what is malformed.

mod common;

use common::{Raw, serve, stop, undated};
use h1wire_mio::proto::RecvErrorKind;
use h1wire_mio::{Request, Response, Server};

fn hello(_: &Request<'_>, res: &mut Response<'_>) -> Result<(), h1wire_mio::proto::SendError> {
    res.header("content-type", "text/plain").end("hello\n")
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nConnection: keep-alive\r\n\
    Keep-Alive: timeout=5\r\nContent-Length: 6\r\n\r\nhello\n";
const HELLO_CLOSE: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nConnection: close\r\nContent-Length: 6\r\n\r\nhello\n";

#[test]
fn requests_of_a_connection_are_answered_one_after_another() {
    let server = serve(hello);
    let mut client = Raw::to(&server);
    for _ in 0..3 {
        assert_eq!(undated(&client.send(GET).until("hello\n")), HELLO);
    }
    assert_eq!(undated(&client.ask(LAST)), HELLO_CLOSE);
    stop(server);
}

#[test]
fn pipelined_requests_are_answered_in_order_with_one_write() {
    let server = serve(|req: &Request<'_>, res: &mut Response<'_>| res.end(req.target));
    let mut batch = String::new();
    for i in 0..100 {
        batch += &format!("GET /{i:03} HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    batch += "GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let got = Raw::to(&server).ask(batch);
    let order: Vec<_> = got.split("\r\n\r\n/").skip(1).map(|s| &s[..3]).collect();
    assert_eq!(order.len(), 101);
    assert!((0..100).all(|i| order[i] == format!("{i:03}")), "{order:?}");
    assert_eq!(order[100], "end");
    stop(server);
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = serve(hello);
    let mut client = Raw::to(&server);
    for byte in LAST.as_bytes() {
        client.send([*byte]);
    }
    assert_eq!(undated(&client.rest()), HELLO_CLOSE);
    stop(server);
}

#[test]
fn a_client_that_closed_its_half_gets_its_answers() {
    let server = serve(hello);
    let got = Raw::to(&server).send(GET).send(GET).half_close().rest();
    assert_eq!(got.matches("hello\n").count(), 2, "{got}");
    stop(server);
}

#[test]
fn a_request_that_breaks_the_protocol_is_answered_and_the_connection_closed() {
    let server = serve(hello);
    let got = Raw::to(&server).ask("GET / HTTP/1.1\r\nHost : a\r\n\r\n");
    assert_eq!(undated(&got), "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(server.handle().counters().protocol_errors, 1);
    stop(server);
}

#[test]
fn each_kind_of_error_is_counted_by_itself_over_all_event_loops() {
    let server = Server::bind("127.0.0.1:0").unwrap().workers(2).start(hello).unwrap();
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let wrong = [
        ("GET / HTTP/1.1\r\n\r\n", RecvErrorKind::MissingHost),
        ("GET / HTTP/2.0\r\n\r\n", RecvErrorKind::VersionUnsupported),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", RecvErrorKind::SpaceBeforeColon),
        (&long, RecvErrorKind::HeadTooLarge),
    ];
    for (times, (request, _)) in wrong.iter().enumerate() {
        for _ in 0..=times {
            Raw::to(&server).ask(request);
        }
    }
    let counters = server.handle().counters();
    for kind in RecvErrorKind::ALL {
        let times = wrong.iter().position(|(_, wrong)| wrong == kind).map_or(0, |at| at as u64 + 1);
        assert_eq!(counters.errors(*kind), times, "{kind:?}");
    }
    assert_eq!(counters.protocol_errors, 1 + 2 + 3 + 4);
    stop(server);
}

#[test]
fn a_handler_that_panics_ends_its_connection_and_not_the_server() {
    let server = serve(|req: &Request<'_>, res: &mut Response<'_>| {
        assert_ne!(req.target, b"/panic");
        res.end("fine")
    });
    let got = Raw::to(&server).ask("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(got.starts_with("HTTP/1.1 500 ") && got.contains("\r\nConnection: close\r\n"), "{got}");
    assert!(Raw::to(&server).ask(LAST).ends_with("fine"));
    assert_eq!(server.handle().counters().panics, 1);
    stop(server);
}

#[test]
fn a_handler_that_does_not_answer_is_answered_for() {
    let server = serve(|_: &Request<'_>, _: &mut Response<'_>| ());
    let got = Raw::to(&server).ask(LAST);
    assert!(got.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{got}");
    stop(server);
}

#[test]
fn an_answer_may_come_from_another_thread() {
    let server = serve(|_: &Request<'_>, res: &mut Response<'_>| {
        let responder = res.responder();
        std::thread::spawn(move || {
            for piece in ["one ", "two ", "three"] {
                assert!(responder.write(piece));
            }
            assert!(responder.finish());
        });
    });
    let mut client = Raw::to(&server);
    for _ in 0..2 {
        let got = client.send(GET).until("\r\n0\r\n\r\n");
        let content: String =
            got.split("\r\n\r\n").nth(1).unwrap().split("\r\n").skip(1).step_by(2).collect();
        assert_eq!(content, "one two three", "{got}");
    }
    stop(server);
}

#[test]
fn a_responder_that_is_dropped_has_its_request_answered_with_500() {
    let server = serve(|_: &Request<'_>, res: &mut Response<'_>| {
        let responder = res.responder();
        std::thread::spawn(move || drop(responder));
    });
    let got = Raw::to(&server).ask(LAST);
    assert!(got.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{got}");
    stop(server);
}
