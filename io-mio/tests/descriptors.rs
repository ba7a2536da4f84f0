//! What happens when the system has no more sockets to give. Alone in its process, whose limit it lowers.
#![cfg(target_os = "linux")]

mod common;

use std::net::TcpStream;
use std::time::Duration;

use common::{Raw, serve, stop};
use h1wire_mio::{Request, Response};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn without_descriptors_clients_wait_and_the_server_does_not_spin() {
    let server = serve(|_: &Request<'_>, res: &mut Response<'_>| res.end("hello"));
    let mut first = Raw::to(&server);
    first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").until("hello");
    let mut held: Vec<_> =
        (0..8).map(|_| TcpStream::connect(server.local_addr().unwrap()).unwrap()).collect();
    common::wait_until("eight connections", || server.handle().counters().accepted == 9);
    // The client's sockets are this process's too: take all that are left, and give back one for the client.
    let most = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: most.maximum }).unwrap();
    let mut filling = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        filling.push(file);
    }
    filling.pop();
    let mut waiting = Raw::at(server.local_addr().unwrap());
    common::wait_until("a failure to accept", || server.handle().counters().accept_errors > 0);
    let before = cpu();
    // The time itself is what is measured here: nothing is waited for.
    std::thread::sleep(Duration::from_millis(300));
    assert!(cpu() - before < Duration::from_millis(60), "{:?} of processor time", cpu() - before);
    assert!(server.handle().counters().accept_errors < 20, "{:?}", server.handle().counters());
    first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").until("hello");
    drop(filling);
    held.clear();
    waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").until("hello");
    setrlimit(Resource::Nofile, most).unwrap();
    stop(server);
}
