//! A folder to serve, a server of it, and clients that speak in bytes.
#![allow(dead_code)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use h1wire_mio::{Options, Running, Server};
use h1wire_serve::Files;

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A folder of its own for each test, removed at its end, and a server of what is in its `root`.
pub struct Site {
    pub folder: PathBuf,
    running: Option<Running>,
}

impl Site {
    pub fn new(name: &str) -> Self {
        Self::with(name, |files| files)
    }

    pub fn with(name: &str, change: impl FnOnce(Files) -> Files) -> Self {
        let folder = std::env::temp_dir().join(format!("h1wire-serve-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("root/sub dir")).unwrap();
        fs::write(folder.join("secret"), "secret").unwrap();
        let mut site = Self { folder, running: None };
        site.write("sub dir/b.html", "<p>b");
        site.write("a.txt", "0123456789");
        let files = change(Files::new(site.root()).unwrap());
        let server = Server::bind("127.0.0.1:0").unwrap().options(Options::default());
        site.running = Some(server.start_with(move |_| files.clone()).unwrap());
        site
    }

    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root().join(name)
    }

    /// Writes a file that was changed long ago, and waits until the system cannot take it for another.
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(21) {
            std::thread::yield_now();
        }
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub fn client(&self) -> TcpStream {
        let client = TcpStream::connect(self.running().local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    /// Everything that is said to this, until the server closes.
    pub fn said(&self, request: impl AsRef<[u8]>) -> Vec<u8> {
        let (mut client, mut said) = (self.client(), Vec::new());
        client.write_all(request.as_ref()).unwrap();
        client.read_to_end(&mut said).unwrap();
        said
    }

    pub fn ask(&self, method: &str, target: &str, fields: &str) -> Answer {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        Answer::parse(&self.said(request))
    }

    pub fn get(&self, target: &str, fields: &str) -> Answer {
        self.ask("GET", target, fields)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.handle().shutdown(Duration::ZERO);
            let _ = running.join();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub content: Vec<u8>,
}

impl Answer {
    pub fn parse(said: &[u8]) -> Self {
        let end = said
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("{}", said.escape_ascii()));
        let head = String::from_utf8(said[..end].to_vec()).unwrap();
        let status =
            head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{head}"));
        Self { status, head, content: said[end + 4..].to_vec() }
    }

    /// The value of a field, if there is one.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    #[track_caller]
    pub fn expect(&self, name: &str) -> &str {
        self.field(name).unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.content).unwrap()
    }

    /// The names of its fields, less those of every answer.
    pub fn names(&self) -> Vec<String> {
        let names = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let names = names.map(|(name, _)| name.to_ascii_lowercase());
        let mut names: Vec<_> = names.filter(|name| name != "date" && name != "connection").collect();
        names.sort();
        names
    }
}
