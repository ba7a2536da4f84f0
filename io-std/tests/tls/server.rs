//! The server: sessions that are kept, clients that do not agree, clients that do not read.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use h1wire_std::Server;
use h1wire_std::rustls::{ClientConnection, Stream as TlsPipe};

use crate::authority::{Authority, PATIENCE, url, with};

#[test]
fn our_server_speaks_tls_on_kept_connections_and_gives_up_who_does_not() {
    let authority = Authority::new();
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .options(with(|options| options.linger_at_idle = Duration::from_millis(1)))
        .on_connection(h1wire_std::tls_acceptor(authority.server.clone()))
        .start(|request, response| std::io::copy(request, response).map(drop))
        .unwrap();
    let addr = server.local_addr().unwrap();
    let agent = authority.agent().build();
    let content: Vec<u8> = (0..300_000u32).map(|i| i as u8).collect();
    for round in 0..3 {
        let mut response = agent.request("POST", url(addr)).send_bytes(&content).unwrap();
        assert_eq!(response.is_reused(), round > 0);
        let mut back = Vec::new();
        response.read_to_end(&mut back).unwrap();
        assert!(back == content);
        // Idle, it is watched without a thread.
        let deadline = Instant::now() + PATIENCE;
        while server.handle().parked() <= round {
            assert!(Instant::now() < deadline);
            thread::yield_now();
        }
    }
    let mut plain = TcpStream::connect(addr).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(answer.starts_with(b"\x15\x03"), "an alert: {answer:?}");
    agent.destroy();
    server.shutdown(PATIENCE);
    assert_eq!(server.join().unwrap().cut, 0);
}

/// What it sends meanwhile stays where it is: in the socket, and not in the memory of the session, which is bounded.
#[test]
fn a_client_that_sends_before_it_reads_gets_its_whole_answer() {
    const ANSWER: usize = 32 << 20;
    const CONTENT: usize = 200_000;
    let authority = Authority::new();
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .on_connection(h1wire_std::tls_acceptor(authority.server.clone()))
        .start(|request, response| {
            response.content_length(ANSWER as u64 + 1);
            response.write_all(&vec![b'x'; ANSWER])?;
            let n = std::io::copy(request, &mut std::io::sink())?;
            response.end(if n == CONTENT as u64 { "y" } else { "n" })
        })
        .unwrap();
    let mut socket = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let config = Arc::new(h1wire_std::tls_config(authority.roots));
    let mut session = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let mut pipe = TlsPipe::new(&mut session, &mut socket);
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {CONTENT}\r\n\r\n"
    );
    pipe.write_all(head.as_bytes()).unwrap();
    pipe.write_all(&vec![b'z'; CONTENT]).unwrap();
    pipe.flush().unwrap();
    let mut answer = Vec::new();
    pipe.read_to_end(&mut answer).unwrap();
    assert!(answer.len() > ANSWER && answer.ends_with(b"xy"), "{}", answer.len());
    server.shutdown(Duration::from_secs(1));
}

#[test]
fn clients_that_do_not_come_to_an_agreement_hold_no_thread() {
    let authority = Authority::new();
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .threads(1)
        .on_connection(h1wire_std::tls_acceptor(authority.server.clone()))
        .start(|_, response| response.end("served"))
        .unwrap();
    let addr = server.local_addr().unwrap();
    let mut hello = Vec::new();
    let config = Arc::new(h1wire_std::tls_config(authority.roots.clone()));
    let mut session = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    session.write_tls(&mut hello).unwrap();
    let said = [&b""[..], &hello[..1], &hello[..hello.len() / 2], &hello];
    let held: Vec<TcpStream> = said
        .iter()
        .map(|said| {
            let mut socket = TcpStream::connect(addr).unwrap();
            socket.write_all(said).unwrap();
            socket
        })
        .collect();
    let agent = authority.agent().build();
    for _ in 0..2 {
        let mut response = agent.get(url(addr)).total_timeout(PATIENCE / 2).send().unwrap();
        assert_eq!(response.text().unwrap(), "served");
    }
    assert_eq!(server.handle().connections(), held.len() + 1);
    // Where it stood, it goes on.
    let [.., half, whole] = &held[..] else { unreachable!() };
    let mut half = half;
    half.write_all(&hello[hello.len() / 2..]).unwrap();
    for mut socket in [half, whole] {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut record = [0; 1];
        socket.read_exact(&mut record).unwrap();
        assert_eq!(record[0], 22, "a record of the handshake");
    }
}

