//! A server that does exactly what a test says: reads requests, writes bytes, closes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// No test waits longer than this for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A listener on a loopback port, and the thread that plays its part.
pub struct Script {
    pub addr: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Script {
    /// Plays `part` with the listener.
    pub fn new(part: impl FnOnce(&TcpListener) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        Self { addr, thread: Some(thread::spawn(move || part(&listener))) }
    }

    /// Accepts one connection and plays `part` with it.
    pub fn once(part: impl FnOnce(&mut Peer) + Send + 'static) -> Self {
        Self::new(move |listener| part(&mut Peer::accept(listener)))
    }

    /// Accepts one connection and answers each request with the next of these.
    pub fn answers(answers: impl IntoIterator<Item = impl AsRef<[u8]> + Send + 'static>) -> Self {
        let answers: Vec<_> = answers.into_iter().collect();
        Self::once(move |peer| {
            for answer in answers {
                peer.request();
                peer.send(answer.as_ref());
            }
        })
    }

    /// As [`answers`](Self::answers), and then leaves closing to the client.
    pub fn kept(answers: impl IntoIterator<Item = impl AsRef<[u8]> + Send + 'static>) -> Self {
        let answers: Vec<_> = answers.into_iter().collect();
        Self::once(move |peer| {
            for answer in answers {
                peer.request();
                peer.send(answer.as_ref());
            }
            assert_eq!(peer.end(), b"");
        })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Waits for the part to be over, and fails if it failed.
    pub fn join(mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

/// One connection, seen by the server.
pub struct Peer {
    pub socket: TcpStream,
    pub held: Vec<u8>,
}

impl Peer {
    pub fn accept(listener: &TcpListener) -> Self {
        socket2::SockRef::from(listener).set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = listener.accept().expect("nobody connects");
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket, held: Vec::new() }
    }

    /// Reads until the bytes held contain `mark`, and takes them with it.
    pub fn until(&mut self, mark: &[u8]) -> String {
        // What was searched is not searched again, however small the pieces that come.
        let mut searched = 0;
        loop {
            let found = self.held[searched..].windows(mark.len()).position(|w| w == mark);
            if let Some(at) = found {
                let taken = self.held.drain(..searched + at + mark.len()).collect();
                return String::from_utf8(taken).unwrap();
            }
            searched = self.held.len().saturating_sub(mark.len() - 1);
            assert!(self.read() > 0, "closed before {mark:?}: {:?}", String::from_utf8_lossy(&self.held));
        }
    }

    /// Reads a head, unless the client closes before it is there.
    pub fn try_request(&mut self) -> Option<String> {
        let mut buf = [0; 4096];
        loop {
            if let Some(at) = self.held.windows(4).position(|w| w == b"\r\n\r\n") {
                return String::from_utf8(self.held.drain(..at + 4).collect()).ok();
            }
            let n = self.socket.read(&mut buf).ok().filter(|n| *n > 0)?;
            self.held.extend_from_slice(&buf[..n]);
        }
    }

    /// Reads once.
    pub fn read(&mut self) -> usize {
        let mut buf = [0; 64 * 1024];
        let n = self.socket.read(&mut buf).unwrap();
        self.held.extend_from_slice(&buf[..n]);
        n
    }

    /// Reads a head.
    pub fn request(&mut self) -> String {
        self.until(b"\r\n\r\n")
    }

    /// Reads so many bytes of content.
    pub fn content(&mut self, n: usize) -> Vec<u8> {
        while self.held.len() < n {
            assert!(self.read() > 0, "closed after {} of {n} bytes", self.held.len());
        }
        self.held.drain(..n).collect()
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// Reads until the client closes, and says what else it sent.
    pub fn end(&mut self) -> Vec<u8> {
        let mut buf = [0; 64 * 1024];
        loop {
            match self.socket.read(&mut buf) {
                Ok(0) => break,
                Ok(n) => self.held.extend_from_slice(&buf[..n]),
                Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(e) => panic!("the client did not close: {e}"),
            }
        }
        std::mem::take(&mut self.held)
    }

    /// Closes with a reset instead of an end.
    pub fn reset(self) {
        socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// Calls `act` in a thread and fails if it takes too long.
pub fn within<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait): (_, Receiver<T>) = channel();
    let thread = thread::spawn(move || {
        let _ = done.send(act());
    });
    match wait.recv_timeout(PATIENCE) {
        Ok(value) => value,
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("took too long"),
        Err(_) => std::panic::resume_unwind(thread.join().unwrap_err()),
    }
}

/// Waits until `is_so`, and fails if that takes too long.
pub fn eventually(is_so: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "it never was so");
        thread::yield_now();
    }
}
