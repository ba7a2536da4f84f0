//! More connections than threads: who gets one, who needs none, who is turned away.

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::peer::{GET, Peer, SOON, echo, gated, server, wait_until, with};

#[test]
fn a_connection_beyond_the_queue_is_answered_503_at_once() {
    let (handler, has_begun, go) = gated();
    let refused = Arc::new(AtomicUsize::new(0));
    let count = refused.clone();
    let server = server()
        .threads(1)
        .options(with(|o| (o.queue, o.retry_after) = (1, Duration::from_secs(7))))
        .on_drop_connection(move |peer| {
            assert!(peer.is_some());
            count.fetch_add(1, Ordering::Relaxed);
        })
        .start(handler)
        .unwrap();
    let mut first = Peer::to(&server);
    first.send(GET);
    has_begun.recv_timeout(SOON).unwrap();
    let mut second = Peer::to(&server);
    second.send(GET);
    wait_until("the second waits", || server.handle().queued() == 1);
    for _ in 0..3 {
        let answer = Peer::to(&server).send(GET).rest();
        assert_eq!(
            answer,
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nConnection: close\r\n\
             Content-Length: 0\r\n\r\n"
        );
    }
    go.send(()).unwrap();
    go.send(()).unwrap();
    assert_eq!((first.response().1, second.response().1), ("done".into(), "done".into()));
    assert_eq!((server.handle().counters().refused, refused.load(Ordering::Relaxed)), (3, 3));
}

#[test]
fn connections_that_are_idle_or_slow_with_a_head_cost_no_thread() {
    let server = server().threads(1).start(|req, res| res.end(req.target())).unwrap();
    let mut idle: Vec<Peer> = (0..20).map(|_| Peer::to(&server)).collect();
    let mut slow: Vec<Peer> = (0..20).map(|_| Peer::to(&server)).collect();
    for round in 0..3 {
        for peer in &mut slow {
            peer.send("GET /slow HTTP/1.1\r\nHo");
        }
        for peer in &mut idle {
            assert_eq!(peer.send(GET).response().1, "/", "{round}");
        }
        for peer in &mut slow {
            assert_eq!(peer.send("st: a\r\n\r\n").response().1, "/slow", "{round}");
        }
    }
    assert!(server.handle().parked() > 0);
    assert_eq!((server.handle().connections(), server.handle().counters().requests), (40, 120));
}

#[test]
fn many_connections_share_few_threads_fairly() {
    let server = server().threads(2).start(echo).unwrap();
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut peer = Peer::to(&server);
                for _ in 0..200 {
                    peer.send(GET).response();
                }
            });
        }
    });
    assert_eq!((server.handle().counters().accepted, server.handle().counters().requests), (16, 3200));
    assert_eq!(server.handle().counters().refused, 0);
}

#[test]
fn connections_beyond_the_limit_are_answered_503_until_one_has_gone() {
    let server = server().options(with(|o| o.max_connections = Some(1))).start(echo).unwrap();
    let mut first = Peer::to(&server);
    first.send(GET).response();
    assert!(Peer::to(&server).send(GET).rest().starts_with("HTTP/1.1 503 "));
    assert_eq!((server.handle().counters().refused, server.handle().connections()), (1, 1));
    drop(first);
    wait_until("the first has gone", || server.handle().connections() == 0);
    Peer::to(&server).send(GET).response();
}

#[test]
fn one_address_may_have_only_so_many_connections_and_others_are_not_in_its_way() {
    let server = server().options(with(|o| o.max_connections_per_peer = Some(2))).start(echo).unwrap();
    let addr = server.local_addr().unwrap();
    let mut pair: Vec<Peer> = (0..2).map(|_| Peer::to(&server)).collect();
    for peer in &mut pair {
        peer.send(GET).response();
    }
    assert!(Peer::to(&server).send(GET).rest().starts_with("HTTP/1.1 503 "));
    let elsewhere = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    elsewhere.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
    elsewhere.connect(&addr.into()).unwrap();
    Peer::on(TcpStream::from(elsewhere)).send(GET).response();
    pair.pop();
    wait_until("one of them has gone", || server.handle().connections() == 1);
    Peer::to(&server).send(GET).response();
    assert_eq!(server.handle().counters().refused, 1);
}

/// The thread that accepts is held by a hook, so that what is connected has to wait.
#[test]
fn as_many_may_wait_to_be_accepted_as_the_backlog_says() {
    for (backlog, clients, room) in [(1024, 600, true), (4, 60, false)] {
        let (go, may_go) = channel::<()>();
        let may_go = Mutex::new(may_go);
        let server = server()
            .options(with(|o| (o.backlog, o.max_connections) = (backlog, Some(0))))
            .on_drop_connection(move |_| _ = may_go.lock().unwrap().recv_timeout(SOON))
            .start(echo)
            .unwrap();
        let addr = server.local_addr().unwrap();
        let mut connected = Vec::new();
        for _ in 0..clients {
            match TcpStream::connect_timeout(&addr, Duration::from_millis(500)) {
                Ok(stream) => connected.push(stream),
                Err(_) => break,
            }
        }
        assert_eq!(connected.len() == clients, room, "{} of {clients}", connected.len());
        drop(go);
    }
}
