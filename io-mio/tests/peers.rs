//! The server under programs that others wrote. What is not installed is skipped, and says so.

mod common;

use std::fs;
use std::io::{Read, Write, stderr};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use common::{serve_with, stop, wait_until};
use h1wire_mio::proto::Fields;
use h1wire_mio::{Handler, Options, Request, Response, Running};
use h1wire_serve::Files;

/// Echoes content; without any, says hello.
struct Echo;

impl Handler for Echo {
    type Exchange = ();

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        if req.body.is_empty() {
            res.header("X-Target", req.target).end("hello\n").unwrap();
        }
        Some(())
    }

    fn data(&mut self, _: &mut (), data: &[u8], res: &mut Response<'_>) {
        res.write(data).unwrap();
    }

    fn end(&mut self, _: &mut (), _: Fields<'_, '_>, res: &mut Response<'_>) {
        res.finish().unwrap();
    }
}

fn echo() -> Running {
    serve_with(Options::default(), |_| Echo)
}

/// What a program said, or nothing if it is not installed.
fn run(program: &str, args: &[&str]) -> Option<Output> {
    match Command::new(program).args(args).stdin(Stdio::null()).output() {
        Ok(output) => Some(output),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let _ = writeln!(stderr(), "skipped: {program} is not installed");
            None
        }
        Err(e) => panic!("{program}: {e}"),
    }
}

/// What a program printed, which must have succeeded.
fn printed(program: &str, args: &[&str]) -> Option<String> {
    let output = run(program, args)?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} failed: {out}{err}");
    Some(out.into_owned())
}

/// A file with some hundred kilobytes.
fn payload(name: &str) -> (PathBuf, Vec<u8>) {
    let path = std::env::temp_dir().join(format!("h1wire-mio-peers-{name}-{}", std::process::id()));
    let content: Vec<u8> = (0..300_000u32).map(|i| (i * 7 % 251) as u8).collect();
    fs::write(&path, &content).unwrap();
    (path, content)
}

#[test]
fn curl_gets_uploads_and_reuses_connections() {
    let server = echo();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let (path, content) = payload("curl");
    let from = format!("@{}", path.display());
    let Some(out) = printed("curl", &["-sS", "-i", &url, &format!("{url}2")]) else { return stop(server) };
    assert_eq!(out.matches("hello\n").count(), 2, "{out}");
    assert!(out.contains("X-Target: /2"), "{out}");
    assert_eq!(server.handle().counters().accepted, 1, "both in one connection");
    // Of this size curl waits for 100.
    let big = "2000000";
    let zeros = ["-sS", "-T", "-", "-H", "Expect: 100-continue", &url];
    let mut child =
        Command::new("curl").args(zeros).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let n: usize = big.parse().unwrap();
    let writing = std::thread::spawn(move || stdin.write_all(&vec![0; n]).unwrap());
    assert_eq!(child.wait_with_output().unwrap().stdout.len(), n);
    writing.join().unwrap();
    let sent = run("curl", &["-sS", "--data-binary", &from, &url]).unwrap();
    assert!(sent.stdout == content);
    let head = printed("curl", &["-sS", "-I", &url]).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    let old = printed("curl", &["-sS", "-0", "-i", &url]).unwrap();
    assert!(old.contains("Connection: close\r\n") && old.ends_with("hello\n"), "{old}");
    fs::remove_file(path).unwrap();
    stop(server);
}

#[test]
fn pythons_client_keeps_its_connection() {
    let server = echo();
    let script = "\
import http.client, sys
c = http.client.HTTPConnection(sys.argv[1])
for i in range(20):
    c.request('GET', '/%d' % i)
    r = c.getresponse()
    assert (r.status, r.getheader('x-target'), r.read()) == (200, '/%d' % i, b'hello\\n')
c.request('POST', '/', body=iter([b'abc', b'def']), encode_chunked=True, headers={'Transfer-Encoding': 'chunked'})
r = c.getresponse()
assert r.read() == b'abcdef'
c.request('HEAD', '/')
assert c.getresponse().read() == b''
print('fine')
";
    let addr = server.local_addr().unwrap().to_string();
    if let Some(out) = printed("python3", &["-c", script, &addr]) {
        assert_eq!(out.trim(), "fine");
        assert_eq!(server.handle().counters().accepted, 1);
    }
    stop(server);
}

