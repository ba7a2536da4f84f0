//! Handlers tested without sockets: bytes in, bytes and reports out, in the time of a script.
#![cfg(unix)]

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use h1wire_proto::Expired;
use h1wire_std::Server;
use h1wire_std::server::{Failure, Options, Request, Response};

fn echo(request: &mut Request<'_>, response: &mut Response<'_>) -> io::Result<()> {
    let mut content = Vec::new();
    request.read_to_end(&mut content)?;
    response.end(content)
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_script_is_played_at_once_and_its_dates_are_always_the_same() {
    let began = Instant::now();
    let play = || {
        let script =
            Server::new().rehearse(echo).bytes("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
        script.pause(100 * SECOND).bytes("def").end().play().unwrap()
    };
    let played = play();
    let sent = String::from_utf8(played.sent).unwrap();
    assert!(sent.contains("Date: Sun, 09 Sep 2001 01:48:20 GMT\r\n"), "{sent}");
    assert!(sent.ends_with("\r\n\r\nabcdef"), "{sent}");
    assert_eq!((played.took, played.is_ended), (100 * SECOND, true));
    let (request, report) = &played.reports[0];
    assert_eq!(request.as_ref().map(|request| request.target()), Some(&b"/"[..]));
    assert_eq!((report.status, report.request, report.took), (Some(200), Some(100 * SECOND), 100 * SECOND));
    assert_eq!(play().reports[0].1, played.reports[0].1);
    assert!(began.elapsed() < 10 * SECOND);
}

#[test]
fn limits_pass_in_the_time_of_the_script() {
    let mut options = Options::default();
    options.policy.timeouts.idle = None;
    let late = Server::new()
        .options(options)
        .rehearse(echo)
        .bytes("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    let played = late.pause(1000 * SECOND).bytes("def").play().unwrap();
    assert!(played.sent.starts_with(b"HTTP/1.1 408 "), "{}", played.sent.escape_ascii());
    assert_eq!(played.reports[0].1.failure, Some(Failure::Timeout(Expired::Body)));
    let kept = Server::new().rehearse(echo).bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n").play().unwrap();
    // Five seconds that are advertised, and one to spare.
    assert!(kept.took >= 6 * SECOND && kept.took < 7 * SECOND, "{:?}", kept.took);
    assert!(kept.is_ended);
}

#[test]
fn an_answer_that_is_cut_off_is_told_from_one_that_ends() {
    let half = Server::new().rehearse(|_, response| {
        response.write_all(b"half")?;
        response.flush()?;
        Err(io::Error::other("no more"))
    });
    let played = half.bytes("GET / HTTP/1.0\r\n\r\n").play().unwrap();
    assert!(played.sent.ends_with(b"\r\n\r\nhalf"));
    assert!(!played.is_ended);
    assert_eq!(played.reports[0].1.error.as_deref(), Some("no more"));
    let whole = Server::new().rehearse(|_, response| response.write_all(b"whole"));
    assert!(whole.bytes("GET / HTTP/1.0\r\n\r\n").play().unwrap().is_ended);
}

#[test]
fn a_client_that_is_gone_is_reported_as_such() {
    let start = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc";
    let played = Server::new().rehearse(echo).bytes(start).reset().play().unwrap();
    assert_eq!(played.sent, b"");
    assert_eq!(played.reports[0].1.failure, Some(Failure::Stream(io::ErrorKind::ConnectionReset)));
}
