//! Which connection a request gets: never one that is in doubt after another died, never one that was made another way.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use h1wire_std::{Agent, Request};

use crate::agent::{OK, get_ok, keeping};
use crate::script::{Peer, Script};

/// Answers so many requests on each connection, and then closes it without having said so, once the next one came.
fn forgetful(listener: &TcpListener, answers: usize, connections: usize) {
    thread::scope(|scope| {
        for _ in 0..connections {
            let mut peer = Peer::accept(listener);
            scope.spawn(move || {
                for _ in 0..answers {
                    if peer.try_request().is_none() {
                        return;
                    }
                    peer.send(OK);
                }
                let _ = peer.try_request();
            });
        }
    });
}

#[test]
fn an_automatic_retry_is_not_lost_on_another_connection_that_is_dead_as_well() {
    // Three connections that are busy at once, and then die at once; a fourth that lives.
    let server = Script::new(|listener| forgetful(listener, 1, 4));
    let agent = Arc::new(keeping().sweep(None).build());
    let open: Vec<_> = (0..3).map(|_| agent.get(server.url("/")).send().unwrap()).collect();
    for mut response in open {
        assert_eq!(response.text().unwrap(), "ok");
    }
    assert_eq!(agent.totals().idle, 3);
    assert!(!get_ok(&agent, &server.url("/")), "over a fresh connection");
    let counters = agent.counters();
    assert_eq!((counters.retries, counters.hung_up, counters.complete), (1, 1, 4));
    assert_eq!((counters.exchanges, counters.reused, counters.connections), (5, 1, 4));
    drop(agent);
    server.join();
}

#[test]
fn requests_of_many_threads_to_a_server_that_closes_without_saying_so_all_succeed() {
    const THREADS: usize = 8;
    const EACH: usize = 60;
    let stop = Arc::new(AtomicUsize::new(0));
    let stopped = stop.clone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        thread::scope(|scope| {
            loop {
                let mut peer = Peer::accept(&listener);
                if stopped.load(Ordering::SeqCst) > 0 {
                    return;
                }
                scope.spawn(move || {
                    for _ in 0..3 {
                        if peer.try_request().is_none() {
                            return;
                        }
                        peer.send(OK);
                    }
                    let _ = peer.try_request();
                });
            }
        });
    });
    let agent = keeping().sweep(None).build();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    get_ok(&agent, &format!("http://{addr}/"));
                }
            });
        }
    });
    assert_eq!(agent.counters().complete, (THREADS * EACH) as u64);
    agent.destroy();
    stop.store(1, Ordering::SeqCst);
    drop(std::net::TcpStream::connect(addr).unwrap());
    server.join().unwrap();
}

#[test]
fn a_request_with_a_resolver_of_its_own_has_a_connection_of_its_own() {
    let server = Script::new(|listener| {
        let mut first = Peer::accept(listener);
        first.request();
        first.send(OK);
        let mut own = Peer::accept(listener);
        assert!(own.request().contains("\r\nConnection: close\r\n"), "nobody else could use it");
        own.send(OK);
        assert_eq!(own.end(), b"");
        // And the idle one is still there for the others.
        first.request();
        first.send(OK);
    });
    let agent = keeping().sweep(None).build();
    let (addr, asked) = (server.addr, Arc::new(AtomicUsize::new(0)));
    let url = format!("http://localhost:{}/", addr.port());
    let plain = || agent.get(&url).family(h1wire_std::proto::pool::Family::V4);
    assert_eq!(plain().send().unwrap().text().unwrap(), "ok");
    let counted = asked.clone();
    let refuse = |_: &str, _: u16| Err(std::io::Error::other("not this one"));
    assert!(plain().lookup(refuse).send().is_err(), "the resolver is asked");
    let request = plain().lookup(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(vec![addr])
    });
    assert_eq!(request.send().unwrap().text().unwrap(), "ok");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(plain().send().unwrap().is_reused());
    server.join();
}

#[test]
fn a_resolver_of_the_agent_is_all_its_requests() {
    let server = Script::answers([OK, OK]);
    let (addr, asked) = (server.addr, Arc::new(AtomicUsize::new(0)));
    let counted = asked.clone();
    let agent = Agent::builder()
        .lookup(move |host, _| {
            assert_eq!(host, "service.invalid");
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(vec![addr])
        })
        .header("User-Agent", "tests")
        .build();
    let url = format!("http://service.invalid:{}/", addr.port());
    assert!(!get_ok(&agent, &url) && get_ok(&agent, &url));
    assert_eq!(
        asked.load(Ordering::SeqCst),
        1,
        "and the second request was served by the first's connection"
    );
    server.join();
}

#[test]
fn a_request_may_bring_the_stream_it_is_sent_over() {
    let server = Script::once(|peer| {
        assert!(peer.request().starts_with("GET /own "));
        peer.send(OK);
        assert_eq!(peer.end(), b"", "closed, for no other request could use it");
    });
    let addr = server.addr;
    let request = Request::get("http://nowhere.invalid/own").create_connection(move |to| {
        assert_eq!(to.origin().host(), Some("nowhere.invalid"));
        Ok(Box::new(std::net::TcpStream::connect(addr)?))
    });
    assert_eq!(request.send().unwrap().text().unwrap(), "ok");
    server.join();
}
