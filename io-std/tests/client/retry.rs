//! Requests on connections that die: repeated where that is safe, once, and never lost without a word.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use h1wire_std::proto::retry::{Retry, Safe, Unsafe};
use h1wire_std::{Agent, Error, ErrorKind, Request, Response};

use crate::script::{Peer, Script};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// How a connection that carried a request before ends during the next one.
#[derive(Clone, Copy, Debug)]
struct Death {
    /// After so many bytes of the request were read.
    read: usize,
    /// And so many bytes of the response written.
    written: usize,
    /// With a reset instead of an end.
    reset: bool,
}

/// What became of a request, and how often the server saw the whole of it.
fn survive(method: &str, content: &str, death: Death) -> (Result<String, Error>, usize) {
    survive_as(method, content, death, |request| {
        if content.is_empty() { request.send() } else { request.send_bytes(content) }
    })
}

fn survive_as(
    method: &str,
    content: &str,
    death: Death,
    send: impl FnOnce(Request) -> Result<Response, Error>,
) -> (Result<String, Error>, usize) {
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    let content_len = content.len();
    let server = Script::new(move |listener| {
        let mut peer = Peer::accept(listener);
        peer.request();
        peer.send(OK);
        let is_whole = |held: &[u8]| {
            let head = held.windows(4).position(|w| w == b"\r\n\r\n");
            head.is_some_and(|at| held.len() >= at + 4 + content_len)
        };
        while peer.held.len() < death.read && !is_whole(&peer.held) {
            if !peer.socket.peek(&mut [0]).is_ok_and(|n| n > 0) {
                break;
            }
            peer.read();
        }
        // What was read beyond that is as good as unread.
        peer.held.truncate(death.read);
        counted.fetch_add(usize::from(is_whole(&peer.held)), Ordering::SeqCst);
        let _ = peer.socket.write_all(&OK[..death.written]);
        if death.reset {
            peer.reset();
        } else {
            drop(peer);
        }
        // The next connection, if there is one, is a good one; the test's own request ends this.
        loop {
            let mut peer = Peer::accept(listener);
            let head = peer.request();
            if head.starts_with("GET /over ") {
                break;
            }
            peer.content(content_len);
            counted.fetch_add(1, Ordering::SeqCst);
            peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let agent = Agent::builder().keep_alive(true).sweep(None).build();
    agent.get(server.url("/")).send().unwrap().text().unwrap();
    let request = agent.request(method, server.url("/x"));
    let outcome = send(request).and_then(|mut response| {
        response.text().map_err(|error| *error.into_inner().unwrap().downcast::<Error>().unwrap())
    });
    let _ = Request::get(server.url("/over")).one_shot().send();
    server.join();
    (outcome, seen.load(Ordering::SeqCst))
}

/// The bytes of a second request for `/x`, more or less.
const REQUEST: usize = 70;

#[test]
fn an_idempotent_request_survives_the_end_of_a_reused_connection_at_every_byte() {
    for read in (0..REQUEST).step_by(3).chain([1000]) {
        for reset in [false, true] {
            for (method, content) in [("GET", ""), ("PUT", "hello")] {
                let death = Death { read, written: 0, reset };
                let (outcome, seen) = survive(method, content, death);
                assert_eq!(outcome.unwrap(), "ok", "{method} {death:?}");
                assert!((1..=2).contains(&seen), "{method} {death:?} {seen}");
            }
        }
    }
}

#[test]
fn a_request_that_is_not_idempotent_is_never_sent_twice_and_its_failure_is_told() {
    for read in (0..REQUEST).step_by(3).chain([1000]) {
        for reset in [false, true] {
            let death = Death { read, written: 0, reset };
            let (outcome, seen) = survive("POST", "hello", death);
            assert!(seen <= 1, "{death:?}");
            match outcome {
                // The end was noticed before anything was sent.
                Ok(text) => assert_eq!((&*text, seen), ("ok", 1), "{death:?}"),
                Err(error) => {
                    assert_eq!(error.retry(), Retry::Unsafe(Unsafe::NotIdempotent), "{death:?}");
                    assert!(matches!(error.kind(), ErrorKind::HangUp(_) | ErrorKind::Socket(_)), "{error:?}");
                    assert!(error.into_request().is_none());
                }
            }
        }
    }
}

#[test]
fn content_that_is_streamed_is_never_sent_twice_whatever_the_method() {
    for read in (0..REQUEST + 30).step_by(3).chain([1000]) {
        for reset in [false, true] {
            let death = Death { read, written: 0, reset };
            let (outcome, seen) = survive_as("PUT", "hello", death, |request| {
                let mut upload = request.header("Content-Length", "5").start()?;
                // What fails here is told by `finish` again, or by the response.
                let failed = upload.write_all(b"hel").and_then(|()| upload.flush());
                let failed = failed.and_then(|()| upload.write_all(b"lo")).err();
                match failed.map(|error| error.downcast::<Error>()) {
                    Some(Ok(error)) => Err(error),
                    _ => upload.finish(),
                }
            });
            assert!(seen <= 1, "{death:?}");
            match outcome {
                Ok(text) => assert_eq!((&*text, seen), ("ok", 1), "{death:?}"),
                Err(error) => {
                    assert!(!error.retry().is_safe(), "{death:?}: {error:?}");
                    assert!(matches!(error.kind(), ErrorKind::HangUp(_) | ErrorKind::Socket(_)), "{error:?}");
                }
            }
        }
    }
}

#[test]
fn a_chunked_answer_that_is_cut_off_anywhere_is_never_taken_for_whole() {
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n";
    for written in 0..=CHUNKED.len() {
        let server = Script::once(move |peer| {
            peer.request();
            peer.send(&CHUNKED[..written]);
        });
        let sent = Request::get(server.url("/")).one_shot().send();
        let text = sent.map_err(drop).and_then(|mut response| response.text().map_err(drop));
        assert_eq!(text.is_ok(), written == CHUNKED.len(), "{written}");
        server.join();
    }
}

#[test]
fn once_a_byte_of_the_answer_came_nothing_is_repeated() {
    for written in 1..OK.len() {
        let death = Death { read: 20, written, reset: false };
        let (outcome, _) = survive("GET", "", death);
        let error = outcome.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::HangUp(_) | ErrorKind::Socket(_)), "{death:?}: {error:?}");
        assert_eq!(error.retry(), Retry::Unsafe(Unsafe::Answered), "{death:?}");
    }
    let death = Death { read: 20, written: OK.len(), reset: false };
    assert_eq!(survive("GET", "", death).0.unwrap(), "ok");
}

#[test]
fn a_request_on_a_fresh_connection_is_not_repeated() {
    let server = Script::once(|peer| {
        peer.request();
    });
    let error = Request::get(server.url("/")).one_shot().send().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::HangUp(_) | ErrorKind::Socket(_)), "{error:?}");
    assert_eq!(error.retry(), Retry::Unsafe(Unsafe::FreshConnection));
    server.join();
}

