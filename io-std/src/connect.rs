//! From a host and a port to a connected socket: resolving, and trying one address after the other.
//!
//! RFC 8305 in short: addresses of both families take turns, a new one is tried when the one before failed or has
//! not answered for a while, and the first that answers is used.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use h1wire_proto::pool::Family;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::error::{ErrorKind, Timeout};
use crate::socket::{first_ready, is_in_progress};
use crate::stream::{Closer, Shared, Transport};

/// Resolves a host name, given with the port. See [`Request::lookup`](crate::Request::lookup).
pub type Lookup = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// How long an address may be silent before the next one is tried as well (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);
/// How often to see whether anybody still wants the connection.
const LOOK_UP: Duration = Duration::from_millis(500);

/// How a socket is to be connected.
#[derive(Clone, Default)]
pub(crate) struct How {
    pub(crate) family: Option<Family>,
    pub(crate) local_address: Option<IpAddr>,
    pub(crate) local_port: Option<u16>,
    pub(crate) lookup: Option<Numbered<Lookup>>,
    pub(crate) limit: Option<Duration>,
    pub(crate) no_delay: Option<bool>,
    /// The delay of TCP keep-alive, if it is on.
    pub(crate) keep_alive: Option<Duration>,
    /// How long an address may be silent before the next one is tried as well.
    pub(crate) attempt_delay: Option<Duration>,
}

/// A hook with a number that no other hook of this process has.
pub(crate) struct Numbered<T: ?Sized> {
    pub(crate) hook: Arc<T>,
    pub(crate) number: u64,
}

impl<T: ?Sized> Numbered<T> {
    pub(crate) fn new(hook: Arc<T>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { hook, number: NEXT.fetch_add(1, Ordering::Relaxed) }
    }
}

impl<T: ?Sized> Clone for Numbered<T> {
    fn clone(&self) -> Self {
        Self { hook: self.hook.clone(), number: self.number }
    }
}

/// An error with where it happened.
#[derive(Debug)]
struct At {
    place: String,
    error: io::Error,
}

impl At {
    fn error(place: impl ToString, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), Self { place: place.to_string(), error })
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.error)
    }
}

impl std::error::Error for At {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// Whether a connection that is being made is still wanted.
#[derive(Default)]
pub(crate) struct Wanted {
    given_up: AtomicBool,
    /// Ends the stream on which a tunnel or a session is being made.
    closer: Mutex<Option<Closer>>,
}

impl Wanted {
    /// Nobody wants it any more. What is answered ends the making of it, wherever that is.
    pub(crate) fn give_up(&self) -> Option<Closer> {
        let mut closer = self.closer();
        self.given_up.store(true, Ordering::Relaxed);
        closer.take()
    }

    /// From now on it is being made on `stream`.
    pub(crate) fn made_on(&self, stream: &dyn Transport) -> Result<(), ErrorKind> {
        let made_on = stream.closer();
        let mut closer = self.closer();
        self.check().map_err(ErrorKind::Connect)?;
        *closer = made_on;
        Ok(())
    }

