//! Connections that are handed over: upgrades, tunnels, and proxies.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::thread;

use h1wire_mio::Upgraded;
use h1wire_mio::client::{Call, ErrorKind, Event, Request};
use h1wire_mio::proto::calling::{Proxies, Proxy};

use crate::own::{Own, keeping};
use crate::script::{Peer, Script};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const SWITCHED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nwelcome";

fn upgrade(server: &Script) -> Request {
    Request::get(server.url("/chat")).header("Connection", "Upgrade").header("Upgrade", "echo")
}

type Taken = Rc<RefCell<Option<Upgraded>>>;

/// Takes the connection over when it switches.
fn taker() -> (Taken, impl FnMut(&Event<'_>, &mut Call<'_>) + 'static) {
    let taken = Taken::default();
    let take = taken.clone();
    (taken, move |event: &Event<'_>, call: &mut Call<'_>| {
        if matches!(event, Event::Switched) {
            *take.borrow_mut() = call.take_over();
        }
    })
}

fn blocking(upgraded: Upgraded) -> (TcpStream, Vec<u8>) {
    upgraded.into_tcp().unwrap()
}

#[test]
fn an_upgraded_connection_is_handed_over_with_the_bytes_after_the_response() {
    let server = Script::once(|peer| {
        assert!(peer.request().contains("\r\nUpgrade: echo\r\n"));
        peer.send(SWITCHED);
        assert_eq!(peer.content(5), b"hello");
        peer.send(b"olleh");
        assert_eq!(peer.end(), b"");
    });
    let mut own = Own::keeping();
    let (taken, take) = taker();
    let id = own.start_with(upgrade(&server), take);
    let told = own.finish(id);
    assert_eq!(told.events, ["socket", "connected", "sent", "response", "switched", "close"]);
    assert_eq!((told.status, own.counts()), (101, (0, 0)));
    let (mut stream, leftover) = blocking(taken.take().unwrap());
    assert_eq!(leftover, b"welcome");
    stream.write_all(b"hello").unwrap();
    let mut buf = [0; 5];
    stream.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"olleh");
    drop(stream);
    server.join();
}

#[test]
fn an_upgraded_connection_nobody_takes_is_closed() {
    let server = Script::once(|peer| {
        peer.request();
        peer.send(SWITCHED);
        assert_eq!(peer.end(), b"");
    });
    let mut own = Own::keeping();
    own.ask(upgrade(&server));
    assert_eq!(own.counts(), (0, 0));
    server.join();
}

#[test]
fn an_upgraded_connection_can_stay_in_the_loop_until_both_sides_come_to_their_end() {
    let server = Script::once(|peer| {
        peer.request();
        peer.send(SWITCHED);
        assert_eq!(peer.content(5), b"hello");
        peer.send(b"olleh");
        assert_eq!(peer.end(), b"");
    });
    let mut own = Own::keeping();
    let id = own.start_with(upgrade(&server), |event, call| match event {
        Event::Switched => {
            call.stay();
        }
        Event::Data(data) if data.starts_with(b"welcome") => {
            call.write("hello").unwrap();
        }
        Event::Data(_) => call.finish().unwrap(),
        _ => {}
    });
    let told = own.finish(id);
    assert_eq!(told.events, ["socket", "connected", "sent", "response", "switched", "data", "end", "close"]);
    assert_eq!((told.text(), own.counts()), ("welcomeolleh".into(), (0, 0)));
    server.join();
}

#[test]
fn an_upgrade_that_is_declined_is_an_ordinary_response() {
    let server = Script::kept([OK]);
    let mut own = Own::keeping();
    assert_eq!(own.ask(upgrade(&server)).text(), "ok");
    assert_eq!(own.counts(), (1, 0));
    drop(own);
    server.join();
}

#[test]
fn an_upgrade_nobody_asked_for_is_an_error() {
    let server = Script::answers(["HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"]);
    let told = Own::keeping().ask(Request::get(server.url("/")));
    assert!(told.failed().starts_with("Some(Parse("), "{told:?}");
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
    let connect = || Request::new("CONNECT", server.url("/")).path("example.org:443");
    let mut own = Own::keeping();
    let (taken, take) = taker();
    let id = own.start_with(connect(), take);
    own.finish(id);
    let (mut tunnel, early) = blocking(taken.take().unwrap());
    tunnel.write_all(b"ping").unwrap();
    let mut answer = vec![0; 9 - early.len()];
    tunnel.read_exact(&mut answer).unwrap();
    assert_eq!([early, answer].concat(), b"earlypong", "the length of a tunnel means nothing");
    let told = own.ask(connect());
    assert_eq!((told.status, &*told.text()), (407, "no"), "{told:?}");
    server.join();
}

fn through(proxy: &str) -> Own {
    let mut options = keeping();
    options.proxies = Proxies::all(Proxy::parse(proxy).unwrap());
    Own::new(options)
}

#[test]
fn a_proxy_gets_the_absolute_form_and_credentials_and_its_connection_serves_all_hosts() {
    let proxy = Script::once(|peer| {
        let head = peer.request();
        assert!(head.starts_with("GET http://one.invalid/a?b HTTP/1.1\r\nHost: one.invalid\r\n"), "{head}");
        assert!(head.contains("\r\nProxy-Authorization: Basic dTpw\r\n"), "{head}");
        peer.send(OK);
        let head = peer.request();
        assert!(head.starts_with("OPTIONS http://two.invalid:81 HTTP/1.1\r\n"), "{head}");
        peer.send(OK);
    });
    let mut own = through(&format!("http://u:p@{}", proxy.addr));
    assert_eq!(own.ask(Request::get("http://one.invalid/a?b")).text(), "ok");
    let told = own.ask(Request::new("OPTIONS", "http://two.invalid:81/").path("*"));
    assert_eq!(told.reused, [true]);
    proxy.join();
}

