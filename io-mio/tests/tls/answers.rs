//! Requests and answers in a session, of all sizes.

use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc::channel;

use h1wire_mio::proto::Fields;
use h1wire_mio::{Handler, Request, Response, TlsStream};

use crate::common::{options, stop, wait_until};
use crate::log::FLOOD;
use crate::{Authority, Client};

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_handler_knows_the_session_of_a_request() {
    let authority = Authority::new();
    let server = authority
        .server()
        .start(|_: &Request<'_>, res: &mut Response<'_>| {
            let session = res.stream().downcast_ref::<TlsStream>().unwrap();
            let alpn = session.alpn().unwrap_or(b"none").escape_ascii();
            let text = format!(
                "{alpn} {} {}",
                session.server_name().unwrap(),
                res.stream().peer_addr().unwrap().ip()
            );
            res.end(text)
        })
        .unwrap();
    let mut client = authority.client(&server);
    for _ in 0..3 {
        client.send(GET).until("http/1.1 localhost 127.0.0.1");
    }
    let mut silent = Client::new(authority.client_config(&[]), &server);
    silent.send(GET).until("none localhost 127.0.0.1");
    let both = authority.client_config(&[b"h2", b"http/1.1"]);
    Client::new(both, &server).send(GET).until("http/1.1 localhost 127.0.0.1");
    wait_until("five requests", || server.handle().counters().requests == 5);
    stop(server);
}

#[test]
fn what_is_left_in_the_session_is_served_without_another_event() {
    let authority = Authority::new();
    // One record brings many times what is read at once.
    let server = authority
        .server()
        .options(options(|o| o.read_buffer = 1024))
        .start(|req: &Request<'_>, res: &mut Response<'_>| res.end(req.target))
        .unwrap();
    let mut client = authority.client(&server);
    let request = |n| format!("GET /{n:04} HTTP/1.1\r\nHost: a\r\n\r\n");
    let all: String = (0..400).map(request).collect();
    assert!(all.len() < 16_384);
    let got = client.send(all).until("\r\n\r\n/0399");
    let order: Vec<_> = got.match_indices("\r\n\r\n/").map(|(at, _)| &got[at + 5..at + 9]).collect();
    assert_eq!(order, (0..400).map(|n| format!("{n:04}")).collect::<Vec<_>>());
    stop(server);
}

#[test]
fn a_request_left_in_the_session_waits_for_the_answer_before_it() {
    let authority = Authority::new();
    let (tell, told) = channel();
    let tell = std::sync::Mutex::new(tell);
    let server = authority
        .server()
        .options(options(|o| o.read_buffer = 1024))
        .start(move |req: &Request<'_>, res: &mut Response<'_>| {
            if req.target != b"/later" {
                return res.end(req.target);
            }
            tell.lock().unwrap().send(res.responder()).unwrap();
            Ok(())
        })
        .unwrap();
    let mut client = authority.client(&server);
    let padding = "x".repeat(3000);
    client.send(format!(
        "GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /last HTTP/1.1\r\nHost: a\r\nX: {padding}\r\n\r\n"
    ));
    let responder = told.recv_timeout(crate::common::PATIENCE).unwrap();
    responder.respond(200, h1wire_mio::proto::Headers::new(), "late");
    let got = client.until("/last");
    assert!(got.contains("\r\n\r\nlate"), "{got}");
    stop(server);
}

/// Echoes content as fast as it is read.
struct Echo;

impl Handler for Echo {
    type Exchange = ();

    fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        res.send_head().unwrap();
        Some(())
    }

    fn data(&mut self, _: &mut (), data: &[u8], res: &mut Response<'_>) {
        if !res.write(data).unwrap() {
            res.pause();
        }
    }

    fn drain(&mut self, _: &mut (), res: &mut Response<'_>) {
        res.resume();
    }

    fn end(&mut self, _: &mut (), _: Fields<'_, '_>, res: &mut Response<'_>) {
        res.finish().unwrap();
    }
}

