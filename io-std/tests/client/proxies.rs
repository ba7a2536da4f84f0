//! Which way requests go: past proxies that are not for them, and through those that speak SOCKS5.

use std::io::Write;
use std::net::TcpListener;

use h1wire_std::{Agent, ErrorKind, Proxies, Proxy, Request};

use crate::script::{Peer, Script};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn through(proxy: &str) -> Proxies {
    Proxies::all(Proxy::parse(proxy).unwrap())
}

/// Nobody listens there.
fn nowhere() -> Proxies {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    through(&listener.local_addr().unwrap().to_string())
}

#[test]
fn an_exempt_network_covers_its_addresses_however_they_are_written() {
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let mut peer = Peer::accept(&listener);
            peer.request();
            peer.send(OK);
        }
    });
    let agent = Agent::builder().keep_alive(false).proxies(nowhere().except("127.0.0.0/8").unwrap()).build();
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{port}/");
        assert_eq!(agent.get(&url).send().unwrap().text().unwrap(), "ok", "{host}");
    }
    server.join().unwrap();
}

#[test]
fn a_socks5_proxy_is_given_the_name_or_the_address_and_user_and_password_where_it_wants_them() {
    for (scheme, wanted) in [
        ("socks5h", &b"\x05\x01\x00\x03\x0fservice.invalid\x00\x07"[..]),
        ("socks5", b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x07"),
    ] {
        let server = Script::once(move |peer| {
            assert_eq!(peer.content(4), b"\x05\x02\x00\x02");
            peer.send(b"\x05\x02");
            assert_eq!(peer.content(7), b"\x01\x01u\x03p@w");
            // What comes in pieces is waited for.
            peer.send(b"\x01");
            peer.send(b"\x00");
            assert_eq!(peer.content(wanted.len()), wanted);
            peer.send(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00");
            assert!(peer.request().starts_with("GET /x HTTP/1.1\r\nHost: service.invalid:7\r\n"));
            peer.send(OK);
            // The connection leads to the server, so that the next request finds it.
            peer.request();
            peer.send(OK);
        });
        let agent = Agent::builder()
            .proxies(through(&format!("{scheme}://u:p%40w@{}", server.addr)))
            .lookup(|host, port| {
                assert_eq!((host, port), ("service.invalid", 7));
                Ok(vec!["127.0.0.1:7".parse().unwrap()])
            })
            .build();
        for reused in [false, true] {
            let mut response = agent.get("http://service.invalid:7/x").send().unwrap();
            assert_eq!((response.text().unwrap().as_str(), response.is_reused()), ("ok", reused));
        }
        assert!(!format!("{agent:?} {:?}", agent.origins()).contains("p@w"));
        server.join();
    }
}

#[test]
fn what_a_socks5_proxy_refuses_or_is_not_is_said() {
    for (answer, text) in [
        (&b"\x05\x00\x05\x05\x00\x01"[..], "the SOCKS5 proxy was refused the connection"),
        (b"\x05\xff", "the SOCKS5 proxy wants another authentication"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the proxy does not speak SOCKS5"),
    ] {
        let server = Script::once(move |peer| {
            peer.content(3);
            let _ = peer.socket.write_all(answer);
            peer.end();
        });
        let proxies = through(&format!("socks5h://{}", server.addr));
        let error = Request::get("http://h.invalid/").one_shot().proxies(proxies).send().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Socks(_)), "{error:?}");
        assert_eq!(error.to_string(), format!("GET http://h.invalid/: {text}"));
        assert!(error.into_request().is_some(), "nothing was sent");
        server.join();
    }
    let server = Script::once(|peer| {
        peer.content(3);
    });
    let proxies = through(&format!("socks5h://{}", server.addr));
    let error = Request::get("http://h.invalid/").one_shot().proxies(proxies).send().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connect(_)), "{error:?}");
    server.join();
}
