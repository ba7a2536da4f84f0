//! What ends early is never taken for complete, and nobody works for a client that left.

use std::io::{ErrorKind, Read};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use crate::rig::{Gateway, Origin, field, peer};

/// An origin that sends `part` and then ends the connection.
fn cut(part: &'static str) -> Origin {
    Origin::new(move |peer| {
        if peer.head().is_some() {
            peer.send(part);
            peer.close();
        }
    })
}

#[test]
fn a_cut_answer_is_cut_for_the_client_too() {
    for part in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    ] {
        let origin = cut(part);
        let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
        let mut client = peer(&gateway);
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = client.head().unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(client.content(&head).is_none(), "{part:?} came out whole");
    }
}

#[test]
fn an_old_client_sees_a_cut_answer_by_a_reset() {
    let origin = cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let mut client = gateway.client();
    client.send("GET / HTTP/1.0\r\n\r\n");
    let mut got = Vec::new();
    let error = client.0.read_to_end(&mut got).expect_err("an end like that of a whole answer");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn an_origin_that_says_nothing_or_nonsense_is_a_bad_gateway() {
    for part in ["", "HTTP/1.1 200", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"] {
        let origin = cut(part);
        let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
        let answer =
            gateway.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
        assert!(answer.starts_with("HTTP/1.1 502 "), "{part:?}: {answer}");
    }
}

#[test]
fn an_origin_that_never_answers_is_a_gateway_timeout() {
    let origin = Origin::new(|peer| while peer.more() {});
    let Some(gateway) = Gateway::to(&[origin.addr], &["--timeout", "0.3"]) else { return };
    let answer = gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
}

#[test]
fn a_client_that_leaves_cancels_its_request() {
    let (tell, left) = mpsc::channel();
    let tell = Mutex::new(tell);
    let origin = Origin::new(move |peer| {
        peer.head();
        let _ = tell.lock().unwrap().send("here");
        // Until the gateway closes.
        while peer.more() {}
        let _ = tell.lock().unwrap().send("gone");
    });
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    for resets in [true, false] {
        let mut client = gateway.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(left.recv().unwrap(), "here");
        if resets {
            socket2::SockRef::from(&client.0).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        }
        drop(client);
        assert_eq!(left.recv_timeout(crate::common::PATIENCE).unwrap(), "gone", "by a reset: {resets}");
    }
}

#[test]
fn a_cut_upload_is_cut_for_the_origin_too() {
    let (tell, got) = mpsc::sync_channel(1);
    let origin = Origin::new(move |peer| {
        let head = peer.head().unwrap();
        let _ = tell.send(peer.content(&head).is_some());
    });
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    for request in [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        gateway.client().send(request).half_close().rest();
        assert!(!got.recv().unwrap(), "{request:?} arrived whole");
    }
}

#[test]
fn a_kept_connection_that_the_origin_closed_is_noticed_or_the_request_repeated() {
    let posts = Arc::new(AtomicUsize::new(0));
    let count = posts.clone();
    // Closes after every second answer without saying so.
    let origin = Origin::new(move |peer| {
        for _ in 0..2 {
            let Some(request) = peer.request() else { return };
            count.fetch_add(usize::from(request.head.starts_with("POST")), Ordering::SeqCst);
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let mut client = peer(&gateway);
    for _ in 0..200 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = client.head().unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        client.content(&head).unwrap();
    }
    let mut answered = 0;
    for _ in 0..100 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
        let head = client.head().unwrap();
        answered += usize::from(head.starts_with("HTTP/1.1 200 "));
        client.content(&head).unwrap();
        assert!(field(&head, "content-length").is_some());
    }
    assert!(posts.load(Ordering::SeqCst) <= 100 && answered > 0, "no POST is sent twice");
}
