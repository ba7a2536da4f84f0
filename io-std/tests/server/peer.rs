//! The other end of a connection, for tests: plain bytes out, plain bytes in, nothing that waits for ever.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use h1wire_std::server::{Drained, Handle, Options, Request, Response, Running};
use h1wire_std::{Server, Transport};

/// How long a test waits for what must come.
pub const SOON: Duration = Duration::from_secs(10);

pub struct Peer {
    stream: Box<dyn Transport>,
    seen: Vec<u8>,
}

impl Peer {
    pub fn to(server: &impl Listening) -> Self {
        Self::at(server.addr())
    }

    pub fn at(addr: SocketAddr) -> Self {
        Self::on(TcpStream::connect(addr).unwrap())
    }

    pub fn on(mut stream: impl Transport + 'static) -> Self {
        Transport::set_read_timeout(&mut stream, Some(SOON)).unwrap();
        Transport::set_write_timeout(&mut stream, Some(SOON)).unwrap();
        Self { stream: Box::new(stream), seen: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    pub fn end(&mut self) -> &mut Self {
        self.stream.shutdown(Shutdown::Write).unwrap();
        self
    }

    /// Sends unless the server has sent something, or ended the stream, within `wait`. Says whether it sent.
    pub fn send_or_ended(&mut self, bytes: &[u8], wait: Duration) -> bool {
        self.stream.set_read_timeout(Some(wait)).unwrap();
        let mut buf = [0; 4096];
        let got = self.stream.read(&mut buf);
        self.stream.set_read_timeout(Some(SOON)).unwrap();
        match got {
            Ok(n) => {
                self.seen.extend_from_slice(&buf[..n]);
                // An answer to what was complete is no answer to what is not.
                n > 0 && !self.text().contains("HTTP/1.1 4") && self.stream.write_all(bytes).is_ok()
            }
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => self.stream.write_all(bytes).is_ok(),
            Err(e) => panic!("{e} after {:?}", self.text()),
        }
    }

    fn more(&mut self) -> usize {
        let mut buf = [0; 64 * 1024];
        let n = self.stream.read(&mut buf).unwrap_or_else(|e| panic!("{e} after {:?}", self.text()));
        self.seen.extend_from_slice(&buf[..n]);
        n
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Everything until and with `mark`.
    pub fn until(&mut self, mark: &str) -> String {
        loop {
            if let Some(at) = self.seen.windows(mark.len()).position(|w| w == mark.as_bytes()) {
                let rest = self.seen.split_off(at + mark.len());
                return String::from_utf8(std::mem::replace(&mut self.seen, rest)).unwrap();
            }
            assert!(self.more() > 0, "ended without {mark:?}: {:?}", self.text());
        }
    }

    /// The next head, without the date.
    pub fn head(&mut self) -> String {
        let head = self.until("\r\n\r\n");
        head.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: ")).collect()
    }

    pub fn exactly(&mut self, n: usize) -> Vec<u8> {
        while self.seen.len() < n {
            assert!(self.more() > 0, "ended: {:?}", self.text());
        }
        let rest = self.seen.split_off(n);
        std::mem::replace(&mut self.seen, rest)
    }

    /// A response with a length: its head without the date, and its content.
    pub fn response(&mut self) -> (String, String) {
        let head = self.head();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.unwrap_or_else(|| panic!("no length: {head}")).parse().unwrap();
        let content = self.exactly(length);
        (head, String::from_utf8(content).unwrap())
    }

    /// Everything until the server ends the stream, without dates.
    pub fn rest(&mut self) -> String {
        while self.more() > 0 {}
        let text = String::from_utf8(std::mem::take(&mut self.seen)).unwrap();
        text.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: ")).collect()
    }

    /// Fails unless the stream was ended, or torn down, with nothing more to read.
    pub fn assert_closed(&mut self) {
        let mut buf = [0; 1024];
        match self.stream.read(&mut buf) {
            Ok(0) => assert_eq!(self.text(), ""),
            Ok(n) => panic!("{:?}", buf[..n].escape_ascii().to_string()),
            Err(e) => assert!(!matches!(e.kind(), std::io::ErrorKind::WouldBlock), "still open: {e}"),
        }
    }
}

pub fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

/// What a test can connect to.
pub trait Listening {
    fn addr(&self) -> SocketAddr;
}

impl Listening for Running {
    fn addr(&self) -> SocketAddr {
        self.local_addr().unwrap()
    }
}

impl Listening for Handle {
    fn addr(&self) -> SocketAddr {
        self.local_addr().unwrap()
    }
}

/// The options of a test, for which they say nothing about keep-alive.
pub fn with<T>(change: impl FnOnce(&mut Options) -> T) -> Options {
    let mut options = Options::default();
    options.policy.advertise_keep_alive = false;
    change(&mut options);
    options
}

/// Shuts a server down, and says how it ended.
pub fn end(server: Running, within: Duration) -> Drained {
    server.shutdown(within);
    server.join().unwrap()
}

pub fn server() -> Server {
    Server::bind("127.0.0.1:0").unwrap().threads(2).options(with(|_| {}))
}

/// What was sent, sent back.
pub fn echo(req: &mut Request<'_>, res: &mut Response<'_>) -> std::io::Result<()> {
    let mut content = Vec::new();
    req.read_to_end(&mut content)?;
    res.end(content)
}

/// A handler that says when it has begun and waits until it may go on.
pub fn gated()
-> (impl Fn(&mut Request<'_>, &mut Response<'_>) -> std::io::Result<()>, Receiver<()>, Sender<()>) {
    let (begun, has_begun) = channel();
    let (go, may_go) = channel::<()>();
    let (begun, may_go) = (Mutex::new(begun), Mutex::new(may_go));
    let handler = move |_: &mut Request<'_>, res: &mut Response<'_>| {
        begun.lock().unwrap().send(()).unwrap();
        may_go.lock().unwrap().recv_timeout(SOON).unwrap();
        res.end("done")
    };
    (handler, has_begun, go)
}

/// Waits until `is` holds, which it must soon.
pub fn wait_until(what: &str, is: impl Fn() -> bool) {
    let until = std::time::Instant::now() + SOON;
    while !is() {
        assert!(std::time::Instant::now() < until, "never: {what}");
        std::thread::yield_now();
    }
}

pub const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
