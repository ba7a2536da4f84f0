//! Requests on connections that die: repeated where that is safe, once, and never lost without a word.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use h1wire_mio::client::{ErrorKind, Request};
use h1wire_mio::proto::retry::{Retry, Unsafe};

use crate::own::{Own, Told};
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
fn survive(method: &str, content: &'static str, death: Death) -> (Told, usize) {
    let seen = Arc::new(AtomicUsize::new(0));
    let (counted, length) = (seen.clone(), content.len());
    let server = Script::new(move |listener| {
        let mut peer = Peer::accept(listener);
        peer.request();
        peer.send(OK);
        let is_whole = |held: &[u8]| {
            let head = held.windows(4).position(|w| w == b"\r\n\r\n");
            head.is_some_and(|at| held.len() >= at + 4 + length)
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
            peer.content(length);
            counted.fetch_add(1, Ordering::SeqCst);
            peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut own = Own::keeping();
    own.ask(Request::get(server.url("/")));
    let request = Request::new(method, server.url("/x"));
    let request = if content.is_empty() { request } else { request.content(content) };
    let told = own.ask(request);
    own.client.close_idle();
    own.ask(Request::get(server.url("/over")));
    server.join();
    (told, seen.load(Ordering::SeqCst))
}

/// The bytes of a second request for `/x`, more or less.
const REQUEST: usize = 70;

#[test]
fn an_idempotent_request_survives_the_end_of_a_reused_connection_at_every_byte() {
    for read in (0..REQUEST).step_by(3).chain([1000]) {
        for reset in [false, true] {
            for (method, content) in [("GET", ""), ("PUT", "hello")] {
                let death = Death { read, written: 0, reset };
                let (told, seen) = survive(method, content, death);
                assert_eq!(told.text(), "ok", "{method} {death:?} {told:?}");
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
            let (told, seen) = survive("POST", "hello", death);
            assert!(seen <= 1, "{death:?}");
            match &told.error {
                // The end was noticed before anything was sent.
                None => assert_eq!((&*told.text(), seen), ("ok", 1), "{death:?}"),
                Some(error) => {
                    assert_eq!(error.retry(), Retry::Unsafe(Unsafe::NotIdempotent), "{death:?}");
                    assert!(matches!(error.kind(), ErrorKind::HangUp(_) | ErrorKind::Socket(_)), "{error:?}");
                }
            }
        }
    }
}

#[test]
fn once_a_byte_of_the_answer_came_nothing_is_repeated_and_a_part_is_never_taken_for_whole() {
    for written in 1..OK.len() {
        let (told, seen) = survive("GET", "", Death { read: 1000, written, reset: false });
        let error = told.error.as_ref().expect("an answer that is cut off");
        assert_eq!((error.retry(), seen), (Retry::Unsafe(Unsafe::Answered), 1), "{written}");
    }
}

#[test]
fn a_chunked_answer_that_is_cut_off_anywhere_is_never_taken_for_whole() {
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n";
    for cut in 1..CHUNKED.len() {
        let server = Script::answers([&CHUNKED[..cut]]);
        let told = Own::keeping().ask(Request::get(server.url("/")));
        assert!(told.failed().starts_with("Some(HangUp("), "{cut} {told:?}");
        server.join();
    }
}

#[test]
fn a_request_on_a_fresh_connection_is_not_repeated() {
    let server = Script::once(|peer| _ = peer.request());
    let told = Own::keeping().ask(Request::get(server.url("/")));
    assert_eq!(told.error.unwrap().retry(), Retry::Unsafe(Unsafe::FreshConnection));
    server.join();
}
