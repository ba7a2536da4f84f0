//! The examples `events` and `websocket`, as they are built.

mod common;
#[path = "common/example.rs"]
mod example;

use std::io::{ErrorKind, Read};

use common::Raw;
use example::{ANY, Example, is_answered_to_everybody, status, survives};

#[test]
fn events_come_to_everybody_who_listens() {
    let Some(events) = Example::start("events", &[ANY]) else { return };
    assert!(events.last("GET / HTTP/1.1").contains("new EventSource('/events')"));
    let mut listeners: Vec<_> = (0..3).map(|_| Raw::at(events.addr)).collect();
    for (listener, target) in listeners.iter_mut().zip(["/events", "/events?x", "http://a/events"]) {
        listener.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    for listener in &mut listeners {
        let got = read_until(listener, "\ndata: tick ");
        assert!(
            got.contains("\r\nContent-Type: text/event-stream\r\n") && got.contains("retry: 2000\n\n"),
            "{got}"
        );
    }
}

/// Reads until `what` came.
fn read_until(client: &mut Raw, what: &str) -> String {
    let (mut got, mut piece) = (String::new(), [0; 4096]);
    while !got.contains(what) {
        let n = match client.0.read(&mut piece) {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            read => read.unwrap(),
        };
        assert!(n > 0, "the end, after {got}");
        got += std::str::from_utf8(&piece[..n]).unwrap();
    }
    got
}

#[test]
fn events_that_were_missed_come_when_the_client_comes_back() {
    let Some(events) = Example::start("events", &[ANY]) else { return };
    let listen = |fields: &str| {
        let mut client = Raw::at(events.addr);
        client.send(format!("GET /events HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        client
    };
    read_until(&mut listen(""), "id: 2\n");
    let got = read_until(&mut listen("Last-Event-ID: 0\r\n"), "id: 3\n");
    let at = |what: &str| got.find(what).unwrap_or_else(|| panic!("{what} in {got}"));
    assert!(at("retry: ") < at("id: 1\n") && at("id: 1\n") < at("id: 2\n"), "{got}");
    assert!(!got.contains("id: 0\n"), "{got}");
    let got = read_until(&mut listen("Last-Event-ID: nonsense\r\n"), "id: ");
    assert!(!got.contains("id: 0\n"), "{got}");
}

#[test]
fn events_are_for_those_who_can_have_them() {
    let Some(events) = Example::start("events", &[ANY]) else { return };
    is_answered_to_everybody(&events, "/", "</script>\n");
    let head = events.last("HEAD /events HTTP/1.1");
    assert!(head.contains("\r\nContent-Type: text/event-stream\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    // The connection goes on after it.
    let two = "HEAD /events HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(events.ask(two).contains("\r\n\r\nHTTP/1.1 404 "));
    assert_eq!(events.status("POST /events HTTP/1.1"), 405);
    let mut old = Raw::at(events.addr);
    let got = read_until(old.send("GET /events HTTP/1.0\r\n\r\n"), "\ndata: tick ");
    assert!(!got.contains("chunked"), "{got}");
}

#[cfg(unix)]
#[test]
fn events_end_with_a_whole_answer_when_the_server_is_told_to_stop() {
    let Some(mut events) = Example::start("events", &[ANY]) else { return };
    let mut client = Raw::at(events.addr);
    read_until(client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n"), "\ndata: tick ");
    let id = rustix::process::Pid::from_child(&events.child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert!(client.rest().ends_with("0\r\n\r\n"));
    assert!(events.child.wait().unwrap().success());
}

const HANDSHAKE: &str = "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

/// RFC 6455 section 4.2.
#[test]
fn websocket_switches_for_a_handshake_and_refuses_what_is_none() {
    let Some(websocket) = Example::start("websocket", &[ANY]) else { return };
    for (from, to, code) in [
        ("GET", "POST", 405),
        ("GET", "HEAD", 405),
        ("HTTP/1.1", "HTTP/1.0", 426),
        ("Upgrade: websocket\r\n", "", 426),
        ("Upgrade: websocket", "Upgrade: h2c", 426),
        ("Connection: Upgrade\r\n", "", 426),
        ("Version: 13", "Version: 8", 426),
        ("Sec-WebSocket-Version: 13\r\n", "", 426),
        ("Version: 13", "Version: 13\r\nSec-WebSocket-Version: 8", 426),
        ("\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZXM=", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZZ==", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBs!SBub25jZQ==", 400),
        (
            "dGhlIHNhbXBsZSBub25jZQ==",
            "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            400,
        ),
        ("Upgrade: websocket", "Content-Length: 3\r\nUpgrade: websocket", 400),
    ] {
        assert!(HANDSHAKE.contains(from));
        let request = HANDSHAKE.replacen(from, to, 1);
        let content = if request.contains("Content-Length") { "abc" } else { "" };
        let got = websocket.ask(&format!("{request}\r\nHost: a\r\nConnection: close\r\n\r\n{content}"));
        assert_eq!(status(&got), code, "{request}\n{got}");
        if code == 426 {
            for field in ["\r\nUpgrade: websocket\r\n", "\r\nSec-WebSocket-Version: 13\r\n"] {
                assert!(got.contains(field), "{got}");
            }
            let connection = got.lines().find(|line| line.starts_with("Connection: ")).unwrap_or_default();
            assert!(connection.to_ascii_lowercase().contains("upgrade"), "{got}");
        }
    }
    assert_eq!(status(&websocket.ask(&format!("{HANDSHAKE}\r\nConnection: close\r\n\r\n"))), 400, "no Host");
    survives(&websocket);
    // The forms in which it is one.
    for request in [
        HANDSHAKE.to_owned(),
        HANDSHAKE.replace("GET / ", "GET http://a/chat?x "),
        HANDSHAKE
            .replace("websocket\r\n", "h2c, WebSocket\r\n")
            .replace("Connection: Upgrade", "Connection: keep-alive, UPGRADE"),
    ] {
        let mut client = Raw::at(websocket.addr);
        // A close frame right after it, masked with 0.
        client.send(format!("{request}\r\nHost: a\r\n\r\n")).send([0x88, 0x80, 0, 0, 0, 0]);
        let mut got = Vec::new();
        client.0.read_to_end(&mut got).unwrap();
        let (head, frames) = got.split_at(got.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4);
        let head = std::str::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
        assert!(head.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
        assert_eq!(frames, [0x88, 0]);
    }
}

/// RFC 6455 sections 5.1, 7.4.1, 8.1 and 10.4.
#[test]
fn websocket_says_why_it_closes() {
    let Some(websocket) = Example::start("websocket", &[ANY]) else { return };
    // A frame masked with 0.
    let frame =
        |first: u8, content: &[u8]| [&[first, 0x80 | content.len() as u8, 0, 0, 0, 0], content].concat();
    for (sent, code, why) in [
        (vec![0x81, 1, b'x'], 1002, "a client's frame is masked"),
        (frame(0x83, b""), 1002, "a code that means nothing"),
        (frame(0xC1, b"x"), 1002, "a bit that was not agreed on"),
        (frame(0x80, b"x"), 1002, "a continuation of nothing"),
        (frame(0x81, b"\xFF"), 1007, "text is UTF-8"),
        (vec![0x82, 0xFF, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0], 1009, "too long"),
        (frame(0x88, &1000u16.to_be_bytes()), 1000, "an ordinary end"),
    ] {
        let mut client = Raw::at(websocket.addr);
        client.send(format!("{HANDSHAKE}\r\nHost: a\r\n\r\n")).until("\r\n\r\n");
        client.send(frame(0x81, b"hi")).send(sent);
        let mut got = Vec::new();
        client.0.read_to_end(&mut got).unwrap();
        assert_eq!(got.get(..4), Some(&[0x81, 2, b'h', b'i'][..]), "{why}");
        assert_eq!((got[4], u16::from_be_bytes([got[6], got[7]])), (0x88, code), "{why}: {got:?}");
    }
}
