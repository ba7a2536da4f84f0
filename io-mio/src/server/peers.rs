//! [`Peers`]: the clients' addresses, each asked of the system once for a connection, and only if somebody wants it.

use std::cell::RefCell;
use std::net::SocketAddr;

/// The addresses that were asked for, by the key of the connection.
#[derive(Debug, Default)]
pub(crate) struct Peers(RefCell<Vec<Known>>);

#[derive(Clone, Copy, Debug)]
struct Known {
    /// Tells the connection from others that had its key.
    generation: u32,
    addr: Option<SocketAddr>,
}

impl Peers {
    /// The address of a connection: as it is known, or as `ask` says.
    pub(crate) fn of(
        &self,
        key: usize,
        generation: u32,
        ask: impl FnOnce() -> Option<SocketAddr>,
    ) -> Option<SocketAddr> {
        let known = self.0.borrow().get(key).copied();
        if let Some(known) = known.filter(|known| known.generation == generation && known.addr.is_some()) {
            return known.addr;
        }
        let addr = ask();
        let mut all = self.0.borrow_mut();
        if all.len() <= key {
            all.resize(key + 1, Known { generation, addr: None });
        }
        if let Some(place) = all.get_mut(key) {
            *place = Known { generation, addr };
        }
        addr
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_asked_for_once_for_each_connection() {
        let (peers, addr) = (Peers::default(), |port| Some(SocketAddr::from(([127, 0, 0, 1], port))));
        assert_eq!(peers.of(3, 1, || addr(1)), addr(1));
        assert_eq!(peers.of(3, 1, || unreachable!()), addr(1));
        assert_eq!(peers.of(2, 1, || None), None);
        assert_eq!(peers.of(2, 1, || addr(2)), addr(2), "what was not known is asked for again");
        assert_eq!(peers.of(3, 2, || addr(3)), addr(3), "another connection has the key");
    }
}
