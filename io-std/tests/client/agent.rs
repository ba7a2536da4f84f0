//! The agent: connections kept, shared, limited, hooked into and given up.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use h1wire_std::proto::pool::{PoolError, Scheduling};
use h1wire_std::{Agent, AgentBuilder, ErrorKind, Request};

use crate::script::{PATIENCE, Peer, Script, eventually};

pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

pub fn keeping() -> AgentBuilder {
    Agent::builder().keep_alive(true)
}

pub fn get_ok(agent: &Agent, url: &str) -> bool {
    let mut response = agent.get(url).send().unwrap();
    let reused = response.is_reused();
    assert_eq!(response.text().unwrap(), "ok");
    reused
}

#[test]
fn an_agent_with_nodes_old_defaults_keeps_nothing_and_says_so() {
    let server = Script::once(|peer| {
        assert!(peer.request().contains("\r\nConnection: close\r\n"));
        peer.send(OK);
        assert_eq!(peer.end(), b"");
    });
    let agent = Agent::builder().node().build();
    assert!(!get_ok(&agent, &server.url("/")));
    assert_eq!(agent.totals().idle, 0);
    server.join();
}

#[test]
fn a_one_shot_agent_serves_one_request() {
    let server = Script::once(|peer| {
        assert!(peer.request().contains("\r\nConnection: close\r\n"));
        peer.send(OK);
        assert_eq!(peer.end(), b"");
    });
    assert_eq!(Request::get(server.url("/")).one_shot().send().unwrap().text().unwrap(), "ok");
    server.join();
}

#[test]
fn an_agent_keeps_connections_and_the_global_one_does() {
    let own = Agent::new();
    for agent in [&own, Agent::global()] {
        let server = Script::once(|peer| {
            for _ in 0..2 {
                assert!(peer.request().contains("\r\nConnection: keep-alive\r\n"));
                peer.send(OK);
            }
        });
        assert!(!get_ok(agent, &server.url("/")));
        assert!(get_ok(agent, &server.url("/")));
        server.join();
    }
}

#[test]
fn waiting_requests_are_served_first_come_first_served_over_one_connection() {
    let (go, wait): (Sender<()>, Receiver<()>) = channel();
    let server = Script::once(move |peer| {
        wait.recv_timeout(PATIENCE).unwrap();
        for n in 0..4 {
            assert!(peer.request().starts_with(&format!("GET /{n} ")));
            peer.send(OK);
        }
        assert_eq!(peer.end(), b"");
    });
    let agent = Agent::builder().keep_alive(false).max_connections(1).build();
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let (agent, url) = (agent.clone(), server.url(&format!("/{n}")));
            let waiting = agent.clone();
            let thread = thread::spawn(move || get_ok(&agent, &url));
            // The first has a connection, the others wait in the order they came.
            eventually(|| {
                let totals = waiting.totals();
                (totals.busy, totals.waiting) == (1, n)
            });
            thread
        })
        .collect();
    let counts = agent.origins();
    assert_eq!(counts.len(), 1);
    assert_eq!((counts[0].busy, counts[0].idle, counts[0].waiting), (1, 0, 3));
    assert_eq!(counts[0].name, format!("127.0.0.1:{}:", server.addr.port()));
    go.send(()).unwrap();
    let reused: Vec<bool> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(reused, [false, true, true, true]);
    server.join();
    eventually(|| agent.totals().busy == 0);
}

#[test]
fn a_limit_over_all_origins_holds_and_an_idle_connection_of_another_makes_room() {
    let one = Script::kept([OK]);
    let other = Script::kept([OK]);
    let agent = keeping().max_total_connections(1).build();
    get_ok(&agent, &one.url("/"));
    assert_eq!(agent.totals().idle, 1);
    get_ok(&agent, &other.url("/"));
    let totals = agent.totals();
    assert_eq!((totals.busy, totals.idle, totals.origins), (0, 1, 1));
    one.join();
    agent.destroy();
    other.join();
}

