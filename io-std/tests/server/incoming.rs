//! Requests that are taken from the server, and answered from other threads.

use std::io::{self, Read, Write};
use std::thread;
use std::time::Duration;

use h1wire_proto::Headers;
use h1wire_std::server::Failure;

use crate::peer::{GET, Peer, SOON, server, wait_until};

const POST: &str = "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn requests_are_taken_one_by_one_and_answered_from_any_thread() {
    let incoming = server().incoming().unwrap();
    assert!(incoming.try_recv().is_none());
    let mut peer = Peer::at(incoming.local_addr().unwrap());
    peer.send(GET);
    let call = incoming.recv().unwrap();
    assert_eq!((call.target(), call.number(), call.peer_addr().is_some()), (&b"/"[..], 1, true));
    thread::spawn(move || {
        let mut headers = Headers::new();
        headers.set("X-From", "elsewhere").unwrap();
        call.respond(203, headers, "hello").unwrap();
    });
    let (head, content) = peer.response();
    assert!(head.starts_with("HTTP/1.1 203 ") && head.contains("\r\nX-From: elsewhere\r\n"), "{head}");
    assert_eq!(content, "hello");
    peer.send(POST);
    let mut call = incoming.recv_timeout(SOON).unwrap();
    assert_eq!((call.number(), call.content(5).unwrap()), (2, Some(b"hello".to_vec())));
    call.end(200, "got it").unwrap();
    assert_eq!(peer.response().1, "got it");
    peer.send(POST);
    let mut call = incoming.recv_timeout(SOON).unwrap();
    assert_eq!(call.content(4).unwrap(), None);
    call.end(413, "").unwrap();
    assert!(peer.response().0.starts_with("HTTP/1.1 413 "));
}

#[test]
fn content_is_read_and_an_answer_is_written_piece_by_piece() {
    let incoming = server().incoming().unwrap();
    let mut peer = Peer::at(incoming.local_addr().unwrap());
    peer.send(&POST[..POST.len() - 2]);
    let mut call = incoming.recv().unwrap();
    let mut buf = [0; 100];
    let n = call.read(&mut buf).unwrap();
    assert_eq!(&buf[..n], b"hel");
    peer.send("lo");
    call.read_to_end(&mut Vec::new()).unwrap();
    for piece in ["one", "two"] {
        call.run(move |_, response| response.write_all(piece.as_bytes()).and_then(|()| response.flush()))
            .unwrap()
            .unwrap();
        peer.until(piece);
    }
    call.run(|_, response| response.finish()).unwrap().unwrap();
    drop(call);
    peer.until("0\r\n\r\n");
    peer.send(GET);
    incoming.recv().unwrap().end(200, "next").unwrap();
    assert_eq!(peer.response().1, "next");
}

#[test]
fn what_is_dropped_without_an_answer_is_500_and_what_was_begun_is_cut_off() {
    let (tell, told) = std::sync::mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let server = server().on_report(move |_, report| tell.lock().unwrap().send(report.clone()).unwrap());
    let incoming = server.incoming().unwrap();
    let mut peer = Peer::at(incoming.local_addr().unwrap());
    peer.send(GET);
    drop(incoming.recv());
    assert!(peer.response().0.starts_with("HTTP/1.1 500 "));
    let report = told.recv_timeout(SOON).unwrap();
    assert_eq!(report.failure, Some(Failure::Handler));
    assert_eq!(report.error.as_deref(), Some("dropped without a complete answer"));
    peer.send(GET);
    let mut call = incoming.recv().unwrap();
    call.run(|_, response| response.send_head()).unwrap().unwrap();
    drop(call);
    assert!(!peer.rest().contains("0\r\n\r\n"));
    // A job that panics is a handler that panics.
    let mut peer = Peer::at(incoming.local_addr().unwrap());
    peer.send(GET);
    let mut call = incoming.recv().unwrap();
    assert_eq!(call.run::<()>(|_, _| panic!("in a job")).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert!(peer.rest().starts_with("HTTP/1.1 500 "));
    assert_eq!(incoming.handle().counters().panics, 1);
}

#[test]
fn the_loop_ends_with_the_server_and_the_server_with_the_loop() {
    let incoming = server().incoming().unwrap();
    let handle = incoming.handle().clone();
    let mut peer = Peer::to(&handle);
    peer.send(GET);
    let call = incoming.recv().unwrap();
    handle.shutdown(SOON);
    thread::scope(|scope| {
        let rest = scope.spawn(|| incoming.into_iter().count());
        call.end(200, "last").unwrap();
        assert_eq!(peer.response().1, "last");
        drop(peer);
        assert_eq!(rest.join().unwrap(), 0);
    });

    let incoming = server().incoming().unwrap();
    let handle = incoming.handle().clone();
    let mut peer = Peer::to(&handle);
    peer.send(GET);
    wait_until("it came", || handle.counters().requests == 1);
    drop(incoming);
    wait_until("it is over", || handle.connections() == 0);
    assert!(
        std::net::TcpStream::connect_timeout(&handle.local_addr().unwrap(), Duration::from_secs(1)).is_err()
    );
}
