//! Connections that are kept, limited, waited for and given up.

use std::net::Shutdown;
use std::sync::mpsc::channel;
use std::time::Duration;

use h1wire_mio::client::{ErrorKind, Event, Request};
use h1wire_mio::proto::pool::{PoolError, Scheduling};

use crate::own::{Own, keeping};
use crate::script::{PATIENCE, Peer, Script};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn get(own: &mut Own, url: &str) -> bool {
    let told = own.ask(Request::get(url));
    assert_eq!((told.status, &*told.text()), (200, "ok"), "{told:?}");
    told.reused == [true]
}

#[test]
fn waiting_requests_are_served_first_come_first_served_over_one_connection() {
    let (go, wait) = channel::<()>();
    let server = Script::once(move |peer| {
        wait.recv_timeout(PATIENCE).unwrap();
        for n in 0..4 {
            assert!(peer.request().starts_with(&format!("GET /{n} ")));
            peer.send(OK);
        }
        assert_eq!(peer.end(), b"");
    });
    let mut options = keeping();
    (options.pool.keep_alive, options.pool.max_connections) = (false, Some(1));
    let mut own = Own::new(options);
    let ids: Vec<_> = (0..4).map(|n| own.start(Request::get(server.url(&format!("/{n}"))))).collect();
    own.until_told(ids[0], "sent");
    let origins: Vec<_> = own.client.origins().collect();
    assert_eq!(origins.len(), 1);
    let (busy, waiting) = (origins[0].busy().count(), origins[0].waiting().count());
    assert_eq!(
        (busy, waiting, origins[0].key().name()),
        (1, 3, format!("127.0.0.1:{}:", server.addr.port()))
    );
    go.send(()).unwrap();
    let reused: Vec<_> = ids.into_iter().map(|id| own.finish(id).reused).collect();
    assert_eq!(reused, [[false], [true], [true], [true]]);
    server.join();
    assert_eq!(own.counts(), (0, 0));
}

#[test]
fn a_limit_over_all_origins_holds_and_an_idle_connection_of_another_makes_room() {
    let (one, other) = (Script::kept([OK]), Script::kept([OK]));
    let mut options = keeping();
    options.pool.max_total_connections = Some(1);
    let mut own = Own::new(options);
    get(&mut own, &one.url("/"));
    assert_eq!(own.counts(), (1, 0));
    get(&mut own, &other.url("/"));
    assert_eq!((own.counts(), own.client.totals().origins), ((1, 0), 1));
    one.join();
    own.client.destroy();
    other.join();
}

#[test]
fn no_more_connections_are_kept_than_allowed_and_which_is_used_next_can_be_chosen() {
    for (scheduling, used) in [(Scheduling::Fifo, 0), (Scheduling::Lifo, 1)] {
        let (tell, told) = channel();
        let server = Script::new(move |listener| {
            let peers: Vec<_> = (0..3)
                .map(|_| {
                    let (mut peer, tell) = (Peer::accept(listener), tell.clone());
                    std::thread::spawn(move || {
                        let first = peer.request();
                        let number: usize = first[5..6].parse().unwrap();
                        peer.send(OK);
                        while let Some(head) = peer.try_request() {
                            tell.send((number, head)).unwrap();
                            peer.send(OK);
                        }
                    })
                })
                .collect();
            peers.into_iter().for_each(|peer| peer.join().unwrap());
        });
        let mut options = keeping();
        (options.pool.max_idle, options.pool.scheduling) = (Some(2), scheduling);
        let mut own = Own::new(options);
        // They end one after another.
        let ids: Vec<_> = (0..3)
            .map(|n| {
                own.start_with(Request::get(server.url(&format!("/{n}"))), |event, call| {
                    if matches!(event, Event::Response(_)) {
                        call.pause();
                    }
                })
            })
            .collect();
        for id in &ids {
            own.until_told(*id, "response");
        }
        for id in ids {
            own.client.call(id).resume();
            assert_eq!(own.finish(id).text(), "ok");
        }
        assert_eq!(own.counts(), (2, 0));
        assert!(get(&mut own, &server.url("/again")));
        assert_eq!(told.recv_timeout(PATIENCE).unwrap().0, used);
        drop(own);
        server.join();
    }
}

#[test]
fn a_full_queue_and_a_wait_that_is_too_long_are_errors_that_give_the_request_back() {
    let server = Script::kept([OK]);
    let mut options = keeping();
    (options.pool.max_connections, options.pool.max_queued) = (Some(1), Some(1));
    options.pool.acquire_timeout = Some(Duration::from_millis(30));
    let mut own = Own::new(options);
    let first = own.start_with(Request::get(server.url("/")), |event, call| {
        if matches!(event, Event::Response(_)) {
            call.pause();
        }
    });
    own.until_told(first, "response");
    let waiting = own.start(Request::get(server.url("/")));
    let full = own.ask(Request::get(server.url("/")));
    assert_eq!((full.failed().as_str(), &*full.events), ("Some(Agent(QueueFull))", &["error", "close"][..]));
    let late = own.finish(waiting);
    assert_eq!(late.failed(), "Some(Agent(Timeout))");
    let error = late.error.unwrap();
    assert!(error.retry().is_safe() && error.into_request().is_some());
    own.client.call(first).resume();
    assert_eq!(own.finish(first).text(), "ok");
    drop(own);
    server.join();
}

