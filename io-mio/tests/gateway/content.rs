//! Content in both directions at once, at the pace of the slower side, whole.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::common::wait_until;
use crate::rig::{Gateway, Origin, field, peer, split};

/// Bytes that show where they are missing.
fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i % 251) as u8 ^ (i / 251) as u8).collect()
}

/// An origin that sends back what it gets while it gets it, as chunks.
fn echo() -> Origin {
    Origin::new(|peer| {
        while let Some(head) = peer.head() {
            peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            let mut left: usize = field(&head, "content-length").map_or(0, |n| n.parse().unwrap());
            while left > 0 {
                if peer.rest.is_empty() && !peer.more() {
                    return;
                }
                let piece = std::mem::take(&mut peer.rest);
                left -= piece.len();
                peer.send(format!("{:x}\r\n", piece.len()));
                peer.send(piece);
                peer.send("\r\n");
            }
            peer.send("0\r\n\r\n");
        }
    })
}

#[test]
fn sixty_megabytes_go_up_and_come_back_at_the_same_time() {
    let origin = echo();
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    const LENGTH: usize = 60_000_000;
    let sent = pattern(LENGTH);
    let mut client = peer(&gateway);
    let mut writer = client.stream.try_clone().unwrap();
    let copy = sent.clone();
    let upload = thread::spawn(move || {
        writer
            .write_all(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LENGTH}\r\n\r\n").as_bytes())
            .unwrap();
        writer.write_all(&copy).unwrap();
    });
    let head = client.head().unwrap();
    let (content, _) = client.content(&head).unwrap();
    upload.join().unwrap();
    assert!(content == sent, "of {LENGTH} bytes {} came back", content.len());
}

#[test]
fn a_slow_reader_slows_the_origin_and_memory_stays_bounded() {
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let origin = Origin::new(move |peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        let piece = vec![b'x'; 100_000];
        while peer.stream.write_all(&piece).is_ok() {
            count.fetch_add(piece.len(), Ordering::SeqCst);
        }
    });
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    // Nothing is read, so the origin is stopped before long: by the buffers of two connections, and little between them.
    let mut last = usize::MAX;
    wait_until("the origin is stopped", || {
        let now = written.load(Ordering::SeqCst);
        thread::sleep(std::time::Duration::from_millis(200));
        std::mem::replace(&mut last, now) == now && now > 0
    });
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.child.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kilobytes: usize = resident.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 8_000, "{kilobytes} kB for one stopped answer");
    let mut piece = vec![0; 1 << 20];
    client.0.read_exact(&mut piece).unwrap();
}

#[test]
fn an_answer_in_pieces_arrives_in_pieces() {
    let (go_on, wait) = mpsc::sync_channel::<()>(0);
    let wait = std::sync::Mutex::new(wait);
    let origin = Origin::new(move |peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
        let _ = wait.lock().unwrap().recv();
        peer.send("data: 2\n\n");
    });
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let first = client.until("data: 1\n\n\r\n");
    assert!(field(&first, "transfer-encoding").is_some(), "{first}");
    go_on.send(()).unwrap();
    assert!(client.rest().contains("data: 2\n\n\r\n0\r\n\r\n"));
}

#[test]
fn trailers_pass_in_both_directions() {
    let (tell, got) = mpsc::sync_channel(1);
    let origin = Origin::new(move |peer| {
        let request = peer.request().unwrap();
        let _ = tell.send(request);
        peer.send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n",
        );
    });
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let answer = gateway.ask(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n0\r\nX-T: 7\r\n\r\n",
    );
    let request = got.recv().unwrap();
    assert_eq!((&request.content[..], &*request.trailers), (&b"abc"[..], "X-T: 7\r\n"));
    assert!(answer.ends_with("0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n"), "{answer}");
}

#[test]
fn answers_without_content_keep_their_fields() {
    let origin = Origin::new(|peer| {
        while let Some(request) = peer.request() {
            peer.send(if request.head.starts_with("HEAD") {
                "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: \"a\"\r\n\r\n"
            } else {
                "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"
            });
        }
    });
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let answer = gateway.ask("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let (head, content) = split(&answer);
    assert_eq!((field(head, "content-length"), content), (Some("12345"), ""), "{answer}");
    let request = "GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"a\"\r\nConnection: close\r\n\r\n";
    let answer = gateway.ask(request);
    let (head, content) = split(&answer);
    assert!(head.starts_with("HTTP/1.1 304 ") && content.is_empty(), "{answer}");
    assert_eq!(field(head, "etag"), Some("\"a\""));
}

#[test]
fn an_expectation_is_the_origins_to_meet() {
    let (tell, got) = mpsc::sync_channel(4);
    let origin = Origin::new(move |peer| {
        let head = peer.head().unwrap();
        let _ = tell.send(head.clone());
        if head.starts_with("PUT /refused") {
            peer.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return;
        }
        peer.send("HTTP/1.1 100 Continue\r\n\r\n");
        let (content, _) = peer.content(&head).unwrap();
        peer.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n{}",
            content.len()
        ));
    });
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let head = |target| {
        format!(
            "PUT {target} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        )
    };
    let mut client = gateway.client();
    client.send(head("/taken"));
    assert_eq!(client.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(field(&got.recv().unwrap(), "expect"), Some("100-continue"));
    assert!(client.send("12345").rest().ends_with("\r\n\r\n5"));
    let answer = gateway.client().send(head("/refused")).until("\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 417 "), "no 100 of our own: {answer}");
}

#[test]
fn an_early_answer_goes_back_at_once_and_stops_the_upload() {
    let origin = Origin::new(|peer| {
        peer.head();
        peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
        // What comes is read, or a reset could take the answer back.
        while peer.more() {
            peer.rest.clear();
        }
    });
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n").send(vec![b'x'; 100_000]);
    let answer = client.until("big");
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[test]
fn interim_answers_pass_but_not_to_an_old_client() {
    let origin = Origin::answering(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let answer = gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n"), "{answer}");
    assert!(answer.contains("\r\n\r\nHTTP/1.1 200 OK\r\n"), "{answer}");
    let answer = gateway.ask("GET / HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "RFC 9110 section 15.2: {answer}");
}

#[test]
fn answers_to_pipelined_requests_come_in_their_order() {
    let origin = Origin::new(|peer| {
        while let Some(request) = peer.request() {
            let target = request.head.split(' ').nth(1).unwrap();
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len()));
        }
    });
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let request = |n, more| format!("GET /{n} HTTP/1.1\r\nHost: a\r\n{more}\r\n");
    let all: String =
        (0..50).map(|n| request(n, if n == 49 { "Connection: close\r\n" } else { "" })).collect();
    let answers = gateway.ask(&all);
    let bodies: Vec<&str> = answers.split("HTTP/1.1 200 OK").skip(1).map(|answer| split(answer).1).collect();
    let expected: Vec<String> = (0..50).map(|n| format!("/{n}")).collect();
    assert_eq!(bodies, expected);
}
