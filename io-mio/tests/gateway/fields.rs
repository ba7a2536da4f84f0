//! What is passed on, and what stays on its connection.

use std::sync::mpsc;

use crate::rig::{Gateway, Got, Origin, field, split};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// An origin that tells what it got, and answers with `answer`.
fn telling(answer: &'static str) -> (Origin, mpsc::Receiver<Got>) {
    let (tell, got) = mpsc::sync_channel(16);
    let origin = Origin::new(move |peer| {
        while let Some(request) = peer.request() {
            let _ = tell.send(request);
            peer.send(answer);
        }
    });
    (origin, got)
}

#[test]
fn a_request_and_its_answer_go_through_with_via_host_date_and_the_clients_address() {
    let (origin, got) = telling(OK);
    let Some(gateway) = Gateway::to(&[origin.addr], &["--name", "edge"]) else { return };
    let answer =
        gateway.ask("GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    let request = got.recv().unwrap();
    assert!(request.head.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.field("host"), Some(&*origin.addr.to_string()));
    assert_eq!(request.field("via"), Some("1.1 edge"));
    assert_eq!(request.field("accept"), Some("*/*"));
    assert_eq!(request.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.field("x-forwarded-host"), Some("example.com"));
    assert_eq!(request.field("x-forwarded-proto"), Some("http"));
    assert_ne!(request.field("connection"), Some("close"), "it is the client's own");
    let (head, content) = split(&answer);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(content, "ok");
    assert_eq!(field(head, "via"), Some("1.1 edge"));
    assert!(field(head, "date").is_some(), "RFC 9110 section 6.6.1: {head}");
}

#[test]
fn what_belongs_to_a_connection_stays_on_it_in_both_directions() {
    let (origin, got) = telling(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Hop, Keep-Alive\r\nKeep-Alive: timeout=9\r\nX-Hop: 1\r\n\
         X-End: 1\r\nProxy-Connection: keep-alive\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nok",
    );
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let answer = gateway.ask(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x-mine\r\nX-Mine: 1\r\nTE: trailers\r\nX-End: 2\r\n\
         Proxy-Authorization: Basic eA==\r\nKeep-Alive: 3\r\n\r\n",
    );
    let request = got.recv().unwrap();
    for name in ["x-mine", "te", "proxy-authorization", "keep-alive"] {
        assert_eq!(request.field(name), None, "{name}: {}", request.head);
    }
    assert_eq!(request.field("x-end"), Some("2"));
    let (head, _) = split(&answer);
    for name in ["x-hop", "proxy-connection"] {
        assert_eq!(field(head, name), None, "{name}: {head}");
    }
    assert_eq!(field(head, "x-end"), Some("1"));
    assert_eq!(field(head, "date"), Some("Thu, 01 Jan 1970 00:00:00 GMT"), "the origin's own stays");
}

#[test]
fn what_clients_say_of_themselves_is_believed_only_where_told() {
    let forged = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-For: 1.1.1.1\r\nForwarded: for=x\r\n\r\n";
    for (args, x, forwarded) in [
        (&[][..], Some("127.0.0.1"), None),
        (&["--trust-forwarded"], Some("1.1.1.1, 127.0.0.1"), Some("for=x")),
        (&["--forwarded", "forwarded"], None, Some("for=127.0.0.1;host=a;proto=http")),
        (&["--forwarded", "none"], Some("1.1.1.1"), Some("for=x")),
    ] {
        let (origin, got) = telling(OK);
        let Some(gateway) = Gateway::to(&[origin.addr], args) else { return };
        gateway.ask(forged);
        let request = got.recv().unwrap();
        assert_eq!(request.field("x-forwarded-for"), x, "{args:?}");
        assert_eq!(request.field("forwarded"), forwarded, "{args:?}");
    }
}

#[test]
fn the_clients_host_is_sent_on_where_asked_for() {
    let (origin, got) = telling(OK);
    let Some(gateway) = Gateway::to(&[origin.addr], &["--keep-host"]) else { return };
    gateway.ask("GET / HTTP/1.1\r\nHost: example.com:81\r\nConnection: close\r\n\r\n");
    assert_eq!(got.recv().unwrap().field("host"), Some("example.com:81"));
}

#[test]
fn framing_is_made_anew_so_that_nothing_is_smuggled() {
    let (origin, got) = telling(OK);
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    for bad in [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    ] {
        let answer = gateway.ask(bad);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{bad:?}: {answer}");
    }
    // What names a framing field in Connection does not take it away.
    gateway.ask(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close, content-length\r\nContent-Length: 3\r\n\r\nabc",
    );
    let request = got.recv().unwrap();
    assert_eq!((request.field("content-length"), &request.content[..]), (Some("3"), &b"abc"[..]));
    assert!(got.try_recv().is_err(), "nothing else arrived");
}

#[test]
fn max_forwards_is_counted_down_and_a_loop_is_found() {
    let (origin, got) = telling(OK);
    let Some(gateway) = Gateway::to(&[origin.addr], &["--name", "edge"]) else { return };
    gateway.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\nConnection: close\r\n\r\n");
    let request = got.recv().unwrap();
    assert!(request.head.starts_with("OPTIONS * "), "{}", request.head);
    assert_eq!(request.field("max-forwards"), Some("2"));
    let answer = gateway.ask("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 204 ") && answer.contains("\r\nAllow: "), "{answer}");
    let answer = gateway.ask(
        "TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\nX-A: 1\r\nCookie: secret\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("X-A: 1\r\n"), "{answer}");
    assert!(!answer.contains("secret"), "RFC 9110 section 9.3.8: {answer}");
    let answer = gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 edge\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 508 "), "{answer}");
    assert!(got.try_recv().is_err(), "nothing else arrived");
}
