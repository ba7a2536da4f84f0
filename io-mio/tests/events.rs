//! What a handler is told, and when, over real sockets.

mod common;
#[path = "common/log.rs"]
mod log;

use common::{Raw, ms, options, stop, undated};
use h1wire_mio::Options;
use log::{FLOOD, log};

fn post(target: &str, fields: &str, content: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n{content}")
}

#[test]
fn a_request_with_content_is_a_head_then_data_then_its_end_with_trailers() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    client.send(post("/x", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"));
    told.expect(&["request /x", "data abc"]);
    client.send("2\r\nde\r\n0\r\nT: 1\r\nU: 2\r\n\r\n");
    told.expect(&["data de", "end T=1,U=2", "finished /x"]);
    assert!(client.until("done").starts_with("HTTP/1.1 200 OK\r\n"));
    stop(server);
}

#[test]
fn a_request_without_content_is_complete_at_once() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").until("done");
    told.expect(&["request /x", "end", "finished /x"]);
    stop(server);
}

#[test]
fn content_is_echoed_while_it_comes() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    client.send(post("/echo", "Content-Length: 6\r\n", "abc"));
    assert!(client.until("3\r\nabc\r\n").contains("Transfer-Encoding: chunked\r\n"));
    assert_eq!(client.send("def").until("0\r\n\r\n"), "3\r\ndef\r\n0\r\n\r\n");
    told.expect(&["request /echo", "data abc", "data def", "end", "finished /echo"]);
    stop(server);
}

#[test]
fn a_client_that_waits_for_100_gets_it_when_its_content_is_wanted() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    let head = post("/default", "Content-Length: 3\r\nExpect: 100-continue\r\n", "");
    assert_eq!(client.send(&head).until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc").until("done");
    told.expect(&["request /default", "data abc", "end", "finished /default"]);
    stop(server);
}

#[test]
fn nobody_is_sent_100_whose_content_came_along() {
    let (server, _told) = log(Options::default());
    let mut client = Raw::to(&server);
    let whole = post("/default", "Content-Length: 3\r\nExpect: 100-continue\r\n", "abc");
    assert!(client.send(&whole).until("done").starts_with("HTTP/1.1 200 OK\r\n"));
    stop(server);
}

#[test]
fn a_handler_may_decide_about_100_by_itself() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    let expecting = "Content-Length: 3\r\nExpect: 100-continue\r\n";
    client.send(post("/own", expecting, "")).until("100 Continue\r\n\r\n");
    client.send("abc").until("done");
    told.expect(&["continue /own", "data abc", "end", "finished /own"]);
    let got = client.send(post("/refuse", expecting, "")).rest();
    assert!(got.starts_with("HTTP/1.1 403 Forbidden\r\n") && got.ends_with("no"), "{got}");
    told.expect(&["refused"]);
    stop(server);
}

#[test]
fn another_expectation_is_answered_with_417() {
    let (server, told) = log(Options::default());
    let got = Raw::to(&server).ask(post("/x", "Expect: fame\r\nConnection: close\r\n", ""));
    assert!(got.starts_with("HTTP/1.1 417 Expectation Failed\r\n"), "{got}");
    assert!(told.so_far().is_empty());
    stop(server);
}

#[test]
fn what_a_client_did_wrong_is_told_with_the_bytes_and_may_have_an_own_answer() {
    let (server, told) = log(Options::default());
    let good = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    let got = Raw::to(&server).ask(format!("{good}OWN\r\n\r\n"));
    told.expect(&["request /x", "end"]);
    told.expect(&[&format!("error BadMethod after {}: OWN\\r\\n\\r\\n", good.len())]);
    told.expect(&["finished /x"]);
    let (_, answer) = got.split_once("done").unwrap();
    assert!(answer.starts_with("HTTP/1.1 418 "), "{got}");
    assert!(
        undated(answer).ends_with("\r\nConnection: close\r\nContent-Length: 10\r\n\r\nown answer"),
        "{got}"
    );
    stop(server);
}

