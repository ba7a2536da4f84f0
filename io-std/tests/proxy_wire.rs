//! The example `proxy` between two live connections that the test holds: what goes from one to the other, and when. RFC 9110
//! sections 7.6, 9.3.8 and 10.1.1.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use h1wire_std::server::Running;

#[path = "../examples/proxy/main.rs"]
#[allow(dead_code)]
mod example;

const PATIENCE: Duration = Duration::from_secs(20);

/// A connection in bytes.
struct Wire {
    stream: TcpStream,
    seen: Vec<u8>,
}

impl Wire {
    fn on(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, seen: Vec::new() }
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    fn more(&mut self) -> std::io::Result<usize> {
        let mut piece = [0; 4096];
        loop {
            match self.stream.read(&mut piece) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Ok(n) => {
                    self.seen.extend_from_slice(&piece[..n]);
                    return Ok(n);
                }
                failed => return failed,
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Everything until and with `mark`.
    #[track_caller]
    fn until(&mut self, mark: &str) -> String {
        loop {
            if let Some(at) = self.seen.windows(mark.len()).position(|w| w == mark.as_bytes()) {
                let rest = self.seen.split_off(at + mark.len());
                return String::from_utf8(std::mem::replace(&mut self.seen, rest)).unwrap();
            }
            match self.more() {
                Ok(1..) => {}
                ended => panic!("{ended:?} without {mark:?} after {:?}", self.text()),
            }
        }
    }

    /// Everything until the end, and whether that was in order.
    fn rest(&mut self) -> (String, bool) {
        loop {
            match self.more() {
                Ok(0) => return (self.text(), true),
                Ok(_) => {}
                Err(e) => {
                    assert_eq!(e.kind(), ErrorKind::ConnectionReset, "after {:?}", self.text());
                    return (self.text(), false);
                }
            }
        }
    }

    fn end(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// The proxy, and the origin that the test plays.
struct Between {
    proxy: Running,
    origin: TcpListener,
}

impl Between {
    fn new() -> Self {
        let proxy = example::start("127.0.0.1:0", "edge").unwrap();
        Self { proxy, origin: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    fn address(&self) -> SocketAddr {
        self.origin.local_addr().unwrap()
    }

    fn client(&self) -> Wire {
        Wire::on(TcpStream::connect(self.proxy.local_addr().unwrap()).unwrap())
    }

    /// A client that has sent a request with these fields, and the rest of it.
    fn asks(&self, method: &str, fields: &str) -> Wire {
        let mut client = self.client();
        let address = self.address();
        client.send(format!("{method} http://{address}/x HTTP/1.1\r\nHost: {address}\r\n{fields}"));
        client
    }

    fn accept(&self) -> Wire {
        Wire::on(self.origin.accept().unwrap().0)
    }

    /// The connection on which a request came, and its head.
    fn asked(&self) -> (Wire, String) {
        let mut origin = self.accept();
        let head = origin.until("\r\n\r\n");
        (origin, head)
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.proxy.shutdown(Duration::ZERO);
    }
}

/// The lines of a head but the first, `Host`, and those that every answer has.
fn fields(head: &str) -> Vec<&str> {
    let lines = head.lines().skip(1).filter(|line| !line.is_empty());
    lines
        .filter(|line| !["Host:", "Date:", "Keep-Alive:"].iter().any(|name| line.starts_with(name)))
        .collect()
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Section 10.1.1: a proxy sends the expectation on, and what is answered to it back; it says nothing of its own.
#[test]
fn an_expectation_is_sent_on_and_its_refusal_sent_back_without_a_byte_of_content() {
    let between = Between::new();
    for status in ["401 Unauthorized", "417 Expectation Failed"] {
        let mut client = between.asks("PUT", "Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n");
        let (mut origin, head) = between.asked();
        assert!(head.contains("\r\nExpect: 100-continue\r\n"), "{head}");
        origin.send(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno"));
        let answer = client.until("\r\n\r\nno");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        assert_eq!(origin.rest().0, "", "no content");
    }
}

/// Section 10.1.1, and 15.2.
#[test]
fn content_that_is_waited_with_comes_after_the_origin_has_said_100() {
    let between = Between::new();
    let mut client = between.asks("PUT", "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    let (mut origin, _) = between.asked();
    origin.send("HTTP/1.1 100 Continue\r\n\r\n");
    let interim = client.until("\r\n\r\n");
    assert!(interim.starts_with("HTTP/1.1 100 Continue\r\n"), "{interim}");
    client.send("hello");
    origin.until("hello");
    origin.send(OK);
    assert!(client.until("ok").starts_with("HTTP/1.1 200 OK\r\n"));
}

/// Section 10.1.1: a client need not wait for ever, and an origin need not say 100.
#[test]
fn content_that_comes_all_the_same_is_sent_on() {
    let between = Between::new();
    let mut client = between.asks("PUT", "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    let (mut origin, _) = between.asked();
    client.send("hel");
    origin.until("hel");
    client.send("lo");
    origin.until("lo");
    origin.send(OK);
    assert!(client.until("ok").starts_with("HTTP/1.1 200 OK\r\n"), "and nothing before it");
}

/// Section 10.1.1: an old client's expectation is ignored, and it is told nothing that it does not know.
#[test]
fn an_old_client_expects_nothing_and_hears_of_no_interim_response() {
    let between = Between::new();
    let mut client = between.client();
    client.send(format!(
        "PUT http://{}/x HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
        between.address()
    ));
    let (mut origin, head) = between.asked();
    assert!(!head.contains("Expect"), "{head}");
    assert!(head.contains("\r\nVia: 1.0 edge\r\n"), "{head}");
    origin.until("hi");
    origin.send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n").send(OK);
    assert!(client.rest().0.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn another_expectation_is_refused_here() {
    let between = Between::new();
    let mut client = between.asks("PUT", "Expect: something\r\nContent-Length: 0\r\n\r\n");
    assert!(client.until("\r\n\r\n").starts_with("HTTP/1.1 417 "));
}

#[test]
fn a_response_comes_as_it_comes() {
    let between = Between::new();
    for framing in ["Content-Length: 20", "Transfer-Encoding: chunked", "Connection: close"] {
        let chunk = |text: &str| match framing {
            "Transfer-Encoding: chunked" => format!("{:x}\r\n{text}\r\n", text.len()),
            _ => text.to_owned(),
        };
        let mut client = between.asks("GET", "\r\n");
        let (mut origin, _) = between.asked();
        origin.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"));
        client.until("\r\n\r\n");
        origin.send(chunk("data: one\n"));
        client.until("data: one\n");
        origin.send(chunk("data: two\n"));
        client.until("data: two\n");
        if framing.starts_with("Transfer") {
            origin.send("0\r\n\r\n");
            client.until("0\r\n\r\n");
        }
    }
}

#[test]
fn content_goes_both_ways_at_the_same_time() {
    const TURNS: usize = 3;
    let between = Between::new();
    let mut client = between.asks("POST", "Transfer-Encoding: chunked\r\n\r\n");
    let (mut origin, _) = between.asked();
    origin.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.until("\r\n\r\n");
    for turn in 0..TURNS {
        client.send(format!("6\r\nping {turn}\r\n"));
        origin.until(&format!("ping {turn}\r\n"));
        // A half of a chunk line from the client holds nothing up.
        client.send("6\r");
        origin.send(format!("6\r\npong {turn}\r\n"));
        client.until(&format!("pong {turn}\r\n"));
        client.send("\nfiller\r\n");
        origin.until("filler\r\n");
    }
    client.send("0\r\n\r\n");
    origin.until("0\r\n\r\n");
    origin.send("0\r\n\r\n");
    client.until("0\r\n\r\n");
}

#[test]
fn much_that_is_echoed_comes_back_whole() {
    const LEN: usize = 60 << 20;
    let between = Between::new();
    let mut client = between.asks("POST", &format!("Content-Length: {LEN}\r\n\r\n"));
    let (mut origin, _) = between.asked();
    origin.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LEN}\r\n\r\n"));
    let echo = std::thread::spawn(move || {
        // As an echo does it: what is not taken back is waited for.
        origin.stream.write_all(&std::mem::take(&mut origin.seen)).unwrap();
        let mut to = origin.stream.try_clone().unwrap();
        std::io::copy(&mut origin.stream, &mut to).unwrap_or(0);
    });
    let mut sender = client.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        let piece: Vec<u8> = (0..1u32 << 16).map(|n| (n % 251) as u8).collect();
        for _ in 0..LEN >> 16 {
            sender.write_all(&piece).unwrap();
        }
    });
    client.until("\r\n\r\n");
    let mut got = std::mem::take(&mut client.seen);
    let mut buf = vec![0; 1 << 16];
    let mut checked = 0;
    while checked < LEN {
        for (at, byte) in got.iter().enumerate() {
            assert_eq!(usize::from(*byte), (checked + at) % (1 << 16) % 251);
        }
        checked += got.len();
        if checked < LEN {
            let n = client.stream.read(&mut buf).unwrap();
            assert!(n > 0, "the end after {checked}");
            got = buf[..n].to_vec();
        }
    }
    sending.join().unwrap();
    drop(client);
    drop(between);
    echo.join().unwrap();
}

/// Section 7.6.1.
#[test]
fn what_is_for_one_connection_stays_there_in_both_directions() {
    let between = Between::new();
    let own = "Connection: X-Hop, close, TE\r\nConnection: x-more\r\nX-Hop: 1\r\nX-More: 1\r\nKeep-Alive: 5\r\n\
               Proxy-Connection: keep-alive\r\nTE: trailers\r\n";
    let mut client =
        between.asks("GET", &format!("Accept: a\r\n{own}X-End: 1\r\nAccept: b\r\nCookie: c\r\n\r\n"));
    let (mut origin, head) = between.asked();
    assert_eq!(fields(&head), ["Accept: a", "X-End: 1", "Accept: b", "Cookie: c", "Via: 1.1 edge"]);
    origin.send(
        "HTTP/1.1 299 Whatever It Is\r\nSet-Cookie: a\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\
         Proxy-Connection: close\r\nServer: o\r\nSet-Cookie: b\r\nVia: 1.0 before\r\nContent-Length: 0\r\n\r\n",
    );
    let answer = client.rest().0;
    assert!(answer.starts_with("HTTP/1.1 299 Whatever It Is\r\n"), "{answer}");
    let mut got = fields(&answer);
    got.retain(|line| *line != "Connection: close" && *line != "Content-Length: 0");
    assert_eq!(got, ["Set-Cookie: a", "Server: o", "Set-Cookie: b", "Via: 1.0 before", "Via: 1.1 edge"]);
}

/// Section 7.6.1: a connection that one side wants closed is no reason to close the other.
#[test]
fn an_origin_that_closes_does_not_end_the_client_s_connection() {
    let between = Between::new();
    let mut client = between.asks("GET", "\r\n");
    for _ in 0..3 {
        let (mut origin, _) = between.asked();
        origin.send(OK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
        drop(origin);
        assert!(!client.until("\r\n\r\nok").contains("Connection: close"));
        client.send(format!("GET http://{}/x HTTP/1.1\r\nHost: a\r\n\r\n", between.address()));
    }
}

/// Section 7.6.2.
#[test]
fn max_forwards_counts_down_to_the_last_hop_which_answers() {
    let between = Between::new();
    for method in ["TRACE", "OPTIONS"] {
        let mut client = between.asks(method, "Max-Forwards: 2\r\n\r\n");
        let (mut origin, head) = between.asked();
        assert_eq!(fields(&head), ["Max-Forwards: 1", "Via: 1.1 edge"]);
        origin.send(OK);
        client.until("ok");
    }
    let mut client = between.asks("GET", "Max-Forwards: 0\r\nConnection: close\r\n\r\n");
    let (mut origin, head) = between.asked();
    assert_eq!(fields(&head), ["Max-Forwards: 0", "Via: 1.1 edge"], "of other methods it is not looked at");
    origin.send(OK);
    client.rest();
    let secrets = "Cookie: secret\r\nAuthorization: secret\r\nProxy-Authorization: secret\r\n";
    let mut client =
        between.asks("TRACE", &format!("X: 1\r\n{secrets}Max-Forwards: 0\r\nConnection: close\r\n\r\n"));
    let answer = client.rest().0;
    assert!(answer.contains("\r\nContent-Type: message/http\r\n"), "{answer}");
    let (_, echo) = answer.split_once("\r\n\r\n").unwrap();
    let address = between.address();
    let expected = format!(
        "TRACE http://{address}/x HTTP/1.1\r\nHost: {address}\r\nX: 1\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(echo, expected);
    let mut client = between.asks("OPTIONS", "Max-Forwards: 0\r\nConnection: close\r\n\r\n");
    assert!(client.rest().0.contains("\r\nAllow: GET, "));
}

/// Section 7.6.3, and 508 of RFC 5842 for a loop.
#[test]
fn via_is_added_after_what_is_there_and_tells_a_loop() {
    let between = Between::new();
    let mut client = between.asks("GET", "Via: 1.0 fred, 1.1 p.example (Apache)\r\n\r\n");
    let (mut origin, head) = between.asked();
    assert_eq!(fields(&head), ["Via: 1.0 fred, 1.1 p.example (Apache)", "Via: 1.1 edge"]);
    origin.send("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert!(client.until("ok").contains("\r\nVia: 1.0 edge\r\n"));
    let mut client = between.asks("GET", "Via: 1.1 EDGE\r\nConnection: close\r\n\r\n");
    assert!(client.rest().0.starts_with("HTTP/1.1 508 "));
}

/// Sections 6.6.1, 6.5 and 7.6.1.
#[test]
fn a_date_is_kept_or_added_and_repeated_trailers_arrive_in_order() {
    let between = Between::new();
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let mut client = between.asks("GET", "\r\n");
    let (mut origin, _) = between.asked();
    let trailers = "Sum: 1\r\nX-Hop: 1\r\nOther: 3\r\nSum: 2\r\n";
    origin.send(format!("HTTP/1.1 200 OK\r\n{date}Connection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n{trailers}\r\n"));
    let answer = client.until("\r\n0\r\nSum: 1\r\nOther: 3\r\nSum: 2\r\n\r\n");
    assert!(answer.contains(date) && answer.matches("Date: ").count() == 1, "{answer}");
    origin.send("");
    client.send(format!("GET http://{}/x HTTP/1.1\r\nHost: a\r\n\r\n", between.address()));
    origin.until("\r\n\r\n");
    origin.send(OK);
    assert!(client.until("ok").contains("\r\nDate: "), "one that the origin did not say");
}

#[test]
fn the_trailers_of_a_request_arrive_in_order() {
    let between = Between::new();
    let trailers = "Sum: 1\r\nX-Hop: 1\r\nSum: 2\r\n";
    let mut client = between.asks(
        "PUT",
        &format!("Connection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n{trailers}\r\n"),
    );
    let (mut origin, _) = between.asked();
    origin.until("0\r\nSum: 1\r\nSum: 2\r\n\r\n");
    origin.send(OK);
    client.until("ok");
}

/// Section 9.2.2.
#[test]
fn a_connection_that_died_unseen_is_replaced_for_what_may_be_repeated() {
    let between = Between::new();
    let again = format!("GET http://{}/x HTTP/1.1\r\nHost: a\r\n\r\n", between.address());
    let mut client = between.asks("GET", "\r\n");
    let (mut origin, _) = between.asked();
    origin.send(OK);
    client.until("ok");
    // It is used again, and dies when the request is there.
    client.send(&again);
    origin.until("\r\n\r\n");
    drop(origin);
    let (mut origin, head) = between.asked();
    assert!(head.starts_with("GET /x "), "{head}");
    origin.send(OK);
    assert!(client.until("ok").contains(" 200 OK"));
    // One that was closed between two requests is not used at all.
    drop(origin);
    client.send(&again);
    let (mut origin, _) = between.asked();
    origin.send(OK);
    client.until("ok");
    // What may not be repeated has a fresh one.
    client.send(again.replacen("GET", "POST", 1).replace("\r\n\r\n", "\r\nContent-Length: 2\r\n\r\nhi"));
    let (post, _) = between.asked();
    drop(post);
    let answer = client.until("\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    // A fresh one that dies is not tried again either.
    let mut client = between.asks("DELETE", "Connection: close\r\n\r\n");
    drop(origin);
    drop(between.asked());
    assert!(client.rest().0.starts_with("HTTP/1.1 502 "));
}

#[test]
fn a_response_that_is_cut_never_looks_complete() {
    let between = Between::new();
    for (answer, seen) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart", "part"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\npart", "part"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nnonsense", "part"),
    ] {
        let mut client = between.asks("GET", "\r\n");
        let (mut origin, _) = between.asked();
        origin.send(answer);
        client.until(seen);
        drop(origin);
        let (rest, _) = client.rest();
        assert!(!rest.contains("0\r\n\r\n"), "{rest}");
    }
    for nonsense in ["", "HTTP/1.1 2", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nX : 1\r\n\r\n"] {
        let mut client = between.asks("GET", "Connection: close\r\n\r\n");
        let (mut origin, _) = between.asked();
        origin.send(nonsense);
        drop(origin);
        let answer = client.rest().0;
        assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("text/plain"), "{nonsense}: {answer}");
    }
}

#[test]
fn an_upload_that_is_cut_never_looks_complete_to_the_origin() {
    let between = Between::new();
    for request in ["Content-Length: 9\r\n\r\npart", "Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"] {
        let mut client = between.asks("PUT", request);
        let (mut origin, _) = between.asked();
        origin.until("part");
        client.end();
        let (rest, _) = origin.rest();
        assert!(!rest.contains("0\r\n\r\n"), "{rest}");
    }
}

#[test]
fn an_origin_hears_of_a_client_that_left() {
    let between = Between::new();
    let mut client = between.asks("GET", "\r\n");
    let (mut origin, _) = between.asked();
    origin.send("HTTP/1.1 200 OK\r\n\r\nsome");
    client.until("some");
    drop(client);
    // What it is sent is refused, sooner or later.
    while origin.stream.write_all(&[b'x'; 4096]).is_ok() {}
    // Silent ones are waited for a while if the client only ended its half.
    let mut client = between.asks("GET", "\r\n");
    let (mut origin, _) = between.asked();
    client.end();
    origin.send(OK);
    assert!(client.rest().0.ends_with("\r\n\r\nok"));
    // It would be used again.
    drop(origin);
    let clients: Vec<_> = (0..8).map(|_| between.asks("GET", "\r\n")).collect();
    let mut origins: Vec<_> = clients.iter().map(|_| between.asked().0).collect();
    drop(clients);
    for origin in &mut origins {
        assert_eq!(origin.rest().0, "");
    }
}

/// Sections 7.8 and 9.3.6.
#[test]
fn an_upgrade_is_offered_and_what_follows_goes_both_ways() {
    let between = Between::new();
    let offer =
        "Connection: Upgrade, X-Hop\r\nUpgrade: websocket\r\nX-Hop: 1\r\nSec-WebSocket-Key: k\r\n\r\n";
    let mut client = between.asks("GET", offer);
    let (mut origin, head) = between.asked();
    let sent = head.to_ascii_lowercase();
    assert!(
        sent.contains("\r\nupgrade: websocket\r\n") && sent.contains("\r\nconnection: upgrade\r\n"),
        "{head}"
    );
    assert!(!head.contains("X-Hop"), "{head}");
    origin.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst");
    let answer = client.until("\r\n\r\nfirst");
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("\r\nupgrade: websocket\r\n"), "{answer}");
    client.send("ping");
    origin.until("ping");
    origin.send("pong");
    client.until("pong");
    client.end();
    assert!(origin.rest().1);
    origin.send("last");
    drop(origin);
    assert_eq!(client.rest(), ("last".into(), true));
    // An origin may decline.
    let mut client = between.asks("GET", offer);
    let (mut origin, _) = between.asked();
    origin.send(OK);
    assert!(client.until("ok").starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn heads_and_statuses_without_content_are_passed_on_as_they_are() {
    let between = Between::new();
    for (method, answer) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n"),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"),
    ] {
        let mut client = between.asks(method, "\r\n");
        let (mut origin, head) = between.asked();
        assert!(head.starts_with(&format!("{method} /x ")), "{head}");
        origin.send(format!("{answer}\r\n"));
        let got = client.until("\r\n\r\n");
        assert_eq!(
            answer.contains("Content-Length: 10"),
            got.contains("\r\nContent-Length: 10\r\n"),
            "{got}"
        );
        drop(origin);
        // Nothing came after it.
        client.send(format!("GET http://{}/next HTTP/1.1\r\nHost: a\r\n\r\n", between.address()));
        let (mut origin, _) = between.asked();
        origin.send(OK);
        assert!(client.until("ok").starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[test]
fn targets_without_a_host_or_with_another_scheme_are_refused() {
    let between = Between::new();
    for (target, status) in [
        ("https://h/", 501),
        ("ftp://h/", 501),
        ("http://127.0.0.1:1/", 502),
        ("http://nowhere.invalid/", 502),
    ] {
        let mut client = between.client();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        let answer = client.rest().0;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {answer}");
    }
    let mut client = between.client();
    client.send("GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n");
    assert!(client.rest().0.starts_with("HTTP/1.1 400 "));
}
