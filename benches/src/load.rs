//! The load generator: one thread, many connections, a fixed number of requests under way on each.
//!
//! It outruns the servers by doing less: the length of an answer is learned once, then bytes are counted. Each
//! answer's first bytes are checked, and an answer of another length is an error.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream as Blocking};
use std::time::{Duration, Instant};

use memchr::memmem;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::scenario::Scenario;

/// A server that answers nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(5);
const READ: usize = 256 << 10;
const GOOD: &[u8] = b"HTTP/1.1 200";

/// A load on one server.
#[derive(Debug)]
pub struct Load {
    poll: Poll,
    address: SocketAddr,
    links: Vec<Link>,
    /// The requests that are sent at once.
    batch: Vec<u8>,
    depth: usize,
    reconnect: bool,
    /// The length of one answer.
    answer: usize,
    /// No new requests.
    draining: bool,
    /// Requests answered in this run.
    answered: u64,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Link {
    socket: TcpStream,
    written: usize,
    read: usize,
    /// Held back, with no request under way.
    idle: bool,
}

/// What a load came to.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// Requests answered.
    pub requests: u64,
    /// In this time.
    pub elapsed: Duration,
}

impl Load {
    /// Learns the server's answer and connects.
    pub fn new(address: SocketAddr, scenario: &Scenario, connections: usize) -> io::Result<Self> {
        let mut load = Self {
            poll: Poll::new()?,
            address,
            links: Vec::new(),
            batch: scenario.request.repeat(scenario.depth),
            depth: scenario.depth,
            reconnect: scenario.reconnect,
            answer: answer_length(address, &scenario.request)?,
            draining: false,
            answered: 0,
            buffer: vec![0; READ],
        };
        for at in 0..connections {
            let link = load.connect(at)?;
            load.links.push(link);
        }
        Ok(load)
    }

    fn connect(&self, at: usize) -> io::Result<Link> {
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        self.poll.registry().register(&mut socket, Token(at), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Link { socket, written: 0, read: 0, idle: false })
    }

    /// The length of one answer.
    pub fn answer_length(&self) -> usize {
        self.answer
    }

    /// Keeps the load up until at least so many requests are answered.
    pub fn run_requests(&mut self, requests: u64) -> io::Result<Count> {
        self.run(|load| load.answered >= requests)
    }

    /// Keeps the load up for a time. Requests under way at the end stay under way, for the next run to see answered.
    pub fn run_for(&mut self, time: Duration) -> io::Result<Count> {
        let started = Instant::now();
        self.run(|_| started.elapsed() >= time)
    }

    /// Sends nothing new, and waits until no request is under way.
    pub fn drain(&mut self) -> io::Result<Count> {
        self.draining = true;
        let count = self.run(|load| load.links.iter().all(|link| link.idle));
        self.draining = false;
        count
    }

    fn run(&mut self, done: impl Fn(&Self) -> bool) -> io::Result<Count> {
        let started = Instant::now();
        let mut events = Events::with_capacity(self.links.len().max(1));
        self.answered = 0;
        if !self.draining {
            for at in 0..self.links.len() {
                if std::mem::take(&mut self.links[at].idle) {
                    self.progress(at)?;
                }
            }
        }
        while !done(self) {
            match self.poll.poll(&mut events, Some(PATIENCE)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            if events.is_empty() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the server stopped answering"));
            }
            for event in &events {
                self.progress(event.token().0)?;
            }
        }
        Ok(Count { requests: self.answered, elapsed: started.elapsed() })
    }

    /// Moves one connection on.
    fn progress(&mut self, at: usize) -> io::Result<()> {
        let link = &mut self.links[at];
        if link.written == 0 {
            link.idle = self.draining;
            return if link.idle { Ok(()) } else { link.send(&self.batch) };
        }
        link.send(&self.batch)?;
        let answered = link.receive(self.depth * self.answer, self.reconnect, &mut self.buffer)?;
        if !answered || link.written < self.batch.len() {
            return Ok(());
        }
        self.answered += self.depth as u64;
        if self.reconnect {
            // A new socket tells when it is connected; the old one closes here.
            self.links[at] = self.connect(at)?;
            return Ok(());
        }
        (link.written, link.read) = (0, 0);
        self.progress(at)
    }
}

impl Link {
    /// Sends what the socket takes.
    fn send(&mut self, batch: &[u8]) -> io::Result<()> {
        while self.written < batch.len() {
            match self.socket.write(&batch[self.written..]) {
                Ok(written) => self.written += written,
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) =>
                {
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Receives what is there; whether `expected` bytes are (and the end of the stream, if that is to come).
    fn receive(&mut self, expected: usize, end: bool, buffer: &mut [u8]) -> io::Result<bool> {
        while self.read < expected || end {
            let read = match self.socket.read(buffer) {
                Ok(0) if end && self.read == expected => return Ok(true),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) =>
                {
                    return Ok(false);
                }
                Err(error) => return Err(error),
            };
            if self.read == 0 && !buffer[..read].starts_with(GOOD) {
                return Err(io::Error::other("not a good answer"));
            }
            self.read += read;
            // A short read empties the socket, and an event tells of more; but the end may already be behind it.
            if read < buffer.len() && !end {
                break;
            }
        }
        if self.read > expected {
            return Err(io::Error::other("an answer of another length than the first"));
        }
        Ok(self.read == expected && !end)
    }
}

/// Sends one request and measures the answer.
fn answer_length(address: SocketAddr, request: &[u8]) -> io::Result<usize> {
    let mut socket = Blocking::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(request)?;
    let mut bytes = Vec::new();
    let mut buffer = vec![0; READ];
    loop {
        if let Some(length) = complete(&bytes)? {
            return Ok(length);
        }
        match socket.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

/// The length of the answer at the front of `bytes`, if all of it is there.
fn complete(bytes: &[u8]) -> io::Result<Option<usize>> {
    if memmem::find(bytes, b"\r\n\r\n").is_none() {
        return Ok(None);
    }
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    let Ok(httparse::Status::Complete(head)) = response.parse(bytes) else {
        return Err(io::Error::other("not a response"));
    };
    let length = response
        .headers
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case("content-length"))
        .and_then(|field| str::from_utf8(field.value).ok()?.parse::<usize>().ok())
        .ok_or_else(|| io::Error::other("an answer without its length"))?;
    if response.code != Some(200) {
        return Err(io::Error::other(format!("answered {:?}", response.code)));
    }
    Ok(Some(head + length).filter(|&total| total <= bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_measured_when_all_of_it_is_there() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
        for cut in 0..answer.len() {
            assert_eq!(complete(&answer[..cut]).unwrap(), None, "{cut}");
        }
        assert_eq!(complete(answer).unwrap(), Some(answer.len()));
        assert!(complete(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n").is_err());
        assert!(complete(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