/// Connects a proxy's client to where it wants.
fn relay(peer: &mut Peer, to: std::net::SocketAddr) {
    let mut far = TcpStream::connect(to).unwrap();
    let (mut from, mut back) = (far.try_clone().unwrap(), peer.socket.try_clone().unwrap());
    let thread = thread::spawn(move || std::io::copy(&mut from, &mut back));
    let _ = std::io::copy(&mut peer.socket, &mut far);
    let _ = far.shutdown(std::net::Shutdown::Both);
    let _ = thread.join().unwrap();
}

#[test]
fn a_tunnel_through_a_proxy_is_kept_for_its_host() {
    let origin = Script::answers([OK, OK]);
    let target = origin.addr;
    let proxy = Script::once(move |peer| {
        let head = peer.request();
        assert!(head.starts_with(&format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n")), "{head}");
        peer.send(b"HTTP/1.1 200 Established\r\n\r\n");
        relay(peer, target);
    });
    let mut own = through(&proxy.addr.to_string());
    for reused in [false, true] {
        let told = own.ask(Request::get(origin.url("/")).tunnel(true));
        assert_eq!((told.reused, told.content), (vec![reused], b"ok".to_vec()));
    }
    drop(own);
    origin.join();
    proxy.join();
}

#[test]
fn a_socks5_proxy_is_given_a_name_or_an_address_and_who_asks() {
    for (scheme, asked) in
        [("socks5h", &b"\x05\x01\x00\x03\x09localhost"[..]), ("socks5", b"\x05\x01\x00\x01")]
    {
        let origin = Script::answers([OK]);
        let target = origin.addr;
        let proxy = Script::once(move |peer| {
            assert_eq!(peer.content(4), b"\x05\x02\x00\x02");
            peer.send(b"\x05\x02");
            assert_eq!(peer.content(5), b"\x01\x01u\x01p");
            peer.send(b"\x01\x00");
            let request = peer.content(asked.len());
            assert_eq!(request, asked);
            if asked.len() == 4 {
                assert_eq!(peer.content(4), [127, 0, 0, 1]);
            }
            assert_eq!(peer.content(2), target.port().to_be_bytes());
            peer.send(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00");
            relay(peer, target);
        });
        let mut own = through(&format!("{scheme}://u:p@{}", proxy.addr));
        let url = format!("http://localhost:{}/", target.port());
        let request = Request::get(url).lookup(move |host, port| {
            assert_eq!(host, "localhost");
            Ok(vec![std::net::SocketAddr::new([127, 0, 0, 1].into(), port)])
        });
        let told = own.ask(request);
        assert_eq!(told.content, b"ok", "{scheme} {told:?}");
        drop(own);
        origin.join();
        proxy.join();
    }
}

#[test]
fn a_proxy_that_refuses_a_tunnel_or_talks_nonsense_is_an_error_of_its_own() {
    let refuse = |scheme: &str, answer: &'static [u8]| {
        let proxy = Script::once(move |peer| {
            peer.read();
            peer.send(answer);
        });
        let told = through(&format!("{scheme}://{}", proxy.addr))
            .ask(Request::get("http://h.invalid/").tunnel(true));
        proxy.join();
        assert_eq!(told.events, ["socket", "error", "close"]);
        told
    };
    let error = refuse("http", b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n").error.unwrap();
    assert!(matches!(error.kind(), ErrorKind::Proxy(407)), "{error:?}");
    assert!(error.into_request().is_some(), "nothing of it was sent");
    assert!(refuse("http", b"nonsense\r\n\r\n").failed().starts_with("Some(Parse("));
    assert!(refuse("http", b"HTTP/1.1 200").failed().starts_with("Some(HangUp("));
    assert_eq!(refuse("socks5h", b"HTTP/1.1 400").failed(), "Some(Socks(NotSocks))");
    assert_eq!(refuse("socks5h", b"\x05\xff").failed(), "Some(Socks(NoMethod))");
}

#[test]
fn a_raw_connection_carries_bytes_as_they_are_and_is_never_shared() {
    let server = Script::new(|listener| {
        for _ in 0..2 {
            let mut peer = Peer::accept(listener);
            peer.send(b"SSH-2.0-a\r\n");
            assert_eq!(peer.content(5), b"hello");
            peer.send(b"olleh");
            assert_eq!(peer.end(), b"");
        }
    });
    let mut own = Own::keeping();
    for _ in 0..2 {
        let id = own.start_with(Request::raw(server.url("/")), |event, call| match event {
            Event::Switched => {
                call.write("hello").unwrap();
            }
            Event::Data(data) if data.ends_with(b"olleh") => call.finish().unwrap(),
            _ => {}
        });
        let told = own.finish(id);
        assert_eq!(told.events, ["socket", "connected", "switched", "data", "end", "close"]);
        assert_eq!((told.text(), own.counts()), ("SSH-2.0-a\r\nolleh".to_owned(), (0, 0)));
    }
    let refused = Request::raw("http://127.0.0.1:1/");
    let id = own.start(refused);
    let told = own.finish(id);
    assert_eq!(told.events, ["socket", "error", "close"]);
}
