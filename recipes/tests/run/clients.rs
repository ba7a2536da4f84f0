//! Every kind of client, against each loop of a server: it gets its whole answer, and the connection ends as it should.

use crate::{pair, undated};
use h1wire_proto::{BodyLen, ServerEvent, Timeouts};
use h1wire_recipes::Result;
use h1wire_recipes::own_io::{self, Answer};
use h1wire_recipes::tokio_server::{self, Request};
use std::io::{Read, Write, stderr};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};

/// Greets, whatever it is asked, and takes no content.
fn greet(event: ServerEvent<'_, '_>, answer: &mut Answer<'_>) -> Result {
    if let ServerEvent::Request(head) = event {
        let status = if head.body.is_empty() { 200 } else { 413 };
        answer.conn.respond_with(status, &(), b"hello\n", answer.out)?;
    }
    Ok(())
}

/// Begins an answer that lasts until close, and fails.
fn fail(event: ServerEvent<'_, '_>, answer: &mut Answer<'_>) -> Result {
    if let ServerEvent::Request(_) = event {
        answer.conn.respond(200, &(), BodyLen::Unknown, answer.out)?;
        answer.conn.body().ok_or("no content")?.data(b"half of it", answer.out)?;
        answer.flush()?;
        return Err("it does not go on".into());
    }
    Ok(())
}

fn own_io(stream: TcpStream) -> Result {
    own_io::serve_connection(stream, &Timeouts::SERVER, greet).map(drop)
}

/// What a client reads of the answers to `wire`, which it sends whole before; then it `leaves` or waits for the end.
fn ask(wire: &[u8], leaves: bool, serve: fn(TcpStream) -> Result) -> String {
    let (mut client, server) = pair();
    std::thread::scope(|scope| {
        let served = scope.spawn(move || serve(server));
        client.write_all(wire).unwrap();
        if leaves {
            client.shutdown(Shutdown::Write).unwrap();
        }
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        drop(client);
        served.join().unwrap().unwrap();
        undated(&answer)
    })
}

fn every_client(serve: fn(TcpStream) -> Result) {
    let (ok, last) = ("HTTP/1.1 200 OK\r\n", "Connection: close\r\n");
    let hello = "Content-Length: 6\r\n\r\nhello\n";
    let get = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (wire, leaves, answer) in [
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), false, [ok, last, hello].concat()),
        (format!("{get}Connection: close\r\n\r\n"), false, [ok, last, hello].concat()),
        (format!("{get}Connection: close\r\n\r\n"), true, [ok, last, hello].concat()),
        (format!("{get}\r\n{get}\r\n"), true, [ok, hello, ok, hello].concat()),
        (
            format!("{get}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n"),
            true,
            [ok, hello].concat(),
        ),
        (format!("{get}\r\n{get}\r\n{get}Connection: close\r\n\r\n"), false, {
            [ok, hello, ok, hello, ok, last, hello].concat()
        }),
        (
            "GET / HT".to_owned(),
            true,
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned(),
        ),
        (String::new(), true, String::new()),
    ] {
        let got = ask(wire.as_bytes(), leaves, serve);
        // Whether it was known by then that the client sends no more is a matter of time.
        let got = if wire.contains("close") || wire.contains("1.0") || !leaves {
            got
        } else {
            got.replacen(last, "", 1)
        };
        let answer = if answer.contains(" 400 ") { answer.replacen(last, "", 1) } else { answer };
        assert_eq!(got, answer, "{wire}");
    }
    // RFC 9112 section 9.6: an upload that is refused unread does not cost its answer.
    let mut upload = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n".to_vec();
    upload.resize(upload.len() + 900_000, b'x');
    let answer = ask(&upload, true, serve);
    assert!(
        answer.starts_with("HTTP/1.1 413 Content Too Large\r\n") && answer.ends_with("hello\n"),
        "{answer}"
    );

    let (client, server) = pair();
    drop(client);
    let _ = serve(server);
}

#[test]
fn every_client_gets_its_answer_from_the_smallest_loop() {
    every_client(own_io);
}

fn tokio(stream: TcpStream) -> Result {
    stream.set_nonblocking(true)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let stream = tokio::net::TcpStream::from_std(stream)?;
        let greet = |request: Request| async move {
            (if request.head.head().body.is_empty() { 200 } else { 413 }, vec!["hello\n".into()])
        };
        tokio_server::serve_connection(stream, greet).await
    })
}

#[test]
fn every_client_gets_its_answer_from_a_task() {
    every_client(tokio);
}

#[test]
fn content_that_breaks_off_where_only_the_end_would_end_it_does_not_look_complete() {
    let (mut client, server) = pair();
    std::thread::scope(|scope| {
        let served = scope.spawn(|| own_io::serve_connection(server, &Timeouts::SERVER, fail));
        client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let read = client.read_to_end(&mut Vec::new());
        assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        assert!(served.join().unwrap().is_err());
    });
}

#[test]
fn curl_is_answered_however_it_asks() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    for arguments in [&["--http1.0"][..], &["--http1.1"], &["--http2"], &["-H", "Connection: close"]] {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "20"]).args(arguments).arg(&url);
        let Ok(child) = curl.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
            let _ = writeln!(stderr(), "skipped: curl is not installed");
            return;
        };
        let served = own_io(crate::accept(&listener));
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n", "{arguments:?} {output:?}");
        served.unwrap();
    }
}
