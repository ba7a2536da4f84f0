//! The upload to disk.

use crate::{WAIT, pair, read_until, talk};
use h1wire_recipes::upload_to_disk::{Upload, serve_connection};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::path::PathBuf;
use std::time::Duration;

/// A folder of this test's own, gone when it is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("h1wire-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const CREATED: &str = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";

#[test]
fn uploads_of_every_framing_and_size_are_stored() {
    let folder = Folder::new("stored");
    let large = "0123456789abcdef".repeat(40_000);
    let half = large.len() / 2;
    let wire = format!(
        "PUT /small HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
         PUT /empty HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n\
         PUT /large HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{large}\
         PUT /chunked HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
         {half:x}\r\n{}\r\n{half:x}\r\n{}\r\n0\r\n\r\n",
        large.len(),
        &large[..half],
        &large[half..]
    );
    let answer =
        talk(&wire, |stream| serve_connection(stream, 1 << 20, |head| Upload::begin(&folder.0, head)));
    let last = "HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(answer, CREATED.repeat(3) + last);
    assert_eq!(folder.names(), ["chunked", "empty", "large", "small"]);
    for (name, content) in [("small", "abc"), ("empty", ""), ("large", &large), ("chunked", &large)] {
        assert!(fs::read_to_string(folder.0.join(name)).unwrap() == content, "{name}");
    }
}

#[test]
fn what_is_refused_is_not_sent_and_what_breaks_off_leaves_nothing() {
    let folder = Folder::new("refused");
    let serve = |stream| serve_connection(stream, 1000, |head| Upload::begin(&folder.0, head));
    let refused =
        talk("PUT /../x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", serve);
    assert_eq!(refused, "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let refused =
        talk("PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n", serve);
    assert_eq!(refused, "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");

    let (mut client, server) = pair();
    std::thread::scope(|scope| {
        let served = scope.spawn(|| serve(server));
        client
            .write_all(b"PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
            .unwrap();
        assert_eq!(read_until(&mut client, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(folder.names(), ["x.part"]);
        client.write_all(b"half").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        drop(client);
        served.join().unwrap().unwrap();
    });
    assert!(folder.names().is_empty());
}

#[test]
fn a_fast_client_waits_for_a_slow_disk() {
    const TOTAL: usize = 64 << 20;
    // A pipe is a file that takes nothing while nobody reads it.
    let (slow, disk) = std::io::pipe().unwrap();
    let disk = File::from(std::os::fd::OwnedFd::from(disk));
    let (mut client, server) = pair();
    std::thread::scope(|scope| {
        let served = scope.spawn(move || {
            serve_connection(server, u64::MAX, |_| Ok(Upload::into_file(disk.try_clone().unwrap())))
        });
        write!(client, "PUT /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {TOTAL}\r\n\r\n")
            .unwrap();
        client.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        let piece = vec![b'x'; 1 << 20];
        let mut sent = 0;
        let stalled = loop {
            match client.write(&piece[..piece.len().min(TOTAL - sent)]) {
                Ok(n) => sent += n,
                Err(e) => break e,
            }
            assert!(sent < TOTAL, "nothing held the client back");
        };
        assert_eq!(stalled.kind(), ErrorKind::WouldBlock);
        client.set_write_timeout(Some(WAIT)).unwrap();
        scope.spawn(move || {
            while sent < TOTAL {
                sent += client.write(&piece[..piece.len().min(TOTAL - sent)]).unwrap();
            }
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        });
        let stored = std::io::copy(&mut slow.take(TOTAL as u64), &mut std::io::sink()).unwrap();
        assert_eq!(stored, TOTAL as u64);
        served.join().unwrap().unwrap();
    });
}
