//! The example `fetch`, in a process of its own: what each option sends, writes and answers.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use h1wire_std::Server;
use h1wire_std::server::Running;

#[path = "../examples/fetch.rs"]
#[allow(dead_code)]
mod example;

/// `fetch` itself: this program is started again with this test alone, and ends with its code.
#[test]
#[ignore = "run by the others"]
fn fetch() {
    let args = std::env::var("H1WIRE_TEST_ARGS").unwrap();
    std::process::exit(example::fetch(args.split('\n').map(str::to_owned)).into());
}

struct Ended {
    code: i32,
    out: String,
    err: String,
}

fn run_with(args: &[&str], stdin: &[u8], proxy: &str) -> Ended {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "fetch", "--ignored", "--nocapture"])
        .env("H1WIRE_TEST_ARGS", args.join("\n"))
        .env("all_proxy", proxy)
        .env_remove("http_proxy")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    let ended = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: ended.status.code().unwrap(), out: text(ended.stdout), err: text(ended.stderr) }
}

fn run(args: &[&str]) -> Ended {
    run_with(args, b"", "")
}

/// Answers with what it was asked; with a status that the target names; or with nothing.
fn mirror() -> (Running, String) {
    let server = Server::bind("127.0.0.1:0").unwrap().start(|request, response| {
        let target = String::from_utf8_lossy(request.target()).into_owned();
        let mut seen = format!("{} {target}\n", request.method());
        for (name, value) in request.fields() {
            seen.push_str(&format!("{}: {}\n", name.escape_ascii(), value.escape_ascii()));
        }
        seen.push('\n');
        request.read_to_string(&mut seen)?;
        if let Some(status) = target.strip_prefix("/status/") {
            response.status(status.parse().map_err(std::io::Error::other)?);
        }
        if target == "/never" {
            // Until the client has gone.
            while !request.is_aborted() {
                std::thread::yield_now();
            }
        }
        response.header("X-Own", "a").end(seen)
    });
    let server = server.unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    (server, url)
}

fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("h1wire-fetch-{}-{name}", std::process::id()));
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn method_fields_credentials_and_content_are_sent_as_the_options_say() {
    let (_server, url) = mirror();
    let ended = run(&["-H", "X-One: 1", "-H", "user-agent: mine", "-u", "user:pass", &format!("{url}/a?b")]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    for part in ["GET /a?b\n", "X-One: 1\n", "user-agent: mine\n", "Authorization: Basic dXNlcjpwYXNz\n"] {
        assert!(ended.out.contains(part), "{part}: {}", ended.out);
    }
    assert!(!ended.out.contains("h1wire-fetch"), "{}", ended.out);
    let ended = run(&["-d", "some data", &url]);
    assert!(ended.out.contains("POST /\n") && ended.out.ends_with("Content-Length: 9\n\nsome data"));
    let path = file("up", b"from a file");
    let ended = run(&["-X", "PATCH", "-d", &format!("@{}", path.display()), &url]);
    assert!(ended.out.contains("PATCH /\n") && ended.out.ends_with("\n\nfrom a file"), "{}", ended.out);
    let ended = run(&["-T", path.to_str().unwrap(), &url]);
    assert!(ended.out.contains("PUT /\n") && ended.out.ends_with("Content-Length: 11\n\nfrom a file"));
    let ended = run_with(&["-T", "-", &url], b"from the input", "");
    assert!(ended.out.ends_with("Transfer-Encoding: chunked\n\nfrom the input"), "{}", ended.out);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn head_wire_and_times_are_shown_and_content_can_go_to_a_file() {
    let (_server, url) = mirror();
    let path = file("down", b"");
    let ended = run(&["-i", "-v", "-w", "-o", path.to_str().unwrap(), &url]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains("HTTP/1.1 200 OK\n") && ended.out.contains("\nX-Own: a\n"), "{}", ended.out);
    assert!(!ended.out.contains("GET /"));
    for part in
        ["> GET / HTTP/1.1\\r\\n\n", "< HTTP/1.1 200 OK\\r\\n\n", " connected ", " answered ", " complete "]
    {
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    }
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("GET /\n"));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn the_code_says_what_it_came_to() {
    let (_server, url) = mirror();
    for (target, code) in [("/status/204", 0), ("/status/404", 22), ("/status/500", 22)] {
        assert_eq!(run(&[&format!("{url}{target}")]).code, code, "{target}");
    }
    let ended = run(&["-m", "0.2", &format!("{url}/never")]);
    assert!(ended.code == 1 && ended.err.contains("took too long"), "{}", ended.err);
    for bad in [&["--what", "http://h/"][..], &["-m", "-1", "http://h/"], &["-X"], &[""]] {
        assert_eq!(run(bad).code, 2, "{bad:?}");
    }
}

#[test]
fn proxies_and_unix_sockets_are_gone_through() {
    let (server, url) = mirror();
    let address = url.strip_prefix("http://").unwrap();
    let ended = run(&["-x", address, "http://elsewhere.example/x"]);
    assert!(ended.out.contains("GET http://elsewhere.example/x\nHost: elsewhere.example\n"), "{}", ended.out);
    // As the environment says, which spares the local host.
    let ended = run_with(&["http://elsewhere.example/x"], b"", address);
    assert!(ended.out.contains("GET http://elsewhere.example/x\n"), "{}", ended.out);
    assert!(run_with(&[&url], b"", address).out.contains("GET /\n"));
    // It knows nothing of tunnels, and closes.
    let ended = run(&["-x", address, "--tunnel", "http://elsewhere.example/x"]);
    assert!(ended.code == 1 && ended.err.contains("hung up"), "{}", ended.err);
    server.shutdown(Duration::from_secs(1));

    let path = std::env::temp_dir().join(format!("h1wire-fetch-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let server = Server::bind_unix(&path).unwrap().start(|request, response| response.end(request.target()));
    let ended = run(&["--unix-socket", path.to_str().unwrap(), "http://localhost/here"]);
    assert!(ended.out.ends_with("/here"), "{}", ended.out);
    server.unwrap().shutdown(Duration::from_secs(1));
}

#[test]
fn a_parser_that_is_not_secure_takes_what_another_refuses() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().unwrap();
            let mut buf = [0; 4096];
            assert!(socket.read(&mut buf).unwrap() > 0);
            socket.write_all(b"HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 4\r\n\r\nlate").unwrap();
        }
    });
    let ended = run(&[&url]);
    assert!(ended.code == 1 && ended.err.contains("no valid response"), "{}", ended.err);
    let ended = run(&["--insecure-parser", &url]);
    assert!(ended.out.ends_with("late"), "{} {}", ended.out, ended.err);
    server.join().unwrap();
}
