//! Connections from their acceptance to their end: how many, how long, who gets a thread, who is turned away.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use h1wire_std::server::{Handle, Request, Response};
use h1wire_std::{Closer, Stream};

use crate::peer::{GET, Peer, SOON, echo, server, wait_until};

/// A handler that says when it has begun and waits until it may go on.
fn gated() -> (impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()>, Receiver<()>, Sender<()>) {
    let (begun, has_begun) = channel();
    let (go, may_go) = channel::<()>();
    let (begun, may_go) = (Mutex::new(begun), Mutex::new(may_go));
    let handler = move |_: &mut Request<'_>, res: &mut Response<'_>| {
        begun.lock().unwrap().send(()).unwrap();
        may_go.lock().unwrap().recv_timeout(SOON).unwrap();
        res.end("done")
    };
    (handler, has_begun, go)
}

#[test]
fn a_connection_beyond_the_queue_is_answered_503_at_once() {
    let (handler, has_begun, go) = gated();
    let refused = Arc::new(AtomicUsize::new(0));
    let count = refused.clone();
    let server = server()
        .threads(1)
        .queue(1)
        .options(|o| o.retry_after = 7)
        .on_refused(move |peer| {
            assert!(peer.is_some());
            count.fetch_add(1, Ordering::Relaxed);
        })
        .start(handler)
        .unwrap();
    let mut first = Peer::to(&server);
    first.send(GET);
    has_begun.recv_timeout(SOON).unwrap();
    let mut second = Peer::to(&server);
    second.send(GET);
    wait_until("the second waits", || server.stats().queued == 1);
    for _ in 0..3 {
        let answer = Peer::to(&server).send(GET).rest();
        assert_eq!(
            answer,
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nConnection: close\r\n\
             Content-Length: 0\r\n\r\n"
        );
    }
    go.send(()).unwrap();
    go.send(()).unwrap();
    assert_eq!((first.response().1, second.response().1), ("done".into(), "done".into()));
    assert_eq!((server.stats().refused_busy, refused.load(Ordering::Relaxed)), (3, 3));
}

#[test]
fn connections_that_are_idle_or_slow_with_a_head_cost_no_thread() {
    let server = server().threads(1).start(|req, res| res.end(req.target)).unwrap();
    let mut idle: Vec<Peer> = (0..20).map(|_| Peer::to(&server)).collect();
    let mut slow: Vec<Peer> = (0..20).map(|_| Peer::to(&server)).collect();
    for round in 0..3 {
        for peer in &mut slow {
            peer.send("GET /slow HTTP/1.1\r\nHo");
        }
        for peer in &mut idle {
            assert_eq!(peer.send(GET).response().1, "/", "{round}");
        }
        for peer in &mut slow {
            assert_eq!(peer.send("st: a\r\n\r\n").response().1, "/slow", "{round}");
        }
    }
    assert!(server.stats().parked > 0);
    assert_eq!((server.connections(), server.stats().requests), (40, 120));
}

#[test]
fn many_connections_share_few_threads_fairly() {
    let server = server().threads(2).start(echo).unwrap();
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut peer = Peer::to(&server);
                for _ in 0..200 {
                    peer.send(GET).response();
                }
            });
        }
    });
    assert_eq!((server.stats().accepted, server.stats().requests), (16, 3200));
    assert_eq!(server.stats().refused_busy, 0);
}

#[test]
fn connections_beyond_the_limit_are_answered_503_until_one_has_gone() {
    let server = server().options(|o| o.max_connections = 1).start(echo).unwrap();
    let mut first = Peer::to(&server);
    first.send(GET).response();
    assert!(Peer::to(&server).send(GET).rest().starts_with("HTTP/1.1 503 "));
    assert_eq!((server.stats().refused_limit, server.connections()), (1, 1));
    drop(first);
    wait_until("the first has gone", || server.connections() == 0);
    Peer::to(&server).send(GET).response();
}

#[test]
fn the_last_request_a_connection_may_have_is_answered_with_close() {
    let server = server().options(|o| o.max_requests = 2).start(echo).unwrap();
    let mut peer = Peer::to(&server);
    assert!(!peer.send(GET.repeat(3)).response().0.contains("close"));
    assert!(peer.response().0.contains("\r\nConnection: close\r\n"));
    assert_eq!(peer.rest(), "");
    let server = self::server().options(|o| o.max_age = Some(Duration::ZERO)).start(echo).unwrap();
    assert!(Peer::to(&server).send(GET).response().0.contains("\r\nConnection: close\r\n"));
}

