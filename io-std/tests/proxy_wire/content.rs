//! Content: who waits for whom, and how it ends. RFC 9110 section 10.1.1.

use std::io::{Read, Write};

use crate::wire::{Between, OK};

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
        // An old client has only the end of the connection to go by, which must not be in order.
        let mut old = between.client();
        old.send(format!("GET http://{}/x HTTP/1.0\r\n\r\n", between.address()));
        let (mut origin, _) = between.asked();
        origin.send(answer);
        let head = old.until(seen);
        drop(origin);
        let (_, in_order) = old.rest();
        assert!(!in_order || head.contains("Content-Length: 9\r\n"), "{head}");
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
