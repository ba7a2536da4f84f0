//! How connections end, as their peers see it: the last answer arrives, what is not complete does not look complete, and
//! no thread is held for longer than a limit says.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use h1wire_proto::Expired;

use crate::peer::{GET, Peer, SOON, gated, ms, server, wait_until, with};

/// Reads to the end of the stream, or to its reset.
fn all(stream: &mut impl Read) -> (Vec<u8>, Option<io::ErrorKind>) {
    let mut got = Vec::new();
    let end = stream.read_to_end(&mut got).err().map(|error| error.kind());
    (got, end)
}

fn connect(addr: std::net::SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.set_write_timeout(Some(SOON)).unwrap();
    stream
}

/// To an HTTP/1.0 client the end of the stream is the end of the content.
#[test]
fn content_that_fails_half_way_to_an_old_client_ends_in_a_reset() {
    let server = server()
        .start(|req, res| {
            res.write_all(b"half")?;
            res.flush()?;
            match req.target() {
                b"/error" => Err(io::Error::other("no more")),
                b"/panic" => panic!("no more"),
                b"/abort" => {
                    res.abort();
                    Ok(())
                }
                b"/short" => res.content_length(5).finish(),
                _ => res.finish(),
            }
        })
        .unwrap();
    for target in ["/error", "/panic", "/abort", "/short"] {
        let mut stream = connect(server.local_addr().unwrap());
        write!(stream, "GET {target} HTTP/1.0\r\n\r\n").unwrap();
        let (got, end) = all(&mut stream);
        assert_eq!(end, Some(io::ErrorKind::ConnectionReset), "{target}: {}", got.escape_ascii());
    }
    let mut stream = connect(server.local_addr().unwrap());
    write!(stream, "GET /whole HTTP/1.0\r\n\r\n").unwrap();
    let (got, end) = all(&mut stream);
    assert!(got.ends_with(b"\r\n\r\nhalf") && end.is_none(), "{end:?}");
}

#[test]
fn an_upload_that_breaks_off_leaves_no_answer_that_looks_complete() {
    let server = server()
        .start(|req, res| {
            res.send_head()?;
            io::copy(req, res)?;
            res.finish()
        })
        .unwrap();
    let mut stream = connect(server.local_addr().unwrap());
    stream.write_all(b"POST / HTTP/1.0\r\nContent-Length: 10\r\n\r\nabc").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(all(&mut stream).1, Some(io::ErrorKind::ConnectionReset));
}

/// RFC 9112 section 9.6: with the budget of bytes spent, the connection stays and the client's own window stops it.
#[test]
fn an_answer_to_an_upload_nobody_wants_arrives_however_much_the_client_goes_on_to_send() {
    let server = server()
        .options(with(|o| {
            o.policy.discard_limit = Some(0);
            o.policy.linger_limit = Some(10_000);
        }))
        .start(|_, res| res.status(413).end("too much"))
        .unwrap();
    let mut stream = connect(server.local_addr().unwrap());
    write!(stream, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n").unwrap();
    // It does not look before it cannot send any more.
    stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let chunk = [b'x'; 65536];
    let stopped = loop {
        if let Err(error) = stream.write(&chunk) {
            break error.kind();
        }
    };
    assert_eq!(stopped, io::ErrorKind::WouldBlock, "stopped by its window, and not by a reset");
    let (got, end) = all(&mut stream);
    assert!(got.starts_with(b"HTTP/1.1 413 ") && got.ends_with(b"too much"), "{}", got.escape_ascii());
    assert_eq!(end, None);
}

#[test]
fn a_client_that_does_not_go_is_given_up_in_time_and_costs_no_thread() {
    let server = server()
        .threads(1)
        .options(with(|o| {
            o.policy.discard_limit = Some(0);
            o.policy.linger_limit = Some(1000);
            o.policy.timeouts.linger = ms(200);
        }))
        .start(|req, res| res.end(req.target()))
        .unwrap();
    let mut stays = Peer::to(&server);
    stays.send("PUT /stays HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").send([b'x'; 50_000]);
    assert_eq!(stays.response().1, "/stays");
    // Meanwhile the only thread is free.
    Peer::to(&server).send(GET).response();
    wait_until("it is given up", || server.handle().counters().expired(Expired::Linger) == 1);
    wait_until("it is gone", || server.handle().connections() == 0);
}

#[test]
fn what_came_in_time_is_in_time_although_every_thread_is_busy() {
    let (handler, has_begun, go) = gated();
    let server =
        server().threads(1).options(with(|o| o.policy.timeouts.headers = ms(300))).start(handler).unwrap();
    let mut slow = Peer::to(&server);
    slow.send("GET / HTTP/1.1\r\nHo");
    wait_until("it is watched", || server.handle().parked() == 1);
    let began = Instant::now();
    let mut busy = Peer::to(&server);
    busy.send(GET);
    has_begun.recv_timeout(SOON).unwrap();
    slow.send("st: a\r\n\r\n");
    wait_until("it waits for the thread", || server.handle().queued() == 1);
    // Its time passes.
    wait_until("it would be late", || began.elapsed() > Duration::from_millis(500));
    go.send(()).unwrap();
    go.send(()).unwrap();
    assert_eq!((busy.response().1, slow.response().1), ("done".into(), "done".into()));
    assert_eq!(server.handle().counters().timeouts, 0);
}

/// A unix socket with a small buffer, so that its writer waits for its reader at once.
#[test]
fn a_reader_that_stops_holds_a_thread_for_its_limit_and_no_longer() {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let server = h1wire_std::Server::new()
        .threads(1)
        .options(with(|o| o.policy.timeouts.write = ms(300)))
        .start(move |_, res| {
            let began = Instant::now();
            let error = res.end(vec![b'x'; 1 << 20]).unwrap_err();
            tell.lock().unwrap().send((error.kind(), began.elapsed())).unwrap();
            Err(error)
        })
        .unwrap();
    let (near, far) = UnixStream::pair().unwrap();
    server.handle().inject(near).unwrap();
    let mut peer = Peer::on(far);
    peer.send(GET);
    let (kind, held) = told.recv_timeout(SOON).unwrap();
    assert_eq!(kind, io::ErrorKind::TimedOut);
    assert!(held >= Duration::from_millis(290) && held < Duration::from_millis(550), "{held:?}");
    wait_until("it is gone", || server.handle().connections() == 0);
    assert_eq!(server.handle().counters().expired(Expired::Write), 1);
}
