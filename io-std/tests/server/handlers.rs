//! Handlers that fail, that leave content unread, that let go.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::peer::{GET, Peer, SOON, server, wait_until, with};

#[test]
fn a_panic_ends_its_connection_and_nothing_else() {
    let server = server()
        .threads(1)
        .start(|req, res| {
            match req.target() {
                b"/early" => panic!("early"),
                b"/late" => {
                    res.flush()?;
                    panic!("late");
                }
                _ => {}
            }
            res.end("fine")
        })
        .unwrap();
    let mut other = Peer::to(&server);
    other.send(GET).response();
    let early = Peer::to(&server).send("GET /early HTTP/1.1\r\nHost: a\r\n\r\n").rest();
    assert_eq!(early, "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let late = Peer::to(&server).send("GET /late HTTP/1.1\r\nHost: a\r\n\r\n").rest();
    assert_eq!(late, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(other.send(GET).response().1, "fine");
    assert_eq!(server.handle().counters().panics, 2);
}

#[test]
fn an_error_is_answered_500_or_cuts_off_what_was_begun() {
    let server = server()
        .start(|req, res| {
            res.header("x", "y");
            match req.target() {
                b"/early" => Err(io::Error::other("early")),
                b"/late" => {
                    res.flush()?;
                    res.write_all(b"part")?;
                    Err(io::Error::other("late"))
                }
                b"/short" => {
                    res.content_length(5);
                    res.end("four")
                }
                b"/long" => {
                    res.content_length(5);
                    res.end("sixsix")
                }
                b"/bad" => res.header("a b", "c").end("x"),
                b"/ignored" => {
                    let _ = res.header("a", "b\r\n").end("x");
                    Ok(())
                }
                b"/twice" => {
                    res.end("x")?;
                    assert_eq!(res.end("y").unwrap_err().kind(), io::ErrorKind::InvalidInput);
                    assert_eq!(res.write(b"y").unwrap_err().kind(), io::ErrorKind::InvalidInput);
                    assert!(res.headers_mut().is_err());
                    res.finish()
                }
                _ => res.end("fine"),
            }
        })
        .unwrap();
    let request = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut peer = Peer::to(&server);
    for target in ["/early", "/long", "/short", "/bad", "/ignored"] {
        let (head, _) = peer.send(request(target)).response();
        assert_eq!(head, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", "{target}");
    }
    assert_eq!(peer.send(request("/twice")).response().1, "x");
    assert_eq!(peer.send(request("/fine")).response().1, "fine");
    let late = peer.send(request("/late")).rest();
    assert_eq!(late, "HTTP/1.1 200 OK\r\nx: y\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(server.handle().counters().handler_errors, 6);
}

#[test]
fn content_nobody_reads_is_discarded_within_a_budget() {
    let server = server()
        .options(with(|o| o.policy.discard_limit = Some(100_000)))
        .start(|_, res| res.end("early"))
        .unwrap();
    let post = |n: usize| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {n}\r\n\r\n");
    let mut peer = Peer::to(&server);
    for _ in 0..3 {
        peer.send(post(100_000)).send(vec![b'x'; 100_000]);
        assert_eq!(peer.response().1, "early");
    }
    // Too much: the answer arrives all the same, although the client goes on sending.
    peer.send(post(400_000)).send(vec![b'x'; 300_000]);
    assert_eq!(peer.response().1, "early");
    assert_eq!(peer.rest(), "");
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut peer = Peer::to(&server);
    peer.send(chunked.to_owned() + "5\r\nhello\r\n0\r\n\r\n" + GET);
    assert_eq!((peer.response().1, peer.response().1), ("early".into(), "early".into()));
}

#[test]
fn a_handler_can_find_out_that_its_client_is_gone() {
    let (sender, done) = channel();
    let sender = Mutex::new(sender);
    let server = server()
        .start(move |req, _| {
            wait_until("it is gone", || req.is_aborted());
            sender.lock().unwrap().send(()).unwrap();
            Ok(())
        })
        .unwrap();
    let stream = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
    // Closed with a reset.
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    (&stream).write_all(GET.as_bytes()).unwrap();
    wait_until("it came", || server.handle().counters().requests == 1);
    drop(stream);
    done.recv_timeout(SOON).unwrap();
}

#[test]
fn a_handler_can_drop_the_connection_instead_of_answering() {
    let server = server()
        .start(|_, res| {
            res.abort();
            Ok(())
        })
        .unwrap();
    Peer::to(&server).send(GET).assert_closed();
}

#[test]
fn a_client_that_ended_its_half_is_gone_where_the_options_say_so() {
    let (sender, done) = channel();
    let sender = Mutex::new(sender);
    let server = server()
        .options(with(|o| o.abort_on_end = true))
        .start(move |req, res| {
            assert!(!req.is_aborted());
            sender.lock().unwrap().send(()).unwrap();
            wait_until("it is gone", || req.is_aborted());
            sender.lock().unwrap().send(()).unwrap();
            res.abort();
            Ok(())
        })
        .unwrap();
    // Also behind something that nobody has read.
    for behind in ["", GET] {
        let mut peer = Peer::to(&server);
        peer.send(GET);
        done.recv_timeout(SOON).unwrap();
        peer.send(behind).end();
        done.recv_timeout(SOON).unwrap();
    }
}

#[test]
fn whole_content_is_given_in_one_piece_and_too_much_is_refused() {
    let server = server().start_whole(10, |_, content, res| res.end(content)).unwrap();
    let mut peer = Peer::to(&server);
    let sized = |content: &str| {
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{content}", content.len())
    };
    let chunked = |content: &str| {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}4\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n", &content[..4], content.len() - 4, &content[4..])
    };
    for message in [sized("0123456789"), chunked("0123456789")] {
        assert_eq!(peer.send(message).response().1, "0123456789");
    }
    assert_eq!(peer.send(GET).response().1, "");
    for message in [sized("0123456789x"), chunked("0123456789x")] {
        assert!(peer.send(message).response().0.starts_with("HTTP/1.1 413 "));
    }
    // It is refused by its length, before it is sent.
    let answer = Peer::to(&server)
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n")
        .rest();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[test]
fn a_declared_length_may_differ_from_the_content_where_none_is_sent() {
    let server = server().start(|_, res| res.content_length(10).end("")).unwrap();
    let mut peer = Peer::to(&server);
    peer.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.head(), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    assert!(peer.send(GET).response().0.starts_with("HTTP/1.1 500 "));
}