#[test]
fn close_ends_idle_connections_and_answers_requests_in_flight_with_close() {
    let (handler, has_begun, go) = gated();
    let server = server().start(handler).unwrap();
    let (mut idle, mut busy) = (Peer::to(&server), Peer::to(&server));
    go.send(()).unwrap();
    idle.send(GET).response();
    has_begun.recv_timeout(SOON).unwrap();
    // Each is parked when it is accepted, and the first again once it is answered.
    wait_until("it is left alone", || server.stats().parked > 1);
    busy.send(GET);
    has_begun.recv_timeout(SOON).unwrap();
    let closing = server.clone();
    let closing = thread::spawn(move || closing.close(SOON));
    idle.assert_closed();
    wait_until("nothing is accepted", || !server.is_listening());
    go.send(()).unwrap();
    let (head, content) = busy.response();
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    assert_eq!(content, "done");
    busy.assert_closed();
    let closed = closing.join().unwrap();
    assert_eq!((closed.idle, closed.finished, closed.forced, closed.stuck), (1, 1, 0, 0));
    server.wait();
    assert!(std::net::TcpStream::connect(server.local_addr().unwrap()).is_err());
}

#[test]
fn close_does_not_wait_beyond_its_deadline() {
    let server = server().start(echo).unwrap();
    let mut peer = Peer::to(&server);
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    wait_until("the handler runs", || server.stats().requests == 1);
    let closed = server.close(Duration::from_millis(20));
    assert_eq!((closed.idle, closed.forced, closed.stuck), (0, 1, 0));
    peer.assert_closed();
}

#[test]
fn idle_connections_or_all_can_be_closed_while_the_server_goes_on() {
    let server = server().start(echo).unwrap();
    let mut idle = Peer::to(&server);
    wait_until("it is parked without a request", || server.stats().parked == 1);
    idle.send(GET).response();
    wait_until("it is parked behind one", || server.stats().parked == 2);
    let mut busy = Peer::to(&server);
    busy.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx");
    wait_until("the other came", || server.stats().requests == 2);
    assert_eq!(server.close_idle_connections(), 1);
    idle.assert_closed();
    assert_eq!(busy.send("y").response().1, "xy");
    let mut half = Peer::to(&server);
    half.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx");
    wait_until("it came", || server.stats().requests == 3);
    assert_eq!(server.close_all_connections(), 2);
    half.assert_closed();
    busy.assert_closed();
    Peer::to(&server).send(GET).response();
}

