//! The program `serve` itself: its command line, what it says, and its log.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

use common::{Answer, Site};

fn serve() -> Command {
    let mut serve = Command::new(env!("CARGO_BIN_EXE_serve"));
    serve.stdin(Stdio::null());
    serve
}

/// Runs it to its end.
fn run(args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = serve().args(args).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// One that serves until the test is over.
struct Serving {
    child: Child,
    at: SocketAddr,
}

impl Serving {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let at = line.trim().strip_prefix("http://").and_then(|url| url.strip_suffix('/'));
        let at = at.unwrap_or_else(|| panic!("{line:?}")).parse().unwrap();
        Self { child, at }
    }

    fn said(&self, request: &str) -> Vec<u8> {
        let (mut client, mut said) = (TcpStream::connect(self.at).unwrap(), Vec::new());
        client.set_read_timeout(Some(common::PATIENCE)).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        client.read_to_end(&mut said).unwrap();
        said
    }

    fn get(&self, target: &str) -> Answer {
        Answer::parse(&self.said(&format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")))
    }

    /// Ends it, and answers with what it said on standard error.
    fn end(mut self) -> String {
        self.child.kill().unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn help_and_version_are_told() {
    for args in [&["--help"][..], &["-h"], &["--port", "1", "-h", "/nowhere"]] {
        let (code, out, err) = run(args);
        assert!(
            code == 0 && out.contains("Usage: serve [OPTIONS] FOLDER") && err.is_empty(),
            "{args:?}: {out} {err}"
        );
        for option in
            ["--port", "--listen", "--workers", "--dotfiles", "--head-limit", "--quiet", "--version"]
        {
            assert!(out.contains(option), "{option}");
        }
    }
    for arg in ["--version", "-V"] {
        assert_eq!(run(&[arg]), (0, format!("serve {}\n", env!("CARGO_PKG_VERSION")), String::new()));
    }
}

#[test]
fn what_cannot_be_done_is_said_with_what_and_where() {
    let site = Site::new("args");
    let root = site.root().display().to_string();
    let file = site.path("a.txt").display().to_string();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, port) =
        (taken.local_addr().unwrap().to_string(), taken.local_addr().unwrap().port().to_string());
    for (args, code, words) in [
        (&[][..], 2, &["which folder?"][..]),
        (&["--what", &root], 2, &["--what"]),
        (&[&root, "another"], 2, &["another"]),
        (&["--port", "x", &root], 2, &["\"x\"", "invalid digit"]),
        (&["--port", "65536", &root], 2, &["65536"]),
        (&["--port"], 2, &["--port"]),
        (&["/no/such/folder"], 1, &["/no/such/folder", "No such file"]),
        (&[&file], 1, &[&file, "Not a directory"]),
        (&[&root, "-p", &port], 1, &[&address, "Address already in use"]),
        (&[&root, "--listen", &address], 1, &[&address, "Address already in use"]),
        (&[&root, "--listen", "not.a.host.invalid"], 1, &["not.a.host.invalid:8080"]),
    ] {
        let (got, out, err) = run(args);
        assert_eq!((got, &*out), (code, ""), "{args:?}: {err}");
        for word in words {
            assert!(err.starts_with("serve: ") && err.contains(word), "{args:?}: {err}");
        }
    }
}

#[test]
fn it_listens_where_it_is_told_to() {
    let site = Site::new("listen");
    for args in [
        &["--listen", "127.0.0.1:0"][..],
        &["-p", "0"],
        &["-l", "127.0.0.1", "-p0"],
        &["--listen=127.0.0.1:1", "--port=0"],
    ] {
        let serving = Serving::start(serve().arg(site.root()).args(args));
        assert_eq!(serving.get("/a.txt").text(), "0123456789");
        assert_ne!(serving.at.port(), 1);
    }
    if TcpListener::bind("[::1]:0").is_err() {
        let _ = writeln!(std::io::stderr(), "skipped: no IPv6 here");
        return;
    }
    for args in [&["--listen", "[::1]:0"][..], &["--listen", "::1", "-p0"], &["--listen", "[::1]", "-p0"]] {
        let serving = Serving::start(serve().arg(site.root()).args(args));
        assert!(serving.at.is_ipv6());
        assert_eq!(serving.get("/a.txt").text(), "0123456789");
    }
}

#[test]
fn a_folder_whose_name_looks_like_an_option_can_be_served() {
    let site = Site::new("dashes");
    fs::create_dir(site.path("-h")).unwrap();
    site.write("-h/x", "y");
    let serving = Serving::start(serve().current_dir(site.root()).args(["-p0", "--", "-h"]));
    assert_eq!(serving.get("/x").text(), "y");
}

#[test]
fn dot_files_and_heads_are_as_the_options_say() {
    let site = Site::new("options");
    site.write(".env", "x");
    let long = |n: usize| {
        format!("GET /.env HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: {}\r\n\r\n", "x".repeat(n))
    };
    let plain = Serving::start(serve().arg(site.root()).arg("-p0"));
    assert_eq!(plain.get("/.env").status, 404);
    assert_eq!(Answer::parse(&plain.said(&long(40_000))).status, 431);
    let open = Serving::start(serve().arg(site.root()).args(["-p0", "--dotfiles", "--head-limit", "50000"]));
    assert_eq!(open.get("/.env").text(), "x");
    assert_eq!(Answer::parse(&open.said(&long(40_000))).text(), "x");
}

#[test]
fn each_request_is_a_line_unless_it_is_to_be_quiet() {
    let site = Site::new("log");
    let serving = Serving::start(serve().arg(site.root()).arg("-p0"));
    serving.get("/a.txt?\"x\"");
    serving.get("/nothing");
    serving.said("NONSENSE\r\n\r\n");
    let log = serving.end();
    let lines: Vec<_> = log.lines().collect();
    assert!(
        lines[0].starts_with("127.0.0.1 - - [")
            && lines[0].contains("] \"GET /a.txt?\\\"x\\\" HTTP/1.1\" 200 "),
        "{log}"
    );
    assert!(lines[1].contains("\"GET /nothing HTTP/1.1\" 404 "), "{log}");
    assert!(lines[2].starts_with("serve: 127.0.0.1:") && lines[2].contains(": 400: "), "{log}");
    assert_eq!(lines.len(), 3, "{log}");

    let serving = Serving::start(serve().arg(site.root()).args(["-p0", "--quiet"]));
    serving.get("/a.txt");
    assert_eq!(serving.end(), "");
}

/// Root may read everything, and so is somebody else here.
#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_forbidden() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    let site = Site::new("forbidden");
    site.write("locked", "x");
    site.write("sub dir/index.html", "x");
    for name in ["locked", "sub dir/index.html"] {
        fs::set_permissions(site.path(name), fs::Permissions::from_mode(0o000)).unwrap();
    }
    fs::create_dir(site.path("dir")).unwrap();
    fs::set_permissions(site.path("dir"), fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = serve();
    if fs::metadata(site.root()).unwrap().uid() == 0 {
        for path in [site.root(), site.path("locked"), site.path("dir"), site.path("sub dir/index.html")] {
            chown(path, Some(NOBODY), None).unwrap();
        }
        command.uid(NOBODY);
    }
    let serving = Serving::start(command.arg(site.root()).arg("-p0"));
    for target in ["/locked", "/dir/", "/dir/x", "/sub%20dir/"] {
        let got = serving.get(target);
        assert_eq!((got.status, got.text()), (403, "this may not be read\n"), "{target}");
        assert_eq!(got.names(), ["content-length", "content-type", "server"]);
    }
    assert_eq!(serving.get("/a.txt").status, 200);
    fs::set_permissions(site.path("dir"), fs::Permissions::from_mode(0o755)).unwrap();
}
