//! Examples as they are built, and clients of all kinds for them.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Write, stderr};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::common::Raw;

/// The program of an example. None, and a word about it, if it was not built.
pub fn program(name: &str) -> Option<Command> {
    // The tests are in `deps`, beside `examples`.
    let test = std::env::current_exe().unwrap();
    let program: PathBuf = test.parent()?.parent()?.join("examples").join(name);
    if !program.exists() {
        let _ = writeln!(stderr(), "skipped: the example {name} is not built");
        return None;
    }
    Some(Command::new(program))
}

/// An example that runs until the test is over.
pub struct Example {
    pub child: Child,
    pub addr: SocketAddr,
}

impl Example {
    pub fn start(name: &str, args: &[&str]) -> Option<Self> {
        let mut child =
            program(name)?.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addr = line.trim().split_once("://").and_then(|(_, rest)| rest.strip_suffix('/'));
        let addr = addr.unwrap_or_else(|| panic!("{name} says {line:?}")).parse().unwrap();
        Some(Self { child, addr })
    }

    pub fn ask(&self, request: &str) -> String {
        Raw::at(self.addr).ask(request)
    }

    /// The answer to a request with this head, less its end, and `Connection: close`.
    pub fn last(&self, head: &str) -> String {
        self.ask(&format!("{head}\r\nHost: a\r\nConnection: close\r\n\r\n"))
    }

    /// The status that is answered to it.
    pub fn status(&self, head: &str) -> u16 {
        status(&self.last(head))
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

pub const ANY: &str = "127.0.0.1:0";
pub const H2C: &str = "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";

/// Asks for `path` as all kinds of clients do: each gets a whole answer that ends with `content`.
pub fn is_answered_to_everybody(example: &Example, path: &str, content: &str) {
    let host = "Host: a\r\nConnection: close\r\n";
    for request in [
        format!("GET {path} HTTP/1.1\r\n{host}\r\n"),
        format!("GET {path}?x=1&y=/ HTTP/1.1\r\n{host}\r\n"),
        format!("GET http://a{path} HTTP/1.1\r\n{host}\r\n"),
        format!("GET http://a{path}?x HTTP/1.1\r\n{host}\r\n"),
        format!("GET {path} HTTP/1.0\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade, HTTP2-Settings\r\n{H2C}\r\n"),
        format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n{H2C}\r\n\
             GET {path} HTTP/1.1\r\n{host}\r\n"
        ),
        format!("GET {path} HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\n{host}Content-Length: 3\r\n\r\nabc"),
    ] {
        let got = example.ask(&request);
        assert!(got.ends_with(content), "{request}\n{got}");
        assert_eq!(got.matches(" 200 OK\r\n").count(), request.matches("GET ").count(), "{request}\n{got}");
    }
    let head = example.ask(&format!("HEAD {path} HTTP/1.1\r\n{host}\r\n"));
    assert!(head.contains(" 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    survives(example);
    assert!(example.ask(&format!("GET {path} HTTP/1.1\r\n{host}\r\n")).ends_with(content));
}

/// Clients that leave, and one that breaks the protocol.
pub fn survives(example: &Example) {
    for request in [
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
    ] {
        Raw::at(example.addr).send(request);
    }
    assert_eq!(status(&example.ask("NONSENSE\r\n\r\n")), 400);
}
