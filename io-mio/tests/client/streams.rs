//! Content that flows both ways, and who has to wait for whom.

use std::cell::{Cell, RefCell};
use std::io::Read;
use std::rc::Rc;
use std::sync::mpsc::channel;

use h1wire_mio::client::{Event, Request};

use crate::own::Own;
use crate::script::{PATIENCE, Script};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn content_of_unknown_length_is_sent_in_chunks_with_trailers() {
    let server = Script::once(|peer| {
        let head = peer.request();
        assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
        assert_eq!(peer.until(b"\r\n\r\n"), "3\r\nabc\r\n2\r\nde\r\n0\r\nSum: 5\r\n\r\n");
        peer.send(OK);
    });
    let mut own = Own::new(Default::default());
    let id = own.start(Request::new("POST", server.url("/")).streamed());
    let mut call = own.client.call(id);
    assert_eq!(call.write("abc"), Ok(true));
    assert_eq!(call.write(""), Ok(true));
    assert_eq!(call.write("de"), Ok(true));
    call.trailer("Sum", "5").finish().unwrap();
    call.finish().unwrap();
    assert!(call.write("f").is_err());
    assert!(call.is_ended() && !call.is_finished());
    assert_eq!(own.finish(id).text(), "ok");
    server.join();
}

#[test]
fn a_declared_length_is_sent_as_such_and_kept_to() {
    let server = Script::once(|peer| {
        let head = peer.request();
        assert!(head.contains("Content-Length: 5\r\n") && !head.contains("chunked"), "{head}");
        assert_eq!(peer.content(5), b"abcde");
        peer.send(OK);
    });
    let mut own = Own::new(Default::default());
    let request = Request::new("PUT", server.url("/")).header("Content-Length", "5").streamed();
    let id = own.start(request);
    let mut call = own.client.call(id);
    call.write("abc").unwrap();
    assert!(call.finish().is_err(), "too short");
    assert!(call.write("def").is_err(), "too long");
    call.end("de").unwrap();
    assert_eq!(own.finish(id).status, 200);
    server.join();
}

/// Bytes that can be told from others.
fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|at| (at / 7 + at % 251) as u8).collect()
}

#[test]
fn a_server_that_reads_slowly_makes_the_writer_wait_and_memory_stays_bounded() {
    let (go, wait) = channel();
    let size = 8 << 20;
    let server = Script::once(move |peer| {
        peer.request();
        wait.recv_timeout(PATIENCE).unwrap();
        assert!(peer.content(size) == pattern(size), "other bytes");
        peer.send(OK);
    });
    let mut own = Own::new(Default::default());
    let content = Rc::new(pattern(size));
    let (at, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let write = {
        let (content, at, most) = (content.clone(), at.clone(), most.clone());
        move |call: &mut h1wire_mio::client::Call<'_>| {
            loop {
                let piece = &content[at.get()..(at.get() + 10_000).min(size)];
                if piece.is_empty() {
                    return call.finish().unwrap();
                }
                at.set(at.get() + piece.len());
                let room = call.write(piece).unwrap();
                most.set(most.get().max(call.buffered()));
                if !room {
                    return;
                }
            }
        }
    };
    let request = Request::new("PUT", server.url("/")).header("Content-Length", size.to_string()).streamed();
    let id = own.start_with(request, move |event, call| {
        if matches!(event, Event::Connected { .. } | Event::Drain) {
            write(call);
        }
    });
    own.until_told(id, "drain");
    // It takes what the sockets take, and no more.
    let mut before = usize::MAX;
    own.until("the sockets to be full", |_| {
        let full = before == at.get();
        before = at.get();
        full && at.get() < size
    });
    go.send(()).unwrap();
    let told = own.finish(id);
    assert_eq!(told.text(), "ok");
    assert!(most.get() <= 64 * 1024 + 10_100, "{}", most.get());
    server.join();
}

