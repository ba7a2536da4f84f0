//! What the tests share: servers on a free port, and clients that speak in raw bytes.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use h1wire_mio::{Handler, Options, Outcome, Request, Response, Running, Server};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A server with a closure, on a free port of the loopback.
pub fn serve<R: Outcome + 'static>(
    f: impl Fn(&Request<'_>, &mut Response<'_>) -> R + Send + Sync + 'static,
) -> Running {
    Server::bind("127.0.0.1:0").unwrap().start(f).unwrap()
}

/// A server with a handler and these options.
pub fn serve_with<H: Handler + 'static>(
    options: Options,
    make: impl Fn(usize) -> H + Send + Sync + 'static,
) -> Running {
    Server::bind("127.0.0.1:0").unwrap().options(options).start_with(make).unwrap()
}

/// Shuts a server down and waits for it.
pub fn stop(running: Running) {
    running.handle().shutdown(Duration::ZERO);
    running.join().unwrap();
}

/// A time limit.
pub fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

/// Options with these changes.
pub fn options(change: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options::default();
    change(&mut options);
    options
}

/// A client that writes and reads bytes.
pub struct Raw(pub TcpStream);

impl Raw {
    pub fn to(running: &Running) -> Self {
        Self::at(running.local_addr().unwrap())
    }

    pub fn at(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.0.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Says that nothing more will be sent.
    pub fn half_close(&mut self) -> &mut Self {
        self.0.shutdown(Shutdown::Write).unwrap();
        self
    }

    /// Reads until `end` was read. What came after it is lost, so it must be the last of what is to come.
    pub fn until(&mut self, end: &str) -> String {
        let mut got = Vec::new();
        let mut piece = [0; 4096];
        while !got.ends_with(end.as_bytes()) {
            match self.0.read(&mut piece) {
                Ok(0) => panic!("the end, after {}", String::from_utf8_lossy(&got)),
                Ok(n) => got.extend_from_slice(&piece[..n]),
                Err(e) => panic!("{e}, after {}", String::from_utf8_lossy(&got)),
            }
        }
        String::from_utf8(got).unwrap()
    }

    /// Reads everything until the server closes.
    pub fn rest(&mut self) -> String {
        let mut got = Vec::new();
        if let Err(e) = self.0.read_to_end(&mut got) {
            panic!("{e}, after {}", String::from_utf8_lossy(&got));
        }
        String::from_utf8(got).unwrap()
    }

    /// Sends `request`, and reads everything until the server closes.
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> String {
        self.send(request).rest()
    }
}

/// A response without its `Date` line.
pub fn undated(response: &str) -> String {
    let lines = response.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: "));
    lines.collect()
}

/// Waits until `done`, or gives up.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::yield_now();
    }
}
