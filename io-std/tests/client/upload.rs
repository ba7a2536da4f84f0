//! Content that is sent: known, streamed, held back, cut short, answered early.

use std::io::{Read, Write};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use h1wire_std::proto::SendError;
use h1wire_std::{Agent, ErrorKind, Request, Transport};

use crate::script::{PATIENCE, Script};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn put(server: &Script) -> Request {
    Request::new("PUT", server.url("/")).one_shot()
}

#[test]
fn content_of_unknown_length_is_sent_in_chunks_that_are_gathered() {
    let server = Script::once(|peer| {
        assert!(peer.request().contains("\r\nTransfer-Encoding: chunked\r\n"));
        assert_eq!(peer.until(b"0\r\n\r\n"), "9\r\nab-cd-ef.\r\n0\r\n\r\n");
        peer.send(OK);
    });
    let mut upload = put(&server).start().unwrap();
    for piece in ["ab-", "", "cd-", "ef."] {
        upload.write_all(piece.as_bytes()).unwrap();
    }
    assert_eq!((upload.written(), upload.queued(), upload.is_head_sent()), (9, 9, false));
    assert_eq!((upload.peer_addr(), upload.is_reused()), (Some(server.addr), false));
    assert_eq!(upload.finish().unwrap().text().unwrap(), "ok");
    server.join();
}

#[test]
fn a_flush_sends_the_head_or_what_was_gathered_at_once() {
    let (step, wait) = channel();
    let server = Script::once(move |peer| {
        peer.request();
        step.send(()).unwrap();
        assert_eq!(peer.until(b"one\r\n"), "3\r\none\r\n");
        step.send(()).unwrap();
        assert_eq!(peer.until(b"0\r\n\r\n"), "3\r\ntwo\r\n0\r\n\r\n");
        peer.send(OK);
    });
    let mut upload = put(&server).start().unwrap();
    upload.flush().unwrap();
    upload.flush().unwrap();
    wait.recv_timeout(PATIENCE).unwrap();
    upload.write_all(b"one").unwrap();
    upload.flush().unwrap();
    upload.flush().unwrap();
    wait.recv_timeout(PATIENCE).unwrap();
    upload.write_all(b"two").unwrap();
    upload.finish().unwrap();
    server.join();
}

#[test]
fn trailers_follow_chunked_content_and_forbidden_ones_are_refused() {
    let server = Script::once(|peer| {
        peer.request();
        assert_eq!(peer.until(b"\r\n\r\n"), "1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n");
        peer.send(OK);
    });
    let mut upload = put(&server).start().unwrap();
    upload.write_all(b"x").unwrap();
    upload.finish_with_trailers(&[("X-Sum", "1")]).unwrap();
    server.join();
    let server = Script::once(|peer| {
        peer.end();
    });
    let upload = put(&server).start().unwrap();
    let error = upload.finish_with_trailers(&[("Content-Length", "1")]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Refused(SendError::TrailerForbidden(_))), "{error:?}");
    server.join();
}

#[test]
fn a_declared_length_is_sent_as_such_and_kept_to() {
    let server = Script::once(|peer| {
        let head = peer.request();
        assert!(head.contains("\r\nContent-Length: 6\r\n") && !head.contains("chunked"), "{head}");
        assert_eq!(peer.content(6), b"abcdef");
        peer.send(OK);
    });
    let mut upload = put(&server).header("Content-Length", "6").start().unwrap();
    upload.write_all(b"abc").unwrap();
    upload.write_all(b"def").unwrap();
    assert_eq!(upload.finish().unwrap().text().unwrap(), "ok");
    server.join();

    for (declared, content) in [("2", &b"abc"[..]), ("4", b"abc")] {
        let server = Script::once(|peer| {
            peer.end();
        });
        let error = put(&server).header("Content-Length", declared).send_reader(content).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Content(_)), "{error:?}");
        server.join();
    }
    for bad in ["x", "+5", ""] {
        let put = Request::new("PUT", "http://127.0.0.1:1/").header("Content-Length", bad);
        let error = put.start().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Refused(SendError::ReservedField(_))), "{error:?}");
    }
}

