//! The connections a server has: how many, from where, and how to end them from outside. What each is doing is in its
//! `link`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slab::Slab;

use crate::stream::{Closer, Transport};

/// Every connection between its acceptance and its end.
pub(crate) struct Connections {
    places: Mutex<Places>,
    /// How many there are, for a glance without the lock.
    count: AtomicUsize,
    /// Called when one has gone.
    on_gone: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Places {
    closers: Slab<Option<Closer>>,
    by_address: HashMap<IpAddr, usize>,
}

/// How many connections there may be, in all and from one address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    pub(crate) all: Option<usize>,
    pub(crate) each: Option<usize>,
}

/// A connection's place among the others, given up when it is dropped.
pub(crate) struct Membership {
    connections: Arc<Connections>,
    key: usize,
    address: Option<IpAddr>,
}

impl Connections {
    pub(crate) fn new(on_gone: impl Fn() + Send + Sync + 'static) -> Self {
        Self { places: Mutex::default(), count: AtomicUsize::new(0), on_gone: Box::new(on_gone) }
    }

    /// Counts a connection in, unless there are as many already as there may be.
    pub(crate) fn join(self: &Arc<Self>, stream: &dyn Transport, most: Most) -> Option<Membership> {
        let closer = stream.closer();
        let mut places = self.lock();
        if most.all.is_some_and(|most| places.closers.len() >= most) {
            return None;
        }
        let address = match (most.each, stream.peer_addr()) {
            (Some(most), Some(peer)) => Some(places.count(whose(peer.ip()), most)?),
            _ => None,
        };
        let key = places.closers.insert(closer);
        self.count.store(places.closers.len(), Ordering::Relaxed);
        Some(Membership { key, address, connections: self.clone() })
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().closers.len()
    }

    /// Whether there are more than so many.
    #[inline]
    pub(crate) fn are_more_than(&self, some: usize) -> bool {
        self.count.load(Ordering::Relaxed) > some
    }

    /// Ends every connection, whatever it is doing, and says how many there were.
    pub(crate) fn close_all(&self) -> usize {
        let places = self.lock();
        places.closers.iter().filter_map(|(_, closer)| closer.as_ref()).for_each(Closer::close);
        places.closers.len()
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address that stands for a client. It is the same by whichever family it comes, and who has one address of IPv6 has
/// the 2^64 beside it (RFC 6177).
fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

impl Membership {
    /// Counts the connection for an address that was not known when it joined. `false` if there are as many already as
    /// there may be.
    pub(crate) fn claim(&mut self, address: IpAddr, most: Most) -> bool {
        let (Some(most), None) = (most.each, self.address) else { return true };
        self.address = self.connections.lock().count(whose(address), most);
        self.address.is_some()
    }
}

impl Places {
    /// Adds one to those of an address, unless there are as many already as there may be.
    fn count(&mut self, address: IpAddr, most: usize) -> Option<IpAddr> {
        let from_there = self.by_address.entry(address).or_default();
        if *from_there >= most {
            self.forget(address, 0);
            return None;
        }
        *from_there += 1;
        Some(address)
    }

    /// Takes `gone` from those of an address, and the address with the last of them.
    fn forget(&mut self, address: IpAddr, gone: usize) {
        if let Some(from_there) = self.by_address.get_mut(&address) {
            *from_there = from_there.saturating_sub(gone);
            if *from_there == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut places = self.connections.lock();
        places.closers.try_remove(self.key);
        if let Some(address) = self.address {
            places.forget(address, 1);
        }
        self.connections.count.store(places.closers.len(), Ordering::Relaxed);
        drop(places);
        (self.connections.on_gone)();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_known_by_its_address_or_by_its_network_of_ipv6() {
        let whose = |text: &str| whose(text.parse().unwrap()).to_string();
        assert_eq!(whose("192.0.2.1"), "192.0.2.1");
        assert_eq!(whose("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(whose("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
