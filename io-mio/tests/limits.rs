//! Time limits, and limits of numbers, over real sockets.

mod common;
#[path = "common/log.rs"]
mod log;

use std::time::{Duration, Instant};

use common::{Raw, ms, options, stop};
use h1wire_mio::proto::{Expired, Timeouts};
use h1wire_mio::{Options, Server};
use log::log;

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

/// Options with no time limit but these.
fn timeouts(change: impl FnOnce(&mut Timeouts)) -> Options {
    options(|o| {
        o.policy.timeouts = Timeouts {
            idle: None,
            headers: None,
            keep_alive: None,
            request: None,
            body: None,
            ..Timeouts::SERVER
        };
        change(&mut o.policy.timeouts);
    })
}

#[test]
fn a_head_must_be_complete_in_time_however_slowly_its_bytes_come() {
    let (server, told) = log(timeouts(|t| t.headers = ms(300)));
    let mut client = Raw::to(&server);
    let start = Instant::now();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n");
    client.0.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut got = Vec::new();
    // Each byte comes in time, all of them do not.
    while std::io::Read::read_to_end(&mut client.0, &mut got).is_err() {
        let _ = std::io::Write::write(&mut client.0, b"x");
        assert!(start.elapsed() < common::PATIENCE);
    }
    let got = String::from_utf8(got).unwrap();
    assert!(got.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{got}");
    assert!(start.elapsed() >= Duration::from_millis(300));
    told.expect(&["timeout Head"]);
    assert_eq!(server.handle().counters().timeouts, 1);
    stop(server);
}

#[test]
fn a_connection_without_a_byte_is_closed_without_a_word() {
    let (server, told) = log(timeouts(|t| t.headers = ms(100)));
    assert_eq!(Raw::to(&server).rest(), "");
    told.expect(&["timeout KeepAlive"]);
    stop(server);
}

#[test]
fn a_connection_that_comes_after_a_silence_has_all_of_its_time() {
    let (server, told) = log(timeouts(|t| t.headers = ms(400)));
    // The silence is what is tried: no event tells the loop the time meanwhile.
    std::thread::sleep(Duration::from_millis(500));
    let mut client = Raw::to(&server);
    client.send(GET).until("done");
    told.expect(&["request /x", "end", "finished /x"]);
    stop(server);
}

#[test]
fn a_kept_connection_is_closed_after_its_time_and_the_time_begins_anew_with_each_answer() {
    let (server, told) = log(timeouts(|t| (t.keep_alive, t.keep_alive_buffer) = (ms(200), Duration::ZERO)));
    let mut client = Raw::to(&server);
    for _ in 0..2 {
        client.send(GET).until("done");
        told.expect(&["request /x", "end", "finished /x"]);
    }
    let start = Instant::now();
    assert_eq!(client.rest(), "");
    assert!(start.elapsed() >= Duration::from_millis(190));
    told.expect(&["timeout KeepAlive"]);
    stop(server);
}

#[test]
fn line_ends_before_a_request_keep_no_connection() {
    let (server, _told) = log(timeouts(|t| {
        (t.headers, t.keep_alive, t.keep_alive_buffer) = (ms(300), ms(300), Duration::ZERO)
    }));
    for start in ["", GET] {
        let mut client = Raw::to(&server);
        client.send(start).0.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let (began, mut got) = (Instant::now(), Vec::new());
        while std::io::Read::read_to_end(&mut client.0, &mut got)
            .is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock)
        {
            let _ = std::io::Write::write(&mut client.0, b"\r\n");
            assert!(began.elapsed() < common::PATIENCE, "it is kept for ever");
        }
    }
    stop(server);
}

#[test]
fn a_connection_on_which_nothing_moves_is_closed_unless_the_handler_objects() {
    let (server, told) = log(timeouts(|t| t.idle = ms(100)));
    let mut client = Raw::to(&server);
    client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.rest(), "");
    told.expect(&["request /wait", "end", "timeout Idle", "aborted /wait"]);
    let mut client = Raw::to(&server);
    client.send("GET /patient HTTP/1.1\r\nHost: a\r\n\r\n");
    told.expect(&["request /patient", "end"]);
    client.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let waited = std::io::Read::read(&mut client.0, &mut [0]);
    assert!(waited.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock), "its own time has no limit");
    stop(server);
}

