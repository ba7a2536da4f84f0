//! The ways a server can be set up: workers, other listeners, injected streams, the user's own poll.

mod common;

use std::io::{self, Read, Write, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
#[cfg(target_os = "linux")]
use std::time::Duration;

use common::{PATIENCE, Raw, stop};
use h1wire_mio::{EventLoop, Handler, Options, Request, Response, Server, Stream, Transport};
use mio::event::Source;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

const LAST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn hello(_: &Request<'_>, res: &mut Response<'_>) -> Result<(), h1wire_mio::proto::SendError> {
    res.end("hello")
}

/// Says which worker it is in.
struct Numbered(usize, Arc<AtomicUsize>);

impl Handler for Numbered {
    type Exchange = ();

    fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        self.1.fetch_or(1 << self.0, Ordering::Relaxed);
        res.end("hello").unwrap();
        None
    }
}

#[test]
fn workers_share_a_port() {
    let seen = Arc::new(AtomicUsize::new(0));
    let telling = seen.clone();
    let make = move |number| Numbered(number, telling.clone());
    let server = Server::bind("127.0.0.1:0").unwrap().workers(3).start_with(make).unwrap();
    // The system chooses by the client's port: many ports reach all of them.
    common::wait_until("a request in each worker", || {
        assert!(Raw::to(&server).ask(LAST).ends_with("hello"));
        seen.load(Ordering::Relaxed) == 0b111
    });
    let counters = server.handle().counters();
    assert!(counters.requests >= 3 && counters.requests == counters.accepted, "{counters:?}");
    stop(server);
}

#[test]
fn a_listener_made_elsewhere_is_served_by_all_workers() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::on(listener).workers(2).start(hello).unwrap();
    for _ in 0..10 {
        assert!(Raw::to(&server).ask(LAST).ends_with("hello"));
    }
    stop(server);
}

#[test]
fn a_server_may_have_several_listeners_of_both_families() {
    let Ok(v6) = Server::bind("[::1]:0") else {
        let _ = writeln!(stderr(), "skipped: there is no IPv6 here");
        return;
    };
    let v6_addr = v6.local_addr().unwrap();
    let server = Server::bind("127.0.0.1:0").unwrap().and(v6).start(hello).unwrap();
    assert!(Raw::to(&server).ask(LAST).ends_with("hello"));
    assert!(Raw::at(v6_addr).ask(LAST).ends_with("hello"));
    stop(server);
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_served_and_its_clients_are_told_apart() {
    use std::os::unix::net::UnixStream;
    let path = std::env::temp_dir().join(format!("h1wire-mio-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let server = Server::bind_unix(&path).unwrap();
    assert_eq!(server.local_addr().unwrap_err().kind(), io::ErrorKind::Unsupported);
    let server = server
        .start(|_: &Request<'_>, res: &mut Response<'_>| {
            assert_eq!(res.stream().peer_addr(), None);
            res.end("hello")
        })
        .unwrap();
    for _ in 0..3 {
        let mut client = UnixStream::connect(&path).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(LAST.as_bytes()).unwrap();
        let mut got = String::new();
        client.read_to_string(&mut got).unwrap();
        assert!(got.ends_with("hello"), "{got}");
    }
    stop(server);
    assert!(!path.exists(), "the file goes with the server");
}

/// A stream that is none of the known ones: it turns every letter around, to show that it is used.
#[cfg(unix)]
struct Swapped(mio::net::UnixStream);

#[cfg(unix)]
impl Read for Swapped {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(buf)?;
        buf[..n].iter_mut().for_each(swap);
        Ok(n)
    }
}
#[cfg(unix)]
impl Write for Swapped {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut swapped = buf.to_vec();
        swapped.iter_mut().for_each(swap);
        self.0.write(&swapped)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
#[cfg(unix)]
impl Source for Swapped {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.0.register(registry, token, interests)
    }
    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.0.reregister(registry, token, interests)
    }
    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.0.deregister(registry)
    }
}
#[cfg(unix)]
impl Transport for Swapped {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.shutdown(std::net::Shutdown::Write)
    }
}
fn swap(byte: &mut u8) {
    if byte.is_ascii_alphabetic() {
        *byte ^= 0x20;
    }
}

#[cfg(unix)]
#[test]
fn a_stream_made_elsewhere_is_served() {
    let server = Server::bind("127.0.0.1:0").unwrap().start(hello).unwrap();
    for own in [false, true] {
        let (mut near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        let far = mio::net::UnixStream::from_std(far);
        let mut request = LAST.as_bytes().to_vec();
        if own {
            request.iter_mut().for_each(swap);
            server.handle().inject(Box::new(Swapped(far)) as Box<dyn Transport>);
        } else {
            server.handle().inject(far);
        }
        near.set_read_timeout(Some(PATIENCE)).unwrap();
        near.write_all(&request).unwrap();
        let mut got = Vec::new();
        near.read_to_end(&mut got).unwrap();
        if own {
            got.iter_mut().for_each(swap);
        }
        assert!(got.ends_with(b"hello"), "{}", got.escape_ascii());
    }
    assert_eq!(server.handle().counters().accepted, 2);
    stop(server);
}

/// Refuses connections and switches, and says what its sockets are set to.
struct Choosy(AtomicUsize);

impl Handler for Choosy {
    type Exchange = ();

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        let socket = socket2::SockRef::from(res.stream().tcp().unwrap());
        let (no_delay, keep_alive) = (socket.tcp_nodelay().unwrap(), socket.keepalive().unwrap());
        assert_eq!(res.stream().local_addr().unwrap().ip(), res.stream().peer_addr().unwrap().ip());
        res.end(format!("{} {no_delay} {keep_alive}.", req.target.escape_ascii())).unwrap();
        None
    }

    fn should_upgrade(&mut self, req: &Request<'_>) -> bool {
        req.target == b"/up"
    }

    fn upgrade(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        res.switch_to(&[("Upgrade", "raw")], |_| ()).unwrap();
        None
    }

    fn connection(&mut self, _: &Stream) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) != 1
    }
}

