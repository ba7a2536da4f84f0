//! Connections that are handed over: upgrades, tunnels, and proxies.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use h1wire_std::{Agent, ErrorKind, Proxies, Proxy, Request, Transport};

use crate::script::{Peer, Script};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn upgrade(server: &Script, agent: &Agent) -> Request {
    agent.get(server.url("/chat")).header("Connection", "Upgrade").header("Upgrade", "echo")
}

#[test]
fn an_upgraded_connection_is_handed_over_with_the_bytes_behind_the_response() {
    let server = Script::once(|peer| {
        assert!(peer.request().contains("\r\nUpgrade: echo\r\n"));
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nwelcome");
        assert_eq!(peer.content(5), b"hello");
        peer.send(b"olleh");
        assert_eq!(peer.end(), b"");
    });
    let agent = Agent::builder().keep_alive(true).build();
    let mut response = upgrade(&server, &agent).send().unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(response.read(&mut [0; 9]).unwrap(), 0, "the rest is not content");
    let mut stream = response.into_upgraded().unwrap();
    assert_eq!(agent.totals().busy + agent.totals().idle, 0, "it is not the agent's any more");
    assert!(stream.leftover().is_empty() || stream.leftover().starts_with(b"w"));
    assert_eq!(stream.peer_addr(), Some(server.addr));
    let mut buf = [0; 7];
    stream.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"welcome");
    stream.write_all(b"hello").unwrap();
    stream.read_exact(&mut buf[..5]).unwrap();
    assert_eq!(&buf[..5], b"olleh");
    drop(stream);
    server.join();
}

#[test]
fn an_upgraded_connection_nobody_takes_is_closed() {
    let server = Script::once(|peer| {
        peer.request();
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
        assert_eq!(peer.end(), b"");
    });
    let agent = Agent::builder().keep_alive(true).build();
    drop(upgrade(&server, &agent).send().unwrap());
    assert_eq!(agent.totals().busy + agent.totals().idle, 0);
    server.join();
}

#[test]
fn an_upgrade_that_is_declined_is_an_ordinary_response() {
    let server = Script::kept([OK]);
    let agent = Agent::builder().keep_alive(true).build();
    let response = upgrade(&server, &agent).send().unwrap();
    let mut response = response.into_upgraded().unwrap_err();
    assert_eq!(response.text().unwrap(), "ok");
    assert_eq!(agent.totals().idle, 1);
    agent.destroy();
    server.join();
}

#[test]
fn an_upgrade_nobody_asked_for_is_an_error() {
    let server = Script::answers(["HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"]);
    let error = Request::get(server.url("/")).one_shot().send().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Parse(_)), "{error:?}");
    server.join();
}

#[test]
fn connect_gives_a_tunnel_or_an_ordinary_answer() {
    let server = Script::new(|listener| {
        let mut peer = Peer::accept(listener);
        assert!(peer.request().starts_with("CONNECT example.org:443 HTTP/1.1\r\n"));
        peer.send(b"HTTP/1.1 200 Established\r\nContent-Length: 5\r\n\r\nearly");
        assert_eq!(peer.content(4), b"ping");
        peer.send(b"pong");
        let mut peer = Peer::accept(listener);
        peer.request();
        peer.send(b"HTTP/1.1 407 Who are you\r\nContent-Length: 2\r\n\r\nno");
    });
    let connect = || Request::new("CONNECT", server.url("/")).one_shot().path("example.org:443");
    let mut tunnel = connect().send().unwrap().into_upgraded().unwrap();
    let mut buf = [0; 5];
    tunnel.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"early", "the length of a tunnel means nothing");
    tunnel.write_all(b"ping").unwrap();
    tunnel.read_exact(&mut buf[..4]).unwrap();
    assert_eq!(&buf[..4], b"pong");
    let mut refused = connect().send().unwrap().into_upgraded().unwrap_err();
    assert_eq!((refused.status(), refused.text().unwrap().as_str()), (407, "no"));
    server.join();
}