#[test]
fn an_idle_connection_that_is_too_old_is_closed() {
    let server = Script::kept([OK]);
    let mut options = keeping();
    options.pool.idle_timeout = Some(Duration::from_millis(20));
    let mut own = Own::new(options);
    get(&mut own, &server.url("/"));
    own.until("its end", |own| own.counts() == (0, 0));
    server.join();
}

#[test]
fn an_idle_connection_that_the_server_closed_or_spoke_on_leaves_the_agent_at_once() {
    for junk in [&b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"[..], b"\r\n", b""] {
        let (go, wait) = channel::<()>();
        let server = Script::new(move |listener| {
            let mut peer = Peer::accept(listener);
            peer.request();
            peer.send(OK);
            wait.recv_timeout(PATIENCE).unwrap();
            peer.send(junk);
            if junk.is_empty() {
                peer.socket.shutdown(Shutdown::Write).unwrap();
            }
            assert_eq!(peer.end(), b"");
            let mut peer = Peer::accept(listener);
            peer.request();
            peer.send(OK);
        });
        let mut own = Own::keeping();
        assert!(!get(&mut own, &server.url("/")));
        assert_eq!(own.counts(), (1, 0));
        go.send(()).unwrap();
        own.until("its end", |own| own.counts() == (0, 0));
        assert!(!get(&mut own, &server.url("/")));
        server.join();
    }
}

#[test]
fn a_used_connection_that_turns_out_to_be_dead_before_anything_was_sent_is_exchanged_whatever_the_method() {
    let (go, wait) = channel::<()>();
    let (tell, closed) = channel::<()>();
    let server = Script::new(move |listener| {
        let mut peer = Peer::accept(listener);
        peer.request();
        peer.send(OK);
        wait.recv_timeout(PATIENCE).unwrap();
        drop(peer);
        tell.send(()).unwrap();
        let mut peer = Peer::accept(listener);
        assert_eq!(peer.until(b"ping").lines().next(), Some("POST / HTTP/1.1"));
        peer.send(OK);
    });
    let mut own = Own::keeping();
    get(&mut own, &server.url("/"));
    go.send(()).unwrap();
    // The end is there, and nobody has looked.
    closed.recv_timeout(PATIENCE).unwrap();
    let told = own.ask(Request::new("POST", server.url("/")).content("ping"));
    assert_eq!((told.status, told.events.contains(&"retry")), (200, false), "{told:?}");
    server.join();
}

#[test]
fn bytes_after_a_response_spoil_its_connection_and_not_the_response() {
    let server = Script::once(|peer| {
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(peer.end(), b"");
    });
    let mut own = Own::keeping();
    get(&mut own, &server.url("/"));
    assert_eq!(own.counts(), (0, 0));
    server.join();
}

#[test]
fn the_hint_of_the_server_is_honoured_with_a_margin() {
    let with = |hint: &str| format!("HTTP/1.1 200 OK\r\nKeep-Alive: {hint}\r\nContent-Length: 2\r\n\r\nok");
    for (hint, kept) in [("timeout=1", 0), ("timeout=60", 1), ("max=0", 0), ("timeout=60, max=5", 1)] {
        let server = Script::kept([with(hint)]);
        let mut own = Own::keeping();
        get(&mut own, &server.url("/"));
        assert_eq!(own.counts(), (kept, 0), "{hint}");
        drop(own);
        server.join();
    }
}

#[test]
fn a_server_that_refuses_persistence_gets_a_connection_for_each_request() {
    let server = Script::new(|listener| {
        for _ in 0..3 {
            let mut peer = Peer::accept(listener);
            peer.request();
            peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
            assert_eq!(peer.end(), b"");
        }
    });
    let mut own = Own::keeping();
    for _ in 0..3 {
        assert!(!get(&mut own, &server.url("/")));
    }
    server.join();
}