#[test]
fn a_panic_ends_its_connection_and_nothing_else() {
    let server = server()
        .threads(1)
        .start(|req, res| {
            match req.target {
                b"/early" => panic!("early"),
                b"/late" => {
                    res.flush()?;
                    panic!("late");
                }
                _ => {}
            }
            res.end("fine")
        })
        .unwrap();
    let mut other = Peer::to(&server);
    other.send(GET).response();
    let early = Peer::to(&server).send("GET /early HTTP/1.1\r\nHost: a\r\n\r\n").rest();
    assert_eq!(early, "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let late = Peer::to(&server).send("GET /late HTTP/1.1\r\nHost: a\r\n\r\n").rest();
    assert_eq!(late, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(other.send(GET).response().1, "fine");
    assert_eq!(server.stats().panics, 2);
}

#[test]
fn an_error_is_answered_500_or_cuts_off_what_was_begun() {
    let server = server()
        .start(|req, res| {
            res.header("x", "y");
            match req.target {
                b"/early" => Err(io::Error::other("early")),
                b"/late" => {
                    res.flush()?;
                    res.write_all(b"part")?;
                    Err(io::Error::other("late"))
                }
                b"/short" => {
                    res.content_length(5);
                    res.end("four")
                }
                b"/long" => {
                    res.content_length(5);
                    res.end("sixsix")
                }
                b"/bad" => res.header("a b", "c").end("x"),
                b"/ignored" => {
                    let _ = res.header("a", "b\r\n").end("x");
                    Ok(())
                }
                b"/twice" => {
                    res.end("x")?;
                    assert_eq!(res.end("y").unwrap_err().kind(), io::ErrorKind::InvalidInput);
                    assert_eq!(res.write(b"y").unwrap_err().kind(), io::ErrorKind::InvalidInput);
                    assert!(res.headers_mut().is_err());
                    res.finish()
                }
                _ => res.end("fine"),
            }
        })
        .unwrap();
    let request = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut peer = Peer::to(&server);
    for target in ["/early", "/long", "/bad", "/ignored"] {
        let (head, _) = peer.send(request(target)).response();
        assert_eq!(head, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", "{target}");
    }
    assert_eq!(peer.send(request("/twice")).response().1, "x");
    assert_eq!(peer.send(request("/fine")).response().1, "fine");
    let late = peer.send(request("/late")).rest();
    assert_eq!(late, "HTTP/1.1 200 OK\r\nx: y\r\nTransfer-Encoding: chunked\r\n\r\n");
    Peer::to(&server).send(request("/short")).assert_closed();
    assert_eq!(server.stats().handler_errors, 6);
}

#[test]
fn content_nobody_reads_is_discarded_within_a_budget() {
    let server = server().options(|o| o.discard_limit = 100_000).start(|_, res| res.end("early")).unwrap();
    let post = |n: usize| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {n}\r\n\r\n");
    let mut peer = Peer::to(&server);
    for _ in 0..3 {
        peer.send(post(100_000)).send(vec![b'x'; 100_000]);
        assert_eq!(peer.response().1, "early");
    }
    // Too much: the answer arrives all the same, although the client goes on sending.
    peer.send(post(400_000)).send(vec![b'x'; 300_000]);
    assert_eq!(peer.response().1, "early");
    assert_eq!(peer.rest(), "");
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut peer = Peer::to(&server);
    peer.send(chunked.to_owned() + "5\r\nhello\r\n0\r\n\r\n" + GET);
    assert_eq!((peer.response().1, peer.response().1), ("early".into(), "early".into()));
}

#[test]
fn a_client_that_ended_its_half_is_answered() {
    let server = server()
        .start(|req, res| {
            assert!(!req.is_aborted());
            echo(req, res)
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    let answers = peer.send(GET.repeat(2)).end().rest();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    let mut peer = Peer::to(&server);
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").end();
    assert_eq!(peer.response().1, "hi");
}

#[test]
fn a_handler_can_find_out_that_its_client_is_gone() {
    let (sender, done) = channel();
    let sender = Mutex::new(sender);
    let server = server()
        .start(move |req, _| {
            wait_until("it is gone", || req.is_aborted());
            sender.lock().unwrap().send(()).unwrap();
            Ok(())
        })
        .unwrap();
    let stream = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
    // Closed with a reset.
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    (&stream).write_all(GET.as_bytes()).unwrap();
    wait_until("it came", || server.stats().requests == 1);
    drop(stream);
    done.recv_timeout(SOON).unwrap();
}

/// A stream nobody can watch.
struct Opaque(UnixStream);

impl Read for Opaque {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}
impl Write for Opaque {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(bufs)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
impl Stream for Opaque {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.0.set_read_timeout(limit)
    }
    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.0.set_write_timeout(limit)
    }
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }
    fn closer(&self) -> Option<Closer> {
        self.0.closer()
    }
}

fn inject_opaque(server: &Handle) -> Peer {
    let (ours, theirs) = UnixStream::pair().unwrap();
    server.inject(Opaque(theirs)).unwrap();
    Peer::on(ours)
}

#[test]
fn streams_made_elsewhere_are_served_also_when_they_cannot_be_watched() {
    let server = h1wire_std::Server::new()
        .threads(1)
        .options(|o| o.timeouts.headers = 200)
        .start(|_, res| res.end("x"))
        .unwrap();
    let mut peer = inject_opaque(&server);
    for _ in 0..3 {
        peer.send(GET).response();
    }
    // The only thread is at the first one, which is idle: it has to go.
    let mut other = inject_opaque(&server);
    other.send(GET).response();
    peer.assert_closed();
    // What is wrong is answered and lingered over here as well.
    assert!(other.send("BAD\r\n\r\n").rest().starts_with("HTTP/1.1 400 "));
    drop(other);
    inject_opaque(&server).assert_closed();
    let slow = inject_opaque(&server).send("GET").rest();
    assert!(slow.starts_with("HTTP/1.1 408 "), "{slow}");
    server.close(SOON);
    let (_ours, theirs) = UnixStream::pair().unwrap();
    assert_eq!(server.inject(theirs).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn streams_beyond_the_limit_are_refused_with_an_answer() {
    let server = h1wire_std::Server::new().options(|o| o.max_connections = 1).start(echo).unwrap();
    let mut first = inject_opaque(&server);
    first.send(GET).response();
    let (ours, theirs) = UnixStream::pair().unwrap();
    assert_eq!(server.inject(theirs).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    assert!(Peer::on(ours).rest().starts_with("HTTP/1.1 503 "));
}

#[test]
fn a_handler_can_drop_the_connection_instead_of_answering() {
    let server = server()
        .start(|req, res| {
            match req.target {
                b"/request" => req.destroy(),
                _ => res.abort(),
            }
            Ok(())
        })
        .unwrap();
    for target in ["/request", "/response"] {
        Peer::to(&server).send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).assert_closed();
    }
}
