//! Proxies that are spoken to over TLS: those that forward, and those that give a tunnel for another session.

use std::io::Write;

use h1wire_std::rustls::{ServerConnection, Stream as TlsPipe};
use h1wire_std::{Proxies, Proxy};

use crate::authority::{Authority, OK, request};

#[test]
fn a_proxy_over_tls_forwards_requests_and_is_told_who_asks() {
    let authority = Authority::new();
    let (addr, server) = authority.serve(|pipe| {
        for _ in 0..2 {
            let head = request(pipe);
            assert!(head.starts_with("GET http://h.invalid/a HTTP/1.1\r\nHost: h.invalid\r\n"), "{head}");
            assert!(head.contains("\r\nProxy-Authorization: Basic dTpw\r\n"), "{head}");
            pipe.write_all(OK).unwrap();
        }
        assert_eq!(pipe.conn.server_name(), Some("localhost"), "the session is the proxy's");
    });
    let proxy = Proxy::parse(&format!("https://u:p@localhost:{}", addr.port())).unwrap();
    let agent = authority.agent().proxies(Proxies::all(proxy)).build();
    for reused in [false, true] {
        let mut response = agent.get("http://h.invalid/a").send().unwrap();
        assert_eq!((response.text().unwrap().as_str(), response.is_reused()), ("ok", reused));
    }
    drop(agent);
    server.join().unwrap();
}

#[test]
fn a_tunnel_in_a_session_carries_another_one() {
    let authority = Authority::new();
    let inside = authority.server.clone();
    let (addr, server) = authority.serve(move |pipe| {
        let head = request(pipe);
        assert!(head.starts_with("CONNECT other.test:443 HTTP/1.1\r\n"), "{head}");
        pipe.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        // The server at the other end is this one, too.
        let mut session = ServerConnection::new(inside).unwrap();
        let mut pipe = TlsPipe::new(&mut session, pipe);
        assert!(request(&mut pipe).starts_with("GET /secret HTTP/1.1\r\nHost: other.test\r\n"));
        pipe.write_all(OK).unwrap();
        assert_eq!(session.server_name(), Some("other.test"));
    });
    let proxy = Proxy::parse(&format!("https://localhost:{}", addr.port())).unwrap();
    let agent = authority.agent().proxies(Proxies::all(proxy)).build();
    assert_eq!(agent.get("https://other.test/secret").send().unwrap().text().unwrap(), "ok");
    drop(agent);
    server.join().unwrap();
}
