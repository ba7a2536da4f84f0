//! Time limits. Those that are to pass are short, and what a test waits for is what happens then.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use h1wire_proto::{Expired, Timeouts};
use h1wire_std::server::Running;

use crate::peer::{GET, Peer, echo, ms, server, wait_until, with};

fn limited(change: impl FnOnce(&mut Timeouts)) -> h1wire_std::Server {
    server().options(with(|o| change(&mut o.policy.timeouts)))
}

/// Sends byte after byte until there is an answer.
fn drip(server: &Running, start: &str, bytes: &str) -> String {
    let mut peer = Peer::to(server);
    peer.send(start);
    for byte in bytes.bytes().cycle() {
        if !peer.send_or_ended(&[byte], Duration::from_millis(5)) {
            break;
        }
    }
    peer.rest()
}

#[test]
fn a_head_has_to_be_complete_in_time_however_slowly_it_drips() {
    let server = limited(|t| t.headers = ms(150)).start(echo).unwrap();
    let began = Instant::now();
    let answer = drip(&server, "GET / HTTP/1.1\r\nHost: a\r\nx: ", "y");
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(answer.contains("Connection: close"), "{answer}");
    assert!(began.elapsed() >= Duration::from_millis(140));
    assert_eq!(server.handle().counters().expired(Expired::Head), 1);
    // Also if it finds a thread at the connection all the time.
    let server = crate::peer::server()
        .options(with(|o| {
            o.policy.timeouts.headers = ms(150);
            o.linger_at_idle = Duration::from_secs(60);
        }))
        .start(echo)
        .unwrap();
    let answer = drip(&server, "GET / HTTP/1.1\r\nHost: a\r\nx: ", "y");
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert_eq!(server.handle().counters().expired(Expired::Head), 1);
    // Also behind a request that was in time.
    let answer = drip(&server, &(GET.to_owned() + "GET / HTTP/1.1\r\nHost: a\r\nx: "), "y");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
}