#[test]
fn large_content_arrives_whole_from_memory_from_a_reader_and_from_writes() {
    let content: Vec<u8> = (0..3_000_000u32).map(|i| (i % 253) as u8).collect();
    let expected = content.clone();
    let server = Script::new(move |listener| {
        for chunked in [false, false, true] {
            let mut peer = crate::script::Peer::accept(listener);
            peer.request();
            if !chunked {
                assert!(peer.content(expected.len()) == expected);
            } else {
                let mut got = Vec::new();
                loop {
                    let line = peer.until(b"\r\n");
                    let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
                    if size == 0 {
                        break;
                    }
                    got.extend(peer.content(size));
                    assert_eq!(peer.content(2), b"\r\n");
                }
                assert!(got == expected);
            }
            peer.send(OK);
        }
    });
    put(&server).send_bytes(&content).unwrap();
    put(&server).header("Content-Length", content.len().to_string()).send_reader(&content[..]).unwrap();
    let mut upload = put(&server).start().unwrap();
    for piece in content.chunks(7_777) {
        upload.write_all(piece).unwrap();
    }
    upload.finish().unwrap();
    server.join();
}

#[test]
fn an_answer_before_the_content_was_read_is_seen_and_ends_the_upload() {
    let (go, over) = channel::<()>();
    let server = Script::once(move |peer| {
        peer.request();
        peer.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno!");
        // Neither reads on nor closes: a writer that does not listen waits for ever.
        over.recv_timeout(PATIENCE).unwrap();
    });
    let mut upload = put(&server).start().unwrap();
    let piece = vec![7; 1 << 20];
    let error = loop {
        if let Err(error) = upload.write_all(&piece) {
            break error;
        }
        assert!(upload.written() < 1 << 30);
    };
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    assert!(upload.is_answered());
    let mut response = upload.finish().unwrap();
    assert_eq!((response.status(), response.text().unwrap().as_str()), (413, "no!"));
    go.send(()).unwrap();
    server.join();
}

#[test]
fn an_answer_sent_before_a_reset_is_worth_more_than_the_error() {
    let (answered, wait) = channel();
    let server = Script::once(move |peer| {
        peer.request();
        peer.send(b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        peer.socket.shutdown(std::net::Shutdown::Both).unwrap();
        answered.send(()).unwrap();
    });
    let mut upload = put(&server).start().unwrap();
    upload.flush().unwrap();
    wait.recv_timeout(PATIENCE).unwrap();
    server.join();
    while upload.write_all(&[7; 100_000]).is_ok() {}
    assert_eq!(upload.finish().unwrap().status(), 401);
}

#[test]
fn a_server_that_answers_early_and_reads_on_gets_everything_and_keeps_the_connection() {
    let server = Script::once(|peer| {
        peer.request();
        peer.send(OK);
        assert_eq!(peer.content(5_000_000).len(), 5_000_000);
        assert!(peer.request().starts_with("GET"));
        peer.send(OK);
    });
    let agent = Agent::builder().keep_alive(true).build();
    let mut response = agent.request("PUT", server.url("/")).send_bytes(vec![1; 5_000_000]).unwrap();
    assert_eq!(response.text().unwrap(), "ok");
    let second = agent.get(server.url("/")).send().unwrap();
    assert!(second.is_reused());
    server.join();
}

#[test]
fn a_server_that_echoes_while_it_reads_does_not_stall() {
    let content: Vec<u8> = (0..200_000u32).map(|i| i as u8).collect();
    let server = Script::once(|peer| {
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
        for _ in 0..20 {
            let piece = peer.content(10_000);
            peer.send(&piece);
        }
    });
    let mut response = put(&server).send_bytes(&content).unwrap();
    let mut got = Vec::new();
    response.read_to_end(&mut got).unwrap();
    assert!(got == content);
    server.join();
}

#[test]
fn content_waits_for_100_continue() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let server = Script::once(|peer| {
        assert!(peer.request().contains("\r\nExpect: 100-continue\r\n"));
        assert!(peer.held.is_empty(), "the content was held back");
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(peer.content(5), b"hello");
        peer.send(OK);
    });
    let seen = told.clone();
    let mut response = put(&server)
        .header("Expect", "100-continue")
        .continue_timeout(None)
        .on_informational(move |head| {
            let link = head.fields.get("link").map(<[u8]>::to_vec);
            seen.lock().unwrap().push((head.status, link));
        })
        .send_bytes("hello")
        .unwrap();
    assert_eq!(response.text().unwrap(), "ok");
    assert_eq!(*told.lock().unwrap(), [(103, Some(b"</a>".to_vec())), (100, None)]);
    server.join();
}

