//! Reading content without waiting for it.

use std::io;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use h1wire_std::Server;
use rustix::event::{PollFd, PollFlags, poll};

use crate::peer::Peer;

/// Waits until something can be read of the content.
fn wait(request: &h1wire_std::server::Request<'_>) {
    request.with_poll_fd(|fd| {
        let fd = fd.unwrap();
        poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], None).unwrap();
    });
}

#[test]
fn content_that_is_not_there_is_not_waited_for() {
    let (go, went) = channel();
    let went = Mutex::new(went);
    let server = Server::bind("127.0.0.1:0").unwrap().start(move |request, response| {
        let mut buf = [0; 8];
        let (mut all, mut waits) = (Vec::new(), 0);
        loop {
            match request.try_read(&mut buf) {
                Ok(0) => break,
                Ok(n) => all.extend_from_slice(&buf[..n]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    waits += 1;
                    // The client sends on when it has heard that there was nothing.
                    response.send_processing()?;
                    went.lock().unwrap().recv().unwrap();
                    wait(request);
                }
                Err(e) => return Err(e),
            }
        }
        let trailer = request.trailers().get("x").map(<[u8]>::to_vec).unwrap_or_default();
        response.end([&all[..], b" ", &trailer, format!(" {waits}").as_bytes()].concat())
    });
    let server = server.unwrap();
    let mut peer = Peer::to(&server);
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
    // A half of a chunk line is no content.
    for piece in ["3\r", "\nabc\r\n", "2\r\nde\r\n0\r\nX: 1\r\n\r\n"] {
        peer.until("102 Processing\r\n\r\n");
        peer.send(piece);
        go.send(()).unwrap();
    }
    assert!(peer.rest().ends_with("\r\n\r\nabcde 1 3"), "in three turns");
    server.shutdown(std::time::Duration::ZERO);
}

#[test]
fn a_client_that_waits_for_100_is_not_told_by_looking() {
    let server = Server::bind("127.0.0.1:0").unwrap().start(|request, response| {
        let mut buf = [0; 8];
        let looked = request.try_read(&mut buf).map_err(|e| e.kind());
        assert_eq!(looked, Err(io::ErrorKind::WouldBlock));
        if request.target() == b"/no" {
            return response.status(417).end("no");
        }
        response.send_continue()?;
        wait(request);
        let n = request.try_read(&mut buf)?;
        response.end(&buf[..n])
    });
    let server = server.unwrap();
    let head = |target: &str| {
        format!(
            "PUT {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        )
    };
    assert!(Peer::to(&server).send(head("/no")).until("no").starts_with("HTTP/1.1 417 "));
    let mut peer = Peer::to(&server);
    assert_eq!(peer.send(head("/")).until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    assert!(peer.send("abc").rest().ends_with("\r\n\r\nabc"));
    server.shutdown(std::time::Duration::ZERO);
}
