//! [`Door`]: the way to the thread that watches sockets, for all others.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mio::{Poll, Token, Waker};

use super::link::Link;

/// What the front is asked to do.
pub(crate) enum Order {
    /// Watch a connection until there is something to read or a time limit passes.
    Park(Box<Link>),
    CloseIdle,
    CloseAll,
    /// End the server, which has so many connections, and by force after so long.
    Shutdown {
        within: Duration,
        open: usize,
    },
    /// End at once.
    Stop,
}

/// The way to the front for other threads.
pub(crate) struct Door {
    /// `None` once nobody looks any more.
    orders: Mutex<Option<Vec<Order>>>,
    waker: Arc<Waker>,
}

impl Door {
    /// The poll of a front, and the door to it, at which it is woken with `token`.
    pub(crate) fn open(token: Token) -> io::Result<(Poll, Self)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), token)?);
        Ok((poll, Self { orders: Mutex::new(Some(Vec::new())), waker }))
    }

    /// Has the front look around without an order.
    pub(crate) fn bell(&self) -> impl Fn() + Send + Sync + use<> {
        let waker = self.waker.clone();
        // The poll it wakes is gone only when nobody has to be woken.
        move || _ = waker.wake()
    }

    pub(crate) fn send(&self, order: Order) {
        if let Some(orders) = &mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner) {
            orders.push(order);
        }
        let _ = self.waker.wake();
    }

    pub(crate) fn orders(&self) -> Vec<Order> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Nobody looks any more. What was ordered is dropped.
    pub(crate) fn close(&self) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(orders);
    }
}
