//! With the feature `log`, an exchange in which something went wrong has a line.
#![cfg(all(feature = "log", unix))]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use h1wire_std::Server;
use log::{Level, Log, Metadata, Record};

struct Lines(Mutex<Vec<(Level, String)>>);

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &Record<'_>) {
        if record.target() == "h1wire_std::server" {
            self.0.lock().unwrap().push((record.level(), record.args().to_string()));
        }
    }
    fn flush(&self) {}
}

static LINES: Lines = Lines(Mutex::new(Vec::new()));

#[test]
fn what_went_wrong_is_one_line_that_names_the_connection_the_exchange_and_the_error() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let server = Server::bind("127.0.0.1:0").unwrap().start(|req, res| match req.path() {
        b"/error" => Err(io::Error::other("the database is gone")),
        _ => res.end("fine"),
    });
    let server = server.unwrap();
    let mut peer = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let own = peer.local_addr().unwrap();
    peer.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /error HTTP/1.1\r\nHost: a\r\n\r\nBAD\r\n\r\n")
        .unwrap();
    peer.read_to_end(&mut Vec::new()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while LINES.0.lock().unwrap().len() < 2 {
        assert!(Instant::now() < deadline, "{:?}", LINES.0);
        std::thread::yield_now();
    }
    let lines = LINES.0.lock().unwrap();
    let handler = format!("connection of {own}, exchange 2, GET /error: Handler: the database is gone");
    assert_eq!(lines[0], (Level::Error, handler));
    let client = format!("connection of {own}, exchange 3, no request: Protocol(BadMethod): ");
    assert!(lines[1].0 == Level::Info && lines[1].1.starts_with(&client), "{:?}", lines[1]);
    assert_eq!(lines.len(), 2, "and nothing about what went well");
}
