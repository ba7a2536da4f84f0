//! The reverse proxy.

use crate::{WAIT, accept, connect, read_until};
use h1wire_proto::Forwarding;
use h1wire_recipes::Result;
use h1wire_recipes::reverse_proxy::serve_connection;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A client whose connection is served by a proxy in front of `origin`, which has its own thread.
fn through_proxy(origin: SocketAddr, client: impl FnOnce(TcpStream)) -> Result {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = connect(&listener);
    let far = listener.accept().unwrap().0;
    far.set_nonblocking(true).unwrap();
    std::thread::scope(|scope| {
        let served = scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let edge = Forwarding::new("edge")?;
            runtime.block_on(async {
                serve_connection(tokio::net::TcpStream::from_std(far)?, origin, edge).await
            })
        });
        client(near);
        served.join().unwrap()
    })
}

/// What was said, without the `Date` lines that the proxy added.
fn undated(said: &str) -> String {
    said.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: ")).collect()
}

/// An origin: where it listens, and its next connection.
fn origin() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn exchanges_pass_with_their_framing_rebuilt_and_what_was_meant_for_the_hop_left_out() {
    let (listener, address) = origin();
    through_proxy(address, |mut client| {
        client
            .write_all(
                b"POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\
                Transfer-Encoding: chunked\r\n\r\n",
            )
            .unwrap();
        let mut server = accept(&listener);
        assert_eq!(
            read_until(&mut server, "\r\n\r\n"),
            "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nVia: 1.1 edge\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        server.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        read_until(&mut client, "\r\n\r\n");
        // Content goes on as it comes, in whatever pieces.
        client.write_all(b"5\r\nhello\r\n").unwrap();
        assert_eq!(read_until(&mut server, "hello\r\n"), "5\r\nhello\r\n");
        client.write_all(b"1;x=y\r\n!\r\n0\r\nX-Hop: 2\r\nDigest: d\r\n\r\n").unwrap();
        assert_eq!(read_until(&mut server, "d\r\n\r\n"), "1\r\n!\r\n0\r\nDigest: d\r\n\r\n");
        server.write_all(b"HTTP/1.1 200 Fine\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\no").unwrap();
        assert_eq!(
            undated(&read_until(&mut client, "o")),
            "HTTP/1.1 200 Fine\r\nVia: 1.1 edge\r\nContent-Length: 2\r\n\r\no"
        );
        server.write_all(b"k").unwrap();
        assert_eq!(read_until(&mut client, "k"), "k");
        // The same two connections again, and the end of one of them.
        client.write_all(b"HEAD /b HTTP/1.1\r\nHost: h\r\n\r\nGET /c HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!(read_until(&mut server, "\r\n\r\n"), "HEAD /b HTTP/1.1\r\nHost: h\r\nVia: 1.1 edge\r\n\r\n");
        server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n").unwrap();
        drop(server);
        assert_eq!(
            undated(&read_until(&mut client, "\r\n\r\n")),
            "HTTP/1.1 200 OK\r\nVia: 1.1 edge\r\nContent-Length: 7\r\n\r\n"
        );
        let mut server = accept(&listener);
        assert_eq!(read_until(&mut server, "\r\n\r\n"), "GET /c HTTP/1.1\r\nHost: \r\nVia: 1.0 edge\r\n\r\n");
        server.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(undated(&answer), "HTTP/1.1 200 OK\r\nVia: 1.1 edge\r\nConnection: close\r\n\r\nabc");
        assert!(answer.contains("\r\nDate: "), "{answer}");
    })
    .unwrap();
}

const TOTAL: usize = 64 << 20;

/// Writes until the other side takes no more, and then the rest, in a thread, while `read` reads.
fn stall(mut writer: TcpStream, read: impl FnOnce()) {
    writer.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let piece = vec![b'x'; 1 << 20];
    let mut sent = 0;
    let stalled = loop {
        match writer.write(&piece[..piece.len().min(TOTAL - sent)]) {
            Ok(n) => sent += n,
            Err(e) => break e,
        }
        assert!(sent < TOTAL, "nothing held the writer back");
    };
    assert_eq!(stalled.kind(), ErrorKind::WouldBlock);
    writer.set_write_timeout(Some(WAIT)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while sent < TOTAL {
                sent += writer.write(&piece[..piece.len().min(TOTAL - sent)]).unwrap();
            }
        });
        read();
    });
}

