//! The gateway in a process of its own, and origins that do what a test tells them.

use std::io::{BufRead, BufReader, Read, Write, stderr};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::common::{PATIENCE, Raw};

/// The program. `None`, and a word about it, if it was not built.
pub fn program() -> Option<PathBuf> {
    // The tests are in `deps`, beside `examples`.
    let test = std::env::current_exe().unwrap();
    let program = test.parent()?.parent()?.join("examples").join("gateway");
    if !program.exists() {
        let _ = writeln!(stderr(), "skipped: the example gateway is not built");
        return None;
    }
    Some(program)
}

/// A gateway that runs until the test is over.
pub struct Gateway {
    pub child: Child,
    pub addr: SocketAddr,
    /// What else it says goes nowhere, but is not refused.
    _lines: BufReader<std::process::ChildStdout>,
}

impl Gateway {
    /// In front of `origins`, with more arguments.
    pub fn to(origins: &[SocketAddr], args: &[&str]) -> Option<Self> {
        let urls: Vec<String> = origins.iter().map(|origin| format!("http://{origin}")).collect();
        let mut all = Vec::new();
        for url in &urls {
            all.extend(["--to", url]);
        }
        all.extend(args);
        Self::start(&all)
    }

    /// With these arguments, on one loop and a free port.
    pub fn start(args: &[&str]) -> Option<Self> {
        let mut child = Command::new(program()?)
            .args(["--listen", "127.0.0.1:0", "--workers", "1"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let addr = line.trim().strip_prefix("listening on ");
        let addr = addr.unwrap_or_else(|| panic!("gateway says {line:?}")).parse().unwrap();
        Some(Self { child, addr, _lines: lines })
    }

    pub fn client(&self) -> Raw {
        Raw::at(self.addr)
    }

    /// Sends one request, which must ask for the connection to be closed, and reads everything.
    pub fn ask(&self, request: &str) -> String {
        self.client().ask(request)
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let signal = match name {
            "TERM" => rustix::process::Signal::TERM,
            _ => rustix::process::Signal::HUP,
        };
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that serves each connection by `serve`, in a thread of its own.
pub struct Origin {
    pub addr: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Origin {
    pub fn new(serve: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), serve)
    }

    pub fn on(listener: TcpListener, serve: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        let addr = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, serve) = (connections.clone(), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                count.fetch_add(1, Ordering::SeqCst);
                let serve = serve.clone();
                thread::spawn(move || serve(&mut Peer::new(stream)));
            }
        });
        Self { addr, connections }
    }

    /// One that answers every request on every connection with these bytes.
    pub fn answering(answer: &'static str) -> Self {
        Self::new(move |peer| {
            while peer.request().is_some() {
                peer.send(answer);
            }
        })
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A connection that an origin serves.
pub struct Peer {
    pub stream: TcpStream,
    /// Bytes that were read too far.
    pub rest: Vec<u8>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Got {
    pub head: String,
    pub content: Vec<u8>,
    /// The trailer section as it came.
    pub trailers: String,
}

impl Got {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

/// The first value of a field of a head.
pub fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").skip(1).find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, rest: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // Whoever reads it may be gone.
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Reads more. Says whether something came.
    pub fn more(&mut self) -> bool {
        let mut piece = [0; 64 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) | Err(_) => false,
            Ok(n) => {
                self.rest.extend_from_slice(&piece[..n]);
                true
            }
        }
    }

    /// Everything up to and with `end`.
    pub fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.rest.windows(end.len()).position(|window| window == end) {
                let rest = self.rest.split_off(at + end.len());
                return Some(std::mem::replace(&mut self.rest, rest));
            }
            if !self.more() {
                return None;
            }
        }
    }

    /// The head of the next request.
    pub fn head(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(&self.until(b"\r\n\r\n")?).into_owned())
    }

    pub fn exactly(&mut self, n: usize) -> Option<Vec<u8>> {
        while self.rest.len() < n {
            if !self.more() {
                return None;
            }
        }
        let rest = self.rest.split_off(n);
        Some(std::mem::replace(&mut self.rest, rest))
    }

    /// The next request, whole.
    pub fn request(&mut self) -> Option<Got> {
        let head = self.head()?;
        let (content, trailers) = self.content(&head)?;
        Some(Got { head, content, trailers })
    }

    /// The content that `head` announces.
    pub fn content(&mut self, head: &str) -> Option<(Vec<u8>, String)> {
        if let Some(length) = field(head, "content-length") {
            return Some((self.exactly(length.parse().unwrap())?, String::new()));
        }
        if field(head, "transfer-encoding").is_none() {
            return Some((Vec::new(), String::new()));
        }
        let mut content = Vec::new();
        loop {
            let line = String::from_utf8(self.until(b"\r\n")?).unwrap();
            let size = usize::from_str_radix(line.trim().split(';').next().unwrap(), 16).unwrap();
            if size == 0 {
                let mut trailers = String::new();
                loop {
                    let line = String::from_utf8(self.until(b"\r\n")?).unwrap();
                    if line == "\r\n" {
                        return Some((content, trailers));
                    }
                    trailers.push_str(&line);
                }
            }
            content.extend(self.exactly(size)?);
            self.exactly(2)?;
        }
    }

    pub fn close(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// A client that reads messages as an origin does.
pub fn peer(gateway: &Gateway) -> Peer {
    Peer::new(TcpStream::connect(gateway.addr).unwrap())
}

/// Head and content of an answer that was read to the end.
pub fn split(answer: &str) -> (&str, &str) {
    answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {answer}"))
}
