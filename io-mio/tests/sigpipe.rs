//! A client that leaves while it is written to kills nobody, also where the process has not set `SIGPIPE` aside, as Rust's
//! own start does and a program in C that has a part in Rust does not.
#![cfg(unix)]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::sleep;
use std::time::Duration;

use common::{stop, wait_until};
use h1wire_mio::{Request, Response, Server};
use signal_hook::consts::SIGPIPE;

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
fn a_client_that_leaves_kills_no_server() {
    let output = run("in_a_process_of_its_own");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(" 1 passed"), "{:?}: {said}", output.status);
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

/// Asks, reads a little, and leaves; the server finds out while it writes.
fn leave(mut stream: impl Read + Write, target: &str) {
    stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
    stream.read_exact(&mut [0; 64]).unwrap();
}

#[test]
#[ignore = "run by the other test, in a process of its own"]
fn in_a_process_of_its_own() {
    be_mortal();
    let folder = std::env::temp_dir().join(format!("h1wire-mio-sigpipe-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (socket, file) = (folder.join("socket"), folder.join("file"));
    std::fs::write(&file, vec![b'x'; 8 << 20]).unwrap();
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .and(Server::bind_unix(&socket).unwrap())
        .start(move |req: &Request<'_>, res: &mut Response<'_>| {
            if req.target() == b"/file" {
                let file = Arc::new(std::fs::File::open(&file).unwrap());
                res.write_file(file.clone(), 0, 8 << 20).unwrap();
                res.write_file(file, 0, 8 << 20).unwrap();
            } else {
                for _ in 0..1000 {
                    res.write([b'x'; 16384]).unwrap();
                }
            }
            res.finish().unwrap();
        })
        .unwrap();
    let mut clients = 0;
    for _ in 0..20 {
        for target in ["/file", "/memory"] {
            leave(TcpStream::connect(server.local_addr().unwrap()).unwrap(), target);
            leave(UnixStream::connect(&socket).unwrap(), target);
            // One that says that it reads no more, so that a write fails before anything is known.
            let slow = TcpStream::connect(server.local_addr().unwrap()).unwrap();
            leave(&slow, target);
            let _ = slow.shutdown(Shutdown::Read);
            sleep(Duration::from_millis(1));
            clients += 3;
        }
    }
    wait_until("the end of all", || server.handle().counters().closed == clients);
    stop(server);
    std::fs::remove_dir_all(&folder).unwrap();
}