#[test]
fn many_clients_come_to_an_agreement_with_one_thread() {
    let authority = Authority::new();
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .threads(1)
        .options(with(|options| options.linger_at_idle = Duration::from_millis(1)))
        .on_connection(h1wire_std::tls_acceptor(authority.server.clone()))
        .start(|_, response| response.end("served"))
        .unwrap();
    let addr = server.local_addr().unwrap();
    thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                let agent = authority.agent().build();
                for _ in 0..3 {
                    let mut response = agent.get(url(addr)).total_timeout(PATIENCE).send().unwrap();
                    assert_eq!(response.text().unwrap(), "served");
                }
            });
        }
    });
}

#[test]
fn an_agreement_has_the_time_of_a_head() {
    let authority = Authority::new();
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .options(with(|options| options.policy.timeouts.headers = Some(Duration::from_millis(300))))
        .on_connection(h1wire_std::tls_acceptor(authority.server.clone()))
        .start(|_, response| response.end("served"))
        .unwrap();
    // Nothing, the beginning of a record, and a record that drips.
    for (first, drips) in
        [(&b""[..], false), (&b"\x16\x03\x01\x02\x00\x01"[..], false), (&b"\x16\x03\x01\x40\x00"[..], true)]
    {
        let mut socket = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(first).unwrap();
        let mut dripping = socket.try_clone().unwrap();
        let drip = thread::spawn(move || {
            // Slow on purpose.
            while drips && dripping.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
        drip.join().unwrap();
    }
    let deadline = Instant::now() + PATIENCE;
    while server.handle().connections() > 0 {
        assert!(Instant::now() < deadline);
        thread::yield_now();
    }
}

#[test]
fn a_client_that_is_turned_away_is_told_nothing_in_clear_text() {
    let authority = Authority::new();
    for has_queue in [false, true] {
        let full = with(|options| {
            options.queue = 1;
            options.max_connections = (!has_queue).then_some(1);
        });
        let (begun, has_begun) = channel();
        let (go, may_go) = channel::<()>();
        let (begun, may_go) = (Mutex::new(begun), Mutex::new(may_go));
        let refused = Arc::new(AtomicUsize::new(0));
        let count = refused.clone();
        let server = Server::bind("127.0.0.1:0")
            .unwrap()
            .threads(1)
            .options(full)
            .on_connection(h1wire_std::tls_acceptor(authority.server.clone()))
            .on_drop_connection(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
            })
            .start(move |_, response| {
                begun.lock().unwrap().send(()).unwrap();
                may_go.lock().unwrap().recv_timeout(PATIENCE).unwrap();
                response.end("served")
            })
            .unwrap();
        let addr = server.local_addr().unwrap();
        let agent = authority.agent().build();
        let first = thread::spawn(move || agent.get(url(addr)).send().unwrap().text().unwrap());
        has_begun.recv_timeout(PATIENCE).unwrap();
        let waiting = has_queue.then(|| TcpStream::connect(addr).unwrap());
        while server.handle().queued() < usize::from(has_queue) {
            thread::yield_now();
        }
        let mut late = TcpStream::connect(addr).unwrap();
        late.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = Vec::new();
        let _ = late.read_to_end(&mut answer);
        assert_eq!(answer.escape_ascii().to_string(), "");
        assert_eq!(refused.load(Ordering::Relaxed), 1);
        go.send(()).unwrap();
        assert_eq!(first.join().unwrap(), "served");
        drop(waiting);
    }
}

#[test]
fn an_answer_that_is_cut_off_ends_without_a_goodbye() {
    let authority = Authority::new();
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .on_connection(h1wire_std::tls_acceptor(authority.server.clone()))
        .start(|request, response| {
            response.send_head()?;
            response.write_all(b"part")?;
            response.flush()?;
            match request.target() {
                b"/error" => Err(std::io::Error::other("an error")),
                b"/panic" => panic!("a panic"),
                b"/abort" => {
                    response.abort();
                    Ok(())
                }
                _ => Ok(()),
            }
        })
        .unwrap();
    for (target, whole) in [("/", true), ("/error", false), ("/panic", false), ("/abort", false)] {
        let mut socket = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let config = Arc::new(h1wire_std::tls_config(authority.roots.clone()));
        let mut session = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
        let mut pipe = TlsPipe::new(&mut session, &mut socket);
        // Nothing but the end of the connection tells where the content ends.
        pipe.write_all(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        let end = pipe.read_to_end(&mut answer);
        assert!(answer.ends_with(b"part"), "{}", answer.escape_ascii());
        assert_eq!(end.is_ok(), whole, "{target}: {end:?}");
    }
}

#[test]
fn a_kept_session_that_is_turned_away_is_answered_in_it() {
    let authority = Authority::new();
    let (begun, has_begun) = channel();
    let (go, may_go) = channel::<()>();
    let (begun, may_go) = (Mutex::new(begun), Mutex::new(may_go));
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .threads(1)
        .options(with(|options| options.queue = 1))
        .on_connection(h1wire_std::tls_acceptor(authority.server.clone()))
        .start(move |request, response| {
            if request.target() == b"/hold" {
                begun.lock().unwrap().send(()).unwrap();
                may_go.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            }
            response.end("served")
        })
        .unwrap();
    let addr = server.local_addr().unwrap();
    let kept = authority.agent().build();
    assert_eq!(kept.get(url(addr)).send().unwrap().text().unwrap(), "served");
    let other = authority.agent().build();
    let held = thread::spawn(move || other.get(url(addr) + "hold").send().unwrap().text().unwrap());
    has_begun.recv_timeout(PATIENCE).unwrap();
    let waiting = TcpStream::connect(addr).unwrap();
    while server.handle().queued() == 0 {
        thread::yield_now();
    }
    let response = kept.get(url(addr)).automatic_retry(false).total_timeout(PATIENCE).send().unwrap();
    assert_eq!((response.status(), response.is_reused()), (503, true));
    assert_eq!(response.header("retry-after").as_deref(), Some(&b"1"[..]));
    go.send(()).unwrap();
    assert_eq!(held.join().unwrap(), "served");
    drop(waiting);
}

#[test]
fn clients_of_either_version_agree_by_alpn_and_those_of_other_protocols_do_not() {
    let authority = Authority::new();
    let server = Server::bind("127.0.0.1:0").unwrap().tls(authority.server.clone());
    let server = server.start(|_, response| response.end("hello")).unwrap();
    for (offer, agreed) in [
        (&[][..], Some(None)),
        (&["http/1.1"], Some(Some("http/1.1"))),
        (&["http/1.0"], Some(Some("http/1.0"))),
        (&["h2", "http/1.1"], Some(Some("http/1.1"))),
        (&["h2"], None),
    ] {
        let mut config = h1wire_std::tls_config(authority.roots.clone());
        config.alpn_protocols = offer.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut socket = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut session = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut pipe = TlsPipe::new(&mut session, &mut socket);
        let asked = pipe.write_all(b"GET / HTTP/1.0\r\n\r\n");
        let mut answer = Vec::new();
        let got = asked.and_then(|()| pipe.read_to_end(&mut answer)).is_ok() && answer.ends_with(b"hello");
        assert_eq!(got, agreed.is_some(), "{offer:?}: {}", answer.escape_ascii());
        if let Some(agreed) = agreed {
            assert_eq!(session.alpn_protocol(), agreed.map(str::as_bytes), "{offer:?}");
        }
    }
    server.shutdown(PATIENCE);
}
