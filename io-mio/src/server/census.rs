//! [`Census`]: how many connections a server has over all its event loops, and how many of each peer.
//!
//! Numbers only. Who is turned away because of them is decided in `accept`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::server::progress::locked;

/// What the event loops of a server share.
#[derive(Debug, Default)]
pub(crate) struct Census {
    open: AtomicUsize,
    peers: Mutex<HashMap<IpAddr, usize>>,
}

/// One event loop's part in it.
#[derive(Debug, Default)]
pub(crate) struct Guests {
    census: Arc<Census>,
    /// By the key of a connection, the peer it is counted for.
    peers: Vec<Option<IpAddr>>,
}

/// The peer an address belongs to: an IPv6 network of 64 bits is one, for it is what a host is given.
pub(crate) fn peer_of(addr: IpAddr) -> IpAddr {
    match addr.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

impl Guests {
    pub(crate) fn new(census: Arc<Census>) -> Self {
        Self { census, peers: Vec::new() }
    }

    /// How many connections there are, over all event loops.
    pub(crate) fn open(&self) -> usize {
        self.census.open.load(Ordering::Relaxed)
    }

    /// A connection was opened.
    pub(crate) fn enter(&self) {
        self.census.open.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the connection with this key for `peer`, unless it has `most` already. Says whether it was counted.
    pub(crate) fn enter_of(&mut self, key: usize, peer: IpAddr, most: usize) -> bool {
        {
            let mut peers = locked(&self.census.peers);
            let count = peers.get(&peer).copied().unwrap_or(0);
            if count >= most {
                return false;
            }
            peers.insert(peer, count + 1);
        }
        if self.peers.len() <= key {
            self.peers.resize(key + 1, None);
        }
        if let Some(entry) = self.peers.get_mut(key) {
            *entry = Some(peer);
        }
        true
    }

    /// The connection with this key is over.
    pub(crate) fn leave(&mut self, key: usize) {
        self.census.open.fetch_sub(1, Ordering::Relaxed);
        let Some(peer) = self.peers.get_mut(key).and_then(Option::take) else { return };
        let mut peers = locked(&self.census.peers);
        match peers.get_mut(&peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(peers.remove(&peer)),
        }
    }
}

/// An event loop that goes takes its connections along.
impl Drop for Guests {
    fn drop(&mut self) {
        let mut peers = locked(&self.census.peers);
        for peer in self.peers.drain(..).flatten() {
            match peers.get_mut(&peer) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(peers.remove(&peer)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_for_its_peer_in_every_form() {
        for (addr, peer) in [
            ("10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(peer_of(addr.parse().unwrap()), peer.parse::<IpAddr>().unwrap());
        }
    }

    #[test]
    fn whoever_leaves_makes_room_for_the_next_of_the_same_peer_in_any_loop() {
        let census = Arc::new(Census::default());
        let (mut one, mut two) = (Guests::new(census.clone()), Guests::new(census.clone()));
        let peer = IpAddr::from([10, 0, 0, 1]);
        one.enter();
        assert!(one.enter_of(3, peer, 2));
        two.enter();
        assert!(two.enter_of(3, peer, 2) && !one.enter_of(4, peer, 2));
        one.leave(3);
        assert_eq!(one.open(), 1);
        assert!(one.enter_of(4, peer, 2) && !two.enter_of(5, peer, 2));
        drop(two);
        assert!(one.enter_of(6, peer, 2));
        one.leave(4);
        one.leave(6);
        assert!(census.peers.lock().unwrap().is_empty());
    }
}
