//! A server whose handler asks other servers, in the same loop.

mod common;
#[path = "../../io-std/tests/client/script.rs"]
#[allow(dead_code)]
mod script;

use std::sync::mpsc::{Sender, channel};

use common::{Raw, stop};
use h1wire_mio::client::{self, CallId, Event};
use h1wire_mio::proto::{BodyKind, Fields};
use h1wire_mio::{Handler, Options, Request, Response, Running, Server};
use script::{PATIENCE, Peer, Script};

/// Passes requests on, with as little as it takes.
struct Relay {
    to: String,
    /// Where exchanges go when they are over.
    over: Sender<&'static str>,
}

struct Passing(CallId);

impl Handler for Relay {
    type Exchange = Passing;

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Passing> {
        let method = String::from_utf8_lossy(req.method.as_bytes()).into_owned();
        let target = String::from_utf8_lossy(req.target).into_owned();
        let request = client::Request::new(&method, &self.to).path(&target);
        let request = match req.body {
            BodyKind::None => request,
            BodyKind::Length(n) => request.header("Content-Length", n.to_string()).streamed(),
            _ => request.streamed(),
        };
        match res.upstream(request) {
            Ok(id) => Some(Passing(id)),
            Err(error) => {
                res.status(502).end(error.to_string()).unwrap();
                None
            }
        }
    }

    fn data(&mut self, Passing(id): &mut Passing, data: &[u8], res: &mut Response<'_>) {
        if !res.call(*id).unwrap().write(data).unwrap() {
            res.pause();
        }
    }

    fn end(&mut self, Passing(id): &mut Passing, _: Fields<'_, '_>, res: &mut Response<'_>) {
        res.call(*id).unwrap().finish().unwrap();
    }

    fn drain(&mut self, Passing(id): &mut Passing, res: &mut Response<'_>) {
        res.call(*id).unwrap().resume();
    }

    fn upstream(&mut self, _: &mut Passing, id: CallId, event: Event<'_>, res: &mut Response<'_>) {
        match event {
            Event::Response(head) => {
                res.status(head.status);
                if let BodyKind::Length(n) = head.body {
                    res.content_length(n);
                }
                res.send_head().unwrap();
            }
            Event::Data(data) => {
                let room = res.write(data).unwrap();
                if !room {
                    res.call(id).unwrap().pause();
                }
            }
            Event::Drain => res.resume(),
            Event::End(_) if res.call(id).unwrap().is_complete() => res.finish().unwrap(),
            Event::Error(error) if res.is_head_sent() => {
                let _ = error;
                res.abort();
            }
            Event::Error(error) => res.status(502).end(error.to_string()).unwrap(),
            _ => {}
        }
    }

    fn spare(&mut self, request: client::Request) {
        let again = request.renew("GET", "/again");
        assert_eq!((again.target(), again.headers().len()), ("/again", 0));
        let _ = self.over.send("spare");
    }

    fn finished(&mut self, _: Passing) {
        let _ = self.over.send("finished");
    }

    fn aborted(&mut self, _: Passing) {
        let _ = self.over.send("aborted");
    }
}

fn relay(to: &str) -> (Running, std::sync::mpsc::Receiver<&'static str>) {
    let (over, told) = channel();
    let to = to.to_owned();
    let server = Server::bind("127.0.0.1:0").unwrap().client(client::Options::default());
    let running = server.start_with(move |_| Relay { to: to.clone(), over: over.clone() }).unwrap();
    (running, told)
}

/// How the next exchange ended.
fn over(told: &std::sync::mpsc::Receiver<&'static str>) -> &'static str {
    std::iter::repeat_with(|| told.recv_timeout(PATIENCE).unwrap()).find(|told| *told != "spare").unwrap()
}

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|at| (at / 7 + at % 251) as u8).collect()
}

#[test]
fn a_handler_asks_another_server_over_one_kept_connection() {
    let origin = Script::kept([
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none",
        "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\ntwo",
    ]);
    let (server, told) = relay(&origin.url("/"));
    let mut client = Raw::at(server.local_addr().unwrap());
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = client.until("one");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    client.send("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = client.until("two");
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let all: Vec<_> = (0..4).map(|_| told.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(all, ["spare", "finished", "spare", "finished"]);
    drop(client);
    stop(server);
    origin.join();
}

#[test]
fn content_flows_both_ways_at_once_and_a_slow_reader_slows_the_origin() {
    const SIZE: usize = 4 << 20;
    let origin = Script::once(|peer| {
        peer.request();
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").as_bytes());
        // It echoes, and keeps nothing.
        let (mut left, mut buf) = (SIZE, vec![0; 16 * 1024]);
        let held = std::mem::take(&mut peer.held);
        peer.send(&held);
        left -= held.len();
        while left > 0 {
            let n = std::io::Read::read(&mut peer.socket, &mut buf).unwrap();
            assert!(n > 0, "cut off");
            peer.send(&buf[..n]);
            left -= n;
        }
        peer.end();
    });
    let (server, told) = relay(&origin.url("/"));
    let socket = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut writer = socket.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        use std::io::Write;
        write!(writer, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\n\r\n").unwrap();
        writer.write_all(&pattern(SIZE)).unwrap();
    });
    let mut peer = Peer { socket, held: Vec::new() };
    assert!(peer.request().starts_with("HTTP/1.1 200 "));
    assert!(peer.content(SIZE) == pattern(SIZE), "other bytes");
    sending.join().unwrap();
    assert_eq!(over(&told), "finished");
    drop(peer);
    stop(server);
    origin.join();
}

#[test]
fn a_client_that_leaves_cancels_its_upstream_request() {
    let (asked, wait) = channel();
    let origin = Script::once(move |peer| {
        peer.request();
        asked.send(()).unwrap();
        assert_eq!(peer.end(), b"");
    });
    let (server, told) = relay(&origin.url("/"));
    let client = Raw::at(server.local_addr().unwrap());
    let mut client = client;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait.recv_timeout(PATIENCE).unwrap();
    socket2::SockRef::from(&client.0).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(client);
    assert_eq!(over(&told), "aborted");
    origin.join();
    stop(server);
}

#[test]
fn an_origin_that_is_cut_off_is_a_cut_answer_and_one_that_is_not_there_is_502() {
    let origin = Script::answers(["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf!"]);
    let (server, told) = relay(&origin.url("/"));
    let mut client = Raw::at(server.local_addr().unwrap());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = client.rest();
    assert!(answer.ends_with("half!") && answer.contains("Content-Length: 10\r\n"), "{answer}");
    assert_eq!(over(&told), "aborted");
    origin.join();
    let mut client = Raw::at(server.local_addr().unwrap());
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = client.rest();
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("could not connect"), "{answer}");
    assert_eq!(over(&told), "finished");
    stop(server);
}

#[test]
fn a_loop_without_a_client_says_so() {
    let (over, _told) = channel();
    let make = move |_| Relay { to: "http://127.0.0.1:1/".into(), over: over.clone() };
    let server = Server::bind("127.0.0.1:0").unwrap().options(Options::default()).start_with(make).unwrap();
    let mut client = Raw::at(server.local_addr().unwrap());
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(client.rest().ends_with("this server's loop has no client"));
    stop(server);
}
