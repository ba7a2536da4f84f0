//! Servers that break the protocol, and those that leave at the worst moment.

use std::io::{Write, stderr};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use h1wire_mio::client::{ErrorKind, Request};

use crate::own::Own;
use crate::script::{PATIENCE, Peer};
use crate::vectors;

#[test]
fn every_malformed_response_is_a_clear_error_without_a_hang_or_reuse() {
    let Some(cases) = vectors::malformed() else { return };
    let cases = Arc::new(cases);
    assert!(cases.len() > 50, "{}", cases.len());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    for keep_open in [false, true] {
        let (served, server) = (cases.clone(), listener.try_clone().unwrap());
        let server = std::thread::spawn(move || {
            for (id, _, bytes) in &*served {
                let mut peer = Peer::accept(&server);
                peer.request();
                let _ = peer.socket.write_all(bytes);
                if keep_open {
                    let again = peer.end().windows(4).any(|w| w == b"HTTP");
                    assert!(!again, "{id}: the connection was used again");
                }
            }
        });
        let (mut own, mut rejected) = (Own::keeping(), 0);
        for (id, method, _) in &*cases {
            let path = if method == "CONNECT" { "h:1" } else { "/" };
            let limit = if keep_open { Duration::from_millis(100) } else { PATIENCE };
            let request = Request::new(method, &url).path(path).response_timeout(limit).read_timeout(limit);
            let told = own.ask(request);
            if let Some(error) = &told.error {
                rejected += 1;
                let clear = matches!(error.kind(), ErrorKind::Parse(_) | ErrorKind::HangUp(_))
                    || keep_open && error.is_timeout();
                assert!(clear && !error.to_string().is_empty(), "{id}: {error:?}");
            }
            own.client.destroy();
            assert_eq!((own.client.calls(), own.counts()), (0, (0, 0)), "{id}");
        }
        server.join().unwrap();
        assert!(rejected * 10 > cases.len() * 9, "{rejected} of {}", cases.len());
    }
}

#[test]
fn a_server_that_closes_its_idle_connections_just_when_they_are_used_loses_no_get_and_sees_no_post_twice() {
    const IDLE: Duration = Duration::from_millis(10);
    const REQUESTS: usize = 300;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen: Arc<Vec<AtomicUsize>> = Arc::new((0..REQUESTS).map(|_| AtomicUsize::new(0)).collect());
    let counted = seen.clone();
    let server = std::thread::spawn(move || {
        while let Ok((socket, _)) = listener.accept() {
            let seen = counted.clone();
            std::thread::spawn(move || {
                socket.set_read_timeout(Some(IDLE)).unwrap();
                let mut peer = Peer { socket, held: Vec::new() };
                while let Some(head) = peer.try_request() {
                    let number: usize = head.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
                    if head.starts_with("POST") {
                        seen[number].fetch_add(1, Ordering::SeqCst);
                    }
                    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                }
            });
        }
    });
    let mut own = Own::keeping();
    let mut retried = 0;
    for number in 0..REQUESTS {
        let method = if number % 3 == 0 { "POST" } else { "GET" };
        let told = own.ask(Request::new(method, format!("{url}/{number}")));
        retried += usize::from(told.events.contains(&"retry"));
        if method == "GET" {
            assert_eq!(told.status, 200, "{told:?}");
        } else if let Some(error) = &told.error {
            assert!(!error.retry().is_safe(), "{error:?}");
        } else {
            assert_eq!(told.status, 200);
        }
        // Around the time at which the server closes, and in the loop, as a client is.
        let until = Instant::now() + IDLE + Duration::from_micros(number as u64 * 7 % 900)
            - Duration::from_micros(400);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
    }
    assert!(seen.iter().all(|seen| seen.load(Ordering::SeqCst) <= 1), "twice");
    let _ = writeln!(stderr(), "{retried} of {REQUESTS} were sent again");
    drop((own, server));
}
