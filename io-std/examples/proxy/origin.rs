//! Connections to origins: made, kept, and used without waiting. What is said on them is `exchange`'s business.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use h1wire_std::proto::{Advice, Client, ClientConfig, Conn, Limits};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection is kept without use, and how many to one origin and in all.
const KEPT: Duration = Duration::from_secs(30);
const MOST_EACH: usize = 8;
const MOST: usize = 256;
/// How much is read at once.
const PIECE: usize = 64 * 1024;

/// A connection to an origin.
pub struct Origin {
    pub stream: TcpStream,
    pub conn: Conn<Client>,
    /// What was received and not consumed, and what is to be sent.
    pub input: Vec<u8>,
    pub out: Vec<u8>,
}

impl Origin {
    fn connect(host: &str, port: u16, config: &ClientConfig) -> io::Result<Self> {
        let stream = reach(host, port)?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, conn: Conn::<Client>::new(config), input: Vec::new(), out: Vec::new() })
    }

    /// Sends as much as the system takes.
    ///
    /// # Errors
    /// Those of the system. That it takes nothing is none.
    pub fn send(&mut self) -> io::Result<()> {
        let (mut sent, mut done) = (0, Ok(()));
        while sent < self.out.len() {
            match self.stream.write(self.out.get(sent..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(n) => sent += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => {
                    done = Err(e);
                    break;
                }
            }
        }
        self.out.drain(..sent);
        done
    }

    /// Receives what is there. The machine is told of the end, and of a reset, which is one.
    ///
    /// # Errors
    /// Those of the system.
    pub fn receive(&mut self) -> io::Result<()> {
        let held = self.input.len();
        self.input.resize(held + PIECE, 0);
        let read = self.stream.read(self.input.get_mut(held..).unwrap_or_default());
        self.input.truncate(held + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => self.conn.recv_eof(),
            Err(e) if !matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                return Err(e);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether nothing was said since the last response: an origin that closed a connection did that.
    fn is_quiet(&self) -> bool {
        matches!(self.stream.peek(&mut [0]), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Where connections come from.
pub struct Origins {
    config: ClientConfig,
    /// Those that are not in use, by host and port, with when that began.
    idle: Mutex<HashMap<Vec<u8>, Vec<Idle>>>,
}

type Idle = (Instant, Origin);

impl Origins {
    pub fn new(limits: Limits) -> Self {
        Self { config: ClientConfig { limits, ..ClientConfig::default() }, idle: Mutex::default() }
    }

    /// A connection to the origin that a `Host` names that was used before.
    pub fn kept(&self, host: &[u8]) -> Option<Origin> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let origins = idle.get_mut(host)?;
        origins.retain(|(since, _)| since.elapsed() < KEPT);
        std::iter::from_fn(|| origins.pop()).map(|(_, origin)| origin).find(Origin::is_quiet)
    }

    /// A new one.
    ///
    /// # Errors
    /// Those of connecting.
    pub fn fresh(&self, host: &[u8]) -> io::Result<Origin> {
        let text = std::str::from_utf8(host).map_err(io::Error::other)?;
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => {
                (name, if port.is_empty() { Ok(80) } else { port.parse() })
            }
            _ => (text, Ok(80)),
        };
        Origin::connect(name.trim_matches(['[', ']']), port.map_err(io::Error::other)?, &self.config)
    }

    /// Takes one back after an exchange, if it can have another.
    pub fn keep(&self, host: &[u8], origin: Origin) {
        if origin.conn.advice() != Advice::Reuse || !origin.input.is_empty() || !origin.out.is_empty() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, origins| {
            origins.retain(|(since, _)| since.elapsed() < KEPT);
            !origins.is_empty()
        });
        if idle.values().map(Vec::len).sum::<usize>() < MOST {
            let origins = idle.entry(host.to_vec()).or_default();
            if origins.len() < MOST_EACH {
                origins.push((Instant::now(), origin));
            }
        }
    }
}

/// Connects to the first address that can be. An address that is silent is not to hold one of the server's threads for
/// as long as the system is patient.
///
/// # Errors
/// Those of resolving and connecting.
pub fn reach(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(far) => return Ok(far),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What a client is told when an origin failed.
pub fn status_of(error: &io::Error) -> u16 {
    if error.kind() == io::ErrorKind::TimedOut { 504 } else { 502 }
}
