//! Both ends of the way through the proxy, in bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use h1wire_std::server::Running;

const PATIENCE: Duration = Duration::from_secs(20);

/// A connection in bytes.
pub struct Wire {
    pub stream: TcpStream,
    pub seen: Vec<u8>,
}

impl Wire {
    pub fn on(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, seen: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    pub fn more(&mut self) -> std::io::Result<usize> {
        let mut piece = [0; 4096];
        loop {
            match self.stream.read(&mut piece) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Ok(n) => {
                    self.seen.extend_from_slice(&piece[..n]);
                    return Ok(n);
                }
                failed => return failed,
            }
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Everything until and with `mark`.
    #[track_caller]
    pub fn until(&mut self, mark: &str) -> String {
        loop {
            if let Some(at) = self.seen.windows(mark.len()).position(|w| w == mark.as_bytes()) {
                let rest = self.seen.split_off(at + mark.len());
                return String::from_utf8(std::mem::replace(&mut self.seen, rest)).unwrap();
            }
            match self.more() {
                Ok(1..) => {}
                ended => panic!("{ended:?} without {mark:?} after {:?}", self.text()),
            }
        }
    }

    /// Everything until the end, and whether that was in order.
    pub fn rest(&mut self) -> (String, bool) {
        loop {
            match self.more() {
                Ok(0) => return (self.text(), true),
                Ok(_) => {}
                Err(e) => {
                    assert_eq!(e.kind(), ErrorKind::ConnectionReset, "after {:?}", self.text());
                    return (self.text(), false);
                }
            }
        }
    }

    pub fn end(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// The proxy, and the origin that the test plays.
pub struct Between {
    pub proxy: Running,
    pub origin: TcpListener,
}

impl Between {
    pub fn new() -> Self {
        let proxy = crate::example::start("127.0.0.1:0", "edge").unwrap();
        Self { proxy, origin: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    pub fn address(&self) -> SocketAddr {
        self.origin.local_addr().unwrap()
    }

    pub fn client(&self) -> Wire {
        Wire::on(TcpStream::connect(self.proxy.local_addr().unwrap()).unwrap())
    }

    /// A client that has sent a request with these fields, and the rest of it.
    pub fn asks(&self, method: &str, fields: &str) -> Wire {
        let mut client = self.client();
        let address = self.address();
        client.send(format!("{method} http://{address}/x HTTP/1.1\r\nHost: {address}\r\n{fields}"));
        client
    }

    pub fn accept(&self) -> Wire {
        Wire::on(self.origin.accept().unwrap().0)
    }

    /// The connection on which a request came, and its head.
    pub fn asked(&self) -> (Wire, String) {
        let mut origin = self.accept();
        let head = origin.until("\r\n\r\n");
        (origin, head)
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.proxy.shutdown(Duration::ZERO);
    }
}

/// The lines of a head but the first, `Host`, and those that every answer has.
pub fn fields(head: &str) -> Vec<&str> {
    let lines = head.lines().skip(1).filter(|line| !line.is_empty());
    lines
        .filter(|line| !["Host:", "Date:", "Keep-Alive:"].iter().any(|name| line.starts_with(name)))
        .collect()
}

pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
