//! Time limits: each ends what it limits, says which it was, and nothing else.

use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use h1wire_std::{Agent, Error, ErrorKind, Event, Request, Timeout, Transport};

use crate::script::{PATIENCE, Script, within};

const SHORT: Duration = Duration::from_millis(120);

fn timeout_of(error: &Error) -> Timeout {
    match error.kind() {
        ErrorKind::Timeout(timeout) => *timeout,
        other => panic!("{other:?}"),
    }
}

/// A server that does `part`, and then nothing until the client closes.
fn silent(part: impl FnOnce(&mut crate::script::Peer) + Send + 'static) -> Script {
    Script::once(|peer| {
        part(peer);
        peer.end();
    })
}

#[test]
fn connecting_has_its_limit_and_so_has_everything_together() {
    let (go, wait) = channel::<()>();
    let wait = std::sync::Arc::new(Mutex::new(wait));
    for (limit, expected) in [(true, Timeout::Connect), (false, Timeout::Total)] {
        let wait = wait.clone();
        let request = Request::get("http://service.invalid/").one_shot().lookup(move |_, _| {
            let _ = wait.lock().unwrap().recv_timeout(PATIENCE);
            Ok(Vec::new())
        });
        let request = if limit { request.connect_timeout(SHORT) } else { request.total_timeout(SHORT) };
        let began = Instant::now();
        let error = request.send().unwrap_err();
        assert_eq!(timeout_of(&error), expected);
        assert!(began.elapsed() >= SHORT && began.elapsed() < PATIENCE);
        assert!(error.into_request().is_some(), "nothing was sent");
        let _ = go.send(());
    }
}

#[test]
fn the_idle_limit_covers_connecting_as_well() {
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let request = Request::get("http://service.invalid/").one_shot().timeout(SHORT).lookup(move |_, _| {
        let _ = wait.lock().unwrap().recv_timeout(PATIENCE);
        Ok(Vec::new())
    });
    assert_eq!(timeout_of(&request.send().unwrap_err()), Timeout::Idle);
    let _ = go.send(());
}

#[test]
fn a_response_that_does_not_begin_is_late_by_the_limit_that_is_set() {
    let set = [
        ((|r| r.timeout(SHORT)) as fn(Request) -> Request, Timeout::Idle),
        (|r| r.response_timeout(SHORT), Timeout::Response),
        (|r| r.total_timeout(SHORT), Timeout::Total),
        (|r| r.agent(&Agent::builder().timeout(SHORT).build()), Timeout::Idle),
    ];
    for (limit, expected) in set {
        let server = silent(|peer| drop(peer.request()));
        let began = Instant::now();
        let error = limit(Request::get(server.url("/")).one_shot()).send().unwrap_err();
        assert_eq!(timeout_of(&error), expected);
        assert!(began.elapsed() >= SHORT, "{expected:?} after {:?}", began.elapsed());
        server.join();
    }
}