#[test]
fn a_request_that_could_not_be_sent_comes_back_and_can_be_sent_elsewhere() {
    let server = Script::answers([OK]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let request = Request::new("POST", format!("http://{closed}/")).one_shot();
    let error = request.send_bytes("hello").unwrap_err();
    assert_eq!(error.retry(), Retry::Safe(Safe::NothingSent));
    let request = error.into_request().unwrap().port(server.addr.port());
    assert_eq!(request.send_bytes("hello").unwrap().text().unwrap(), "ok");
    server.join();

    // As it was, with the length that was declared for content to come.
    let server = Script::once(|peer| {
        assert!(peer.request().contains("\r\nContent-Length: 5\r\n"));
        assert_eq!(peer.content(5), b"hello");
        peer.send(OK);
    });
    let request = Request::new("POST", format!("http://{closed}/")).one_shot().header("content-length", "5");
    let request = request.start().unwrap_err().into_request().unwrap().port(server.addr.port());
    assert_eq!(request.headers().get("content-length"), Some(&b"5"[..]));
    assert_eq!(request.send_reader(&b"hello"[..]).unwrap().text().unwrap(), "ok");
    server.join();
}

#[test]
fn a_dead_connection_casts_doubt_on_the_others_and_the_user_may_say_what_is_safe() {
    for (idempotent, automatic) in [(true, true), (true, false), (false, true)] {
        let server = Script::new(|listener| {
            let mut peers: Vec<Peer> = Vec::new();
            for _ in 0..2 {
                let mut peer = Peer::accept(listener);
                peer.request();
                peer.send(OK);
                peers.push(peer);
            }
            // One of them dies by the next request; which, the client chooses.
            for peer in &peers {
                peer.socket.set_nonblocking(true).unwrap();
            }
            let dying = loop {
                let ready = peers.iter().position(|p| p.socket.peek(&mut [0]).is_ok());
                match ready {
                    Some(at) => break at,
                    None => std::thread::yield_now(),
                }
            };
            let other = peers.remove(1 - dying);
            drop(peers);
            let mut fresh = Peer::accept(listener);
            fresh.request();
            fresh.send(OK);
            drop(other);
        });
        let agent = Agent::builder().keep_alive(true).sweep(None).build();
        let mut both: Vec<_> = (0..2).map(|_| agent.get(server.url("/")).send().unwrap()).collect();
        both.iter_mut().for_each(|response| drop(response.text().unwrap()));
        assert_eq!(agent.totals().idle, 2);
        let request =
            agent.request("POST", server.url("/")).idempotent(idempotent).automatic_retry(automatic);
        match request.send() {
            Ok(mut response) => {
                assert!(idempotent && automatic && !response.is_reused());
                assert_eq!(response.text().unwrap(), "ok");
            }
            Err(error) => {
                assert!(!(idempotent && automatic));
                assert_eq!(error.retry().is_safe(), idempotent);
                agent.close_idle();
                assert_eq!(agent.get(server.url("/")).send().unwrap().text().unwrap(), "ok");
            }
        }
        server.join();
    }
}
