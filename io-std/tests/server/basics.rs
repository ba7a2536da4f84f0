//! Listening, requests in order, content both ways.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use h1wire_std::Server;

use crate::peer::{GET, Peer, SOON, echo, end, server, wait_until, with};

#[test]
fn a_small_answer_leaves_with_its_head_and_length() {
    let server = server().start(|_, res| res.header("content-type", "text/plain").end("hello\n")).unwrap();
    let mut peer = Peer::to(&server);
    let (head, content) = peer.send(GET).response();
    assert_eq!(head, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 6\r\n\r\n");
    assert_eq!(content, "hello\n");
    assert_eq!(peer.send(GET).response().1, "hello\n");
    let stats = server.handle().counters();
    assert_eq!((stats.accepted, stats.requests, stats.reused), (1, 2, 1));
}

#[test]
fn every_answer_has_a_date_unless_it_is_turned_off() {
    for (on, dates) in [(true, 1), (false, 0)] {
        let server =
            server().options(with(|o| o.policy.send_date = on)).start(|_, res| res.end("x")).unwrap();
        let mut peer = Peer::to(&server);
        let head = peer.send(GET).until("\r\n\r\n");
        assert_eq!(head.matches("\r\nDate: ").count(), dates, "{head}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order_also_in_one_write() {
    for batch in [false, true] {
        let server = server()
            .options(with(|o| o.batch_pipelined = batch))
            .start(|req, res| res.end(req.target()))
            .unwrap();
        let mut peer = Peer::to(&server);
        for i in 0..50 {
            peer.send(format!("GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n"));
        }
        for i in 0..50 {
            assert_eq!(peer.response().1, format!("/{i}"));
        }
    }
}

#[test]
fn content_is_read_however_it_is_framed_and_split() {
    let server = server().start(echo).unwrap();
    let mut peer = Peer::to(&server);
    let content: String = (0..10_000).map(|i| format!("{i} ")).collect();
    for split in [1000, 7, usize::MAX] {
        let sized =
            format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{content}", content.len());
        let mut chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        for piece in content.as_bytes().chunks(999) {
            chunked += &format!("{:x}\r\n{}\r\n", piece.len(), std::str::from_utf8(piece).unwrap());
        }
        chunked += "0\r\n\r\n";
        for message in [sized, chunked] {
            // Small pieces only of the first part, or the test would take long.
            let (first, second) = message.split_at(3000);
            first.as_bytes().chunks(split.min(3000)).for_each(|piece| {
                peer.send(piece);
            });
            assert!(peer.send(second).response().1 == content);
        }
    }
}

#[test]
fn much_content_is_sent_in_chunks_or_with_the_length_that_was_declared() {
    let server = server()
        .start(|req, res| {
            if req.target() == b"/sized" {
                res.content_length(300_000);
            }
            for i in 0..300 {
                res.write_all(&[b'a' + (i % 26) as u8; 1000])?;
            }
            res.finish()
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    let content: Vec<u8> = (0..300).flat_map(|i| [b'a' + (i % 26) as u8; 1000]).collect();
    let (head, sized) = peer.send("GET /sized HTTP/1.1\r\nHost: a\r\n\r\n").response();
    assert_eq!(head, "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n");
    assert!(sized.as_bytes() == content);
    let head = peer.send(GET).head();
    assert_eq!(head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut chunks = Vec::new();
    loop {
        let size = usize::from_str_radix(peer.until("\r\n").trim_end(), 16).unwrap();
        chunks.extend_from_slice(&peer.exactly(size));
        assert_eq!(peer.exactly(2), b"\r\n");
        if size == 0 {
            break;
        }
    }
    assert!(chunks == content);
    assert_eq!(peer.send(GET).head(), head);
}

#[test]
fn one_large_piece_goes_out_with_its_length_and_without_being_gathered() {
    let large = vec![b'x'; 1 << 20];
    let content = large.clone();
    let server = server().start(move |_, res| res.end(&content)).unwrap();
    let mut peer = Peer::to(&server);
    for _ in 0..3 {
        let (head, content) = peer.send(GET).response();
        assert_eq!(head, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n");
        assert!(content.as_bytes() == large);
    }
}

#[test]
fn head_204_and_304_have_no_content_whatever_is_written() {
    let server = server()
        .start(|req, res| {
            let status = std::str::from_utf8(&req.target()[1..]).unwrap().parse().unwrap();
            res.status(status);
            res.write_all(b"dropped")?;
            res.finish()
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    peer.send("HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.head(), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
    peer.send("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.head(), "HTTP/1.1 204 No Content\r\n\r\n");
    peer.send("GET /304 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.head(), "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");
    assert_eq!(peer.send("GET /200 HTTP/1.1\r\nHost: a\r\n\r\n").response().1, "dropped");
}

#[test]
fn a_handler_that_does_nothing_answers_200_without_content() {
    let server = server().start(|_, _| Ok(())).unwrap();
    let mut peer = Peer::to(&server);
    assert_eq!(peer.send(GET).response().0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(peer.send(GET).response().1, "");
}

#[test]
fn http_1_0_gets_no_chunks_and_its_connection_ends_unless_it_asks_otherwise() {
    let server = server()
        .start(|req, res| {
            if req.target() == b"/streamed" {
                res.flush()?;
            }
            res.end("content")
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    let (head, _) = peer.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").response();
    assert_eq!(head, "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 7\r\n\r\n");
    let streamed = peer.send("GET /streamed HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").rest();
    assert_eq!(streamed, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ncontent");
    assert!(Peer::to(&server).send("GET / HTTP/1.0\r\n\r\n").rest().ends_with("\r\n\r\ncontent"));
}

#[test]
fn both_address_families_unix_sockets_and_own_listeners_are_served() {
    let path = std::env::temp_dir().join(format!("h1wire-{}.sock", std::process::id()));
    let own = TcpListener::bind("[::1]:0").unwrap();
    let server =
        Server::bind_unix(&path).unwrap().and(Server::on(own)).and(Server::bind("127.0.0.1:0").unwrap());
    assert_eq!(server.local_addr().map(|a| a.is_ipv6()).ok(), Some(true));
    let server = server.start(|req, res| res.end(format!("{}", req.peer_addr().is_some()))).unwrap();
    assert_eq!(server.handle().local_addrs().len(), 2);
    for addr in server.handle().local_addrs() {
        assert_eq!(Peer::at(*addr).send(GET).response().1, "true");
    }
    assert_eq!(Peer::on(UnixStream::connect(&path).unwrap()).send(GET).response().1, "false");
    end(server, Duration::from_secs(5));
    assert!(!path.exists());
    let own = UnixListener::bind(&path).unwrap();
    let server = Server::on_unix(own).start(echo).unwrap();
    assert_eq!(Peer::on(UnixStream::connect(&path).unwrap()).send(GET).response().1, "");
    assert_eq!(server.local_addr().unwrap_err().kind(), std::io::ErrorKind::Unsupported);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn trailers_go_both_ways() {
    let server = server()
        .start(|req, res| {
            assert!(req.trailers().is_empty());
            std::io::copy(req, &mut std::io::sink())?;
            let digest = req.trailers().get("digest").unwrap_or_default().to_vec();
            res.trailer("Digest", digest);
            res.end("content")
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for digest in ["abc", "def"] {
        peer.send(chunked).send(format!("1\r\nx\r\n0\r\nDigest: {digest}\r\n\r\n"));
        assert!(peer.head().ends_with("Transfer-Encoding: chunked\r\n\r\n"));
        assert_eq!(peer.until("\r\n\r\n"), format!("7\r\ncontent\r\n0\r\nDigest: {digest}\r\n\r\n"));
    }
}

#[test]
fn a_request_says_where_it_came_from_and_which_it_is() {
    let server = server()
        .start(|req, res| {
            assert_eq!(req.local_addr().map(|a| a.ip()), req.peer_addr().map(|a| a.ip()));
            assert!(req.is_complete());
            res.end(format!("{} {}", req.method(), req.number()))
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    assert_eq!(peer.send(GET).response().1, "GET 1");
    assert_eq!(peer.send("FOO / HTTP/1.1\r\nHost: a\r\n\r\n").response().1, "FOO 2");
}

#[test]
fn content_can_be_answered_while_it_comes() {
    let server = server()
        .start(|req, res| {
            let mut buf = [0; 100];
            loop {
                let n = req.read(&mut buf)?;
                if n == 0 {
                    return res.finish();
                }
                res.write_all(&buf[..n])?;
                res.flush()?;
            }
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    peer.head();
    assert_eq!(peer.until("abc\r\n"), "3\r\nabc\r\n");
    assert_eq!(peer.send("def").until("0\r\n\r\n"), "3\r\ndef\r\n0\r\n\r\n");
}

#[test]
fn a_response_knows_whether_it_is_complete_and_whether_it_has_left() {
    let server = server()
        .start(|_, res| {
            assert!(!res.is_head_sent() && !res.is_complete() && !res.is_finished());
            res.write_all(b"con")?;
            res.flush()?;
            res.flush()?;
            assert!(res.is_head_sent() && !res.is_complete() && !res.is_finished());
            res.write_all(b"tent")?;
            res.finish()?;
            assert!(res.is_complete() && res.is_finished());
            Ok(())
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    for _ in 0..2 {
        assert_eq!(peer.send(GET).head(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(peer.until("0\r\n\r\n"), "3\r\ncon\r\n4\r\ntent\r\n0\r\n\r\n");
    }
    assert_eq!(server.handle().counters().panics, 0);
}

#[test]
fn a_response_whose_bytes_are_lost_is_neither_finished_nor_reported_as_complete() {
    let (sender, done) = channel();
    let (reporter, sender) = (Mutex::new(sender.clone()), Mutex::new(sender));
    let server = server()
        .on_report(move |_, report| reporter.lock().unwrap().send(report.is_complete).unwrap())
        .start(move |req, res| {
            wait_until("the client is gone", || req.is_aborted());
            assert!(res.end("for nobody").is_err());
            sender.lock().unwrap().send(res.is_finished()).unwrap();
            Ok(())
        })
        .unwrap();
    let stream = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    // Closed with a reset.
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    (&stream).write_all(GET.as_bytes()).unwrap();
    wait_until("it came", || server.handle().counters().requests == 1);
    drop(stream);
    assert_eq!((done.recv_timeout(SOON), done.recv_timeout(SOON)), (Ok(false), Ok(false)));
}

#[test]
fn header_replaces_and_append_header_adds_in_both_sections() {
    let server = server()
        .start(|req, res| {
            res.header("Set-Cookie", "old").header("set-cookie", "a=1").append_header("Set-Cookie", "b=2");
            res.fields(&[("X-One", "1"), ("X-Two", "2")]).header("x-two", "3");
            res.trailer("X-Sum", "0").trailer("x-sum", "1").append_trailer("x-sum", "2");
            if req.target() == b"/now" {
                res.send_head()?;
            }
            res.end("x")
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    for target in ["/", "/now"] {
        peer.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let head = "HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\nX-One: 1\r\nx-two: 3\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
        assert_eq!(peer.head(), head);
        assert_eq!(peer.until("\r\n\r\n"), "1\r\nx\r\n0\r\nx-sum: 1\r\nx-sum: 2\r\n\r\n");
    }
}

#[test]
fn a_head_is_sent_as_it_was_set_or_with_what_is_said_with_it() {
    let server = server()
        .start(|req, res| {
            res.status(203).header("a", "1").header("b", "2").send_date(false);
            match req.target() {
                b"/send" => res.send_head()?,
                _ => res.write_head(404, &[("b", "3")])?,
            }
            assert!(res.is_head_sent());
            res.finish()
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    for (target, head) in [
        ("/send", "HTTP/1.1 203 Non-Authoritative Information\r\na: 1\r\nb: 2\r\n"),
        ("/write", "HTTP/1.1 404 Not Found\r\na: 1\r\nb: 3\r\n"),
    ] {
        peer.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(peer.until("\r\n\r\n"), format!("{head}Transfer-Encoding: chunked\r\n\r\n"));
        peer.until("0\r\n\r\n");
    }
}

#[test]
fn whatever_is_set_after_the_head_is_an_error() {
    type Setter = fn(&mut h1wire_std::server::Response<'_>);
    const SETTERS: [Setter; 8] = [
        |res| _ = res.status(404),
        |res| _ = res.reason("no"),
        |res| _ = res.header("a", "b"),
        |res| _ = res.append_header("a", "b"),
        |res| _ = res.fields(&[("a", "b")]),
        |res| _ = res.content_length(3),
        |res| _ = res.close_after(),
        |res| _ = res.send_date(false),
    ];
    let server = server()
        .start(|req, res| {
            let setter = SETTERS[usize::from(req.target()[1] - b'0')];
            res.send_head()?;
            setter(res);
            assert_eq!(res.finish().unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
            Err(std::io::Error::other("as it should"))
        })
        .unwrap();
    for i in 0..SETTERS.len() {
        let answer = Peer::to(&server).send(format!("GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n")).rest();
        assert!(!answer.contains("0\r\n\r\n"), "{i}: {answer}");
    }
    assert_eq!(server.handle().counters().panics, 0);
}
