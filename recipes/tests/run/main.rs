//! Each recipe at work, over sockets on the loopback interface or in memory. Waiting is for the thing itself, within
//! `WAIT`.

mod capture;
mod clients;
mod connect_proxy;
mod early_hints;
#[cfg(unix)]
mod graceful_drain;
mod https;
#[cfg(target_os = "linux")]
mod io_uring_server;
mod own_io;
mod page;
mod reverse_proxy;
mod rustls_by_hand;
mod server_sent_events;
mod tokio_server;
#[cfg(target_os = "linux")]
mod upload_to_disk;
mod websocket;

use h1wire_recipes::Result;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// No test waits longer than this for anything.
const WAIT: Duration = Duration::from_secs(20);

/// A connected pair: the client's end, and the server's.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = connect(&listener);
    (client, listener.accept().unwrap().0)
}

fn connect(listener: &TcpListener) -> TcpStream {
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(WAIT)).unwrap();
    client.set_write_timeout(Some(WAIT)).unwrap();
    client
}

/// The next connection, on a listener that may never have one.
fn accept(listener: &TcpListener) -> TcpStream {
    let (accepted, waiting) = std::sync::mpsc::channel();
    let listener = listener.try_clone().unwrap();
    std::thread::spawn(move || accepted.send(listener.accept()));
    let (stream, _) = waiting.recv_timeout(WAIT).expect("nobody connected").unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    stream.set_write_timeout(Some(WAIT)).unwrap();
    stream
}

/// What comes back for `wire` until the server closes, without `Date` lines. The client's half stays open.
fn talk(wire: &str, serve: impl FnOnce(TcpStream) -> Result + Send) -> String {
    let (mut client, server) = pair();
    std::thread::scope(|scope| {
        let served = scope.spawn(|| serve(server));
        client.write_all(wire.as_bytes()).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        drop(client);
        served.join().unwrap().unwrap();
        undated(&answer)
    })
}

/// Reads until what came, without `Date` lines, ends with `end`.
fn read_until(client: &mut impl Read, end: &str) -> String {
    let mut answer = Vec::new();
    while !undated(&answer).ends_with(end) {
        let mut buffer = [0; 1024];
        let n = client.read(&mut buffer).unwrap();
        assert!(n > 0, "the stream ended before {end:?}: {}", answer.escape_ascii());
        answer.extend_from_slice(&buffer[..n]);
    }
    undated(&answer)
}

fn undated(wire: &[u8]) -> String {
    let text = String::from_utf8_lossy(wire);
    text.split_inclusive('\n').filter(|line| !line.starts_with("Date: ")).collect()
}
