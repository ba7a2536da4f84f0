//! The connections a server has: how many, and how to end them from outside. What each is doing is in its `link`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use slab::Slab;

use crate::stream::{Closer, Stream};

/// Every connection between its acceptance and its end.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    closers: Mutex<Slab<Option<Closer>>>,
    /// How many there are, for a glance without the lock.
    count: AtomicUsize,
    /// Told when one has gone.
    gone: Condvar,
}

/// A connection's place among the others, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Membership {
    connections: Arc<Connections>,
    key: usize,
}

impl Connections {
    /// Counts a connection in, unless there are `most` already; 0 is no limit.
    pub(crate) fn join(self: &Arc<Self>, stream: &dyn Stream, most: usize) -> Option<Membership> {
        let closer = stream.closer();
        let mut closers = self.lock();
        if most > 0 && closers.len() >= most {
            return None;
        }
        let key = closers.insert(closer);
        self.count.store(closers.len(), Ordering::Relaxed);
        Some(Membership { key, connections: self.clone() })
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are more than so many.
    #[inline]
    pub(crate) fn are_more_than(&self, some: usize) -> bool {
        self.count.load(Ordering::Relaxed) > some
    }

    /// Ends every connection, whatever it is doing, and says how many there were.
    pub(crate) fn close_all(&self) -> usize {
        let closers = self.lock();
        closers.iter().filter_map(|(_, closer)| closer.as_ref()).for_each(Closer::close);
        closers.len()
    }

    /// Waits until there are no connections, or until `limit` has passed. Says how many are left.
    pub(crate) fn wait_for_none(&self, limit: Duration) -> usize {
        let deadline = Instant::now().checked_add(limit);
        let mut closers = self.lock();
        while !closers.is_empty() {
            // Waiting for longer than the clock can say is waiting for ever.
            let left = deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            closers = self.gone.wait_timeout(closers, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        closers.len()
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Option<Closer>>> {
        self.closers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut closers = self.connections.lock();
        closers.try_remove(self.key);
        self.connections.count.store(closers.len(), Ordering::Relaxed);
        drop(closers);
        self.connections.gone.notify_all();
    }
}
