//! Heads: what is for one connection, and what for both. RFC 9110 section 7.6.

use crate::wire::{Between, OK, fields};

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
