//! The smallest server loop.

use crate::{pair, read_until, talk};
use h1wire_proto::{ServerEvent, Status, Timeouts};
use h1wire_recipes::Result;
use h1wire_recipes::own_io::{Answer, date, serve_connection};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// Sends content back as it comes, and greets where there is none.
fn echo(event: ServerEvent<'_, '_>, answer: &mut Answer<'_>) -> Result {
    let date = date();
    let ok = Status::new(200).date(&date);
    match event {
        ServerEvent::Request(head) if head.target == b"/nothing" => {}
        ServerEvent::Request(head) if head.body.is_empty() => {
            answer.conn.respond_with(ok, &(), b"hello\n", answer.out)?;
        }
        ServerEvent::Request(head) => {
            if answer.conn.wants_continue() {
                answer.conn.send_informational(100, &(), answer.out)?;
            }
            answer.conn.respond(ok, &(), head.body.into(), answer.out)?;
        }
        ServerEvent::Data(data) => {
            if let Some(mut body) = answer.conn.body() {
                body.data(data, answer.out)?;
            }
        }
        ServerEvent::End(_) => {
            if let Some(body) = answer.conn.body() {
                body.end(&(), answer.out)?;
            }
        }
    }
    Ok(())
}

fn serve(stream: TcpStream) -> Result {
    serve_connection(stream, &Timeouts::SERVER, echo).map(|switched| assert!(switched.is_none()))
}

#[test]
fn pipelined_requests_are_answered_in_order_and_the_last_answer_says_close() {
    let answer = talk(
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n\
         POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n\
         GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n\
         POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
        serve,
    );
    assert_eq!(
        answer,
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n\
         HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n\
         HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n\
         HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
    );
}

#[test]
fn what_is_no_request_is_answered_with_its_status_though_the_client_goes_on_sending() {
    let flood = format!("GET / HTTP/1.1\nHost: a\r\n\r\n{}", "x".repeat(100_000));
    let answer = talk(&flood, serve);
    assert_eq!(answer, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn a_client_that_asks_first_is_told_to_continue() {
    let (mut client, server) = pair();
    std::thread::scope(|scope| {
        let served = scope.spawn(|| serve(server));
        client
            .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            .unwrap();
        let head = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(read_until(&mut client, "2\r\n\r\n"), head);
        client.write_all(b"ok").unwrap();
        assert_eq!(read_until(&mut client, "ok"), "ok");
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(
            client.read(&mut [0]).unwrap(),
            0,
            "nothing is said to a client that left between requests"
        );
        served.join().unwrap().unwrap();
    });
}

#[test]
fn a_client_that_is_late_is_told_so() {
    let limits = Timeouts { headers: Some(Duration::from_millis(50)), ..Timeouts::SERVER };
    let answer = talk("GET / HT", |stream| serve_connection(stream, &limits, echo).map(drop));
    assert_eq!(answer, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
}