    fn closer(&self) -> MutexGuard<'_, Option<Closer>> {
        self.closer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> io::Result<()> {
        if self.given_up.load(Ordering::Relaxed) { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

impl How {
    /// Connects to a host by name or address.
    pub(crate) fn tcp(
        &self,
        host: &str,
        port: u16,
        wanted: &Wanted,
    ) -> Result<Box<dyn Transport>, ErrorKind> {
        let deadline = self.deadline();
        let addresses = self.resolve(host, port)?;
        let socket =
            self.race(take_turns(addresses), deadline, wanted).map_err(|error| match error.kind() {
                io::ErrorKind::TimedOut => of_connecting(host, error),
                _ => ErrorKind::Connect(error),
            })?;
        self.set_up(socket).map_err(ErrorKind::Connect)
    }

    /// The addresses of a host, of the family asked for. At least one.
    fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ErrorKind> {
        let lookup = self.lookup.as_ref().map(|lookup| &*lookup.hook);
        let mut addresses =
            resolve(host, port, lookup).map_err(|error| ErrorKind::Dns(At::error(host, error)))?;
        addresses.retain(|a| match self.family {
            None => true,
            Some(Family::V4) => a.is_ipv4(),
            Some(Family::V6) => a.is_ipv6(),
        });
        if addresses.is_empty() {
            let text = "the name has no address of the family asked for";
            return Err(ErrorKind::Dns(At::error(host, io::Error::new(io::ErrorKind::NotFound, text))));
        }
        Ok(addresses)
    }

    /// The first address of a host, for who connects to it in our place.
    pub(crate) fn resolve_one(&self, host: &str, port: u16) -> Result<IpAddr, ErrorKind> {
        let first = self.resolve(host, port)?.first().map(SocketAddr::ip);
        first.ok_or_else(|| ErrorKind::Dns(io::ErrorKind::NotFound.into()))
    }

    /// Connects to a unix socket. That waits where as many wait already as the server lets.
    #[cfg(unix)]
    pub(crate) fn unix(&self, path: &[u8], wanted: &Wanted) -> Result<Box<dyn Transport>, ErrorKind> {
        let path = crate::socket::path(path);
        let deadline = self.deadline();
        let connect = || {
            let (socket, address) = (Socket::new(Domain::UNIX, Type::STREAM, None)?, SockAddr::unix(path)?);
            loop {
                wanted.check()?;
                let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
                if left == Some(Duration::ZERO) {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                socket.set_write_timeout(Some(left.map_or(LOOK_UP, |left| left.min(LOOK_UP))))?;
                match socket.connect(&address) {
                    Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                    connected => break connected?,
                }
            }
            socket.set_write_timeout(None)?;
            Ok(socket)
        };
        let socket = connect().map_err(|error| of_connecting(path.display(), error))?;
        Ok(Box::new(Shared::new(crate::socket::UnixStream::from(socket))))
    }

    /// There is none here.
    #[cfg(not(unix))]
    pub(crate) fn unix(&self, path: &[u8], _: &Wanted) -> Result<Box<dyn Transport>, ErrorKind> {
        Err(of_connecting(String::from_utf8_lossy(path), io::ErrorKind::Unsupported.into()))
    }

    fn deadline(&self) -> Option<Instant> {
        self.limit.and_then(|limit| Instant::now().checked_add(limit))
    }

    /// Applies what was asked for to a connection that was made for another request.
    pub(crate) fn apply(&self, stream: &mut dyn Transport) {
        // What this stream does not support it can do without.
        if let Some(on) = self.no_delay {
            let _ = stream.set_no_delay(on);
        }
        if self.keep_alive.is_some() {
            let _ = stream.set_keep_alive(self.keep_alive);
        }
    }

    fn set_up(&self, socket: Socket) -> io::Result<Box<dyn Transport>> {
        socket.set_nonblocking(false)?;
        let mut stream = Shared::new(TcpStream::from(socket));
        stream.set_no_delay(self.no_delay.unwrap_or(true))?;
        if self.keep_alive.is_some() {
            stream.set_keep_alive(self.keep_alive)?;
        }
        Ok(Box::new(stream))
    }

    /// Tries the addresses in order, the next one when the last failed or is silent, until one is connected.
    fn race(
        &self,
        addresses: Vec<SocketAddr>,
        deadline: Option<Instant>,
        wanted: &Wanted,
    ) -> io::Result<Socket> {
        let mut left = addresses.into_iter();
        let mut pending: Vec<(Socket, SocketAddr)> = Vec::new();
        let mut error = io::Error::from(io::ErrorKind::AddrNotAvailable);
        let mut next_at = Instant::now();
        loop {
            wanted.check()?;
            let now = Instant::now();
            if deadline.is_some_and(|at| at <= now) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if pending.is_empty() || next_at <= now {
                match left.next() {
                    Some(address) => match self.begin(address) {
                        Ok((socket, true)) => return Ok(socket),
                        Ok((socket, false)) => {
                            pending.push((socket, address));
                            next_at = now + self.attempt_delay.unwrap_or(STAGGER);
                        }
                        Err(e) => {
                            error = At::error(address, e);
                            continue;
                        }
                    },
                    None if pending.is_empty() => return Err(error),
                    None => next_at = now + LOOK_UP,
                }
            }
            let pause = next_at.min(now + LOOK_UP).min(deadline.unwrap_or(next_at));
            if let Some(done) =
                first_ready(pending.iter().map(|(socket, _)| socket), pause.saturating_duration_since(now))?
            {
                let (socket, address) = pending.swap_remove(done);
                match socket.take_error()? {
                    None => return Ok(socket),
                    Some(e) => error = At::error(address, e),
                }
            }
        }
    }

    /// Begins to connect. `true`: it is done already.
    fn begin(&self, address: SocketAddr) -> io::Result<(Socket, bool)> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if self.local_address.is_some() || self.local_port.is_some() {
            let any = match address {
                SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
                SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
            };
            if self.local_port.is_some() {
                // A port of one's own is used again while the last connection from it lingers.
                socket.set_reuse_address(true)?;
            }
            let local = SocketAddr::new(self.local_address.unwrap_or(any), self.local_port.unwrap_or(0));
            socket.bind(&SockAddr::from(local))?;
        }
        socket.set_nonblocking(true)?;
        match socket.connect(&SockAddr::from(address)) {
            Ok(()) => Ok((socket, true)),
            Err(e) if is_in_progress(&e) => Ok((socket, false)),
            Err(e) => Err(e),
        }
    }
}

fn of_connecting(place: impl ToString, error: io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::TimedOut => ErrorKind::Timeout(Timeout::Connect),
        _ => ErrorKind::Connect(At::error(place, error)),
    }
}

fn resolve(host: &str, port: u16, lookup: Option<&Lookup>) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    match lookup {
        Some(lookup) => lookup(host, port),
        None => Ok((host, port).to_socket_addrs()?.collect()),
    }
}

/// The addresses with their families taking turns, in the resolver's order otherwise (RFC 8305 section 4).
fn take_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else { return addresses };
    let (one, other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|a| a.is_ipv6() == first);
    let mut turns = Vec::with_capacity(one.len() + other.len());
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    loop {
        let (a, b) = (one.next(), other.next());
        if a.is_none() && b.is_none() {
            return turns;
        }
        turns.extend(a);
        turns.extend(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_families_take_turns_and_the_first_stays_first() {
        let all = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"].map(address).to_vec();
        let turns = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"].map(address).to_vec();
        assert_eq!(take_turns(all), turns);
    }

    #[test]
    fn an_address_needs_no_resolver() {
        let never: &Lookup = &|_, _| panic!("asked");
        assert_eq!(resolve("127.0.0.1", 7, Some(never)).unwrap(), [address("127.0.0.1:7")]);
        assert_eq!(resolve("::1", 7, Some(never)).unwrap(), [address("[::1]:7")]);
    }
}