#[test]
fn a_caller_that_pauses_makes_the_server_wait_and_loses_nothing() {
    let size = 32 << 20;
    let (tell, told_full) = channel();
    let server = Script::once(move |peer| {
        peer.request();
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").as_bytes());
        let content = pattern(size);
        peer.socket.set_nonblocking(true).unwrap();
        let (mut at, mut full) = (0, false);
        while at < size {
            match std::io::Write::write(&mut peer.socket, &content[at..]) {
                Ok(n) => at += n,
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                    if !std::mem::replace(&mut full, true) {
                        tell.send(()).unwrap();
                    }
                    std::thread::yield_now();
                }
                Err(e) => panic!("{e}"),
            }
        }
    });
    let mut own = Own::new(Default::default());
    let got = Rc::new(RefCell::new(Vec::new()));
    let id = own.start_with(Request::get(server.url("/")), {
        let got = got.clone();
        move |event, call| {
            if let Event::Data(data) = event {
                got.borrow_mut().extend_from_slice(data);
                call.pause();
            }
        }
    });
    own.until("the server to be stopped", |own| {
        own.client.call(id).is_answered() && told_full.try_recv().is_ok()
    });
    assert!(got.borrow().len() <= 64 * 1024, "{}", got.borrow().len());
    own.until("the end", |own| {
        own.client.call(id).resume();
        !own.client.call(id).is_open()
    });
    assert!(*got.borrow() == pattern(size), "other bytes");
    server.join();
}

#[test]
fn content_waits_for_100_continue_and_is_not_sent_if_the_answer_comes_first() {
    let server = Script::new(|listener| {
        let mut peer = crate::script::Peer::accept(listener);
        peer.request();
        peer.socket.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
        assert!(peer.socket.read(&mut [0]).is_err(), "content before 100");
        peer.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(peer.content(4), b"ping");
        peer.send(OK);
        let mut peer = crate::script::Peer::accept(listener);
        peer.request();
        peer.send(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(peer.end(), b"");
    });
    let mut own = Own::keeping();
    let request = || {
        let request = Request::new("PUT", server.url("/")).header("Expect", "100-continue");
        request.continue_timeout(None).content("ping")
    };
    let told = own.ask(request());
    assert_eq!(
        told.events,
        ["socket", "connected", "informational", "continue", "sent", "response", "data", "end", "close"]
    );
    assert_eq!(told.informational, [100]);
    own.client.close_idle();
    let told = own.ask(request());
    assert_eq!((told.status, own.counts()), (417, (0, 0)));
    server.join();
}

#[test]
fn an_early_answer_is_told_at_once_and_the_upload_goes_on_if_the_server_reads_on() {
    let server = Script::once(|peer| {
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly");
        assert_eq!(peer.content(7), b"delayed");
        assert_eq!(peer.end(), b"");
    });
    let mut own = Own::keeping();
    let request = Request::new("POST", server.url("/")).header("Content-Length", "7").streamed();
    let id = own.start(request);
    own.until_told(id, "end");
    assert!(own.client.call(id).is_open());
    own.client.call(id).end("delayed").unwrap();
    let told = own.finish(id);
    assert_eq!(told.events, ["socket", "connected", "response", "data", "end", "close"]);
    assert_eq!(own.counts(), (1, 0), "both messages were complete");
    drop(own);
    server.join();
}

#[test]
fn a_refusal_stops_the_upload_and_what_is_written_afterwards_is_dropped() {
    let server = Script::once(|peer| {
        peer.request();
        peer.send(b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
        peer.end();
    });
    let mut own = Own::keeping();
    let wrote = Rc::new(Cell::new(false));
    let also = {
        let wrote = wrote.clone();
        move |event: &Event<'_>, call: &mut h1wire_mio::client::Call<'_>| {
            if matches!(event, Event::Unwanted) {
                wrote.set(call.write("more").unwrap());
            }
        }
    };
    let id = own.start_with(Request::new("POST", server.url("/")).streamed(), also);
    own.client.call(id).write("some").unwrap();
    let told = own.finish(id);
    assert_eq!((told.status, &*told.text(), wrote.get()), (413, "no", true), "{:?}", told.events);
    assert_eq!(own.counts(), (0, 0));
    server.join();
}

#[test]
fn an_answer_sent_before_a_reset_is_worth_more_than_the_error() {
    let mut heard = 0;
    for _ in 0..20 {
        // Content that nobody read: the system resets.
        let server = Script::once(|peer| {
            peer.request();
            peer.send(b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
        });
        let told = Own::keeping().ask(Request::new("PUT", server.url("/")).content(vec![b'x'; 1 << 20]));
        // The reset may destroy what was not read yet.
        heard += usize::from(told.status == 413);
        assert!(told.status == 413 || told.failed().starts_with("Some(Socket("), "{told:?}");
        server.join();
    }
    assert!(heard > 0);
}