#[test]
fn no_more_connections_are_kept_than_allowed_and_which_is_used_next_can_be_chosen() {
    for (scheduling, path) in [(Scheduling::Fifo, "/0"), (Scheduling::Lifo, "/1")] {
        let server = Script::new(|listener| {
            let peers: Vec<_> = (0..3)
                .map(|_| {
                    let mut peer = Peer::accept(listener);
                    thread::spawn(move || {
                        let first = peer.request();
                        peer.send(OK);
                        let rest = String::from_utf8(peer.end()).unwrap();
                        (first, rest)
                    })
                })
                .collect();
            for peer in peers {
                let (first, rest) = peer.join().unwrap();
                let first = first.split(' ').nth(1).unwrap().to_owned();
                // Asked for by the last request, which says whose connection it expects.
                assert_eq!(!rest.is_empty(), rest.contains(&format!("GET {first}?again ")), "{first} {rest}");
            }
        });
        let agent = keeping().max_idle(2).scheduling(scheduling).build();
        let mut responses: Vec<_> =
            (0..3).map(|n| agent.get(server.url(&format!("/{n}"))).send().unwrap()).collect();
        for response in &mut responses {
            assert_eq!(response.text().unwrap(), "ok");
        }
        assert_eq!(agent.totals().idle, 2);
        // Nobody answers, which is not the point.
        let mut request = agent.get(server.url(&format!("{path}?again")));
        let abort = request.abort_handle();
        let thread = thread::spawn(move || request.send().unwrap_err());
        eventually(|| agent.totals().busy == 1);
        agent.close_idle();
        abort.abort();
        assert!(thread.join().unwrap().is_aborted());
        // An abort before the first byte leaves the connection fit for another request.
        agent.destroy();
        server.join();
    }
}

#[test]
fn a_full_queue_and_a_wait_that_is_too_long_are_errors_that_give_the_request_back() {
    let server = Script::kept([OK]);
    let agent = Agent::builder()
        .keep_alive(false)
        .max_connections(1)
        .max_queued(1)
        .acquire_timeout(Duration::from_millis(30))
        .build();
    let mut response = agent.get(server.url("/")).send().unwrap();
    let (waiting, url) = (agent.clone(), server.url("/"));
    let waiter = thread::spawn(move || waiting.get(url).send().unwrap_err());
    eventually(|| agent.totals().waiting == 1 || waiter.is_finished());
    if agent.totals().waiting == 1 {
        let full = agent.get(server.url("/")).send().unwrap_err();
        let expected = [PoolError::QueueFull, PoolError::Timeout];
        assert!(matches!(full.kind(), ErrorKind::Agent(e) if expected.contains(e)), "{full:?}");
    }
    let late = waiter.join().unwrap();
    assert!(matches!(late.kind(), ErrorKind::Agent(PoolError::Timeout)), "{late:?}");
    assert!(late.retry().is_safe() && late.into_request().is_some());
    assert_eq!(response.text().unwrap(), "ok");
    server.join();
}

#[test]
fn an_idle_connection_that_is_too_old_is_closed_without_anybody_asking() {
    let server = Script::kept([OK]);
    let agent = keeping().timeout(Duration::from_millis(20)).sweep(Some(Duration::from_millis(5))).build();
    get_ok(&agent, &server.url("/"));
    server.join();
    assert_eq!(agent.totals().idle, 0);
}

#[test]
fn an_idle_connection_that_the_server_closed_leaves_the_agent_without_anybody_asking() {
    let (closed, wait) = channel::<()>();
    let server = Script::new(move |listener| {
        for _ in 0..2 {
            let mut peer = Peer::accept(listener);
            peer.request();
            peer.send(OK);
            peer.socket.shutdown(Shutdown::Write).unwrap();
            assert_eq!(peer.end(), b"");
            closed.send(()).unwrap();
        }
    });
    let agent = keeping().sweep(Some(Duration::from_millis(5))).build();
    for _ in 0..2 {
        assert!(!get_ok(&agent, &server.url("/")), "a new one is opened");
        wait.recv_timeout(PATIENCE).expect("the client closes it by itself");
    }
    server.join();
    assert_eq!(agent.totals().idle, 0);
}

#[test]
fn an_idle_connection_that_became_readable_is_never_used() {
    for junk in [&b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"[..], b""] {
        let (idle, wait) = channel::<()>();
        let server = Script::new(move |listener| {
            let mut peer = Peer::accept(listener);
            peer.request();
            peer.send(OK);
            wait.recv_timeout(PATIENCE).unwrap();
            peer.send(junk);
            // The client may have seen the junk and closed by now.
            let _ = peer.socket.shutdown(Shutdown::Write);
            let mut second = Peer::accept(listener);
            second.request();
            second.send(OK);
            assert_eq!(peer.end(), b"");
        });
        // Another handle of the same socket, to know when it is readable without the agent's help.
        let socket = Arc::new(Mutex::new(None));
        let kept = socket.clone();
        let agent = keeping().sweep(None).keep_connection(move |stream| {
            let fd = stream.poll_fd().unwrap().try_clone_to_owned().unwrap();
            *kept.lock().unwrap() = Some(TcpStream::from(fd));
            true
        });
        let agent = agent.build();
        assert!(!get_ok(&agent, &server.url("/")));
        idle.send(()).unwrap();
        let socket = socket.lock().unwrap().take().unwrap();
        assert_eq!(socket.peek(&mut [0]).unwrap(), usize::from(!junk.is_empty()));
        drop(socket);
        let mut response = agent.request("POST", server.url("/")).automatic_retry(false).send().unwrap();
        assert!(!response.is_reused());
        assert_eq!(response.text().unwrap(), "ok");
        server.join();
    }
}