#[test]
fn content_that_stops_is_late_and_content_that_is_read_slowly_is_not() {
    let server = silent(|peer| {
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    });
    let mut response = Request::get(server.url("/")).one_shot().read_timeout(SHORT).send().unwrap();
    response.read_exact(&mut [0; 5]).unwrap();
    let error = response.read(&mut [0; 5]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(timeout_of(Error::of(&error).unwrap()), Timeout::Content);
    server.join();

    let (go, wait) = channel::<()>();
    let server = Script::once(move |peer| {
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        wait.recv_timeout(PATIENCE).unwrap();
        peer.send(b"world");
    });
    let request = Request::get(server.url("/")).one_shot();
    let mut response = request.read_timeout(PATIENCE / 2).timeout(PATIENCE / 2).send().unwrap();
    response.read_exact(&mut [0; 5]).unwrap();
    go.send(()).unwrap();
    response.read_exact(&mut [0; 5]).unwrap();
    assert!(response.is_complete());
    server.join();
}

/// A stream on which there is always more: a head, and content for ever.
struct Flood(&'static [u8]);

impl Read for Flood {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() {
            buf.fill(b'x');
            return Ok(buf.len());
        }
        self.0.read(buf)
    }
}
impl Write for Flood {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        Ok(buf.len().min(64))
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
impl Transport for Flood {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> std::io::Result<()> {
        Ok(())
    }
    fn set_write_timeout(&mut self, _: Option<Duration>) -> std::io::Result<()> {
        Ok(())
    }
    fn shutdown(&mut self, _: std::net::Shutdown) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_server_that_always_has_more_does_not_escape_the_limit_for_everything() {
    const CONTENT: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
    let agent = Agent::builder().create_connection(|_| Ok(Box::new(Flood(CONTENT)))).build();
    for piece in [100, 64 << 10] {
        let mut response = agent.get("http://h/").total_timeout(SHORT).send().unwrap();
        let error = within(move || {
            let mut buf = vec![0; piece];
            loop {
                if let Err(error) = response.read(&mut buf) {
                    return error;
                }
            }
        });
        assert_eq!(timeout_of(Error::of(&error).unwrap()), Timeout::Total);
    }
}

#[test]
fn a_server_that_always_takes_more_does_not_escape_it_either() {
    let agent = Agent::builder().create_connection(|_| Ok(Box::new(Flood(b"")))).build();
    let mut upload = agent.request("PUT", "http://h/").total_timeout(SHORT).start().unwrap();
    let error = within(move || {
        loop {
            if let Err(error) = upload.write_all(&[0; 1 << 16]) {
                return error;
            }
        }
    });
    assert_eq!(timeout_of(Error::of(&error).unwrap()), Timeout::Total);
}

#[test]
fn a_server_that_takes_content_in_sips_does_not_escape_it_either() {
    let agent = Agent::builder().create_connection(|_| Ok(Box::new(Flood(b"")))).build();
    let error = within(move || {
        let request = agent.request("PUT", "http://h/").total_timeout(SHORT);
        let request = request.observe(|event| assert!(!matches!(event, Event::Sent), "all of it was sent"));
        request.send_bytes(vec![0; 1 << 30]).unwrap_err()
    });
    assert_eq!(timeout_of(&error), Timeout::Total);
}

#[test]
fn a_server_that_takes_nothing_is_late() {
    for (limit, expected) in [
        ((|r| r.write_timeout(SHORT)) as fn(Request) -> Request, Timeout::Write),
        (|r| r.timeout(SHORT), Timeout::Idle),
        (|r| r.total_timeout(SHORT), Timeout::Total),
    ] {
        let (go, over) = channel::<()>();
        let server = Script::once(move |peer| {
            peer.request();
            over.recv_timeout(PATIENCE).unwrap();
        });
        let mut upload = limit(Request::new("PUT", server.url("/")).one_shot()).start().unwrap();
        let error = loop {
            if let Err(error) = upload.write_all(&[0; 1 << 16]) {
                break error;
            }
        };
        assert_eq!(timeout_of(Error::of(&error).unwrap()), expected);
        go.send(()).unwrap();
        server.join();
    }
}

#[test]
fn a_timeout_is_never_retried_by_itself() {
    let server = Script::once(|peer| {
        peer.request();
        peer.send(b"HTTP/1.1 204 No Content\r\n\r\n");
        peer.request();
        assert_eq!(peer.end(), b"");
    });
    let agent = Agent::builder().keep_alive(true).build();
    agent.get(server.url("/")).send().unwrap();
    let error = agent.get(server.url("/")).response_timeout(SHORT).send().unwrap_err();
    assert_eq!(timeout_of(&error), Timeout::Response);
    server.join();
}

#[test]
fn limits_of_one_request_are_none_of_the_next_on_the_same_connection() {
    let (go, wait) = channel::<()>();
    let server = Script::once(move |peer| {
        peer.request();
        peer.send(b"HTTP/1.1 204 No Content\r\n\r\n");
        peer.request();
        assert!(wait.recv_timeout(SHORT * 4).is_err());
        peer.send(b"HTTP/1.1 204 No Content\r\n\r\n");
    });
    let agent = Agent::builder().keep_alive(true).build();
    let mut over = agent.get(server.url("/")).timeout(SHORT).total_timeout(SHORT * 20).send().unwrap();
    over.set_timeout(Some(SHORT));
    assert!(agent.get(server.url("/")).send().unwrap().is_reused());
    drop(go);
    server.join();
}

#[test]
fn the_limit_of_a_request_wins_over_that_of_its_agent() {
    let (go, wait) = channel::<()>();
    let server = Script::once(move |peer| {
        peer.request();
        assert!(wait.recv_timeout(SHORT * 4).is_err());
        peer.send(b"HTTP/1.1 204 No Content\r\n\r\n");
    });
    let agent = Agent::builder().timeout(SHORT).build();
    assert_eq!(agent.get(server.url("/")).timeout(PATIENCE).send().unwrap().status(), 204);
    drop(go);
    server.join();
    let (go, wait) = channel::<()>();
    let server = Script::once(move |peer| {
        peer.request();
        assert!(wait.recv_timeout(SHORT * 4).is_err());
        peer.send(b"HTTP/1.1 204 No Content\r\n\r\n");
    });
    assert_eq!(agent.get(server.url("/")).timeout(None).send().unwrap().status(), 204, "none");
    drop(go);
    server.join();
    let server = silent(|peer| drop(peer.request()));
    let agent = Agent::builder().timeout(PATIENCE * 2).build();
    let began = Instant::now();
    assert_eq!(timeout_of(&agent.get(server.url("/")).timeout(SHORT).send().unwrap_err()), Timeout::Idle);
    assert!(began.elapsed() < PATIENCE);
    server.join();
}

#[test]
fn requests_that_time_out_fail_alone_and_leave_nothing_in_their_agent() {
    let server = Script::new(|listener| {
        let (over, is_over) = channel();
        // As many connections as there happen to be: one that was answered may serve another request.
        while is_over.try_recv().is_err() {
            let mut peer = crate::script::Peer::accept(listener);
            let over = over.clone();
            thread::spawn(move || {
                while let Some(head) = peer.try_request() {
                    if head.starts_with("GET /over ") {
                        over.send(()).unwrap();
                    }
                    if !head.starts_with("GET /late ") {
                        let _ = peer.socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
                    }
                }
            });
        }
    });
    let agent = Agent::builder().keep_alive(true).build();
    let requests: Vec<_> = (0..12)
        .map(|n| {
            let answered = n % 2 == 0;
            let (path, limit) = if answered { ("/answered", PATIENCE) } else { ("/late", SHORT) };
            let request = agent.get(server.url(path)).timeout(limit);
            (answered, thread::spawn(move || request.send()))
        })
        .collect();
    for (answered, request) in requests {
        match request.join().unwrap() {
            Ok(response) => assert!(answered && response.status() == 204),
            Err(error) => assert!(!answered && timeout_of(&error) == Timeout::Idle, "{error:?}"),
        }
    }
    let totals = agent.totals();
    assert_eq!((totals.busy, totals.waiting), (0, 0));
    assert_eq!(agent.get(server.url("/answered")).send().unwrap().status(), 204);
    Request::get(server.url("/over")).one_shot().send().unwrap();
    // The listener has one connection more to wait for.
    let _ = std::net::TcpStream::connect(server.addr);
    server.join();
}

#[test]
fn limits_beyond_what_a_clock_can_tell_are_none() {
    let server = Script::answers(["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]);
    let ever = Duration::MAX;
    let agent =
        Agent::builder().timeout(ever).acquire_timeout(ever).sweep(Some(ever)).keep_alive(true).build();
    let request =
        agent.request("PUT", server.url("/")).timeout(ever).connect_timeout(ever).total_timeout(ever);
    let request = request.response_timeout(ever).read_timeout(ever).write_timeout(ever).stall_timeout(ever);
    let mut response = request.continue_timeout(ever).send_bytes("").unwrap();
    response.set_timeout(Some(ever));
    assert_eq!(response.text().unwrap(), "ok");
    server.join();
}
