//! Connections to their end: how long they last, how a server closes, streams that come from elsewhere.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use h1wire_proto::Timeouts;
use h1wire_std::server::Running;
use h1wire_std::{Closer, Transport};

use crate::peer::{GET, Peer, SOON, echo, end, gated, ms, server, wait_until, with};

#[test]
fn the_last_request_a_connection_may_have_is_answered_with_close() {
    let server = server().options(with(|o| o.policy.lifetime.max_requests = Some(2))).start(echo).unwrap();
    let mut peer = Peer::to(&server);
    assert!(!peer.send(GET.repeat(3)).response().0.contains("close"));
    assert!(peer.response().0.contains("\r\nConnection: close\r\n"));
    assert_eq!(peer.rest(), "");
    let server = self::server()
        .options(with(|o| o.policy.lifetime.max_age = Some(Duration::ZERO)))
        .start(echo)
        .unwrap();
    assert!(Peer::to(&server).send(GET).response().0.contains("\r\nConnection: close\r\n"));
}

/// RFC 9112 section 9.6: closed with something unread, a socket forgets what its peer has not got yet.
#[test]
fn what_comes_while_the_last_request_is_answered_costs_nothing_of_the_answer() {
    const MUCH: usize = 16 << 20;
    let (begun, has_begun) = channel();
    let (go, may_go) = channel::<()>();
    let (begun, may_go) = (Mutex::new(begun), Mutex::new(may_go));
    let server = server()
        .options(with(|o| o.policy.lifetime.max_requests = Some(1)))
        .start(move |_, res| {
            begun.lock().unwrap().send(()).unwrap();
            may_go.lock().unwrap().recv_timeout(SOON).unwrap();
            res.end(vec![b'x'; MUCH])
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    peer.send(GET);
    has_begun.recv_timeout(SOON).unwrap();
    peer.send(GET);
    go.send(()).unwrap();
    let (head, content) = peer.response();
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    assert_eq!(content.len(), MUCH);
    assert_eq!(peer.rest(), "");
}

#[test]
fn shutdown_ends_idle_connections_and_answers_requests_in_flight_with_close() {
    let (handler, has_begun, go) = gated();
    let server = server().start(handler).unwrap();
    let (mut idle, mut busy) = (Peer::to(&server), Peer::to(&server));
    go.send(()).unwrap();
    idle.send(GET).response();
    has_begun.recv_timeout(SOON).unwrap();
    // Each is parked when it is accepted, and the first again once it is answered.
    wait_until("it is left alone", || server.handle().parked() > 1);
    busy.send(GET);
    has_begun.recv_timeout(SOON).unwrap();
    let addr = server.local_addr().unwrap();
    server.shutdown(SOON);
    assert!(!server.handle().is_listening());
    idle.assert_closed();
    drop(idle);
    go.send(()).unwrap();
    let (head, content) = busy.response();
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    assert_eq!(content, "done");
    busy.assert_closed();
    drop(busy);
    let drained = server.join().unwrap();
    assert_eq!((drained.finished, drained.cut, drained.stuck), (2, 0, 0));
    assert!(std::net::TcpStream::connect(addr).is_err());
}

#[test]
fn shutdown_does_not_wait_beyond_its_deadline() {
    let server = server().start(echo).unwrap();
    let mut peer = Peer::to(&server);
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    wait_until("the handler runs", || server.handle().counters().requests == 1);
    let drained = end(server, Duration::from_millis(20));
    assert_eq!((drained.finished, drained.cut, drained.stuck), (0, 1, 0));
    peer.assert_closed();
}

#[test]
fn idle_connections_or_all_can_be_closed_while_the_server_goes_on() {
    let server = server().start(echo).unwrap();
    let mut idle = Peer::to(&server);
    wait_until("it is parked without a request", || server.handle().parked() == 1);
    idle.send(GET).response();
    wait_until("it is parked behind one", || server.handle().parked() == 2);
    let mut busy = Peer::to(&server);
    busy.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx");
    wait_until("the other came", || server.handle().counters().requests == 2);
    server.handle().close_idle();
    idle.assert_closed();
    assert_eq!(busy.send("y").response().1, "xy");
    let mut half = Peer::to(&server);
    half.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx");
    wait_until("it came", || server.handle().counters().requests == 3);
    server.handle().close_all();
    half.assert_closed();
    busy.assert_closed();
    Peer::to(&server).send(GET).response();
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
impl Transport for Opaque {
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

fn inject_opaque(server: &Running) -> Peer {
    let (ours, theirs) = UnixStream::pair().unwrap();
    server.handle().inject(Opaque(theirs)).unwrap();
    Peer::on(ours)
}

#[test]
fn streams_made_elsewhere_are_served_also_when_they_cannot_be_watched() {
    let server = h1wire_std::Server::new()
        .threads(1)
        .options(with(|o| o.policy.timeouts.headers = ms(200)))
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
    let handle = server.handle().clone();
    end(server, SOON);
    let (_ours, theirs) = UnixStream::pair().unwrap();
    assert_eq!(handle.inject(theirs).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_stream_that_cannot_be_watched_holds_no_thread_when_its_client_neither_sends_the_rest_nor_goes() {
    let limits = Timeouts { linger: ms(100), ..Timeouts::MODERN_SERVER };
    let server = h1wire_std::Server::new().threads(1).options(with(|o| o.policy.timeouts = limits));
    let server = server.start(|_, res| res.end("x")).unwrap();
    let mut stalled = inject_opaque(&server);
    stalled.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").response();
    wait_until("it is given up", || server.handle().connections() == 0);
    inject_opaque(&server).send(GET).response();
    end(server, SOON);
}

#[test]
fn streams_beyond_the_limit_are_refused_with_an_answer() {
    let server =
        h1wire_std::Server::new().options(with(|o| o.max_connections = Some(1))).start(echo).unwrap();
    let mut first = inject_opaque(&server);
    first.send(GET).response();
    let (ours, theirs) = UnixStream::pair().unwrap();
    assert_eq!(server.handle().inject(theirs).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    assert!(Peer::on(ours).rest().starts_with("HTTP/1.1 503 "));
}

#[test]
fn a_handler_that_goes_on_and_on_is_told_that_the_server_ends() {
    let (begun, has_begun) = channel();
    let begun = Mutex::new(begun);
    let server = server()
        .start(move |req, res| {
            res.send_head()?;
            begun.lock().unwrap().send(()).unwrap();
            wait_until("the server ends", || req.is_shutting_down() && res.is_shutting_down());
            res.end("bye")
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    peer.send(GET);
    has_begun.recv_timeout(SOON).unwrap();
    let drained = end(server, SOON);
    assert_eq!((drained.finished, drained.cut), (1, 0));
    assert!(peer.rest().ends_with("3\r\nbye\r\n0\r\n\r\n"));
}

#[test]
fn connections_closed_by_hand_while_the_server_ends_were_cut_off() {
    let server = server().start(echo).unwrap();
    let mut peer = Peer::to(&server);
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    wait_until("the handler runs", || server.handle().counters().requests == 1);
    server.shutdown(SOON);
    server.handle().close_all();
    let drained = server.join().unwrap();
    assert_eq!((drained.finished, drained.cut), (0, 1));
    peer.assert_closed();
}

/// A thread waits at a connection for a moment before it leaves it to be watched.
#[test]
fn a_connection_at_rest_is_ended_although_a_thread_is_still_at_it() {
    let server =
        server().options(with(|o| o.linger_at_idle = Duration::from_millis(200))).start(echo).unwrap();
    let mut peer = Peer::to(&server);
    peer.send(GET).response();
    server.shutdown(SOON);
    peer.assert_closed();
    drop(peer);
    let drained = server.join().unwrap();
    assert_eq!((drained.finished, drained.cut), (1, 0));
}

/// It may have a request on its way, and the answer before still to be read.
#[test]
fn a_client_that_stays_after_the_end_of_its_connection_is_given_up_in_time() {
    let server = server().options(with(|o| o.policy.timeouts.linger = ms(100))).start(echo).unwrap();
    let mut peer = Peer::to(&server);
    peer.send(GET).response();
    let drained = end(server, SOON);
    assert_eq!((drained.finished, drained.cut), (1, 0));
    peer.assert_closed();
}