#[test]
fn nodes_client_with_an_agent_pools_and_reads_trailers() {
    struct Trailing;
    impl Handler for Trailing {
        type Exchange = ();
        fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
            res.send_early_hints(&[("Link", "</a>; rel=preload")]).unwrap();
            res.header("Trailer", "X-Sum").trailer("X-Sum", "3");
            res.write("abc").unwrap();
            res.finish().unwrap();
            None
        }
    }
    let server = serve_with(Options::default(), |_| Trailing);
    let script = "\
const http = require('http'), agent = new http.Agent({ keepAlive: true, maxSockets: 2 })
const port = +process.argv[1]
const get = () => new Promise((done, fail) => {
  let hints = 0
  const req = http.get({ port, agent, host: '127.0.0.1' }, res => {
    let text = ''
    res.on('data', d => text += d).on('end', () => done([hints, text, res.trailers['x-sum']].join()))
  })
  req.on('information', info => hints = info.statusCode).on('error', fail)
})
Promise.all(Array.from({ length: 20 }, get)).then(all => {
  console.log([...new Set(all)].join(' '))
  agent.destroy()
})
";
    let port = server.local_addr().unwrap().port().to_string();
    if let Some(out) = printed("node", &["-e", script, &port]) {
        assert_eq!(out.trim(), "103,abc,3");
        assert!(server.handle().counters().accepted <= 2);
    }
    stop(server);
}

#[test]
fn wrk_and_ab_see_no_errors() {
    let server = echo();
    let url = format!("http://{}/", server.local_addr().unwrap());
    if let Some(out) = printed("wrk", &["-t1", "-c32", "-d1", &url]) {
        assert!(!out.contains("Socket errors") && !out.contains("Non-2xx"), "{out}");
    }
    if let Some(out) = printed("ab", &["-q", "-k", "-n", "2000", "-c", "20", &url]) {
        assert!(out.contains("Failed requests:        0"), "{out}");
        assert!(out.contains("Keep-Alive requests:    2000"), "{out}");
    }
    stop(server);
}

/// A program that is stopped when the test is over.
struct Program(Child);
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// nginx in front of a server, as it is configured by default but for these settings. None if it is not installed.
struct Nginx {
    front: SocketAddr,
    folder: PathBuf,
    program: Option<Program>,
}