#[test]
fn content_that_stops_coming_is_answered_with_408() {
    let (server, told) = log(timeouts(|t| t.body = ms(100)));
    let got = Raw::to(&server).ask("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    assert!(got.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{got}");
    told.expect(&["request /x", "data abc", "timeout Body", "aborted /x"]);
    stop(server);
}

#[test]
fn a_reader_that_stops_is_cut_off() {
    let (server, told) = log(timeouts(|t| t.write = ms(200)));
    let mut client = Raw::to(&server);
    client.send("GET /flood HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut last = String::new();
    while last != "aborted /flood" {
        last = told.next();
        assert_ne!(last, "finished /flood");
    }
    stop(server);
}

#[test]
fn a_client_that_does_not_close_after_the_last_answer_is_cut_off() {
    let (server, told) = log(timeouts(|t| t.linger = ms(100)));
    let mut client = Raw::to(&server);
    let start = Instant::now();
    let got = client.ask("nonsense\r\n\r\n");
    assert!(got.starts_with("HTTP/1.1 400 "), "{got}");
    // It was told the end, and says nothing itself.
    common::wait_until("the end", || server.handle().counters().closed == 1);
    assert!(start.elapsed() >= Duration::from_millis(90), "{:?}", start.elapsed());
    assert!(told.next().starts_with("error"));
    told.expect(&["timeout Linger"]);
    assert_eq!(server.handle().counters().expired(Expired::Linger), 1);
    stop(server);
}

#[test]
fn a_slow_upload_goes_on_as_long_as_it_is_not_too_slow() {
    // Ten bytes every 20 ms are 500 a second.
    for (rate, lives) in [(Some(100), true), (Some(5000), false), (None, false)] {
        let (server, told) = log(timeouts(|t| {
            (t.request, t.body_rate, t.body_window) = (ms(300), rate, Duration::from_millis(1000))
        }));
        let mut client = Raw::to(&server);
        let start = Instant::now();
        client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
        client.0.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let (mut got, mut sent) = (Vec::new(), 0);
        // Well beyond the limit for the whole request, and beyond a window.
        while std::io::Read::read_to_end(&mut client.0, &mut got).is_err() && !got.ends_with(b"done") {
            assert!(start.elapsed() < common::PATIENCE);
            if sent < 1000 && std::io::Write::write(&mut client.0, &[b'x'; 10]).is_ok() {
                sent += 10;
            }
        }
        let got = String::from_utf8(got).unwrap();
        if lives {
            assert!(got.starts_with("HTTP/1.1 200 OK\r\n") && sent == 1000, "{rate:?}: {got}");
        } else {
            assert!(got.starts_with("HTTP/1.1 408 Request Timeout\r\n") && sent < 1000, "{rate:?}: {got}");
            assert!(told.so_far().contains(&"timeout Request".into()));
        }
        stop(server);
    }
}

#[test]
fn every_phase_has_a_limit_by_default() {
    for timeouts in [Options::default().policy.timeouts, Timeouts::MODERN_SERVER] {
        let Timeouts { headers, keep_alive, request, body, write, linger, .. } = timeouts;
        assert!(
            [headers, keep_alive, request, body, write, linger].iter().all(Option::is_some),
            "{timeouts:?}"
        );
    }
}

#[test]
fn a_limit_of_time_changes_for_new_connections_only() {
    let (server, _told) = log(timeouts(|t| t.headers = None));
    let mut old = Raw::to(&server);
    old.send(GET).until("done");
    server.handle().set_options(timeouts(|t| (t.keep_alive, t.keep_alive_buffer) = (ms(50), Duration::ZERO)));
    assert!(Raw::to(&server).send(GET).rest().ends_with("done"));
    old.send(GET).until("done");
    stop(server);
}

#[test]
fn after_so_many_requests_the_connection_is_closed_and_the_next_is_not_looked_at() {
    let (server, told) = log(options(|o| o.policy.lifetime.max_requests = Some(2)));
    let surplus = "GET /surplus HTTP/1.1\r\nHost: a\r\n\r\n";
    let got = Raw::to(&server).ask([GET, GET, surplus, surplus].concat());
    assert_eq!(
        (got.matches("HTTP/1.1 200 OK\r\n").count(), got.matches("HTTP/1.1 ").count()),
        (2, 2),
        "{got}"
    );
    assert_eq!(got.matches("Connection: close\r\n").count(), 1, "{got}");
    let mut pipelined: Vec<_> = (0..7).map(|_| told.next()).collect();
    pipelined.sort();
    // Once, however many there are: what comes is not taken apart any more.
    let [dropped, ends @ .., first, second] = &pipelined[..] else { panic!() };
    assert_eq!((dropped.as_str(), ends.len()), ("dropped request", 4));
    assert_eq!([first, second], ["request /x", "request /x"]);
    assert_eq!(server.handle().counters().dropped, 1);

    // What is sent after that finds the connection closed, or is discarded.
    let mut client = Raw::to(&server);
    client.send(GET).until("done");
    assert!(client.send(GET).until("done").contains("Connection: close\r\n"));
    let _ = std::io::Write::write(&mut client.0, surplus.as_bytes());
    let mut more = Vec::new();
    let _ = client.0.shutdown(std::net::Shutdown::Write);
    let _ = std::io::Read::read_to_end(&mut client.0, &mut more);
    assert_eq!(more, b"");
    common::wait_until("the end of both", || server.handle().counters().closed == 2);
    let so_far = told.so_far();
    assert!(so_far.iter().all(|told| !told.contains("surplus") && !told.starts_with("error")), "{so_far:?}");
    assert_eq!(server.handle().counters().requests, 4);
    stop(server);
}

#[test]
fn connections_beyond_their_number_are_dropped() {
    let (server, told) = log(options(|o| o.max_connections = Some(1)));
    let mut first = Raw::to(&server);
    first.send(GET).until("done");
    assert_eq!(Raw::to(&server).rest(), "");
    told.expect(&["request /x", "end", "finished /x", "dropped connection"]);
    first.send(GET).until("done");
    drop(first);
    common::wait_until("the first connection's end", || server.handle().counters().closed == 1);
    Raw::to(&server).send(GET).until("done");
    stop(server);
}

#[test]
fn an_old_connection_is_closed_when_idle_and_told_so_when_not() {
    let aged = options(|o| {
        (o.policy.lifetime.max_age, o.policy.lifetime.max_age_jitter) = (Some(Duration::from_millis(1)), 0)
    });
    let (server, told) = log(aged);
    let mut busy = Raw::to(&server);
    busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    told.expect(&["request /wait", "end"]);
    let start = Instant::now();
    assert_eq!(Raw::to(&server).send(GET).rest().matches("done").count(), 1);
    assert!(start.elapsed() < Duration::from_secs(4), "age ended it, not the keep-alive time");
    assert!(busy.half_close().rest().ends_with("still"));
    stop(server);
}

#[test]
fn shutting_down_closes_idle_connections_and_lets_others_finish() {
    let (server, told) = log(options(|o| o.policy.timeouts.linger = ms(100)));
    let mut idle = Raw::to(&server);
    idle.send(GET).until("done");
    told.expect(&["request /x", "end", "finished /x"]);
    let mut busy = Raw::to(&server);
    busy.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab");
    told.expect(&["request /x", "data ab"]);
    server.handle().shutdown(Duration::from_secs(60));
    assert_eq!(idle.rest(), "");
    let got = busy.send("c").rest();
    assert!(got.contains("Connection: close\r\n") && got.ends_with("done"), "{got}");
    let drained = server.join().unwrap();
    assert_eq!((drained.finished, drained.cut), (2, 0));
}

#[test]
fn what_is_not_finished_at_the_deadline_is_cut_off() {
    let (server, told) = log(Options::default());
    let addr = server.local_addr().unwrap();
    let mut busy = Raw::to(&server);
    busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    told.expect(&["request /wait", "end"]);
    server.handle().shutdown(Duration::from_millis(50));
    assert_eq!(busy.rest(), "");
    let drained = server.join().unwrap();
    assert_eq!((drained.finished, drained.cut), (0, 1));
    assert!(std::net::TcpStream::connect(addr).is_err(), "nobody listens");
}

#[test]
fn idle_connections_can_be_closed_and_then_all() {
    let (server, told) = log(Options::default());
    let (mut idle, mut busy) = (Raw::to(&server), Raw::to(&server));
    idle.send(GET).until("done");
    busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    told.expect(&["request /x", "end", "finished /x", "request /wait", "end"]);
    server.handle().close_idle();
    assert_eq!(idle.rest(), "");
    server.handle().close_all();
    assert_eq!(busy.rest(), "");
    told.expect(&["aborted /wait"]);
    Raw::to(&server).send(GET).until("done");
    stop(server);
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let again = Server::bind(server.local_addr().unwrap());
    assert_eq!(again.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

#[test]
fn the_time_a_connection_is_kept_does_not_run_while_an_answer_is_made() {
    let (server, told) = log(timeouts(|t| (t.keep_alive, t.keep_alive_buffer) = (ms(50), Duration::ZERO)));
    let mut client = Raw::to(&server);
    client.send(GET).until("done");
    client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    client.0.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let waited = std::io::Read::read(&mut client.0, &mut [0]);
    assert!(waited.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock), "its answer is not late");
    client.0.set_read_timeout(Some(common::PATIENCE)).unwrap();
    assert!(client.half_close().rest().ends_with("still"));
    told.expect(&[
        "request /x",
        "end",
        "finished /x",
        "request /wait",
        "end",
        "half closed",
        "finished /wait",
    ]);
    stop(server);
}

#[test]
fn limits_of_time_without_end_overflow_nothing() {
    let ever = Duration::MAX;
    let (server, told) = log(options(|o| {
        o.policy.timeouts = Timeouts {
            idle: Some(ever),
            headers: Some(ever),
            keep_alive: Some(ever),
            keep_alive_buffer: ever,
            request: Some(ever),
            body: Some(ever),
            body_window: ever,
            write: Some(ever),
            linger: Some(ever),
            ..Timeouts::SERVER
        };
        (o.policy.lifetime.max_age, o.policy.lifetime.max_age_jitter) = (Some(Duration::MAX), 100);
    }));
    let mut client = Raw::to(&server);
    for _ in 0..2 {
        client.send(GET).until("done");
        told.expect(&["request /x", "end", "finished /x"]);
    }
    let mut busy = Raw::to(&server);
    busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    told.expect(&["request /wait", "end"]);
    server.handle().shutdown(Duration::MAX);
    // It is told that there is to be no next request, and has time without end to take that.
    assert_eq!(client.rest(), "");
    drop(client);
    assert!(busy.half_close().rest().ends_with("still"));
    let drained = server.join().unwrap();
    assert_eq!(drained.cut, 0);
}

#[test]
fn the_connections_of_one_peer_and_of_all_are_counted_over_all_event_loops() {
    let limits: [fn(&mut Options); 2] =
        [|o| o.max_connections_per_peer = Some(3), |o| o.max_connections = Some(3)];
    for limit in limits {
        let server = Server::bind("127.0.0.1:0").unwrap().workers(2).options(options(limit));
        let server = server
            .start(|_: &h1wire_mio::Request<'_>, res: &mut h1wire_mio::Response<'_>| res.end("hello"))
            .unwrap();
        // However the system spreads them over the loops, three are served.
        let mut clients: Vec<_> = (0..3).map(|_| Raw::to(&server)).collect();
        for client in &mut clients {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").until("hello");
        }
        assert_eq!(Raw::to(&server).rest(), "", "a fourth is turned away");
        assert_eq!(server.handle().counters().refused, 1);
        drop(clients.pop());
        common::wait_until("its end", || server.handle().counters().closed == 1);
        Raw::to(&server).send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").until("hello");
        stop(server);
    }
}
