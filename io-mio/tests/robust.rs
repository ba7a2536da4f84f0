//! What peers do to a server, and what they must not bring about. In one test at a time, for the processor time that is
//! used is measured.

mod common;
#[path = "common/log.rs"]
mod log;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::{PATIENCE, Raw, options, serve, stop};
use h1wire_mio::{Options, Request, Response};
use log::log;

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

/// One test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Processor time of this process.
#[cfg(unix)]
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Whether hardly any processor time is used while nothing happens.
#[cfg(unix)]
fn assert_rests(what: &str) {
    let before = cpu();
    // The time itself is what is measured here: nothing is waited for.
    std::thread::sleep(Duration::from_millis(300));
    let used = cpu() - before;
    assert!(used < Duration::from_millis(60), "{what}: {used:?} of processor time");
}

#[cfg(unix)]
#[test]
fn connections_that_wait_for_something_cost_no_processor_time() {
    let _alone = alone();
    let (server, told) = log(Options::default());
    let mut half_closed = Raw::to(&server);
    half_closed.send("POST /pause HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc").half_close();
    let mut not_read = Raw::to(&server);
    not_read.send("GET /flood HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut not_taken = Raw::to(&server);
    not_taken.send("POST /pause HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n").send([0; 100_000]);
    let mut partial = Raw::to(&server);
    partial.send("GET / HT");
    let mut unanswered = Raw::to(&server);
    unanswered.send(["GET /wait HTTP/1.1\r\nHost: a\r\n\r\n", &GET.repeat(100)].concat());
    for _ in 0..6 {
        told.next();
    }
    assert_rests("five connections that wait");
    stop(server);
}

#[cfg(target_os = "linux")]
#[test]
fn a_listener_that_fails_for_good_costs_no_processor_time_and_no_connection() {
    let _alone = alone();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (addr, same) = (listener.local_addr().unwrap(), listener.try_clone().unwrap());
    let hello = |_: &Request<'_>, res: &mut Response<'_>| res.end("hello");
    let server = h1wire_mio::Server::on(listener).start(hello).unwrap();
    let mut client = Raw::at(addr);
    client.send(GET).until("hello");
    // It does not listen any more, and every call to accept fails.
    socket2::SockRef::from(&same).shutdown(std::net::Shutdown::Both).unwrap();
    common::wait_until("a failure", || server.handle().counters().accept_errors > 0);
    assert_rests("a listener that fails");
    assert!(server.handle().counters().accept_errors < 20, "{:?}", server.handle().counters());
    client.send(GET).until("hello");
    stop(server);
}

#[test]
fn events_that_mean_nothing_do_nothing() {
    let _alone = alone();
    let mut poll = mio::Poll::new().unwrap();
    let waker = std::sync::Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
    let (make, told) = log::log_handler();
    let options = Options::default();
    let mut server =
        h1wire_mio::EventLoop::new(poll.registry(), waker, mio::Token(1), options, make(0)).unwrap();
    let listener = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap();
    server.listen(listener).unwrap();
    let handle = server.handle();
    let client = std::thread::spawn(move || {
        let mut client = Raw::at(addr);
        for _ in 0..3 {
            client.send(GET).until("done");
        }
        let mut partial = Raw::at(addr);
        partial.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
        client.send(GET).until("done");
        partial.send("bc").until("done");
        drop((client, partial));
        Raw::at(addr).send(GET).until("done");
        handle.shutdown(PATIENCE);
    });
    let mut events = mio::Events::with_capacity(16);
    while !server.is_finished() {
        poll.poll(&mut events, server.timeout()).unwrap();
        // Each comes three times, the last when the connection may be gone, or another's.
        for _ in 0..2 {
            events.iter().for_each(|event| server.event(event));
        }
        server.turn();
        events.iter().for_each(|event| server.event(event));
    }
    client.join().unwrap();
    let told = told.so_far();
    let count = |what: &str| told.iter().filter(|told| *told == what).count();
    assert_eq!((count("request /x"), count("finished /x"), count("aborted /x")), (6, 6, 0), "{told:?}");
    assert!(
        !told.iter().any(|told| told.starts_with("error") || told.starts_with("stream error")),
        "{told:?}"
    );
}

#[test]
fn many_slow_clients_do_not_delay_a_fast_one() {
    let _alone = alone();
    let server = serve(|_: &Request<'_>, res: &mut Response<'_>| res.end("hello"));
    let addr = server.local_addr().unwrap();
    let mut slow = Vec::new();
    for _ in 0..400 {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX: ").unwrap();
        slow.push(stream);
    }
    common::wait_until("all connections", || server.handle().counters().accepted == 400);
    let mut fast = Raw::to(&server);
    let start = Instant::now();
    for round in 0..100 {
        for stream in slow.iter_mut().skip(round).step_by(100) {
            stream.write_all(b"x").unwrap();
        }
        fast.send(GET).until("hello");
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    stop(server);
}

#[test]
fn a_flood_on_one_connection_leaves_others_their_turn() {
    let _alone = alone();
    let server = serve(|_: &Request<'_>, res: &mut Response<'_>| res.end("hello"));
    let mut flood = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    let mut reading = flood.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        let batch = GET.repeat(1000);
        while flood.write_all(batch.as_bytes()).is_ok() {}
    });
    let reader = std::thread::spawn(move || {
        let mut piece = vec![0; 1 << 16];
        while reading.read(&mut piece).is_ok_and(|n| n > 0) {}
    });
    common::wait_until("the flood", || server.handle().counters().requests > 10_000);
    let mut other = Raw::to(&server);
    let start = Instant::now();
    for _ in 0..20 {
        other.send(GET).until("hello");
    }
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    stop(server);
    writer.join().unwrap();
    reader.join().unwrap();
}

