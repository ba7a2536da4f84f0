//! What is counted: for an exchange, for a connection, for each time limit.

mod common;
#[path = "common/log.rs"]
mod log;

use std::io::Write;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use common::{PATIENCE, Raw, ms, options, serve_with, stop, wait_until};
use h1wire_mio::proto::{Expired, Fields, RecvErrorKind, Timeouts};
use h1wire_mio::{ConnectionReport, Failure, Handler, Options, Report, Request, Response, Running, Stream};
use log::log;

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

/// Passes on what it is told at the end of exchanges and connections.
struct Reporting(Sender<Told>);

#[derive(Debug)]
enum Told {
    Exchange(String, Report),
    End(&'static str),
    Closed(ConnectionReport),
}

impl Handler for Reporting {
    type Exchange = String;

    fn request(&mut self, req: &Request<'_>, _: &mut Response<'_>) -> Option<String> {
        Some(req.target.escape_ascii().to_string())
    }

    fn end(&mut self, target: &mut String, _: Fields<'_, '_>, res: &mut Response<'_>) {
        match target.as_str() {
            "/wait" => {}
            "/flood" => res.end(vec![b'x'; log::FLOOD]).unwrap(),
            _ => res.status(201).end("hello").unwrap(),
        }
        let so_far = res.report();
        assert_eq!(so_far.is_complete, target != "/wait");
        assert_eq!(so_far.status.is_some(), target != "/wait");
    }

    fn report(&mut self, target: Option<&mut String>, report: &Report) {
        let _ = self.0.send(Told::Exchange(target.cloned().unwrap_or_default(), report.clone()));
    }

    fn finished(&mut self, _: String) {
        let _ = self.0.send(Told::End("finished"));
    }

    fn aborted(&mut self, _: String) {
        let _ = self.0.send(Told::End("aborted"));
    }

