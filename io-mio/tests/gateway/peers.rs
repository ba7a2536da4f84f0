//! The gateway between programs that others wrote. What is not installed is skipped, and says so.

use std::fs;
use std::io::{Write, stderr};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::common::wait_until;
use crate::rig::Gateway;

/// nginx as an origin: files, and uploads that it takes and forgets.
struct Nginx {
    child: Child,
    addr: SocketAddr,
    folder: PathBuf,
}

impl Nginx {
    fn start() -> Option<Self> {
        let program =
            ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|path| fs::exists(path).unwrap_or(false));
        let Some(program) = program else {
            let _ = writeln!(stderr(), "skipped: nginx is not installed");
            return None;
        };
        let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = std::env::temp_dir().join(format!("h1wire-gateway-nginx-{}", addr.port()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.display();
        let configuration = format!(
            "daemon off; master_process off; pid {path}/pid; error_log {path}/error.log;
events {{ }}
http {{
    access_log off; client_max_body_size 0; root {path}; keepalive_requests 100;
    client_body_temp_path {path}; proxy_temp_path {path}; fastcgi_temp_path {path}; uwsgi_temp_path {path};
    scgi_temp_path {path};
    server {{ listen {addr}; location /small {{ return 200 'hello'; }} location /no {{ return 413; }} }}
}}
"
        );
        fs::write(folder.join("conf"), configuration).unwrap();
        let content: Vec<u8> = (0..5_000_000u32).map(|n| (n % 251) as u8).collect();
        fs::write(folder.join("file"), content).unwrap();
        let child = Command::new(program)
            .args(["-p", folder.to_str().unwrap(), "-c", "conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let nginx = Self { child, addr, folder };
        wait_until("nginx listens", || TcpStream::connect(addr).is_ok());
        Some(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a program printed, which must have succeeded.
fn printed(program: &str, args: &[&str]) -> Option<Vec<u8>> {
    match Command::new(program).args(args).stdin(Stdio::null()).output() {
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program} {args:?}: {error}");
            Some(output.stdout)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let _ = writeln!(stderr(), "skipped: {program} is not installed");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

#[test]
fn curl_gets_files_and_refusals_of_nginx_through_it_whole() {
    let Some(nginx) = Nginx::start() else { return };
    let Some(gateway) = Gateway::to(&[nginx.addr], &[]) else { return };
    let url = |path: &str| format!("http://{}{path}", gateway.addr);
    let whole = fs::read(nginx.folder.join("file")).unwrap();
    for version in ["--http1.1", "--http1.0"] {
        let Some(got) = printed("curl", &["-sSf", version, &url("/file")]) else { return };
        assert!(got == whole, "{version}: {} bytes", got.len());
    }
    let part = printed("curl", &["-sSf", "-r", "100-199", &url("/file")]).unwrap();
    assert!(part == whole[100..200]);
    let head = printed("curl", &["-sSfI", &url("/file")]).unwrap();
    assert!(String::from_utf8_lossy(&head).contains("Content-Length: 5000000\r\n"));
    let h2c = printed("curl", &["-sSf", "--http2", &url("/small")]).unwrap();
    assert_eq!(h2c, b"hello");
    // An upload that is refused unread, with and without 100.
    let file = nginx.folder.join("file");
    let file = file.to_str().unwrap();
    for expect in ["Expect:", "Expect: 100-continue"] {
        for _ in 0..5 {
            let status = printed(
                "curl",
                &["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", expect, "-T", file, &url("/no")],
            );
            assert_eq!(status.unwrap(), b"413", "{expect}");
        }
    }
}

#[test]
fn wrk_sees_no_error_although_nginx_closes_connections_now_and_then() {
    let Some(nginx) = Nginx::start() else { return };
    let Some(gateway) = Gateway::to(&[nginx.addr], &[]) else { return };
    let url = format!("http://{}/small", gateway.addr);
    let Some(printed) = printed("wrk", &["-t1", "-c32", "-d2s", &url]) else { return };
    let printed = String::from_utf8_lossy(&printed);
    assert!(!printed.contains("Socket errors") && !printed.contains("Non-2xx"), "{printed}");
    let requests = printed.lines().find_map(|line| line.trim().split_once(" requests in")).unwrap().0;
    assert!(requests.parse::<u64>().unwrap() > 100, "{printed}");
}
