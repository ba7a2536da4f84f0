//! The small examples, as they are built. `cargo test` builds them; `cargo test --test examples` alone does not. `fetch` and
//! `proxy` have tests of their own.

use std::io::{BufRead, BufReader, Read, Write, stderr};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use h1wire_std::Server;

/// The program of an example. None, and a word about it, if it was not built.
fn program(name: &str) -> Option<Command> {
    // The tests are in `deps`, beside `examples`.
    let test = std::env::current_exe().unwrap();
    let program = test.parent()?.parent()?.join("examples").join(name);
    if !program.exists() {
        let _ = writeln!(stderr(), "skipped: the example {name} is not built");
        return None;
    }
    Some(Command::new(program))
}

/// Its code, and what it said.
fn run(name: &str, args: &[&str]) -> Option<(i32, String, String)> {
    let output = program(name)?.args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Some((output.status.code().unwrap(), text(output.stdout), text(output.stderr)))
}

struct Greet(Child, SocketAddr);

impl Greet {
    fn ask(&self, request: &str) -> String {
        let (mut client, mut said) = (TcpStream::connect(self.1).unwrap(), String::new());
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        client.read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Greet {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn greet_greets_everybody() {
    let Some(mut program) = program("greet") else { return };
    let mut child = program.arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let at = line.trim().strip_prefix("http://").and_then(|url| url.strip_suffix('/'));
    let greet = Greet(child, at.unwrap_or_else(|| panic!("{line:?}")).parse().unwrap());
    let (host, h2c) =
        ("Host: a\r\nConnection: close\r\n", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n");
    for request in [
        format!("GET /you HTTP/1.1\r\n{host}\r\n"),
        format!("GET /you?x=1 HTTP/1.1\r\n{host}\r\n"),
        format!("GET http://a/you?x HTTP/1.1\r\n{host}\r\n"),
        "GET /you HTTP/1.0\r\n\r\n".into(),
        format!("GET /you HTTP/1.1\r\n{host}Connection: Upgrade, HTTP2-Settings\r\n{h2c}\r\n"),
        format!("POST /you HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n"),
        format!("POST /you HTTP/1.1\r\n{host}Content-Length: 3\r\n\r\nabc"),
        format!("POST /you HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ] {
        let got = greet.ask(&request);
        assert!(
            got.starts_with("HTTP/1.1 200 OK\r\n") && got.ends_with("\r\n\r\nhello you\n"),
            "{request}\n{got}"
        );
    }
    assert!(greet.ask(&format!("HEAD /you HTTP/1.1\r\n{host}\r\n")).ends_with("\r\n\r\n"));
    for begun in ["GET /y", "POST /you HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"] {
        TcpStream::connect(greet.1).unwrap().write_all(begun.as_bytes()).unwrap();
    }
    assert!(greet.ask("NONSENSE\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(greet.ask(&format!("GET http://a HTTP/1.1\r\n{host}\r\n")).ends_with("hello \n"));
}

#[test]
fn they_have_help_and_say_what_is_wrong_and_where() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for (name, args, code, words) in [
        ("greet", &["--help"][..], 0, "Usage: greet [ADDRESS]"),
        ("greet", &["--what"], 2, "greet: invalid option '--what'"),
        ("greet", &[&addr], 1, &*format!("greet: {addr}: Address already in use")),
        ("greet", &["--listen", &addr], 1, &format!("greet: {addr}: Address already in use")),
        ("proxy", &["--help"], 0, "Usage: proxy [OPTIONS]"),
        ("proxy", &["--what"], 2, "proxy: invalid option '--what'"),
        ("proxy", &["--name", "a b"], 1, "proxy: a b: "),
        ("proxy", &["--listen", &addr], 1, &format!("proxy: {addr}: Address already in use")),
        ("download-many", &["-h"], 0, "Usage: download-many [OPTIONS] URL"),
        ("download-many", &[], 2, "download-many: which URL?"),
        ("download-many", &["-n", "x", "http://h/"], 2, "\"x\""),
        ("fetch", &["--help"], 0, "Usage: fetch [OPTIONS] URL"),
        ("fetch", &["--what"], 2, "fetch: invalid option '--what'"),
    ] {
        let Some((got, out, err)) = run(name, args) else { continue };
        let said = if code == 0 { out } else { err };
        assert!(got == code && said.contains(words), "{name} {args:?}: {got} {said}");
    }
}

#[test]
fn download_many_counts_what_came() {
    let server = Server::bind("127.0.0.1:0").unwrap().start(|_, res| res.end("1234567890")).unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let Some((code, out, err)) = run("download-many", &["-n", "100", "-t", "8", "-c", "3", &url]) else {
        return;
    };
    assert!(code == 0 && err.is_empty(), "{err}");
    for line in ["     100 x 200 OK\n", "    1000 bytes\n"] {
        assert!(out.contains(line), "{out}");
    }
    drop(server);
}