#[test]
fn an_answer_that_was_begun_is_cut_off_when_the_request_breaks() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    client.send(post("/late", "Transfer-Encoding: chunked\r\n", ""));
    client.until("begun\r\n");
    let rest = client.send("zz\r\n").rest();
    assert_eq!(rest, "");
    told.expect(&["request /late", "error BadChunkSize after 60: zz\\r\\n", "aborted /late"]);
    stop(server);
}

#[test]
fn a_client_that_closes_its_half_is_told_of_and_can_still_be_answered() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    told.expect(&["request /wait", "end"]);
    assert!(client.half_close().rest().ends_with("still"));
    told.expect(&["half closed", "finished /wait"]);
    stop(server);
}

#[test]
fn a_client_that_resets_is_told_of_at_once() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    client.send(post("/pause", "Content-Length: 9\r\n", ""));
    told.expect(&["request /pause"]);
    socket2::SockRef::from(&client.0).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(client);
    told.expect(&["aborted /pause"]);
    stop(server);
}

#[test]
fn content_of_a_request_that_is_answered_is_discarded_and_the_connection_kept() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    client.send(post("/early", "Content-Length: 6\r\n", "abc")).until("early");
    told.expect(&["request /early", "finished /early"]);
    client.send("def").send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").until("done");
    told.expect(&["request /x", "end", "finished /x"]);
    stop(server);
}

/// RFC 9112 section 9.6: it learns at once that there will be no other answer, and not after what may be discarded.
#[test]
fn a_client_that_announced_more_than_is_discarded_is_told_the_end_before_it_sends_that() {
    let (server, told) =
        log(options(|o| (o.policy.discard_limit, o.policy.timeouts.linger) = (Some(6), ms(600_000))));
    assert!(Raw::to(&server).send(post("/early", "Content-Length: 10\r\n", "abc")).rest().ends_with("early"));
    told.expect(&["request /early", "finished /early"]);
    stop(server);
}

#[test]
fn a_handler_may_read_on_after_its_answer() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    client.send(post("/keep", "Content-Length: 6\r\n", "abc")).until("early");
    told.expect(&["request /keep", "data abc"]);
    client.send("def");
    told.expect(&["data def", "end", "finished /keep"]);
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").until("done");
    stop(server);
}

#[test]
fn a_reader_that_pauses_stops_the_client_and_bounds_what_is_kept() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    client.send(post("/pause", "Content-Length: 100000000\r\n", ""));
    told.expect(&["request /pause"]);
    client.0.set_nonblocking(true).unwrap();
    let piece = vec![0; 1 << 16];
    let mut sent = 0;
    common::wait_until("the client being stopped", || {
        match std::io::Write::write(&mut client.0, &piece) {
            Ok(n) => sent += n,
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                // The buffers of the system may still be growing.
                let before = server.handle().counters().bytes_received;
                assert!(before < 1 << 20, "{before} bytes were read");
                return true;
            }
            Err(e) => panic!("{e}"),
        }
        assert!(sent < 100_000_000, "nothing stopped the client");
        false
    });
    assert!(told.so_far().is_empty(), "no content was shown");
    stop(server);
    told.expect(&["aborted /pause"]);
}

#[test]
fn a_client_that_does_not_read_stops_the_writer_until_it_does() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    client.send("GET /flood HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    told.expect(&["request /flood", "end"]);
    let got = client.rest();
    assert_eq!(got.matches('x').count(), FLOOD);
    assert!(told.so_far().iter().filter(|event| *event == "drain").count() > 1);
    stop(server);
}

#[test]
fn content_beyond_the_limit_is_answered_with_413_that_arrives() {
    let (server, told) = log(options(|o| o.policy.protocol.limits.content_bytes = Some(1000)));
    let mut client = Raw::to(&server);
    let got = client.send(post("/x", "Content-Length: 100000\r\n", &"x".repeat(100_000))).rest();
    assert!(got.starts_with("HTTP/1.1 413 Content Too Large\r\n"), "{got}");
    assert_eq!(told.next(), "request /x");
    assert!(told.next().starts_with("error ContentTooLarge after"));
    told.expect(&["aborted /x"]);
    let got = Raw::to(&server).ask(post("/limit", "Content-Length: 4\r\n", "abcd"));
    assert!(got.starts_with("HTTP/1.1 413 "), "{got}");
    stop(server);
}
