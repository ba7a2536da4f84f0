//! A client that leaves while it is written to kills nobody, also where the process has not set `SIGPIPE` aside, as Rust's
//! own start does and a program in C that has a part in Rust does not.
#![cfg(unix)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use h1wire_std::{Agent, Server};
use signal_hook::consts::SIGPIPE;

const SOON: Duration = Duration::from_secs(10);

/// Gives the signal back what it does by default, which is to kill.
fn be_mortal() {
    signal_hook::flag::register_conditional_default(SIGPIPE, Arc::new(AtomicBool::new(true))).unwrap();
}

/// Runs a test of this file in a process of its own.
fn run(test: &str) -> Output {
    let own = std::env::current_exe().unwrap();
    Command::new(own).args(["--ignored", "--exact", test]).output().unwrap()
}

#[test]
fn a_client_that_leaves_kills_no_server_and_no_client() {
    let output = run("in_a_process_of_its_own");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(" 1 passed"), "{said}");
    // The proof that it could.
    assert_eq!(run("a_careless_writer").status.signal(), Some(SIGPIPE));
}

#[test]
#[ignore = "run by the other test, in a process of its own"]
fn a_careless_writer() {
    be_mortal();
    let (near, far) = UnixStream::pair().unwrap();
    drop(far);
    // By `write(2)`, which has no flag against it; newer standard libraries use another call for sockets.
    let mut near = std::fs::File::from(std::os::fd::OwnedFd::from(near));
    for _ in 0..100 {
        let _ = near.write(b"x");
    }
}

#[test]
#[ignore = "run by the other test, in a process of its own"]
fn in_a_process_of_its_own() {
    be_mortal();
    let path = std::env::temp_dir().join(format!("h1wire-sigpipe-{}.sock", std::process::id()));
    let (tell, failed) = channel();
    let tell = Mutex::new(tell);
    let server = Server::bind_unix(&path)
        .unwrap()
        .and(Server::bind("127.0.0.1:0").unwrap())
        .on_upgrade(["raw"], |_, res| {
            let mut stream = res.switch(&[("Upgrade", "raw")])?;
            while stream.write_all(&[b'x'; 4096]).is_ok() {}
            Err(std::io::ErrorKind::BrokenPipe.into())
        })
        .on_closed(move |_| tell.lock().unwrap().send(()).unwrap())
        .start(|_, res| {
            let chunk = [b'x'; 4096];
            while res.write_all(&chunk).is_ok() {}
            Ok(())
        })
        .unwrap();
    let addr = server.local_addr().unwrap();
    let plain = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let raw = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n";
    fn leave(mut stream: impl Read + Write, request: &str) {
        stream.write_all(request.as_bytes()).unwrap();
        stream.read_exact(&mut [0; 1000]).unwrap();
    }
    for request in [plain, raw] {
        leave(UnixStream::connect(&path).unwrap(), request);
        failed.recv_timeout(SOON).unwrap();
        leave(TcpStream::connect(addr).unwrap(), request);
        failed.recv_timeout(SOON).unwrap();
        // A stream of std's own, too.
        let (near, far) = UnixStream::pair().unwrap();
        server.handle().inject(near).unwrap();
        leave(far, request);
        failed.recv_timeout(SOON).unwrap();
    }
    // The other way round: a server that leaves an upload.
    let (near, far) = (path.with_extension("gone"), path.with_extension("gone"));
    let gone = std::os::unix::net::UnixListener::bind(near).unwrap();
    let left = std::thread::spawn(move || drop(gone.accept().unwrap()));
    let agent = Agent::builder().build();
    let mut upload = agent.request("PUT", "http://a/").socket_path(&far).start().unwrap();
    left.join().unwrap();
    while upload.write_all(&[b'x'; 65536]).is_ok() {}
    std::fs::remove_file(far).unwrap();
    server.shutdown(SOON);
    server.join().unwrap();
}
