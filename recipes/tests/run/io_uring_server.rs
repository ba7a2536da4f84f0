//! The io_uring server.

use crate::{connect, read_until, undated};
use h1wire_proto::{Conn, Server, ServerEvent, Timeouts};
use h1wire_recipes::Result;
use h1wire_recipes::io_uring_server::serve;
use std::io::{ErrorKind, Read, Write, stderr};
use std::net::TcpListener;
use std::time::Duration;

fn echo(event: ServerEvent<'_, '_>, conn: &mut Conn<Server>, out: &mut Vec<u8>) -> Result {
    match event {
        ServerEvent::Request(head) => conn.respond(200, &(), head.body.into(), out)?,
        ServerEvent::Data(data) => conn.body().ok_or("no answer under way")?.data(data, out)?,
        ServerEvent::End(_) => conn.body().map_or(Ok(()), |body| body.end(&(), out))?,
    }
    Ok(())
}

/// Serves `connections` with a thread of its own while `clients` does what it does, or says why not.
fn with_server(connections: usize, limits: Timeouts, clients: impl FnOnce(&TcpListener)) {
    match io_uring::IoUring::new(2) {
        Err(e) if matches!(e.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            let _ = writeln!(stderr(), "skipped: this kernel does not permit io_uring: {e}");
            return;
        }
        ring => drop(ring.unwrap()),
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let served = listener.try_clone().unwrap();
    std::thread::scope(|scope| {
        let server = scope.spawn(move || serve(served, connections, &limits, &mut echo));
        clients(&listener);
        server.join().unwrap().unwrap();
    });
}

#[test]
fn connections_take_turns_in_one_ring_and_content_larger_than_any_buffer_comes_back() {
    with_server(2, Timeouts::SERVER, |listener| {
        let (mut slow, mut busy) = (connect(listener), connect(listener));
        slow.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Enc").unwrap();
        let large = "0123456789abcdef".repeat(20_000);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", large.len());
        for _ in 0..2 {
            write!(busy, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", large.len()).unwrap();
            assert_eq!(read_until(&mut busy, "\r\n\r\n"), head);
            for piece in large.as_bytes().chunks(40_000) {
                busy.write_all(piece).unwrap();
                let mut back = vec![0; piece.len()];
                busy.read_exact(&mut back).unwrap();
                assert!(back == piece);
            }
        }
        busy.write_all(b"bad\r\n\r\n").unwrap();
        let answer = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(read_until(&mut busy, "0\r\n\r\n"), answer);
        assert_eq!(busy.read(&mut [0]).unwrap(), 0);
        drop(busy);
        slow.write_all(b"oding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n").unwrap();
        let mut answer = String::new();
        slow.read_to_string(&mut answer).unwrap();
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(answer, format!("{head}3\r\nabc\r\n0\r\n\r\n"));
    });
}

#[test]
fn a_late_client_is_told_so() {
    with_server(1, Timeouts { headers: Some(Duration::from_millis(50)), ..Timeouts::SERVER }, |listener| {
        let mut client = connect(listener);
        client.write_all(b"GET").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        let undated = undated(answer.as_bytes());
        assert_eq!(undated, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    });
}
