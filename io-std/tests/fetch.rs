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
    std::process::exit(example::fetch(args.split('\n').map(Into::into)).into());
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
    let ended = run(&["-T", path.to_str().unwrap(), &format!("{url}/x")]);
    assert!(ended.out.contains("PUT /x\n") && ended.out.ends_with("Content-Length: 11\n\nfrom a file"));
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
    for (bad, word) in [
        (&["--what", "http://h/"][..], "--what"),
        (&["http://h/", "http://i/"], "http://i/"),
        (&["-m", "-1", "http://h/"], "-1"),
        (&["-m", "x", "http://h/"], "x"),
        (&["-H", "nothing", "http://h/"], "nothing"),
        (&["-d", "@/no/such/file", "http://h/"], "/no/such/file: No such file"),
        (&["-x", "ftp://h", "http://h/"], "the proxy: "),
        (&["-X"], "-X"),
        (&["-i"], "which URL?"),
        (&[""], "which URL?"),
    ] {
        let ended = run(bad);
        assert!(
            ended.code == 2 && ended.err.starts_with("fetch: ") && ended.err.contains(word),
            "{bad:?}: {}",
            ended.err
        );
    }
}

#[test]
fn help_and_version_are_told() {
    for arg in ["--help", "-h"] {
        let ended = run(&[arg]);
        assert!(ended.code == 0 && ended.out.contains("Usage: fetch [OPTIONS] URL"), "{}", ended.out);
        for option in ["--upload-file", "--head-limit", "--unix-socket", "--insecure-parser", "--max-time"] {
            assert!(ended.out.contains(option), "{option}");
        }
    }
    assert!(run(&["-V"]).out.contains(concat!("fetch ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn what_fails_is_named_with_its_place() {
    let (_server, url) = mirror();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (args, words) in [
        (&[&*format!("user:pass@{free}/a")][..], &[&*format!("http://{free}/a: "), "refused"][..]),
        (&["http://nowhere.invalid/"], &["http://nowhere.invalid/: "]),
        (&["file:///etc/passwd"], &["file:///etc/passwd: "]),
        (&["ftp://h/x"], &["ftp://h/x: "]),
        (&["http://h:99999/"], &["http://h:99999/: "]),
        (&["-T", "/no/such/file", &url], &["/no/such/file: No such file"]),
        (&["-T", "/tmp", &url], &["/tmp: is a directory"]),
        (&["-o", "/no/such/folder/x", &url], &["/no/such/folder/x: No such file"]),
        (&["--unix-socket", "/no/such/socket", "http://h/"], &["http://h/: "]),
    ] {
        let ended = run(args);
        assert_eq!(ended.code, 1, "{args:?}: {}", ended.err);
        for word in words {
            assert!(ended.err.contains(word), "{args:?}: {}", ended.err);
        }
        assert!(!ended.err.contains("pass@"), "{}", ended.err);
    }
}

#[test]
fn every_form_of_url_names_its_host_and_target() {
    let (_server, url) = mirror();
    let at = url.strip_prefix("http://").unwrap();
    for (form, target) in [
        ("{}", "/"),
        ("{}/", "/"),
        ("//{}/a", "/a"),
        ("HTTP://{}/a", "/a"),
        ("http://{}", "/"),
        ("http://{}?q", "/?q"),
        ("{}?q", "/?q"),
        ("{}/?next=http://other/", "/?next=http://other/"),
        ("{}?next=http://other/", "/?next=http://other/"),
        ("{}/http://other/", "/http://other/"),
        ("{}#part://x", "/"),
        ("{}/a#part", "/a"),
        ("{}/a b", "/a%20b"),
        ("{}/../a/./b", "/a/b"),
        ("{}/\u{e4}", "/%C3%A4"),
        ("user:pass@{}/a", "/a"),
        ("http://user@{}/a", "/a"),
    ] {
        let ended = run(&[&form.replace("{}", at)]);
        assert!(
            ended.code == 0 && ended.out.contains(&format!("GET {target}\nHost: {at}\n")),
            "{form}: {} {}",
            ended.out,
            ended.err
        );
        assert_eq!(form.contains('@'), ended.out.contains("\nAuthorization: Basic "), "{form}");
    }
    if let Ok(server) = Server::bind("[::1]:0")
        .unwrap_or_else(|_| Server::bind("127.0.0.1:0").unwrap())
        .start(|_, r| r.end("six"))
    {
        let at = server.local_addr().unwrap();
        assert!(run(&[&format!("{at}/x")]).out.ends_with("six"));
        assert!(run(&[&format!("http://{at}")]).out.ends_with("six"));
    }
}

#[test]
fn what_has_no_length_is_sent_in_chunks_and_a_file_under_its_name() {
    let (_server, url) = mirror();
    let ended = run_with(&["-T", "/dev/stdin", &format!("{url}/x")], b"from a pipe", "");
    assert!(ended.out.ends_with("Transfer-Encoding: chunked\n\nfrom a pipe"), "{} {}", ended.out, ended.err);
    let ended = run_with(&["-T", "/dev/stdin", &format!("{url}/x")], b"", "");
    assert!(ended.out.ends_with("Transfer-Encoding: chunked\n\n"), "{}", ended.out);
    let ended = run(&["-T", "/proc/self/comm", &format!("{url}/x")]);
    assert!(
        ended.out.contains("Transfer-Encoding: chunked\n\n") && ended.out.ends_with("\n"),
        "{}",
        ended.out
    );
    assert!(!ended.out.ends_with("\n\n"), "{}", ended.out);
    let empty = file("empty", b"");
    let ended = run(&["-T", empty.to_str().unwrap(), &format!("{url}/x")]);
    assert!(ended.out.contains("Content-Length: 0\n\n"), "{}", ended.out);
    let named = file("a b%", b"x");
    let name = named.file_name().unwrap().to_str().unwrap().replace('%', "%25").replace(' ', "%20");
    for (place, target) in [("", "/"), ("/", "/"), ("/dir/", "/dir/"), ("/dir/?q", "/dir/"), ("/?q", "/")] {
        let ended = run(&["-T", named.to_str().unwrap(), &format!("{url}{place}")]);
        assert!(ended.out.contains(&format!("PUT {target}{name}")), "{place}: {}", ended.out);
    }
    for path in [empty, named] {
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn the_head_alone_can_be_had_and_may_be_as_long_as_is_said() {
    let (_server, url) = mirror();
    let ended = run(&["-I", &url]);
    assert!(ended.code == 0 && ended.out.contains("HTTP/1.1 200 OK\n") && ended.out.contains("\nX-Own: a\n"));
    assert!(!ended.out.contains("HEAD /"), "{}", ended.out);
    let server =
        Server::bind("127.0.0.1:0").unwrap().start(|_, r| r.header("X-Long", "x".repeat(40_000)).end("long"));
    let url = format!("http://{}/", server.unwrap().local_addr().unwrap());
    let ended = run(&[&url]);
    assert!(ended.code == 1 && ended.err.contains("no valid response"), "{}", ended.err);
    assert!(run(&["--head-limit", "50000", &url]).out.ends_with("long"));
}

#[test]
fn whoever_reads_the_content_may_stop() {
    let server = Server::bind("127.0.0.1:0").unwrap().start(|_, r| r.end(vec![b'x'; 8 << 20])).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "fetch", "--ignored", "--nocapture"])
        .env("H1WIRE_TEST_ARGS", format!("http://{}/", server.local_addr().unwrap()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 1000]).unwrap();
    let ended = child.wait_with_output().unwrap();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code() == Some(1) && err.contains("fetch: standard output: Broken pipe"), "{err}");
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
    // It knows nothing of tunnels.
    let ended = run(&["-x", address, "--tunnel", "http://elsewhere.example/x"]);
    assert!(ended.code == 1 && ended.err.contains("refused the tunnel with status 501"), "{}", ended.err);
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
