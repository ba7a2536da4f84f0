//! Connections on which a proxy says whose they are.

mod common;

use common::{Raw, stop};
use h1wire_mio::Server;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[test]
fn a_handler_is_told_the_address_that_was_announced() {
    let server = Server::bind("127.0.0.1:0").unwrap().proxy_protocol();
    let running = server
        .start(|_, res| {
            let client = res.peer_addr().map(|addr| addr.to_string()).unwrap_or_else(|| "nobody".to_owned());
            res.end(client)
        })
        .unwrap();
    let v1 = "PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\n".as_bytes().to_vec();
    let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    v2.extend([192, 0, 2, 7, 192, 0, 2, 8, 4, 210, 0, 80]);
    for header in [v1, v2] {
        let all = [&header[..], REQUEST.as_bytes()].concat();
        let whole = Raw::to(&running).ask(&all);
        assert!(whole.ends_with("\r\n\r\n192.0.2.7:1234"), "{whole}");
        let mut client = Raw::to(&running);
        for byte in all {
            client.send([byte]);
        }
        assert!(client.rest().ends_with("\r\n\r\n192.0.2.7:1234"));
    }
    let own = Raw::to(&running).ask(format!("PROXY UNKNOWN\r\n{REQUEST}"));
    assert!(own.ends_with("nobody"), "{own}");
    stop(running);
}

#[test]
fn a_connection_that_is_not_announced_is_closed_without_an_answer() {
    let server = Server::bind("127.0.0.1:0").unwrap().proxy_protocol();
    let running = server.start(|_, res| res.end("never")).unwrap();
    let mut got = Vec::new();
    let mut client = Raw::to(&running);
    client.send(REQUEST);
    // What was not read makes the end a reset.
    let _ = std::io::Read::read_to_end(&mut client.0, &mut got);
    assert!(got.is_empty(), "{}", got.escape_ascii());
    assert_eq!(running.handle().counters().io_errors, 1);
    stop(running);
}
