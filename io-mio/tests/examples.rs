//! The examples, as they are built, each asked for what it is there for, and by clients of all kinds. `cargo test` builds
//! them; `cargo test --test examples` alone does not. Those whose answers go on and on are in `streams`.

mod common;
#[path = "common/example.rs"]
mod example;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;

use common::{Raw, wait_until};
use example::{ANY, Example, H2C, is_answered_to_everybody, program, status, survives};

#[test]
fn every_example_has_help_and_says_what_is_wrong_and_where() {
    let taken = TcpListener::bind(ANY).unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for (name, folder) in [
        ("hello", None),
        ("echo", None),
        ("hints", None),
        ("events", None),
        ("websocket", None),
        ("upload", Some(".")),
    ] {
        let run = |args: &[&str]| {
            let output = program(name)?.args(args).output().unwrap();
            let text = |bytes| String::from_utf8(bytes).unwrap();
            Some((output.status.code().unwrap(), text(output.stdout), text(output.stderr)))
        };
        let with = |args: &[&str]| run(&folder.into_iter().chain(args.iter().copied()).collect::<Vec<_>>());
        let Some((code, out, err)) = run(&["--help"]) else { continue };
        assert!(code == 0 && err.is_empty(), "{name}: {err}");
        assert!(out.contains(&format!("Usage: {name} ")) && out.contains("--listen ADDRESS"), "{out}");
        for (ended, code, words) in [
            (with(&["--what"]), 2, "--what"),
            (with(&["--listen"]), 2, "--listen"),
            (with(&[ANY, "more"]), 2, "more"),
            (with(&["--listen", &addr]), 1, &*format!("{addr}: Address already in use")),
            (with(&[&addr]), 1, &format!("{addr}: Address already in use")),
        ] {
            let (got, out, err) = ended.unwrap();
            assert!(got == code && out.is_empty(), "{name}: {out}{err}");
            assert!(err.starts_with(&format!("{name}: ")) && err.contains(words), "{err}");
        }
        if folder.is_some() {
            assert!(run(&[]).unwrap().2.contains("which folder?"));
            assert!(run(&["/no/such", ANY]).unwrap().2.contains("/no/such: No such file"));
        }
    }
}

#[test]
fn hello_says_hello_to_everybody() {
    let Some(hello) = Example::start("hello", &[ANY]) else { return };
    is_answered_to_everybody(&hello, "/any", "hello\n");
    assert_eq!(hello.status("POST / HTTP/1.1"), 200);
}