#[test]
fn clients_that_go_away_at_any_point_leave_nothing_behind() {
    let _alone = alone();
    let (server, _told) = log(Options::default());
    let requests = [
        "",
        "G",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
        "POST /pause HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
        "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n",
        "bad\r\n\r\n",
    ];
    let mut clients = 0;
    for round in 0..4 {
        for request in requests {
            let mut client = Raw::to(&server);
            client.send(request);
            clients += 1;
            if round % 2 == 0 {
                // A reset; otherwise it is one only if something was not read.
                socket2::SockRef::from(&client.0).set_linger(Some(Duration::ZERO)).unwrap();
            }
            if round > 1 {
                // At another moment: after something came back, or at once.
                client.0.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
                let _ = client.0.read(&mut [0]);
            }
        }
    }
    // Those whose client closed but may still read end with their answers, or with the handler.
    common::wait_until("every connection", || server.handle().counters().accepted == clients);
    server.handle().close_all();
    common::wait_until("the end of all", || server.handle().counters().closed == clients);
    Raw::to(&server).send(GET).until("done");
    stop(server);
}

#[test]
fn content_that_ends_too_early_is_an_error_that_is_answered() {
    let _alone = alone();
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    let got = client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc").half_close().rest();
    assert!(got.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{got}");
    assert_eq!(told.next(), "request /x");
    common::wait_until("the abort", || told.so_far().contains(&"aborted /x".into()));
    stop(server);
}

#[test]
fn a_head_that_is_too_large_is_answered_with_431_that_arrives() {
    let _alone = alone();
    let (server, _told) = log(Options::default());
    // More than the server reads: closing at once would reset the connection and lose the answer.
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(300_000));
    let got = Raw::to(&server).ask(request);
    assert!(got.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{got}");
    stop(server);
}

#[test]
fn a_client_that_does_not_stop_after_the_last_answer_is_cut_off() {
    let _alone = alone();
    let (server, _told) =
        log(options(|o| (o.policy.linger_limit, o.policy.discard_limit) = (Some(100_000), Some(50_000))));
    let mut client = Raw::to(&server);
    client.send("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    assert!(client.until("early").starts_with("HTTP/1.1 200 OK\r\n"));
    let start = Instant::now();
    while client.0.write_all(&[0; 10_000]).is_ok() {
        assert!(start.elapsed() < PATIENCE);
    }
    common::wait_until("its end", || server.handle().counters().closed == 1);
    assert!(server.handle().counters().bytes_received < 1_000_000);
    stop(server);
}

#[test]
fn a_client_that_pipelines_and_reads_nothing_is_not_read_from_any_more() {
    let _alone = alone();
    const ANSWER: usize = 64 << 10;
    let server = serve(|_: &Request<'_>, res: &mut Response<'_>| res.end(vec![b'x'; ANSWER]));
    let mut client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    client.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(4000));
    let mut sent = 0;
    // Nothing could be written for a while: the server has stopped.
    while let Ok(n) = client.write(&request.as_bytes()[sent % request.len()..]) {
        sent += n;
        assert!(sent < 100 << 20, "nothing stops the client");
    }
    let stopped = server.handle().counters();
    assert!(stopped.requests < 1000, "as many as the system's buffers hold the answers of: {stopped:?}");
    assert!(stopped.bytes_received < 4 * 1000 * 1000, "{stopped:?}");
    // It goes on when its answers are read.
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut read, mut piece) = (0, vec![0; 1 << 16]);
    while read < (stopped.requests as usize + 10) * ANSWER {
        read += client.read(&mut piece).unwrap();
    }
    common::wait_until("more requests", || server.handle().counters().requests > stopped.requests);
    stop(server);
}

#[test]
fn large_content_for_many_clients_at_once_arrives_whole() {
    let _alone = alone();
    const SIZE: usize = 2 << 20;
    let server = serve(|req: &Request<'_>, res: &mut Response<'_>| {
        let byte = req.target[1];
        res.end(vec![byte; SIZE])
    });
    let addr = server.local_addr().unwrap();
    let clients = (b'a'..=b'x').map(|byte| {
        std::thread::spawn(move || {
            let target = char::from(byte);
            let got =
                Raw::at(addr).ask(format!("GET /{target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
            let (head, content) = got.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {SIZE}")), "{head}");
            assert!(content.len() == SIZE && content.bytes().all(|b| b == byte), "{target}");
        })
    });
    let clients: Vec<_> = clients.collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    stop(server);
}
