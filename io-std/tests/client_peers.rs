//! The client against servers that other people wrote, where they are installed, and against our own.

use std::fs::File;
use std::io::{Read, Write, stderr};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use h1wire_std::{Agent, Server};

/// A server in a process of its own, ended with the test.
struct Peer {
    child: Child,
    addr: SocketAddr,
    folder: PathBuf,
}

impl Peer {
    /// Starts `program` with what `arguments` makes of the port and an empty folder, and waits until it listens.
    /// `None`, and a word about it, where it is not installed.
    fn start(program: &str, arguments: impl FnOnce(u16, &Path) -> Vec<String>) -> Option<Self> {
        let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = std::env::temp_dir().join(format!("h1wire-std-{program}-{}", addr.port()));
        std::fs::create_dir_all(&folder).unwrap();
        let arguments = arguments(addr.port(), &folder);
        let started = Command::new(program)
            .args(arguments)
            .current_dir(&folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            let _ = writeln!(stderr(), "skipped: {program} is not installed");
            return None;
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(addr).is_err() {
            assert!(Instant::now() < deadline, "{program} does not listen");
            std::thread::yield_now();
        }
        Some(Self { child, addr, folder })
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn write(path: &Path, content: &[u8]) {
    File::create(path).unwrap().write_all(content).unwrap();
}

fn large() -> Vec<u8> {
    (0..2_000_000u32).map(|i| (i % 239) as u8).collect()
}

fn keeping() -> Agent {
    Agent::builder().keep_alive(true).build()
}

#[test]
fn pythons_http_server_which_speaks_http_1_0() {
    let python = Peer::start("python3", |port, folder| {
        write(&folder.join("large"), &large());
        ["-m", "http.server", &port.to_string(), "--bind", "127.0.0.1"].map(String::from).to_vec()
    });
    let Some(python) = python else { return };
    let agent = keeping();
    for _ in 0..2 {
        let mut response = agent.get(python.url("/large")).send().unwrap();
        assert_eq!((response.status(), response.is_reused()), (200, false));
        assert!(response.content(4_000_000).unwrap() == large());
    }
    let mut missing = agent.get(python.url("/missing")).send().unwrap();
    assert_eq!(missing.status(), 404);
    assert!(missing.text().unwrap().contains("404"));
    assert_eq!(agent.totals().idle, 0);
}

#[test]
fn nginx_with_files_and_reuse() {
    let nginx = Peer::start("nginx", |port, folder| {
        write(&folder.join("large"), &large());
        let at = folder.display();
        let config = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/log; events {{}}\n\
             http {{ access_log off; client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f;\n\
             uwsgi_temp_path {at}/u; scgi_temp_path {at}/s; keepalive_requests 3;\n\
             server {{ listen 127.0.0.1:{port}; root {at}; location /small {{ return 200 hello; }}\n\
             location /none {{ return 204; }} }} }}"
        );
        write(&folder.join("conf"), config.as_bytes());
        vec!["-p".into(), at.to_string(), "-c".into(), folder.join("conf").display().to_string()]
    });
    let Some(nginx) = nginx else { return };
    let agent = keeping();
    let mut reused = Vec::new();
    for path in ["/small", "/none", "/large", "/small"] {
        let mut response = agent.get(nginx.url(path)).send().unwrap();
        reused.push(response.is_reused());
        let content = response.content(4_000_000).unwrap();
        match path {
            "/small" => assert_eq!(content, b"hello"),
            "/none" => assert_eq!((response.status(), content.len()), (204, 0)),
            _ => assert!(content == large()),
        }
    }
    assert_eq!(reused, [false, true, true, false], "three requests on a connection, as nginx was told");
    let mut refused = agent.request("PUT", nginx.url("/large")).send_bytes(large()).unwrap();
    assert!(refused.status() >= 400);
    refused.text().unwrap();
}

#[test]
fn nodes_http_server_with_chunks_trailers_expectations_and_upgrades() {
    const SCRIPT: &str = r#"
        const http = require('http');
        const server = http.createServer((req, res) => {
            let content = '';
            req.on('data', piece => content += piece);
            req.on('end', () => {
                res.setHeader('Trailer', 'X-Sum');
                res.writeHead(201, { 'X-Method': req.method });
                res.write(content.toUpperCase());
                res.addTrailers({ 'X-Sum': String(content.length) });
                res.end();
            });
        });
        server.on('upgrade', (req, socket) => {
            socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhi');
            socket.pipe(socket);
        });
        server.listen(Number(process.argv[1]), '127.0.0.1');
    "#;
    let node = Peer::start("node", |port, _| vec!["-e".into(), SCRIPT.into(), port.to_string()]);
    let Some(node) = node else { return };
    let agent = keeping();
    for expect in [false, true] {
        let mut request = agent.request("POST", node.url("/"));
        if expect {
            request = request.header("Expect", "100-continue").continue_timeout(None);
        }
        let mut upload = request.start().unwrap();
        upload.write_all(b"hello").unwrap();
        let mut response = upload.finish().unwrap();
        assert_eq!((response.status(), response.is_reused()), (201, expect));
        assert_eq!(response.text().unwrap(), "HELLO");
        assert_eq!(response.trailers().get("x-sum"), Some(&b"5"[..]));
    }
    let request = agent.get(node.url("/")).header("Connection", "Upgrade").header("Upgrade", "echo");
    let mut stream = request.send().unwrap().into_upgraded().unwrap();
    stream.write_all(b" there").unwrap();
    let mut echo = [0; 8];
    stream.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"hi there");
}

#[test]
fn our_blocking_server() {
    let server = Server::bind("127.0.0.1:0").unwrap().start(|request, response| {
        let mut content = Vec::new();
        request.read_to_end(&mut content)?;
        response.end(content)
    });
    let server = server.unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let agent = keeping();
    for (round, length) in [0, 1, 5_000, 2_000_000].into_iter().enumerate() {
        let content = &large()[..length];
        let mut response = agent.request("PUT", &*url).send_bytes(content).unwrap();
        assert_eq!(response.is_reused(), round > 0);
        assert!(response.content(4_000_000).unwrap() == content);
        let mut response = agent.request("PUT", &*url).send_reader(content).unwrap();
        assert!(response.is_reused() && response.content(4_000_000).unwrap() == content);
    }
    agent.destroy();
    server.shutdown(Duration::from_secs(1));
}

#[test]
fn our_event_loop_server() {
    let server = h1wire_mio::Server::bind("127.0.0.1:0").unwrap().start(|request, response| {
        let seen = format!("{} {}", request.method, request.target.escape_ascii());
        response.end(seen)
    });
    let server = server.unwrap();
    let url = format!("http://{}/a?b", server.local_addr().unwrap());
    let agent = keeping();
    for reused in [false, true] {
        let mut response = agent.get(&*url).send().unwrap();
        assert_eq!((response.is_reused(), response.text().unwrap().as_str()), (reused, "GET /a?b"));
    }
}