#[test]
fn large_content_passes_both_ways_and_a_reader_that_stops_stops_the_writer() {
    let authority = Authority::new();
    let server = authority.server().start_with(|_| Echo).unwrap();
    let mut client = authority.client(&server);
    let content: Vec<u8> = (0..24u32 << 20).map(|i| (i % 241) as u8).collect();
    client.send(format!("POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n", content.len()));
    // The client only writes, until what is echoed fills everything and nothing more is taken.
    client.0.sock.set_nonblocking(true).unwrap();
    let mut written = 0;
    let mut stuck = 0;
    while stuck < 50 {
        use std::io::Write;
        let n = client.0.conn.writer().write(&content[written..content.len().min(written + 16_384)]).unwrap();
        written += n;
        match client.0.conn.write_tls(&mut client.0.sock) {
            Ok(_) => stuck = 0,
            Err(e) => {
                assert_eq!(e.kind(), std::io::ErrorKind::WouldBlock);
                stuck += 1;
                // Nobody says when a peer will never read again: it is given some time.
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        }
        assert!(written < content.len(), "the server took everything without its answer being read");
    }
    // Then it reads as well, a little at a time.
    let (mut got, mut piece) = (Vec::with_capacity(content.len()), [0; 3000]);
    let begun = std::time::Instant::now();
    while !got.ends_with(&content[content.len() - 1000..]) || got.len() < content.len() {
        use std::io::{Read, Write};
        assert!(begun.elapsed() < 3 * crate::common::PATIENCE, "{} bytes came", got.len());
        written +=
            client.0.conn.writer().write(&content[written..content.len().min(written + 16_384)]).unwrap();
        if client.0.conn.wants_write() {
            let _ = client.0.conn.write_tls(&mut client.0.sock);
        }
        if client.0.conn.wants_read() && client.0.conn.read_tls(&mut client.0.sock).is_ok() {
            client.0.conn.process_new_packets().unwrap();
        }
        while let Ok(n) = client.0.conn.reader().read(&mut piece) {
            got.extend_from_slice(&piece[..n]);
            if n == 0 {
                break;
            }
        }
    }
    assert!(got.ends_with(&content), "what came is not what was sent");
    stop(server);
}

#[test]
fn a_writer_waits_for_the_reader_and_goes_on_with_it() {
    let authority = Authority::new();
    let (server, told) = authority.log(options(|_| ()));
    let mut client = authority.client(&server);
    client.send("GET /flood HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(told.next(), "request /flood");
    let sent = || server.handle().counters().bytes_sent;
    let mut before = 0;
    // It is stuck when nothing was sent for some time.
    wait_until("the writer's stop", || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        std::mem::replace(&mut before, sent()) == sent() && sent() > 0
    });
    assert!((sent() as usize) < FLOOD);
    assert_eq!(client.rest().matches('x').count(), FLOOD);
    let mut last = String::new();
    while last != "finished /flood" {
        last = told.next();
    }
    stop(server);
}

#[test]
fn files_are_sent_through_the_session() {
    let authority = Authority::new();
    let path = std::env::temp_dir().join(format!("h1wire-mio-tls-{}", std::process::id()));
    let content: String = (0..60_000).map(|i| format!("{i:05}")).collect();
    std::fs::write(&path, &content).unwrap();
    let file = Arc::new(File::open(&path).unwrap());
    let len = content.len() as u64;
    let server = authority
        .server()
        .start(move |_: &Request<'_>, res: &mut Response<'_>| {
            res.content_length(len - 7).write_file(file.clone(), 7, len - 7)?;
            res.finish()
        })
        .unwrap();
    let mut client = authority.client(&server);
    for _ in 0..2 {
        let got = client.send(GET).until(&content[content.len() - 100..]);
        assert!(got.ends_with(&content[7..]));
    }
    std::fs::remove_file(&path).unwrap();
    stop(server);
}