#[test]
fn a_final_answer_instead_of_100_means_that_no_content_is_sent() {
    for streamed in [false, true] {
        let server = Script::once(|peer| {
            peer.request();
            peer.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno");
            assert_eq!(peer.end(), b"");
        });
        let agent = Agent::builder().keep_alive(true).build();
        let request = agent.request("PUT", server.url("/")).header("Expect", "100-continue");
        let request = request.continue_timeout(None);
        let response = if streamed {
            let mut upload = request.start().unwrap();
            assert!(upload.is_answered() && upload.write(b"hello").is_err());
            upload.finish().unwrap()
        } else {
            request.send_bytes("hello").unwrap()
        };
        let mut response = response;
        assert_eq!((response.status(), &*response.text().unwrap()), (417, "no"));
        assert_eq!(agent.totals().idle, 0, "the server may still wait for the content");
        server.join();
    }
}

#[test]
fn content_does_not_wait_for_100_longer_than_it_was_told() {
    let server = Script::once(|peer| {
        peer.request();
        assert_eq!(peer.content(5), b"hello");
        peer.send(OK);
    });
    let wait = Duration::from_millis(20);
    let request = put(&server).header("Expect", "100-continue").continue_timeout(wait);
    assert_eq!(request.send_bytes("hello").unwrap().text().unwrap(), "ok");
    server.join();
}

#[test]
fn a_reader_that_fails_fails_the_request_and_an_upload_that_is_dropped_is_aborted() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("disk on fire"))
        }
    }
    let server = Script::once(|peer| {
        peer.end();
    });
    let error = put(&server).send_reader(Broken).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Content(e) if e.to_string() == "disk on fire"), "{error:?}");
    server.join();

    let server = Script::once(|peer| {
        peer.request();
        assert_eq!(peer.end(), b"");
    });
    let agent = Agent::builder().keep_alive(true).build();
    let mut upload = agent.request("PUT", server.url("/")).start().unwrap();
    upload.flush().unwrap();
    drop(upload);
    assert_eq!(agent.totals().busy + agent.totals().idle, 0);
    server.join();
}

#[test]
fn a_reader_that_stops_reading_stops_the_server() {
    let (blocked, wait) = channel();
    let server = Script::once(move |peer| {
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        peer.socket.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
        let (piece, mut sent) = (vec![0; 1 << 16], 0);
        let error = loop {
            match peer.socket.write(&piece) {
                Ok(n) => sent += n,
                Err(error) => break error,
            }
        };
        assert!(
            matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
            "{error}"
        );
        blocked.send(sent).unwrap();
    });
    let response = Request::get(server.url("/")).one_shot().send().unwrap();
    let sent = wait.recv_timeout(PATIENCE).unwrap();
    assert!(sent < 100_000_000, "the system's buffers hold {sent} bytes, and we hold next to none");
    drop(response);
    server.join();
}

#[test]
fn a_connection_that_breaks_right_after_100_is_an_error_of_the_request() {
    /// Says 100 once the head came, and takes nothing more.
    struct Breaks(bool);
    impl Read for Breaks {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            (&b"HTTP/1.1 100 Continue\r\n\r\n"[..]).read(buf)
        }
    }
    impl Write for Breaks {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            match std::mem::replace(&mut self.0, true) {
                false => Ok(buf.len()),
                true => Err(std::io::Error::other("broken")),
            }
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl Transport for Breaks {
        fn set_read_timeout(&mut self, _: Option<Duration>) -> std::io::Result<()> {
            Ok(())
        }
        fn set_write_timeout(&mut self, _: Option<Duration>) -> std::io::Result<()> {
            Ok(())
        }
        fn shutdown(&mut self, _: std::net::Shutdown) -> std::io::Result<()> {
            Ok(())
        }
    }
    let agent = Agent::builder().keep_alive(true).create_connection(|_| Ok(Box::new(Breaks(false)))).build();
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = told.clone();
    let request = agent.request("POST", "http://h/").header("Expect", "100-continue");
    let request = request.on_informational(move |head| seen.lock().unwrap().push(head.status));
    let error = request.send_bytes("data").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Socket(e) if e.to_string() == "broken"), "{error:?}");
    assert_eq!(told.lock().unwrap()[0], 100);
    assert_eq!(agent.totals().busy + agent.totals().idle, 0);
}
