//! Connections that go over to another protocol or become tunnels.

mod common;
#[path = "common/log.rs"]
mod log;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use common::{PATIENCE, Raw, serve, serve_with, stop, undated};
use h1wire_mio::proto::{Method, SendError};
use h1wire_mio::{Handler, Options, Report, Request, Response};
use log::log;

fn offer(target: &str, fields: &str, content: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n{fields}\r\n{content}"
    )
}

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: upgrade\r\n\r\n";

#[test]
fn a_connection_that_switches_may_stay_in_the_loop() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    client.send(offer("/raw", "", "first"));
    assert_eq!(client.until("first"), format!("{SWITCHED}first"));
    told.expect(&["upgrade /raw", "end", "data first"]);
    assert_eq!(client.send("GET / HTTP/1.1\r\n\r\n").until("\r\n\r\n"), "GET / HTTP/1.1\r\n\r\n");
    assert_eq!(client.half_close().rest(), "");
    assert_eq!(told.next(), "data GET / HTTP/1.1\\r\\n\\r\\n");
    told.expect(&["end", "finished /raw"]);
    assert_eq!(server.handle().counters().aborted, 0);
    assert_eq!(server.handle().counters().switched, 1);
    stop(server);
}

#[test]
fn a_connection_that_switches_may_leave_the_loop_with_what_was_read_too_much() {
    let (server, told) = log(Options::default());
    let got = Raw::to(&server).ask(offer("/take", "", "the first bytes"));
    assert_eq!(got, format!("{SWITCHED}the first bytes"));
    told.expect(&["upgrade /take", "end", "finished /take"]);
    stop(server);
}

#[test]
fn the_content_of_a_request_that_offers_a_switch_comes_first() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    client.send(offer("/raw", "Content-Length: 7\r\n", "content"));
    told.expect(&["upgrade /raw", "data content", "end"]);
    // Its handler echoed the content, and so it was too late to switch.
    assert!(client.until("content\r\n0\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
    stop(server);
}

#[test]
fn an_offer_that_is_not_taken_is_an_ordinary_request() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    assert!(client.send(offer("/x", "", "")).until("done").starts_with("HTTP/1.1 200 OK\r\n"));
    told.expect(&["upgrade /x", "end", "finished /x"]);
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").until("done");
    stop(server);
}

#[test]
fn connect_opens_a_tunnel_with_the_bytes_that_came_along() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    client.send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nearly");
    assert_eq!(client.until("early"), "HTTP/1.1 200 OK\r\nX: 1\r\n\r\nearly");
    told.expect(&["connect a:1", "data early"]);
    drop(client);
    stop(server);
}

#[test]
fn connect_that_nobody_takes_is_answered_with_501_and_closed() {
    struct Plain;
    impl Handler for Plain {
        type Exchange = ();
        fn request(&mut self, _: &Request<'_>, _: &mut Response<'_>) -> Option<()> {
            None
        }
    }
    let server = serve_with(Options::default(), |_| Plain);
    let got = Raw::to(&server).ask("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
    assert!(got.starts_with("HTTP/1.1 501 "), "{got}");
    stop(server);
}

/// Leads every tunnel to one place.
struct Tunnels(SocketAddr);

impl Handler for Tunnels {
    type Exchange = ();

    fn request(&mut self, _: &Request<'_>, _: &mut Response<'_>) -> Option<()> {
        panic!("CONNECT is no request like others")
    }

    fn connect(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        assert_eq!(req.method(), Method::Connect);
        let far_addr = self.0;
        let tunnel = res.tunnel_to(&(), move |upgraded| {
            std::thread::spawn(move || {
                let (mut near, first) = upgraded.into_tcp().unwrap();
                let mut far = std::net::TcpStream::connect(far_addr).unwrap();
                far.write_all(&first).unwrap();
                std::io::copy(&mut far, &mut near).unwrap();
            });
        });
        tunnel.unwrap();
        None
    }
}

#[test]
fn a_closure_is_not_shown_a_connect_which_is_answered_with_501() {
    let server = serve(|_: &Request<'_>, res: &mut Response<'_>| res.end("a tunnel to nowhere"));
    let got = Raw::to(&server).ask("CONNECT far:1 HTTP/1.1\r\nHost: far:1\r\n\r\n");
    assert!(got.starts_with("HTTP/1.1 501 ") && got.contains("Connection: close\r\n"), "{got}");
    stop(server);
}

#[test]
fn a_tunnel_reaches_another_server_from_a_thread_of_its_own() {
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let far_addr = far.local_addr().unwrap();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = far.accept().unwrap();
        let mut got = [0; 4];
        stream.read_exact(&mut got).unwrap();
        stream.write_all(&[b"got ", &got[..]].concat()).unwrap();
    });
    let server = serve_with(Options::default(), move |_| Tunnels(far_addr));
    let got = Raw::to(&server).ask("CONNECT far:1 HTTP/1.1\r\nHost: far:1\r\n\r\nping");
    assert_eq!(undated(&got), "HTTP/1.1 200 OK\r\n\r\ngot ping");
    answering.join().unwrap();
    stop(server);
}

#[test]
fn an_offer_behind_pipelined_requests_is_taken_after_their_answers() {
    let (server, told) = log(Options::default());
    let mut client = Raw::to(&server);
    let plain = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    let pipeline = [plain, plain, &offer("/raw", "", "first"), plain].concat();
    let got = client.send(pipeline).half_close().rest();
    let (answers, rest) = got.split_at(got.find("HTTP/1.1 101 ").unwrap());
    assert_eq!(
        (answers.matches("HTTP/1.1 200 OK\r\n").count(), answers.ends_with("done")),
        (2, true),
        "{got}"
    );
    assert_eq!(rest, format!("{SWITCHED}first{plain}"));
    for expected in ["request /x", "end", "request /x", "end", "upgrade /raw", "end"] {
        let mut next = told.next();
        while next.starts_with("finished") {
            next = told.next();
        }
        assert_eq!(next, expected);
    }
    stop(server);
}

/// Speaks first, and twice.
struct First(Sender<Option<u16>>);

impl Handler for First {
    type Exchange = ();

    fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        res.switch_here(&[("Upgrade", "raw")]).unwrap();
        res.write("hello").unwrap();
        Some(())
    }

    fn data(&mut self, (): &mut (), data: &[u8], res: &mut Response<'_>) {
        res.write(data).unwrap();
        res.finish().unwrap();
        assert_eq!(res.write("what is said behind the end").unwrap_err(), SendError::WrongState);
    }

    fn report(&mut self, _: Option<&mut ()>, report: &Report) {
        self.0.send(report.status).unwrap();
    }
}

#[test]
fn in_another_protocol_the_server_may_speak_first_and_not_behind_its_end() {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let server = serve_with(Options::default(), move |_| First(tell.lock().unwrap().clone()));
    let mut client = Raw::to(&server);
    assert_eq!(client.send(offer("/", "", "")).until("hello"), format!("{SWITCHED}hello"));
    assert_eq!(client.send("echo").rest(), "echo");
    drop(client);
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Some(101));
    assert_eq!(server.handle().counters().panics, 0);
    stop(server);
}
