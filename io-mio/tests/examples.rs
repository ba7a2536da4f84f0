//! The examples, as they are built, each asked for what it is there for. `cargo test` builds them; `cargo test --test
//! examples` alone does not.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write, stderr};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::{PATIENCE, Raw};

/// An example that runs until the test is over.
struct Example {
    child: Child,
    addr: SocketAddr,
}

impl Example {
    /// None, and a word about it, if it was not built.
    fn start(name: &str, args: &[&str]) -> Option<Self> {
        // The tests are in `deps`, beside `examples`.
        let test = std::env::current_exe().unwrap();
        let program: PathBuf = test.parent()?.parent()?.join("examples").join(name);
        if !Path::new(&program).exists() {
            let _ = writeln!(stderr(), "skipped: the example {name} is not built");
            return None;
        }
        let mut child =
            Command::new(program).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addr = line.trim().strip_prefix("http://").and_then(|url| url.strip_suffix('/'));
        let addr = addr.unwrap_or_else(|| panic!("{name} says {line:?}")).parse().unwrap();
        Some(Self { child, addr })
    }

    fn ask(&self, request: &str) -> String {
        Raw::at(self.addr).ask(request)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ANY: &str = "127.0.0.1:0";
const LAST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[test]
fn hello_says_hello() {
    let Some(hello) = Example::start("hello", &[ANY]) else { return };
    assert!(hello.ask(LAST).ends_with("\r\n\r\nhello\n"));
}

#[test]
fn echo_tells_method_target_and_content() {
    let Some(echo) = Example::start("echo", &["--addr", ANY]) else { return };
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
}

#[test]
fn upload_stores_whole_files_and_no_others() {
    let folder = std::env::temp_dir().join(format!("h1wire-mio-upload-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let Some(upload) = Example::start("upload", &[folder.to_str().unwrap(), ANY]) else { return };
    // More than may wait for the disk.
    let content: String = (0..600_000).map(|n| format!("{n:05}")).collect();
    let head = |name: &str, len: usize| {
        format!("PUT {name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n")
    };
    let got = upload.ask(&(head("/whole", content.len()) + &content));
    assert!(got.starts_with("HTTP/1.1 201 Created\r\n"), "{got}");
    assert!(fs::read_to_string(folder.join("whole")).unwrap() == content);
    // One that breaks off.
    Raw::at(upload.addr).send(head("/part", 100)).send("abc").half_close().rest();
    let begun = std::time::Instant::now();
    while folder.join("part.part").exists() {
        assert!(begun.elapsed() < PATIENCE, "what was begun is left");
        std::thread::yield_now();
    }
    assert!(!folder.join("part").exists());
    for name in ["/../x", "/a/b", "/", "/.hidden", "/%2e%2e"] {
        let got = upload.ask(&head(name, 0));
        assert!(got.starts_with("HTTP/1.1 403 "), "{name}: {got}");
    }
    drop(upload);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn events_come_to_everybody_who_listens() {
    let Some(events) = Example::start("events", &[ANY]) else { return };
    assert!(events.ask(LAST).contains("new EventSource('/events')"));
    let mut listeners: Vec<_> = (0..3).map(|_| Raw::at(events.addr)).collect();
    for listener in &mut listeners {
        listener.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for listener in &mut listeners {
        let got = listener.until("\n\n\r\n");
        assert!(
            got.contains("\r\nContent-Type: text/event-stream\r\n") && got.contains("\ndata: tick "),
            "{got}"
        );
    }
}

#[test]
fn hints_come_before_the_page() {
    let Some(hints) = Example::start("hints", &[ANY]) else { return };
    let mut client = Raw::at(hints.addr);
    client.send(LAST);
    let hint = client.until("\r\n\r\n");
    assert!(hint.starts_with("HTTP/1.1 103 Early Hints\r\nLink: </style.css>;"), "{hint}");
    let page = client.rest();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("Here it is.\n"), "{page}");
}