impl Nginx {
    fn before(back: SocketAddr, name: &str, settings: &str) -> Option<Self> {
        let front = free_port();
        let folder = std::env::temp_dir().join(format!("h1wire-mio-nginx-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let dir = folder.display();
        let config = format!(
            "daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log off; client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;\n\
             uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e; client_max_body_size 0;\n\
             upstream back {{ server {back}; keepalive 4; }}\n\
             server {{ listen {front}; location / {{ proxy_pass http://back; proxy_http_version 1.1;\n\
             proxy_set_header Connection ''; {settings} }} }} }}\n"
        );
        let conf = folder.join("conf");
        fs::write(&conf, config).unwrap();
        let started =
            Command::new("nginx").arg("-p").arg(&folder).arg("-c").arg(&conf).stderr(Stdio::null()).spawn();
        let Ok(child) = started else {
            let _ = writeln!(stderr(), "skipped: nginx is not installed");
            return None;
        };
        let program = Some(Program(child));
        wait_until("nginx", || TcpStream::connect(front).is_ok());
        Some(Self { front, folder, program })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.program = None;
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn nginx_in_front_keeps_its_connections_and_streams_both_ways() {
    let server = echo();
    let back = server.local_addr().unwrap();
    let Some(nginx) = Nginx::before(back, "streams", "proxy_request_buffering off;") else {
        return stop(server);
    };
    let mut client = common::Raw::at(nginx.front);
    for _ in 0..10 {
        let got = client.send("GET /through HTTP/1.1\r\nHost: a\r\n\r\n").until("hello\n");
        assert!(got.contains("X-Target: /through\r\n"), "{got}");
    }
    assert_eq!(server.handle().counters().accepted, 1, "nginx keeps its connection");
    let content = "y".repeat(500_000);
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        content.len()
    ));
    let mut reading = client.0.try_clone().unwrap();
    let reader = std::thread::spawn(move || {
        let mut got = String::new();
        reading.read_to_string(&mut got).unwrap();
        got
    });
    client.send(&content);
    assert_eq!(reader.join().unwrap().matches('y').count(), 500_000);
    drop(nginx);
    stop(server);
}

/// Refuses every upload at once.
struct Refuses;

impl Handler for Refuses {
    type Exchange = ();

    fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        res.status(413).end("too much\n").unwrap();
        None
    }
}

#[test]
fn an_upload_that_is_refused_unread_is_refused_through_nginx_too() {
    let server = serve_with(Options::default(), |_| Refuses);
    let Some(nginx) = Nginx::before(server.local_addr().unwrap(), "refused", "") else {
        return stop(server);
    };
    for bytes in [100_000, 1_000_000, 5_000_000, 20_000_000] {
        let content = vec![b'x'; bytes];
        for _ in 0..20 {
            let mut client = common::Raw::at(nginx.front);
            let head =
                format!("PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {bytes}\r\n\r\n");
            let got = client.send(head).send(&content).rest();
            assert!(got.starts_with("HTTP/1.1 413 ") && got.ends_with("too much\n"), "{bytes}: {got}");
        }
    }
    drop(nginx);
    stop(server);
}

#[test]
fn a_browser_loads_a_page_with_many_parts() {
    let folder = std::env::temp_dir().join(format!("h1wire-mio-browser-{}", std::process::id()));
    fs::create_dir_all(folder.join("profile")).unwrap();
    let mut page = String::from("<!DOCTYPE html><title>x</title><body><script>window.loaded = 0</script>\n");
    for i in 0..60 {
        fs::write(
            folder.join(format!("part{i}.js")),
            "window.loaded++\n".to_owned() + &"// \n".repeat(i * 100),
        )
        .unwrap();
        page += &format!("<script src=part{i}.js></script>\n");
    }
    page += "<script>document.title = 'loaded ' + window.loaded</script>\n";
    fs::write(folder.join("index.html"), page).unwrap();
    let root = folder.clone();
    let server = serve_with(Options::default(), move |_| Files::new(&root).unwrap());
    let url = format!("http://{}/", server.local_addr().unwrap());
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let args = ["--headless", "--no-sandbox", "--disable-gpu", &profile, "--dump-dom", &url];
    if let Some(out) = printed("chromium", &args) {
        assert!(out.contains("<title>loaded 60</title>"), "{out}");
        let counters = server.handle().counters();
        assert!(counters.requests > 60 && counters.accepted < 20, "{counters:?}");
    }
    stop(server);
    fs::remove_dir_all(&folder).unwrap();
}

#[path = "../examples/websocket.rs"]
#[allow(dead_code)]
mod websocket;

#[test]
fn a_websocket_client_is_echoed_after_the_upgrade() {
    use tungstenite::{Message, client};
    let server = common::serve(websocket::answer);
    let addr = server.local_addr().unwrap();
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(common::PATIENCE)).unwrap();
    let (mut socket, answer) = client(format!("ws://{addr}/"), stream).unwrap();
    assert_eq!(answer.status().as_u16(), 101);
    for message in [Message::text("hello"), Message::binary(vec![7; 200_000])] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    let refused = common::Raw::to(&server).ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{refused}");
    stop(server);
}
