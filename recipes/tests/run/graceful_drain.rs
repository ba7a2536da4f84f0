//! The graceful drain.

use crate::{WAIT, read_until};
use h1wire_mio::{Request, Responder, Response, Running, Server};
use h1wire_recipes::graceful_drain::{run, signals};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::raise;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};

/// A server that answers `/now` at once, and lets somebody else answer the rest.
fn server() -> (Running, Receiver<Responder>) {
    let (later, pending) = channel();
    let answer = move |req: &Request<'_>, res: &mut Response<'_>| match req.target {
        b"/now" => res.end("now"),
        _ => {
            later.send(res.responder()).unwrap();
            Ok(())
        }
    };
    (Server::bind("127.0.0.1:0").unwrap().start(answer).unwrap(), pending)
}

fn ask(address: SocketAddr, target: &str) -> TcpStream {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(WAIT)).unwrap();
    write!(client, "GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    client
}

/// Signals are for the whole process, so this is one test.
#[test]
fn a_signal_lets_answers_finish_and_a_second_one_cuts_them_off() {
    let signals_seen = signals().unwrap();
    let (running, pending) = server();
    let address = running.local_addr().unwrap();
    let draining = std::thread::spawn(|| run(running, signals_seen, WAIT).unwrap());
    let mut idle = ask(address, "/now");
    assert!(read_until(&mut idle, "now").starts_with("HTTP/1.1 200 OK\r\n"));
    let mut busy = ask(address, "/later");
    let responder = pending.recv_timeout(WAIT).unwrap();
    raise(SIGTERM).unwrap();
    assert_eq!(idle.read(&mut [0]).unwrap(), 0, "a connection without a request is closed");
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    assert!(responder.respond(200, Default::default(), "late"));
    let mut answer = String::new();
    busy.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\r\nConnection: close\r\n") && answer.ends_with("\r\n\r\nlate"), "{answer}");
    drop(busy);
    let drained = draining.join().unwrap();
    assert_eq!((drained.finished, drained.cut), (2, 0));

    let signals_seen = signals().unwrap();
    let (running, pending) = server();
    let address = running.local_addr().unwrap();
    let draining = std::thread::spawn(|| run(running, signals_seen, WAIT).unwrap());
    let mut stuck = ask(address, "/later");
    let _responder = pending.recv_timeout(WAIT).unwrap();
    raise(SIGTERM).unwrap();
    raise(SIGINT).unwrap();
    let mut nothing = Vec::new();
    let _ = stuck.read_to_end(&mut nothing);
    assert!(nothing.is_empty());
    let drained = draining.join().unwrap();
    assert_eq!((drained.finished, drained.cut), (0, 1));
}
