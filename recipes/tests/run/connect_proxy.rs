//! The CONNECT proxy.

use crate::{WAIT, accept, pair, read_until, talk};
use h1wire_recipes::connect_proxy::serve_connection;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::time::Duration;

#[test]
fn bytes_go_both_ways_and_each_direction_ends_on_its_own() {
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = origin.local_addr().unwrap();
    let (mut client, server) = pair();
    std::thread::scope(|scope| {
        let served = scope.spawn(move || serve_connection(server, WAIT, |to| to == address));
        // The greeting does not wait for the answer.
        write!(client, "CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\nhello").unwrap();
        let mut far = accept(&origin);
        assert_eq!(read_until(&mut client, "\r\n\r\n"), "HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(read_until(&mut far, "hello"), "hello");
        let large = "0123456789abcdef".repeat(50_000);
        let mut half = client.try_clone().unwrap();
        scope.spawn(move || {
            half.write_all(large.as_bytes()).unwrap();
            half.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = String::new();
        far.read_to_string(&mut received).unwrap();
        assert_eq!(received.len(), 800_000);
        far.write_all(b"and goodbye").unwrap();
        drop(far);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "and goodbye");
        served.join().unwrap().unwrap();
    });
}

#[test]
fn what_is_not_allowed_or_fails_is_refused_and_what_was_meant_for_the_tunnel_is_no_request() {
    // Nobody listens on the port of a listener that is gone.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer = |wire: &str| talk(wire, |stream| serve_connection(stream, WAIT, |to| to.port() != 1));
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(
        answer(&format!("{get}CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: a\r\n\r\n{get}")),
        "HTTP/1.1 405 Method Not Allowed\r\nAllow: CONNECT\r\nContent-Length: 0\r\n\r\n\
         HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(
        answer(&format!("CONNECT {gone} HTTP/1.1\r\nHost: a\r\n\r\n")),
        "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn a_silent_tunnel_is_cut() {
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = origin.local_addr().unwrap();
    let wire = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let answer = talk(&wire, |stream| serve_connection(stream, Duration::from_millis(50), |_| true));
    assert_eq!(answer, "HTTP/1.1 200 OK\r\n\r\n");
}