#[test]
fn whoever_reads_on_behind_its_answer_waits_for_content_as_long_as_any_reader() {
    let server = limited(|t| (t.body, t.linger) = (ms(50), ms(60_000))).start(|req, res| {
        res.end("early")?;
        let mut content = Vec::new();
        assert_eq!(req.read_to_end(&mut content).unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(content, b"ab");
        Ok(())
    });
    let server = server.unwrap();
    let mut peer = Peer::to(&server);
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab");
    assert_eq!(peer.response().1, "early");
    wait_until("the content is late", || server.handle().counters().expired(Expired::Body) == 1);
}

#[test]
fn line_ends_before_a_request_keep_no_connection() {
    let server =
        limited(|t| (t.headers, t.keep_alive, t.keep_alive_buffer) = (ms(150), ms(150), Duration::ZERO))
            .start(echo)
            .unwrap();
    for start in ["", GET] {
        let mut stream = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
        stream.write_all(start.as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let (began, mut got) = (Instant::now(), Vec::new());
        while stream.read_to_end(&mut got).is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock) {
            let _ = stream.write(b"\r\n");
            assert!(began.elapsed() < crate::peer::SOON, "it is kept for ever");
        }
    }
}

#[test]
fn a_connection_without_a_byte_is_closed_without_a_word() {
    let server = limited(|t| t.headers = ms(50)).start(echo).unwrap();
    Peer::to(&server).assert_closed();
    assert_eq!(server.handle().counters().expired(Expired::KeepAlive), 1);
}

#[test]
fn a_kept_connection_is_closed_without_a_word_when_no_request_comes() {
    let server = limited(|t| {
        t.keep_alive = ms(60);
        t.keep_alive_buffer = Duration::ZERO;
    })
    .start(echo)
    .unwrap();
    let mut peer = Peer::to(&server);
    peer.send(GET).response();
    let began = Instant::now();
    peer.assert_closed();
    assert!(began.elapsed() >= Duration::from_millis(50));
    wait_until("it is gone", || server.handle().connections() == 0);
}

#[test]
fn answers_advertise_how_long_the_connection_is_kept() {
    let server = server()
        .options(with(|o| {
            o.policy.timeouts.keep_alive = ms(7_000);
            o.policy.advertise_keep_alive = true;
        }))
        .start(echo)
        .unwrap();
    let (head, _) = Peer::to(&server).send(GET).response();
    assert!(head.contains("\r\nKeep-Alive: timeout=7\r\n"), "{head}");
    assert!(head.contains("\r\nConnection: keep-alive\r\n"), "{head}");
}

#[test]
fn content_that_stops_coming_fails_the_read_and_is_answered_408() {
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let seen = kinds.clone();
    let server = limited(|t| t.body = ms(60))
        .start(move |req, res| {
            let copied = io::copy(req, &mut io::sink());
            seen.lock().unwrap().extend(copied.as_ref().err().map(io::Error::kind));
            copied.and_then(|_| res.end("x"))
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    let answer = peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").rest();
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert_eq!(*kinds.lock().unwrap(), [io::ErrorKind::TimedOut]);
    assert_eq!(server.handle().counters().expired(Expired::Body), 1);
}

#[test]
fn an_upload_that_drips_ends_with_the_time_for_a_request() {
    let server = limited(|t| {
        t.request = ms(150);
        t.body_rate = Some(100_000);
    })
    .start(echo)
    .unwrap();
    let answer = drip(&server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", "y");
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert_eq!(server.handle().counters().expired(Expired::Request), 1);
}

#[test]
fn an_upload_at_the_least_rate_may_take_longer_than_a_request() {
    let server = limited(|t| {
        t.request = ms(60);
        t.body_rate = Some(1);
    })
    .start(echo)
    .unwrap();
    let mut peer = Peer::to(&server);
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\n");
    for _ in 0..60 {
        assert!(peer.send_or_ended(b"y", Duration::from_millis(4)));
    }
    assert_eq!(peer.response().1, "y".repeat(60));
}

#[test]
fn the_time_of_a_handler_that_reads_late_is_not_the_clients() {
    let (_never, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let server = limited(|t| (t.body, t.idle) = (ms(500), ms(600)))
        .start(move |req, res| {
            let mut one = [0];
            req.read_exact(&mut one)?;
            let _ = wait.lock().unwrap().recv_timeout(Duration::from_millis(1100));
            res.send_informational(102, &())?;
            req.read_exact(&mut one)?;
            res.end(one)
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
    assert!(peer.head().starts_with("HTTP/1.1 102 "));
    assert_eq!(peer.send("b").response().1, "b");
}

#[test]
fn an_idle_connection_is_closed_unless_the_hook_keeps_it() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let server = limited(|t| (t.idle, t.keep_alive) = (ms(50), None))
        .on_timeout(move |expired, peer, response| {
            assert!(expired == Expired::Idle && peer.is_some() && response.is_none());
            count.fetch_add(1, Ordering::Relaxed) == 0
        })
        .start(echo)
        .unwrap();
    let mut peer = Peer::to(&server);
    peer.send(GET).response();
    wait_until("the hook was asked", || asked.load(Ordering::Relaxed) == 1);
    // New bytes start the clock anew; the second time it is closed.
    peer.send(GET).response();
    peer.assert_closed();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    let server = limited(|t| (t.idle, t.keep_alive) = (ms(50), None)).start(echo).unwrap();
    let mut peer = Peer::to(&server);
    peer.send(GET).response();
    peer.assert_closed();
}

#[test]
fn a_request_may_have_an_idle_limit_of_its_own() {
    let server = limited(|t| t.idle = ms(60))
        .start(|req, res| {
            if req.target() == b"/slow" {
                res.set_timeout(None);
            }
            echo(req, res)
        })
        .unwrap();
    let head = |target: &str| format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    let mut slow = Peer::to(&server);
    slow.send(head("/slow"));
    let mut quick = Peer::to(&server);
    quick.send(head("/quick")).assert_closed();
    assert_eq!(slow.send("x").response().1, "x");
}

#[test]
fn a_client_that_does_not_read_ends_the_write() {
    let (sender, failed) = channel();
    let sender = Mutex::new(sender);
    let server = limited(|t| t.write = ms(400))
        .start(move |_, res| {
            let chunk = vec![b'x'; 1 << 20];
            let began = Instant::now();
            let error = loop {
                if let Err(error) = res.write_all(&chunk) {
                    break error;
                }
            };
            sender.lock().unwrap().send((error.kind(), began.elapsed())).unwrap();
            Err(error)
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    peer.send(GET);
    let (kind, held) = failed.recv_timeout(crate::peer::SOON).unwrap();
    assert_eq!(kind, io::ErrorKind::TimedOut);
    // Once the limit, and what it takes to fill the buffers of two sockets.
    assert!(held >= Duration::from_millis(400) && held < Duration::from_millis(750), "{held:?}");
    wait_until("it is gone", || server.handle().connections() == 0);
}

#[test]
fn a_change_to_the_options_is_for_new_connections() {
    let server = limited(|t| t.keep_alive = ms(60_000)).start(echo).unwrap();
    let mut old = Peer::to(&server);
    old.send(GET).response();
    let options = with(|o| {
        (o.policy.timeouts.keep_alive, o.policy.timeouts.keep_alive_buffer) = (ms(50), Duration::ZERO)
    });
    server.handle().set_options(options);
    let mut new = Peer::to(&server);
    new.send(GET).response();
    new.assert_closed();
    assert_eq!(old.send(GET).response().0.lines().next(), Some("HTTP/1.1 200 OK"));
}

/// A client that was answered early and sends nothing more has a thread only while nobody else wants it.
#[test]
fn content_that_nobody_reads_holds_no_thread_that_others_wait_for() {
    let server = server().threads(1).start(|_, response| response.end("early")).unwrap();
    let began = Instant::now();
    let mut held: Vec<Peer> = (0..8).map(|_| Peer::to(&server)).collect();
    for peer in &mut held {
        peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx");
    }
    for peer in &mut held {
        assert_eq!(peer.response().1, "early");
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[test]
fn limits_without_end_overflow_nothing() {
    let ever = Duration::MAX;
    let server = server()
        .options(with(|o| {
            o.policy.timeouts = Timeouts {
                idle: Some(ever),
                headers: Some(ever),
                keep_alive: Some(ever),
                keep_alive_buffer: ever,
                request: Some(ever),
                body: Some(ever),
                body_window: ever,
                write: Some(ever),
                linger: Some(ever),
                ..Timeouts::SERVER
            };
            o.policy.lifetime.max_age = Some(Duration::MAX);
        }))
        .start(|req, res| {
            res.set_timeout(Some(Duration::MAX));
            echo(req, res)
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    for _ in 0..2 {
        peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
        assert_eq!(peer.response().1, "hi");
    }
    server.shutdown(Duration::MAX);
    peer.assert_closed();
    drop(peer);
    let drained = server.join().unwrap();
    assert_eq!((drained.cut, drained.stuck), (0, 0));
}
