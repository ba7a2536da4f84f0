//! What went wrong with an exchange is told, whoever's fault it was.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use h1wire_proto::{Expired, RecvErrorKind};
use h1wire_std::Server;
use h1wire_std::server::{Failure, Report};

use crate::peer::{GET, Peer, SOON, ms, server, wait_until, with};

/// A server that reports to the receiver, with the target of the request.
fn reporting(server: Server) -> (Server, Receiver<(Option<String>, Report)>) {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let server = server.on_report(move |head, report| {
        let target = head.map(|head| head.target.escape_ascii().to_string());
        tell.lock().unwrap().send((target, report.clone())).unwrap();
    });
    (server, told)
}

#[test]
fn what_a_handler_fails_with_is_in_the_report_and_counted() {
    let (server, told) = reporting(server());
    let server = server
        .start(|req, res| match req.target() {
            b"/error" => Err(io::Error::other("the database is gone")),
            b"/field" => res.header("x-user", "a\r\nb").end("x"),
            b"/ignored" => {
                let _ = res.append_header("bad name", "c").end("x");
                Ok(())
            }
            b"/length" => res.content_length(10).end("short"),
            b"/late" => {
                res.send_head()?;
                res.header("x-late", "y").finish()
            }
            b"/panic" => panic!("at the disco"),
            _ => res.end("fine"),
        })
        .unwrap();
    for (target, status, text) in [
        ("/error", 500, "the database is gone"),
        ("/field", 500, "bad value of the field x-user"),
        ("/ignored", 500, "bad field name \"bad name\""),
        ("/length", 500, "less content than declared"),
        ("/late", 200, "header: the call does not fit the state of the connection"),
        ("/panic", 500, "the handler panicked: at the disco"),
    ] {
        Peer::to(&server).send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).head();
        let (told_target, report) = told.recv_timeout(SOON).unwrap();
        assert_eq!(told_target.as_deref(), Some(target));
        assert_eq!(report.status, Some(status), "{target}");
        assert_eq!(report.error.as_deref(), Some(text), "{target}");
        let failure = if target == "/panic" { Failure::Panic } else { Failure::Handler };
        assert_eq!(report.failure, Some(failure), "{target}");
    }
    Peer::to(&server).send(GET).response();
    let (_, report) = told.recv_timeout(SOON).unwrap();
    assert_eq!((report.status, report.failure, report.error), (Some(200), None, None));
    let counters = server.handle().counters();
    assert_eq!((counters.handler_errors, counters.panics), (5, 1));
}

#[test]
fn what_the_machine_answers_is_reported_with_its_status() {
    let (server, told) = reporting(server().options(with(|o| o.policy.timeouts.headers = ms(50))));
    let server = server.start(|req, res| io::copy(req, &mut io::sink()).and_then(|_| res.end("x"))).unwrap();
    assert!(Peer::to(&server).send("BAD\r\n\r\n").rest().starts_with("HTTP/1.1 400 "));
    let (head, report) = told.recv_timeout(SOON).unwrap();
    assert_eq!((head, report.number, report.status), (None, 1, Some(400)));
    assert_eq!(report.failure, Some(Failure::Protocol(RecvErrorKind::BadMethod)));
    assert!(report.is_complete && report.error.is_some());
    // Also where it was late,
    assert!(Peer::to(&server).send("GET / HT").rest().starts_with("HTTP/1.1 408 "));
    let (head, report) = told.recv_timeout(SOON).unwrap();
    assert_eq!((head, report.status), (None, Some(408)));
    assert_eq!(report.failure, Some(Failure::Timeout(Expired::Head)));
    // and where a handler had the request.
    let chunked = "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\n";
    assert!(Peer::to(&server).send(chunked).rest().starts_with("HTTP/1.1 400 "));
    let (head, report) = told.recv_timeout(SOON).unwrap();
    assert_eq!((head.as_deref(), report.number, report.status), (Some("/p"), 1, Some(400)));
    assert!(matches!(report.failure, Some(Failure::Protocol(_))), "{report:?}");
    // Between two requests there is nothing to report.
    let mut peer = Peer::to(&server);
    peer.send(GET).response();
    told.recv_timeout(SOON).unwrap();
    drop(peer);
    wait_until("it is gone", || server.handle().connections() == 0);
    assert!(told.try_recv().is_err());
    assert_eq!(server.handle().counters().handler_errors, 0);
}

#[test]
fn times_are_finer_than_a_millisecond_and_in_order() {
    let (server, told) = reporting(server());
    let server = server
        .start(|req, res| {
            io::copy(req, &mut io::sink())?;
            res.send_head()?;
            res.write_all(b"content")?;
            res.finish()
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    let mut finer = false;
    for _ in 0..10 {
        peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").until("0\r\n\r\n");
        let (_, report) = told.recv_timeout(SOON).unwrap();
        let (request, head) = (report.request.unwrap(), report.head.unwrap());
        assert!(request <= head && head <= report.took, "{report:?}");
        finer |= !report.took.subsec_micros().is_multiple_of(1000);
    }
    assert!(finer);
}

#[test]
fn a_client_that_resets_its_connection_is_told_of_where_it_matters() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = told.clone();
    let server = server()
        .on_stream_error(move |error, peer| log.lock().unwrap().push((error.kind(), peer.is_some())))
        .start(|_, res| res.end("x"))
        .unwrap();
    for start in ["", "GET / HT"] {
        let stream = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
        (&stream).write_all(start.as_bytes()).unwrap();
        wait_until("it came", || server.handle().connections() == 1);
        wait_until("it was read", || {
            let counters = server.handle().counters();
            counters.bytes_received == start.len() as u64 && server.handle().parked() > 0
        });
        // Closed with a reset.
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        drop(stream);
        wait_until("it is gone", || server.handle().connections() == 0);
    }
    assert_eq!(*told.lock().unwrap(), [(io::ErrorKind::ConnectionReset, true)]);
    assert_eq!(server.handle().counters().io_errors, 1);
}

#[test]
fn a_limit_that_passed_may_be_answered_in_other_words() {
    let server = server()
        .options(with(|o| o.policy.timeouts.headers = ms(50)))
        .on_timeout(|expired, _, response| {
            assert_eq!(expired, Expired::Head);
            response.is_some_and(|response| response.status(503).end("hurry up").is_err())
        })
        .start(|_, res| res.end("x"))
        .unwrap();
    let answer = Peer::to(&server).send("GET / HT").rest();
    let expected =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 8\r\n\r\nhurry up";
    assert_eq!(answer, expected);
}