#[test]
fn who_is_slow_slows_down_who_is_fast_in_both_directions() {
    let (listener, address) = origin();
    let take = |from: &TcpStream| std::io::copy(&mut from.take(TOTAL as u64), &mut std::io::sink()).unwrap();
    through_proxy(address, |mut client| {
        write!(client, "PUT / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {TOTAL}\r\n\r\n")
            .unwrap();
        let mut server = accept(&listener);
        stall(client.try_clone().unwrap(), || {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                server.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            assert_eq!(take(&server), TOTAL as u64);
        });
        write!(server, "HTTP/1.1 200 OK\r\nContent-Length: {TOTAL}\r\n\r\n").unwrap();
        stall(server, || assert!(take(&client) == TOTAL as u64));
        client.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert!(rest.ends_with(b"xxxx") && rest.len() < 200, "{}", rest.escape_ascii());
    })
    .unwrap();
}

#[test]
fn an_origin_that_fails_is_502_before_its_answer_and_an_answer_without_end_after() {
    let (listener, address) = origin();
    let served = through_proxy(address, |mut client| {
        client.write_all(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let mut server = accept(&listener);
        read_until(&mut server, "\r\n\r\n");
        drop(server);
        assert_eq!(
            undated(&read_until(&mut client, "\r\n\r\n")),
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
        );
        let mut server = accept(&listener);
        read_until(&mut server, "\r\n\r\n");
        server.write_all(b"HTTP/1.1 200 OK\r\n\r\nup to here").unwrap();
        assert!(read_until(&mut client, "here\r\n").ends_with("\r\n\r\na\r\nup to here\r\n"));
        drop(server);
        assert_eq!(read_until(&mut client, "0\r\n\r\n"), "0\r\n\r\n");
        client.write_all(b"GET /3 HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let mut server = accept(&listener);
        read_until(&mut server, "\r\n\r\n");
        server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nup to here").unwrap();
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        // However much of it came before the end: less than was announced.
        let begun = "HTTP/1.1 200 OK\r\nVia: 1.1 edge\r\nContent-Length: 20\r\n\r\nup to here";
        assert!(begun.starts_with(&undated(&answer)), "{answer}");
    });
    assert!(served.is_err());

    drop(listener);
    through_proxy(address, |mut client| {
        client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nVia: 1.1 edge\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(
            undated(&answer),
            "HTTP/1.1 508 Loop Detected\r\nContent-Length: 0\r\n\r\n\
             HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
    })
    .unwrap();
}

/// RFC 9110 section 9.2.2.
#[test]
fn a_connection_that_died_between_two_requests_is_replaced_where_that_does_no_harm() {
    let (listener, address) = origin();
    through_proxy(address, |mut client| {
        let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        client.write_all(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let mut server = accept(&listener);
        read_until(&mut server, "\r\n\r\n");
        server.write_all(ok).unwrap();
        read_until(&mut client, "ok");
        client.write_all(b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        read_until(&mut server, "\r\n\r\n");
        drop(server);
        let mut server = accept(&listener);
        assert_eq!(
            read_until(&mut server, "\r\n\r\n"),
            "GET /2 HTTP/1.1\r\nHost: h\r\nVia: 1.1 edge\r\n\r\n"
        );
        server.write_all(ok).unwrap();
        read_until(&mut client, "ok");
        // What may do harm twice is not sent twice.
        client
            .write_all(b"POST /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .unwrap();
        read_until(&mut server, "\r\n\r\n");
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    })
    .unwrap();
}

#[test]
fn a_websocket_is_let_through_and_no_other_protocol_is_offered() {
    let (listener, address) = origin();
    through_proxy(address, |mut client| {
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
            .unwrap();
        let mut server = accept(&listener);
        assert!(!read_until(&mut server, "\r\n\r\n").contains("h2c"));
        server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        read_until(&mut client, "ok");
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            .unwrap();
        assert!(
            read_until(&mut server, "\r\n\r\n").to_ascii_lowercase().contains("\r\nupgrade: websocket\r\n")
        );
        server
            .write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst",
            )
            .unwrap();
        assert!(read_until(&mut client, "first").starts_with("HTTP/1.1 101 "));
        client.write_all(b"ping").unwrap();
        assert_eq!(read_until(&mut server, "ping"), "ping");
        server.write_all(b"pong").unwrap();
        assert_eq!(read_until(&mut client, "pong"), "pong");
        client.shutdown(Shutdown::Write).unwrap();
    })
    .unwrap();
}