#[test]
fn destroying_it_ends_what_is_idle_in_use_and_waiting_and_it_can_be_used_again() {
    let server = Script::new(|listener| {
        let mut idle = Peer::accept(listener);
        idle.request();
        idle.send(OK);
        idle.request();
        idle.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok");
        assert_eq!(idle.end(), b"");
        let mut again = Peer::accept(listener);
        again.request();
        again.send(OK);
    });
    let mut options = keeping();
    options.pool.max_connections = Some(1);
    let mut own = Own::new(options);
    get(&mut own, &server.url("/"));
    let used = own.start(Request::get(server.url("/")));
    let waiting = own.start(Request::get(server.url("/")));
    own.until_told(used, "data");
    own.client.destroy();
    for id in [used, waiting] {
        let told = own.finish(id);
        let kind = told.error.as_ref().map(|error| error.kind());
        assert!(matches!(kind, Some(ErrorKind::Agent(PoolError::Destroyed))), "{told:?}");
    }
    assert_eq!(own.counts(), (0, 0));
    assert!(!get(&mut own, &server.url("/")));
    server.join();
}

#[test]
fn a_detached_connection_no_longer_counts_and_is_closed_after_its_response() {
    let server = Script::new(|listener| {
        let mut detached = Peer::accept(listener);
        detached.request();
        detached.send(OK);
        assert_eq!(detached.end(), b"");
    });
    let mut own = Own::keeping();
    let id = own.start_with(Request::get(server.url("/")), |event, call| {
        if matches!(event, Event::Sent) {
            call.detach();
        }
    });
    own.until_told(id, "sent");
    assert_eq!(own.counts(), (0, 0));
    assert_eq!(own.finish(id).text(), "ok");
    assert_eq!(own.counts(), (0, 0));
    server.join();
}

#[test]
fn a_response_nobody_wants_is_discarded_within_a_budget_and_its_connection_kept() {
    for (length, kept) in [(1000, 1), (10_000_000, 0)] {
        let server = Script::once(move |peer| {
            peer.request();
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes());
            peer.send(&vec![b'x'; 500]);
            if kept > 0 {
                peer.send(&vec![b'x'; length - 500]);
            }
            assert_eq!(peer.end(), b"");
        });
        let mut own = Own::keeping();
        let id = own.start_with(Request::get(server.url("/")), |event, call| {
            if matches!(event, Event::Response(_)) {
                call.discard();
            }
        });
        let told = own.finish(id);
        assert_eq!(told.events, ["socket", "connected", "sent", "response", "close"], "{length}");
        assert_eq!(own.counts(), (kept, 0));
        drop(own);
        server.join();
    }
}

#[test]
fn hooks_see_connections_become_idle_and_be_used_again_and_may_refuse() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    let (kept, reused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let server = Script::kept([OK, OK]);
    let mut options = keeping();
    options.keep_connection = Some(Arc::new({
        let (kept, addr) = (kept.clone(), server.addr);
        move |stream| {
            assert_eq!(stream.peer_addr(), Some(addr));
            kept.fetch_add(1, Relaxed) == 0
        }
    }));
    options.reuse_connection = Some(Arc::new({
        let reused = reused.clone();
        move |_| _ = reused.fetch_add(1, Relaxed)
    }));
    let mut own = Own::new(options);
    assert!(!get(&mut own, &server.url("/")));
    assert_eq!((own.counts(), kept.load(Relaxed), reused.load(Relaxed)), ((1, 0), 1, 0));
    assert!(get(&mut own, &server.url("/")));
    assert_eq!((own.counts(), kept.load(Relaxed), reused.load(Relaxed)), ((0, 0), 2, 1));
    server.join();
}

#[test]
fn a_request_with_a_connection_of_its_own_shares_it_with_nobody_and_closes_it() {
    let server = Script::new(|listener| {
        let mut kept = Peer::accept(listener);
        kept.request();
        kept.send(OK);
        let mut own = Peer::accept(listener);
        assert!(own.request().contains("\r\nConnection: close\r\n"));
        own.send(OK);
        assert_eq!(own.end(), b"");
        kept.end();
    });
    let mut own = Own::keeping();
    get(&mut own, &server.url("/"));
    let told = own.ask(Request::get(server.url("/")).one_shot());
    assert_eq!((told.reused.as_slice(), own.counts()), (&[false][..], (1, 0)));
    drop(own);
    server.join();
}

#[test]
fn a_server_of_http_1_0_is_kept_if_it_says_so_and_sent_no_chunks_over_that_connection() {
    let server = Script::new(|listener| {
        let mut kept = Peer::accept(listener);
        for _ in 0..2 {
            kept.request();
            kept.send(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok");
        }
        let mut fresh = Peer::accept(listener);
        assert!(fresh.request().contains("chunked"));
        fresh.send(OK);
        assert_eq!(kept.end(), b"");
    });
    let mut own = Own::keeping();
    assert!(!get(&mut own, &server.url("/")));
    assert!(get(&mut own, &server.url("/")));
    let id = own.start(Request::new("POST", server.url("/")).streamed());
    own.client.call(id).end("x").unwrap();
    assert_eq!(own.finish(id).text(), "ok");
    server.join();
}
