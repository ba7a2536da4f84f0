//! Answers that come before the request is complete.

use std::io::{ErrorKind as Io, Read, Write};
use std::sync::mpsc::channel;
use std::time::Duration;

use h1wire_std::{Agent, Error, ErrorKind, Request, Timeout};

use crate::agent::OK;
use crate::script::{PATIENCE, Peer, Script, within};

const BEGUN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";

fn timeout_of(error: &std::io::Error) -> Timeout {
    match Error::of(error).unwrap().kind() {
        ErrorKind::Timeout(timeout) => *timeout,
        other => panic!("{other:?}"),
    }
}

/// Sends until the client takes no more for a while, and reads nothing.
fn fill(peer: &mut Peer) {
    peer.socket.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    while peer.socket.write_all(&[b'x'; 1 << 16]).is_ok() {}
}

#[test]
fn an_answer_that_nobody_reads_does_not_stall_an_upload_for_ever() {
    let (over, wait) = channel::<()>();
    let server = Script::once(move |peer| {
        peer.request();
        peer.send(BEGUN);
        fill(peer);
        wait.recv_timeout(PATIENCE).unwrap();
    });
    let request = Request::new("PUT", server.url("/")).one_shot();
    let mut upload = request.stall_timeout(Duration::from_millis(200)).start().unwrap();
    let error = within(move || {
        loop {
            if let Err(error) = upload.write_all(&[7; 1 << 16]) {
                return error;
            }
        }
    });
    assert_eq!(timeout_of(&error), Timeout::Stall);
    assert_eq!(error.kind(), Io::TimedOut);
    over.send(()).unwrap();
    server.join();
}

#[test]
fn content_in_one_piece_does_not_stall_for_ever_either() {
    let (over, wait) = channel::<()>();
    let server = Script::once(move |peer| {
        peer.request();
        peer.send(BEGUN);
        fill(peer);
        wait.recv_timeout(PATIENCE).unwrap();
    });
    let request = Request::new("PUT", server.url("/")).one_shot();
    let request = request.stall_timeout(Duration::from_millis(200));
    let error = within(move || request.send_bytes(vec![7; 50_000_000]).unwrap_err());
    assert!(matches!(error.kind(), ErrorKind::Timeout(Timeout::Stall)), "{error:?}");
    over.send(()).unwrap();
    server.join();
}

#[test]
fn an_upload_can_be_read_while_it_is_written_however_much_the_server_echoes() {
    // More than all buffers on the way hold.
    const ROUNDS: usize = 400;
    const PIECE: usize = 100_000;
    let server = Script::once(|peer| {
        peer.request();
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", ROUNDS * PIECE).as_bytes());
        for _ in 0..ROUNDS {
            let piece = peer.content(PIECE);
            peer.send(&piece);
        }
        assert!(peer.request().starts_with("GET "), "the connection is good for more");
        peer.send(OK);
    });
    let agent = Agent::builder().keep_alive(true).build();
    let request =
        agent.request("PUT", server.url("/")).header("Content-Length", (ROUNDS * PIECE).to_string());
    let mut upload = request.start().unwrap();
    let mut back = vec![0; PIECE];
    for round in 0..ROUNDS {
        let piece = vec![round as u8; PIECE];
        upload.write_all(&piece).unwrap();
        upload.read_exact(&mut back).unwrap();
        assert!(back == piece);
    }
    assert_eq!(upload.early_head().map(|head| head.status), Some(200));
    assert_eq!(upload.read(&mut back).unwrap(), 0, "the response is at its end");
    let mut response = upload.finish().unwrap();
    assert_eq!((response.status(), response.text().unwrap().as_str()), (200, ""));
    assert!(response.is_complete());
    drop(response);
    assert!(agent.get(server.url("/")).send().unwrap().is_reused());
    server.join();
}

#[test]
fn what_was_not_read_of_an_early_answer_is_read_from_the_response() {
    let server = Script::once(|peer| {
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        assert_eq!(peer.until(b"0\r\n\r\n"), "3\r\nabc\r\n0\r\n\r\n");
        peer.send(b"world");
    });
    let mut upload = Request::new("PUT", server.url("/")).one_shot().start().unwrap();
    upload.write_all(b"abc").unwrap();
    let mut half = [0; 5];
    upload.read_exact(&mut half).unwrap();
    assert_eq!(&half, b"hello");
    assert_eq!(upload.finish().unwrap().text().unwrap(), "world");
    server.join();
}

#[test]
fn a_refusal_is_seen_by_a_writer_whose_content_is_taken_all_the_same() {
    let server = Script::once(|peer| {
        peer.request();
        peer.send(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
        // Reads on, so that nothing stops the writer but what it hears.
        peer.end();
    });
    let mut upload = Request::new("PUT", server.url("/")).one_shot().start().unwrap();
    let (mut upload, error) = within(move || {
        loop {
            if let Err(error) = upload.write_all(&[7; 1 << 15]) {
                return (upload, error);
            }
        }
    });
    assert_eq!(error.kind(), Io::BrokenPipe);
    assert_eq!(upload.early_head().map(|head| head.status), Some(403));
    let mut text = [0; 2];
    upload.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"no");
    assert_eq!(upload.finish().unwrap().status(), 403);
    server.join();
}

#[test]
fn an_early_answer_is_noticed_without_reading_and_the_upload_goes_on() {
    let (done, wait) = channel();
    let server = Script::once(move |peer| {
        peer.request();
        peer.send(OK);
        peer.until(b"0\r\n\r\n");
        done.send(()).unwrap();
    });
    let mut upload = Request::new("PUT", server.url("/")).one_shot().start().unwrap();
    let upload = within(move || {
        while upload.early_head().is_none() {
            upload.write_all(&[7; 1 << 15]).unwrap();
        }
        upload
    });
    assert!(!upload.is_answered(), "it still takes content");
    assert_eq!(upload.finish().unwrap().text().unwrap(), "ok");
    wait.recv_timeout(PATIENCE).unwrap();
    server.join();
}

#[test]
fn reading_sends_what_was_written_and_has_the_limits_of_the_request() {
    let (over, wait) = channel::<()>();
    let server = Script::once(move |peer| {
        peer.request();
        peer.until(b"3\r\nabc\r\n");
        wait.recv_timeout(PATIENCE).unwrap();
    });
    let request = Request::new("PUT", server.url("/")).one_shot();
    let mut upload = request.timeout(Duration::from_millis(50)).start().unwrap();
    upload.write_all(b"abc").unwrap();
    let error = upload.read(&mut [0; 5]).unwrap_err();
    assert_eq!(timeout_of(&error), Timeout::Idle);
    over.send(()).unwrap();
    server.join();
}
