//! The server with nginx in front, which buffers requests and responses by default: an upload that is refused unread.
#![cfg(unix)]

use std::io::{Write, stderr};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use h1wire_std::{Agent, Server};

/// How many uploads of each size.
const TRIES: usize = 20;
/// In bytes. With the largest, no budget of the server's is enough.
const SIZES: [usize; 4] = [100 << 10, 1 << 20, 5 << 20, 20 << 20];

struct Nginx {
    child: Child,
    addr: SocketAddr,
    folder: PathBuf,
}

impl Nginx {
    /// In front of `origin`. `None`, and a word about it, where it is not installed.
    fn before(origin: SocketAddr) -> Option<Self> {
        let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = std::env::temp_dir().join(format!("h1wire-std-behind-nginx-{}", addr.port()));
        std::fs::create_dir_all(&folder).unwrap();
        let (at, port) = (folder.display(), addr.port());
        let config = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/log; events {{}}\n\
             http {{ access_log off; client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f;\n\
             uwsgi_temp_path {at}/u; scgi_temp_path {at}/s; client_max_body_size 0;\n\
             server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{origin}; }} }} }}"
        );
        std::fs::write(folder.join("conf"), config).unwrap();
        let started = Command::new("nginx")
            .args(["-p", &at.to_string(), "-c", &folder.join("conf").display().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            let _ = writeln!(stderr(), "skipped: nginx is not installed");
            return None;
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(addr).is_err() {
            assert!(Instant::now() < deadline, "nginx does not listen");
            std::thread::yield_now();
        }
        Some(Self { child, addr, folder })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn an_upload_that_is_refused_unread_is_answered_413_and_never_502() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let server = server.start(|_, response| response.status(413).end("too much\n")).unwrap();
    let Some(nginx) = Nginx::before(server.local_addr().unwrap()) else { return };
    let agent = Agent::builder().build();
    for size in SIZES {
        let content = vec![b'x'; size];
        for attempt in 0..TRIES {
            let url = format!("http://{}/", nginx.addr);
            let mut answer = agent.request("PUT", url).send_bytes(content.clone()).unwrap();
            assert_eq!(answer.status(), 413, "{attempt}, {size} bytes");
            assert_eq!(answer.text().unwrap(), "too much\n");
        }
    }
}