#[test]
fn a_handler_chooses_its_connections_and_its_upgrades() {
    let mut options = Options::default();
    let start = |options: Options| {
        let server = Server::bind("127.0.0.1:0").unwrap().options(options);
        server.start_with(|_| Choosy(AtomicUsize::new(0))).unwrap()
    };
    let server = start(options.clone());
    let offer =
        |target| format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n");
    let mut first = Raw::to(&server);
    first.send(offer("/no")).until("/no true false.");
    assert_eq!(Raw::to(&server).rest(), "", "the second connection is refused");
    assert!(first.ask(offer("/up")).starts_with("HTTP/1.1 101 "));
    let counters = server.handle().counters();
    assert_eq!((counters.accepted, counters.refused, counters.switched), (1, 1, 1));
    stop(server);
    (options.no_delay, options.tcp_keep_alive) = (false, Some(PATIENCE));
    let server = start(options);
    Raw::to(&server).send(offer("/no")).until("/no false true.");
    stop(server);
}

#[cfg(target_os = "linux")]
#[test]
fn a_silence_that_the_system_cannot_count_is_the_nearest_it_can() {
    for (asked, set) in [(Duration::ZERO, 1), (Duration::from_millis(1500), 1), (Duration::MAX, 32_767)] {
        let options = common::options(|o| o.tcp_keep_alive = Some(asked));
        let answer = |_: &Request<'_>, res: &mut Response<'_>| {
            let socket = socket2::SockRef::from(res.stream().tcp().unwrap());
            res.end(format!("{:?}", socket.tcp_keepalive_time().unwrap()))
        };
        let server = Server::bind("127.0.0.1:0").unwrap().options(options).start(answer).unwrap();
        assert!(Raw::to(&server).ask(LAST).ends_with(&format!("\r\n{set}s")), "{asked:?}");
        stop(server);
    }
}

#[test]
fn another_thread_cuts_a_connection_off() {
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .start(|_: &Request<'_>, res: &mut Response<'_>| {
            res.content_length(10).write("abc").unwrap();
            let responder = res.responder();
            std::thread::spawn(move || responder.abort());
        })
        .unwrap();
    let got = Raw::to(&server).ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(got.ends_with("\r\n\r\nabc"), "{got}");
    stop(server);
}

#[test]
fn a_server_runs_in_the_users_own_poll_beside_other_things() {
    const WAKE: Token = Token(0);
    const OWN: Token = Token(1);
    const SERVER: Token = Token(10);
    let mut poll = Poll::new().unwrap();
    let waker = Arc::new(Waker::new(poll.registry(), WAKE).unwrap());
    let seen = Arc::new(AtomicUsize::new(0));
    let handler = Numbered(0, seen);
    let mut server = EventLoop::new(poll.registry(), waker, SERVER, Options::default(), handler).unwrap();
    let listener = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap();
    server.listen(listener).unwrap();
    let mut own = mio::net::UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    poll.registry().register(&mut own, OWN, Interest::READABLE).unwrap();
    let own_addr = own.local_addr().unwrap();

    let handle = server.handle();
    let client = std::thread::spawn(move || {
        let got = Raw::at(addr).ask(LAST);
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.send_to(b"x", own_addr).unwrap();
        handle.shutdown(PATIENCE);
        got
    });
    let (mut events, mut own_events) = (Events::with_capacity(16), 0);
    while !server.is_finished() || own_events == 0 {
        poll.poll(&mut events, server.timeout()).unwrap();
        for event in &events {
            if event.token() == OWN {
                own_events += 1;
            }
            server.event(event);
        }
        server.turn();
    }
    assert!(client.join().unwrap().ends_with("hello"));
    assert_eq!((own_events, server.connections()), (1, 0));
}

#[test]
fn one_event_loop_of_a_server_that_serves_for_ever_runs_in_the_callers_thread() {
    let server = Server::bind("127.0.0.1:0").unwrap().workers(2);
    let addr = server.local_addr().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    // It ends with the tests.
    let caller = std::thread::spawn(move || {
        server.serve_with(move |number| {
            tell.send((number, std::thread::current().id())).unwrap();
            Numbered(number, Arc::default())
        })
    });
    let makers: Vec<_> = (0..2).map(|_| told.recv_timeout(PATIENCE).unwrap()).collect();
    for (number, thread) in makers {
        assert_eq!(thread == caller.thread().id(), number == 0, "{number}");
    }
    assert!(Raw::at(addr).ask(LAST).ends_with("hello"));
}