#[test]
fn the_hint_of_the_server_is_honoured_with_a_margin() {
    let with = |hint: &str| format!("HTTP/1.1 200 OK\r\nKeep-Alive: {hint}\r\nContent-Length: 2\r\n\r\nok");
    for (hint, kept) in [("timeout=1", 0), ("timeout=60", 1), ("max=0", 0), ("timeout=60, max=5", 1)] {
        let server = Script::kept([with(hint)]);
        let agent = keeping().build();
        get_ok(&agent, &server.url("/"));
        assert_eq!(agent.totals().idle, kept, "{hint}");
        agent.destroy();
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
    let agent = keeping().build();
    for _ in 0..3 {
        assert!(!get_ok(&agent, &server.url("/")));
    }
    server.join();
}

#[test]
fn destroying_an_agent_ends_what_is_idle_in_use_and_waiting_and_it_can_be_used_again() {
    let server = Script::new(|listener| {
        let mut idle = Peer::accept(listener);
        idle.request();
        idle.send(OK);
        let mut used = Peer::accept(listener);
        used.request();
        used.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok");
        assert_eq!((idle.end(), used.end()), (vec![], vec![]));
        let mut again = Peer::accept(listener);
        again.request();
        again.send(OK);
    });
    let agent = keeping().max_connections(2).build();
    let mut idle = agent.get(server.url("/")).send().unwrap();
    let mut used = agent.get(server.url("/")).send().unwrap();
    idle.text().unwrap();
    // One is idle and one in use.
    let first = agent.totals();
    assert_eq!((first.busy, first.idle), (1, 1));
    agent.destroy();
    let mut text = Vec::new();
    let error = used.read_to_end(&mut text).unwrap_err();
    assert_eq!(text, b"ok");
    assert!(h1wire_std::Error::of(&error).is_some(), "{error:?}");
    assert_eq!(agent.totals().busy, 0);
    assert!(!get_ok(&agent, &server.url("/")));
    server.join();
}

#[test]
fn destroying_an_agent_fails_who_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let agent = Agent::builder().keep_alive(false).max_connections(1).build();
    let send = |agent: Agent, url: String| thread::spawn(move || agent.get(url).send().unwrap_err());
    let used = send(agent.clone(), url.clone());
    eventually(|| agent.totals().busy == 1);
    let mut peer = Peer::accept(&listener);
    peer.request();
    let waiting = send(agent.clone(), url);
    eventually(|| agent.totals().waiting == 1);
    agent.destroy();
    let error = waiting.join().unwrap();
    assert!(matches!(error.kind(), ErrorKind::Agent(PoolError::Destroyed)), "{error:?}");
    assert!(matches!(used.join().unwrap().kind(), ErrorKind::HangUp(_) | ErrorKind::Socket(_)));
    assert_eq!(peer.end(), b"");
}

#[test]
fn a_detached_connection_no_longer_counts_and_is_closed_after_its_response() {
    let server = Script::new(|listener| {
        let mut detached = Peer::accept(listener);
        detached.request();
        detached.send(OK);
        let mut other = Peer::accept(listener);
        other.request();
        other.send(OK);
        assert_eq!((detached.end(), other.end()), (vec![], vec![]));
    });
    let agent = keeping().max_connections(1).build();
    let mut response = agent.get(server.url("/")).send().unwrap();
    response.detach();
    assert_eq!(agent.totals().busy, 0);
    assert!(!get_ok(&agent, &server.url("/")), "there is room for another");
    assert_eq!(response.text().unwrap(), "ok");
    assert_eq!(agent.totals().idle, 1);
    agent.destroy();
    server.join();
}

#[test]
fn a_response_nobody_reads_blocks_nothing() {
    let large = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{}", "x".repeat(1_000_000));
    let server = Script::new(move |listener| {
        let mut peer = Peer::accept(listener);
        peer.request();
        let _ = peer.socket.write_all(large.as_bytes());
        let mut other = Peer::accept(listener);
        for _ in 0..2 {
            other.request();
            other.send(OK);
        }
    });
    let agent = keeping().max_connections(1).build();
    drop(agent.get(server.url("/")).send().unwrap());
    // Too much to discard, so it was closed. A small one is discarded and its connection kept.
    drop(agent.get(server.url("/")).send().unwrap());
    assert!(get_ok(&agent, &server.url("/")));
    server.join();
}
