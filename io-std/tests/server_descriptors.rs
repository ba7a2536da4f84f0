//! A process without descriptors: alone in its test, for the limit is the process's.
#![cfg(unix)]

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use h1wire_std::Server;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const SOON: Duration = Duration::from_secs(10);

fn ask(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(GET).unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\nx") {
        let mut buf = [0; 1024];
        let n = stream.read(&mut buf).unwrap();
        assert!(n > 0, "{}", seen.escape_ascii());
        seen.extend_from_slice(&buf[..n]);
    }
}

fn wait_until(what: &str, is: impl Fn() -> bool) {
    let until = Instant::now() + SOON;
    while !is() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn without_descriptors_the_longest_idle_connection_makes_room_and_nothing_spins() {
    let server = Server::bind("127.0.0.1:0").unwrap().threads(2).start(|_, res| res.end("x")).unwrap();
    let addr = server.local_addr().unwrap();
    let mut first = TcpStream::connect(addr).unwrap();
    ask(&mut first);
    wait_until("it is watched", || server.handle().parked() > 0);
    // These wait for the server, whose descriptors are about to end.
    let limits = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: limits.maximum }).unwrap();
    let mut hoard = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        hoard.push(file);
    }
    drop(hoard.pop());
    // The client's end takes the last one.
    let mut second = TcpStream::connect(addr).unwrap();
    wait_until("accepting fails", || server.handle().counters().accept_errors > 0);
    ask(&mut second);
    assert_eq!(first.read(&mut [0]).unwrap(), 0, "the idle connection made room");
    // With nobody idle, it is tried again now and then.
    let begun = &GET[..GET.len() - 2];
    second.write_all(begun).unwrap();
    let bytes = (2 * GET.len() + begun.len()) as u64;
    wait_until("its head is begun", || server.handle().counters().bytes_received == bytes);
    drop(first);
    let mut third = TcpStream::connect(addr).unwrap();
    let before = server.handle().counters().accept_errors;
    wait_until("accepting fails", || server.handle().counters().accept_errors > before);
    let (began, before) = (Instant::now(), server.handle().counters().accept_errors);
    wait_until("it is tried again", || server.handle().counters().accept_errors >= before + 3);
    assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());
    hoard.clear();
    ask(&mut third);
    setrlimit(Resource::Nofile, limits).unwrap();
    second.write_all(b"\r\n").unwrap();
    let mut answer = [0; 12];
    second.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}