    fn closed(&mut self, stream: &Stream, report: &ConnectionReport) {
        assert!(stream.tcp().is_some());
        let _ = self.0.send(Told::Closed(*report));
    }
}

fn reporting(options: Options) -> (Running, Receiver<Told>) {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    (serve_with(options, move |_| Reporting(tell.lock().unwrap().clone())), told)
}

fn next(told: &Receiver<Told>) -> Told {
    told.recv_timeout(PATIENCE).expect("the handler was told nothing more")
}

/// The next report of an exchange, which is followed by `end`.
fn exchange(told: &Receiver<Told>, end: &str) -> (String, Report) {
    let Told::Exchange(target, report) = next(told) else { panic!("no report of an exchange") };
    assert!(matches!(next(told), Told::End(told) if told == end), "{end}");
    (target, report)
}

#[test]
fn an_exchange_is_reported_with_its_bytes_its_number_and_its_times() {
    let (server, told) = reporting(Options::default());
    let mut client = Raw::to(&server);
    let first = client.send(GET).until("hello");
    let (target, report) = exchange(&told, "finished");
    assert_eq!(
        (target.as_str(), report.number, report.status, report.is_complete),
        ("/x", 1, Some(201), true)
    );
    assert_eq!((report.received, report.sent), (0, first.len() as u64));
    let (request, head) = (report.request.unwrap(), report.head.unwrap());
    assert!(request <= head && head <= report.took && report.took < PATIENCE, "{report:?}");
    assert!(report.took > Duration::ZERO, "finer than a millisecond");

    // Content that comes late, with its framing: 5 + 8 + 5 bytes.
    client.send("POST /y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    wait_until("the request", || server.handle().counters().requests == 2);
    std::thread::sleep(Duration::from_millis(20));
    let second = client.send("3\r\nabc\r\n0\r\n\r\n").until("hello");
    let (target, report) = exchange(&told, "finished");
    assert_eq!((target.as_str(), report.number, report.received), ("/y", 2, 13));
    assert_eq!(report.sent, second.len() as u64);
    assert!(report.request.unwrap() >= Duration::from_millis(15), "{report:?}");
    assert!(report.head.unwrap() >= report.request.unwrap() && report.took >= report.head.unwrap());

    // Pipelined: each has its own bytes.
    let both = client.send(GET.repeat(2)).until("hello");
    let both = if both.matches("hello").count() == 2 { both } else { both + &client.until("hello") };
    let (third, fourth) = (exchange(&told, "finished").1, exchange(&told, "finished").1);
    assert_eq!((third.number, fourth.number), (3, 4));
    assert_eq!((third.sent, third.sent + fourth.sent), (fourth.sent, both.len() as u64));
    stop(server);
}

#[test]
fn an_exchange_that_is_aborted_is_reported_as_far_as_it_came() {
    let (server, told) = reporting(Options::default());
    let mut client = Raw::to(&server);
    client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until("the request", || server.handle().counters().requests == 1);
    server.handle().close_all();
    let (_, report) = exchange(&told, "aborted");
    assert_eq!((report.status, report.is_complete, report.sent, report.head), (None, false, 0, None));
    assert_eq!(report.failure, None, "the server did it");

    let mut client = Raw::to(&server);
    client.send("GET /flood HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until("some of the answer", || server.handle().counters().bytes_sent > 0);
    server.handle().close_all();
    let (_, report) = exchange(&told, "aborted");
    assert_eq!(
        (report.status, report.is_complete),
        (Some(200), false),
        "it was complete here, and never there"
    );
    wait_until("the end", || server.handle().counters().closed == 2);
    // The connection had no other.
    assert_eq!(report.sent, server.handle().counters().bytes_sent);
    assert!(report.sent < log::FLOOD as u64);
    stop(server);
}

#[test]
fn an_exchange_that_is_broken_off_is_reported_with_the_reason() {
    let (server, told) = reporting(options(|o| o.policy.timeouts.body = ms(100)));
    let post = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let failure = || exchange(&told, "aborted").1.failure.unwrap();
    let mut client = Raw::to(&server);
    client.ask(format!("{post}x\r\n"));
    assert_eq!(failure(), Failure::Protocol(RecvErrorKind::BadChunkSize));
    client = Raw::to(&server);
    client.ask(post);
    assert_eq!(failure(), Failure::Timeout(Expired::Body));
    for request in [post, "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n", "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let before = server.handle().counters().requests;
        client = Raw::to(&server);
        client.send(request);
        wait_until("the request", || server.handle().counters().requests > before);
        socket2::SockRef::from(&client.0).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        let failure = failure();
        let resets = [std::io::ErrorKind::ConnectionReset, std::io::ErrorKind::BrokenPipe];
        assert!(resets.map(Failure::Stream).contains(&failure), "{failure:?}");
    }
    stop(server);
}

#[test]
fn connections_are_counted_if_that_is_asked_for() {
    let (server, told) = reporting(options(|o| o.count_connections = true));
    let mut client = Raw::to(&server);
    let mut received = 0;
    for _ in 0..3 {
        received += client.send(GET).until("hello").len();
        exchange(&told, "finished");
    }
    std::thread::sleep(Duration::from_millis(5));
    drop(client);
    let Told::Closed(report) = next(&told) else { panic!("no report of the connection") };
    assert_eq!((report.requests, report.received, report.sent), (3, 3 * GET.len() as u64, received as u64));
    assert!(report.age >= Duration::from_millis(5));

    // Those opened after it was turned off have no report, although the place was counted before.
    server.handle().set_options(Options::default());
    Raw::to(&server).send(GET).until("hello");
    exchange(&told, "finished");
    wait_until("its end", || server.handle().counters().closed == 2);
    assert!(told.try_recv().is_err());
    let counters = server.handle().counters();
    assert_eq!((counters.requests, counters.reused), (4, 2));
    stop(server);
}

#[test]
fn an_answer_may_tell_what_its_connection_came_to() {
    let server = serve_with(options(|o| o.count_connections = true), |_| Telling);
    let mut client = Raw::to(&server);
    let first = client.send(GET).until("0 0 1.");
    client.send(GET).until(&format!("{} {} 2.", GET.len(), first.len()));
    stop(server);

    struct Telling;
    impl Handler for Telling {
        type Exchange = ();
        fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
            let ConnectionReport { requests, received, sent, .. } = res.connection().unwrap();
            res.end(format!("{received} {sent} {requests}.")).unwrap();
            None
        }
    }
}

#[test]
fn time_limits_are_counted_one_by_one() {
    let (server, _told) = log(options(|o| {
        o.policy.timeouts = Timeouts {
            headers: ms(100),
            body: ms(100),
            keep_alive: ms(50),
            keep_alive_buffer: Duration::ZERO,
            write: ms(200),
            ..Timeouts::SERVER
        };
    }));
    let mut flood = Raw::to(&server);
    flood.send("GET /flood HTTP/1.1\r\nHost: a\r\n\r\n");
    Raw::to(&server).ask("GET");
    Raw::to(&server).ask("GET / HTTP");
    Raw::to(&server).ask("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
    Raw::to(&server).ask(GET);
    let expired = |limit| server.handle().counters().expired(limit);
    wait_until("the end of the flood", || expired(Expired::Write) == 1);
    wait_until("the others", || server.handle().counters().timeouts == 5);
    assert_eq!((expired(Expired::Head), expired(Expired::Body), expired(Expired::KeepAlive)), (2, 1, 1));
    assert_eq!((expired(Expired::Idle), expired(Expired::Request), expired(Expired::Linger)), (0, 0, 0));
    let _ = flood.0.flush();
    stop(server);
}