#[test]
fn echo_tells_method_target_and_content() {
    let Some(echo) = Example::start("echo", &["--listen", ANY]) else { return };
    // Old clients get no chunks, in which the content was written.
    for (request, content) in [
        (
            "POST /x HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
            r#"{"method":"POST","target":"/x","body_hex":"616263"}"#,
        ),
        ("GET /%22\\ HTTP/1.0\r\n\r\n", r#"{"method":"GET","target":"/%22\\","body_hex":""}"#),
    ] {
        let got = echo.ask(request);
        assert!(got.ends_with(&format!("\r\n\r\n{content}\n")), "{got}");
    }
    let head = echo.last("HEAD / HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    let offer = format!("GET http://a/ HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\n{H2C}");
    let got = echo.last(offer.trim_end());
    assert!(got.contains(r#""target":"http://a/""#) && got.ends_with("\r\n0\r\n\r\n"), "{got}");
    survives(&echo);
}

/// RFC 9110 section 10.1.1: an answer before 100 would be a refusal.
#[test]
fn echo_tells_a_client_that_waits_to_go_on_before_it_answers() {
    let Some(echo) = Example::start("echo", &[ANY]) else { return };
    let mut client = Raw::at(echo.addr);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    let begun = client.send(head).until("body_hex\":\"\r\n");
    assert!(begun.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{begun}");
    assert!(client.ask("abc").contains("616263"));
}

#[test]
fn echo_reads_no_more_than_its_client_reads() {
    const LEN: usize = 32 << 20;
    let Some(echo) = Example::start("echo", &[ANY]) else { return };
    let mut client = Raw::at(echo.addr);
    client.send(format!("PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {LEN}\r\n\r\n"));
    // What is sent without reading has to come to a stop, and goes on when there is a reader.
    let mut sender = client.0.try_clone().unwrap();
    let piece = [b'x'; 1 << 16];
    sender.set_nonblocking(true).unwrap();
    let mut sent = 0;
    let mut stuck = 0;
    while stuck < 100 && sent < LEN {
        match sender.write(&piece[..piece.len().min(LEN - sent)]) {
            Ok(n) => (sent, stuck) = (sent + n, 0),
            Err(_) => {
                stuck += 1;
                let mut ready = [rustix::event::PollFd::new(&sender, rustix::event::PollFlags::OUT)];
                let a_while = rustix::time::Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
                rustix::event::poll(&mut ready, Some(&a_while)).unwrap();
            }
        }
    }
    assert!(sent < LEN, "all of it was taken");
    sender.set_nonblocking(false).unwrap();
    let rest = std::thread::spawn(move || {
        while sent < LEN {
            sent += sender.write(&piece[..piece.len().min(LEN - sent)]).unwrap();
        }
    });
    let mut got = 0;
    let mut buf = vec![0; 1 << 16];
    while let n @ 1.. = client.0.read(&mut buf).unwrap() {
        got += n;
    }
    rest.join().unwrap();
    assert!(got > 2 * LEN, "{got}");
}

/// A folder, and `upload` storing in it.
struct Upload {
    folder: PathBuf,
    example: Example,
}

impl Upload {
    fn start(name: &str) -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("h1wire-mio-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let example = Example::start("upload", &[folder.to_str().unwrap(), ANY])?;
        Some(Self { folder, example })
    }

    fn put(&self, name: &str, fields: &str, content: &str) -> u16 {
        let head = format!("PUT {name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}");
        status(&self.example.ask(&format!("{head}Content-Length: {}\r\n\r\n{content}", content.len())))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// What is in the folder.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn upload_stores_whole_files_and_no_others() {
    let Some(upload) = Upload::start("upload") else { return };
    // More than may wait for the disk.
    let content: String = (0..600_000).map(|n| format!("{n:05}")).collect();
    assert_eq!(upload.put("/whole", "", &content), 201);
    assert!(upload.read("whole") == content);
    assert_eq!(upload.put("/whole", "", "other"), 204, "RFC 9110 section 9.3.4");
    assert_eq!(upload.read("whole"), "other");
    assert_eq!(upload.put("/empty", "", ""), 201);
    assert_eq!(upload.read("empty"), "");
    // Those that break off, in either framing.
    let head = "HTTP/1.1\r\nHost: a\r\nConnection: close";
    for request in [
        format!("PUT /part {head}\r\nContent-Length: 100\r\n\r\nabc"),
        format!("PUT /part {head}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        format!("PUT /whole {head}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx"),
    ] {
        Raw::at(upload.example.addr).send(&request).half_close().rest();
        Raw::at(upload.example.addr).send(&request);
    }
    wait_until("that what was begun is removed", || upload.names() == ["empty", "whole"]);
    assert_eq!(upload.read("whole"), "other");
}

#[test]
fn upload_stores_under_the_path_and_only_under_plain_names() {
    let Some(upload) = Upload::start("upload-names") else { return };
    for (target, code) in [
        ("/a", 201),
        ("http://a/b", 201),
        ("http://elsewhere/c?x=1", 201),
        ("/d?/../e", 201),
        ("/d?", 204),
        ("/../x", 403),
        ("/a/b", 403),
        ("/", 403),
        ("http://a", 403),
        ("/.hidden", 403),
        ("/%2e%2e", 403),
        ("/%61", 403),
    ] {
        assert_eq!(upload.put(target, "", "x"), code, "{target}");
    }
    assert_eq!(upload.names(), ["a", "b", "c", "d"]);
    let old = format!("PUT /e HTTP/1.0\r\n{H2C}Content-Length: 1\r\n\r\nx");
    assert_eq!(status(&upload.example.ask(&old)), 201);
    for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS"] {
        let got = upload.example.last(&format!("{method} /a HTTP/1.1"));
        assert!(got.starts_with("HTTP/1.1 405 ") && got.contains("\r\nAllow: PUT\r\n"), "{got}");
    }
    fs::create_dir(upload.folder.join("dir")).unwrap();
    assert_eq!(upload.put("/dir", "", "x"), 409);
}

/// RFC 9110 sections 13 and 14.5.
#[test]
fn upload_stores_no_part_and_nothing_against_a_condition() {
    let Some(upload) = Upload::start("upload-if") else { return };
    assert_eq!(upload.put("/a", "", "old"), 201);
    let (past, future) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 06 Nov 2093 08:49:37 GMT");
    for (name, fields, code) in [
        ("/a", "Content-Range: bytes 0-2/3", 400),
        ("/b", "Content-Range: bytes 0-2/3", 400),
        ("/a", "If-None-Match: *", 412),
        ("/a", "If-Match: \"x\"", 412),
        ("/b", "If-Match: *", 412),
        ("/a", &format!("If-Unmodified-Since: {past}"), 412),
    ] {
        assert_eq!(upload.put(name, &format!("{fields}\r\n"), "new"), code, "{name} {fields}");
    }
    assert_eq!((upload.read("a"), upload.names()), ("old".into(), vec!["a".into()]));
    for (name, fields, code) in [
        ("/b", "If-None-Match: *", 201),
        ("/a", "If-Match: *", 204),
        ("/a", "If-None-Match: \"x\"", 204),
        ("/a", &format!("If-Unmodified-Since: {future}"), 204),
        ("/a", "If-Unmodified-Since: long ago", 204),
    ] {
        assert_eq!(upload.put(name, &format!("{fields}\r\n"), "new"), code, "{name} {fields}");
    }
    // Of two that both want to be the first, one is.
    let head =
        "PUT /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\nIf-None-Match: *\r\nContent-Length: 3\r\n\r\n";
    let mut clients = [0, 1].map(|_| Raw::at(upload.example.addr));
    for client in &mut clients {
        client.send(head).send("ne");
    }
    // Both were let in when each has its part.
    wait_until("that both are under way", || upload.names().len() == 4);
    let mut codes = clients.map(|mut client| status(&client.ask("w")));
    codes.sort();
    assert_eq!((codes, upload.read("c")), ([201, 412], "new".into()));
    assert_eq!(upload.names(), ["a", "b", "c"]);
}

#[test]
fn upload_tells_a_client_that_waits_before_it_sends() {
    let Some(upload) = Upload::start("upload-expect") else { return };
    let head = |name: &str| {
        format!(
            "PUT {name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        )
    };
    let mut client = Raw::at(upload.example.addr);
    client.send(head("/a")).until("100 Continue\r\n\r\n");
    assert_eq!(status(&client.ask("abc")), 201);
    assert_eq!(status(&upload.example.ask(&head("/../b"))), 403);
}

#[test]
fn hints_come_before_the_page() {
    let Some(hints) = Example::start("hints", &[ANY]) else { return };
    let mut client = Raw::at(hints.addr);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let hint = client.until("\r\n\r\n");
    assert!(hint.starts_with("HTTP/1.1 103 Early Hints\r\nLink: </style.css>;"), "{hint}");
    let page = client.rest();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("Here it is.\n"), "{page}");
}

#[test]
fn hints_are_not_sent_to_old_clients_and_the_page_is() {
    let Some(hints) = Example::start("hints", &[ANY]) else { return };
    is_answered_to_everybody(&hints, "/", "Here it is.\n");
    is_answered_to_everybody(&hints, "/style.css", "sans-serif }\n");
    assert!(hints.ask("GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!((hints.status("GET /x HTTP/1.1"), hints.status("DELETE / HTTP/1.1")), (404, 405));
}