#[test]
fn a_proxy_gets_the_absolute_form_and_credentials_and_its_connection_serves_all_hosts() {
    let proxy = Script::once(|peer| {
        let head = peer.request();
        assert!(head.starts_with("GET http://one.invalid/a?b HTTP/1.1\r\nHost: one.invalid\r\n"), "{head}");
        assert!(head.contains("\r\nProxy-Authorization: Basic dTpw\r\n"), "{head}");
        peer.send(OK);
        let head = peer.request();
        assert!(
            head.starts_with("OPTIONS http://two.invalid:81 HTTP/1.1\r\nHost: two.invalid:81\r\n"),
            "{head}"
        );
        peer.send(OK);
    });
    let proxies = Proxies::all(Proxy::parse(&format!("http://u:p@{}", proxy.addr)).unwrap());
    let agent = Agent::builder().keep_alive(true).proxies(proxies.except("127.0.0.1").unwrap()).build();
    assert_eq!(agent.get("http://one.invalid/a?b").send().unwrap().text().unwrap(), "ok");
    let response = agent.request("OPTIONS", "http://two.invalid:81/").path("*").send().unwrap();
    assert!(response.is_reused());
    proxy.join();

    let direct = Script::once(|peer| {
        assert!(peer.request().starts_with("GET / HTTP/1.1\r\n"));
        peer.send(OK);
    });
    agent.get(direct.url("/")).send().unwrap();
    direct.join();
}

#[test]
fn a_tunnel_through_a_proxy_is_kept_for_its_host() {
    let origin = Script::answers([OK, OK]);
    let target = origin.addr;
    let proxy = Script::once(move |peer| {
        let head = peer.request();
        assert!(head.starts_with(&format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n")), "{head}");
        peer.send(b"HTTP/1.1 200 Established\r\n\r\n");
        let mut far = TcpStream::connect(target).unwrap();
        let (mut from, mut to) = (far.try_clone().unwrap(), peer.socket.try_clone().unwrap());
        let back = thread::spawn(move || std::io::copy(&mut from, &mut to));
        let _ = std::io::copy(&mut peer.socket, &mut far);
        let _ = far.shutdown(std::net::Shutdown::Both);
        let _ = back.join().unwrap();
    });
    let proxies = Proxies::all(Proxy::parse(&proxy.addr.to_string()).unwrap());
    let agent = Agent::builder().keep_alive(true).proxies(proxies).build();
    for reused in [false, true] {
        let mut response = agent.get(origin.url("/")).tunnel(true).send().unwrap();
        assert_eq!((response.is_reused(), response.text().unwrap().as_str()), (reused, "ok"));
        assert_eq!(response.peer_addr(), Some(proxy.addr));
    }
    agent.destroy();
    origin.join();
    proxy.join();
}

#[test]
fn a_proxy_that_refuses_a_tunnel_or_talks_nonsense_is_an_error_of_its_own() {
    let refuse = |answer: &'static str| {
        let proxy = Script::answers([answer]);
        let proxies = Proxies::all(Proxy::parse(&proxy.addr.to_string()).unwrap());
        let error =
            Request::get("http://h.invalid/").one_shot().proxies(proxies).tunnel(true).send().unwrap_err();
        proxy.join();
        error
    };
    let error = refuse("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n");
    assert!(matches!(error.kind(), ErrorKind::Proxy(407)), "{error:?}");
    assert!(error.into_request().is_some(), "nothing of it was sent");
    assert!(matches!(refuse("nonsense\r\n\r\n").kind(), ErrorKind::Parse(_)));
    assert!(matches!(refuse("HTTP/1.1 200").kind(), ErrorKind::HangUp(_)));
}

#[test]
fn a_protocol_that_is_only_advertised_makes_an_ordinary_response() {
    const ADVERTISED: &[u8] =
        b"HTTP/1.1 200 OK\r\nConnection: upgrade, keep-alive\r\nUpgrade: echo\r\nContent-Length: 2\r\n\r\nok";
    let server = Script::kept([ADVERTISED; 4]);
    let agent = Agent::builder().keep_alive(true).build();
    let get = || agent.get(server.url("/"));
    let requests = [
        get(),
        get().header("Upgrade", "echo"),
        get().header("Connection", "Upgrade"),
        upgrade(&server, &agent),
    ];
    for (n, request) in requests.into_iter().enumerate() {
        let mut response = request.send().unwrap().into_upgraded().unwrap_err();
        assert_eq!((response.is_reused(), response.text().unwrap().as_str()), (n > 0, "ok"));
    }
    agent.destroy();
    server.join();
}
