//! [`Race`]: which of a host's addresses is tried next, and when. RFC 8305 in short: both families take turns, a new
//! address is tried when the one before failed or has not answered for a while, and the first that answers is used.
//!
//! It counts and waits; sockets are opened in `dial`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use h1wire_proto::Time;
use h1wire_proto::pool::Family;
use mio::net::TcpStream;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// The addresses of one host that were not tried yet.
pub(crate) struct Race {
    left: std::vec::IntoIter<SocketAddr>,
    delay: u64,
    next_at: Time,
    /// Why the last of them failed.
    pub(crate) error: Option<io::Error>,
}

impl Race {
    /// `delay` is how long an address may be silent before the next is tried as well.
    pub(crate) fn new(addresses: Vec<SocketAddr>, delay: Duration) -> Self {
        let delay = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        Self { left: take_turns(addresses).into_iter(), delay, next_at: Time(0), error: None }
    }

    /// The address to try now. `running`: how many were begun and did not fail.
    pub(crate) fn next(&mut self, now: Time, running: usize) -> Option<SocketAddr> {
        if running > 0 && now < self.next_at {
            return None;
        }
        let next = self.left.next();
        self.next_at = now.after(self.delay);
        next
    }

    /// When there is another to be tried although none failed.
    pub(crate) fn deadline(&self) -> Option<Time> {
        (self.left.len() > 0).then_some(self.next_at)
    }
}

/// The addresses with their families taking turns, in the resolver's order otherwise (RFC 8305 section 4).
fn take_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else { return addresses };
    let mut turns = Vec::with_capacity(addresses.len());
    let (one, other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|a| a.is_ipv6() == first);
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

/// Whether an address is of the family that was asked for.
pub(crate) fn is_of(family: Option<Family>, address: &SocketAddr) -> bool {
    match family {
        None => true,
        Some(Family::V4) => address.is_ipv4(),
        Some(Family::V6) => address.is_ipv6(),
    }
}

/// Begins to connect, from a local address and port if they were chosen.
pub(crate) fn begin(
    address: SocketAddr,
    local_address: Option<IpAddr>,
    local_port: Option<u16>,
) -> io::Result<TcpStream> {
    if local_address.is_none() && local_port.is_none() {
        return TcpStream::connect(address);
    }
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    let any = match address {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    if local_port.is_some() {
        // A port of one's own is used again while the last connection from it lingers.
        socket.set_reuse_address(true)?;
    }
    let local = SocketAddr::new(local_address.unwrap_or(any), local_port.unwrap_or(0));
    socket.bind(&SockAddr::from(local))?;
    match socket.connect(&SockAddr::from(address)) {
        Ok(()) => {}
        Err(e) if is_under_way(&e) => {}
        Err(e) => return Err(e),
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// Whether connecting goes on without us.
fn is_under_way(error: &io::Error) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let in_progress = rustix::io::Errno::INPROGRESS.raw_os_error();
    // `EINPROGRESS` of the BSDs, and no number of another system.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let in_progress = 36;
    if cfg!(unix) && error.raw_os_error() == Some(in_progress) {
        return true;
    }
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Whether a socket that had an event is connected by now.
///
/// # Errors
/// Why it never will be.
pub(crate) fn is_connected(stream: &TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(e) if is_under_way(&e) => Ok(false),
        Err(e) => Err(e),
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
    fn the_next_address_is_tried_when_the_last_failed_or_was_silent_for_a_while() {
        let all = ["1.1.1.1:1", "1.1.1.2:1", "1.1.1.3:1"].map(address).to_vec();
        let mut race = Race::new(all.clone(), Duration::from_millis(250));
        assert_eq!(race.next(Time(1000), 0), Some(all[0]));
        assert_eq!(race.deadline(), Some(Time(1250)));
        assert_eq!(race.next(Time(1249), 1), None, "it may still answer");
        assert_eq!(race.next(Time(1249), 0), Some(all[1]), "it failed");
        assert_eq!(race.next(Time(1499), 1), Some(all[2]));
        assert_eq!((race.deadline(), race.next(Time(9999), 2)), (None, None));
    }
}
