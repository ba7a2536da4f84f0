//! The queue between the thread that watches sockets and the threads that run handlers. It bounds what waits; who is
//! refused, and how, is decided by whoever pushes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// First in, first out, for many takers.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    ready: Condvar,
    bound: usize,
    /// How many items no taker is free for, for a glance without the lock.
    unserved: AtomicUsize,
    /// Whether a taker has nothing to do, likewise.
    has_free: AtomicBool,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    /// Takers with nothing to do.
    free: usize,
    stopped: bool,
}

impl<T> Queue<T> {
    /// A queue in which `bound` items may wait beyond those that a free taker is about to take.
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            state: Mutex::new(State { items: VecDeque::new(), free: 0, stopped: false }),
            ready: Condvar::new(),
            bound,
            unserved: AtomicUsize::new(0),
            has_free: AtomicBool::new(false),
        }
    }

    /// Appends an item, or gives it back if the queue is full. Once the queue is stopped, the item is dropped.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.stopped {
            return Ok(());
        }
        if state.items.len() >= self.bound.saturating_add(state.free) {
            return Err(item);
        }
        self.add(&mut state, item);
        Ok(())
    }

    /// Appends an item that was let in before and has to be seen to an end; drops it once the queue is stopped.
    pub(crate) fn push_anyway(&self, item: T) {
        let mut state = self.lock();
        if !state.stopped {
            self.add(&mut state, item);
        }
    }

    fn add(&self, state: &mut State<T>, item: T) {
        state.items.push_back(item);
        self.publish(state);
        self.ready.notify_one();
    }

    /// Waits for an item. `None` once the queue is stopped.
    pub(crate) fn take(&self) -> Option<T> {
        self.take_until(None)
    }

    /// Waits for an item, and for no longer than `limit`. `None` then, and once the queue is stopped.
    pub(crate) fn take_within(&self, limit: Duration) -> Option<T> {
        // Longer than the clock can say is for ever.
        self.take_until(Instant::now().checked_add(limit))
    }

    fn take_until(&self, deadline: Option<Instant>) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(item) = state.items.pop_front() {
                self.publish(&state);
                return Some(item);
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return None;
            }
            state.free += 1;
            self.publish(&state);
            state = match left {
                None => self.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.ready.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
            state.free -= 1;
            self.publish(&state);
        }
    }

    /// Whether an item waits that no taker is free for.
    #[inline]
    pub(crate) fn is_crowded(&self) -> bool {
        self.unserved.load(Ordering::Relaxed) > 0
    }

    /// Whether a taker has nothing to do.
    #[inline]
    pub(crate) fn has_free(&self) -> bool {
        self.has_free.load(Ordering::Relaxed)
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Lets every taker go and returns what waited.
    pub(crate) fn stop(&self) -> VecDeque<T> {
        let mut state = self.lock();
        state.stopped = true;
        self.ready.notify_all();
        std::mem::take(&mut state.items)
    }

    fn publish(&self, state: &State<T>) {
        self.unserved.store(state.items.len().saturating_sub(state.free), Ordering::Relaxed);
        self.has_free.store(state.free > state.items.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_takes_no_more_than_its_bound_while_nobody_is_free() {
        let queue = Queue::new(2);
        assert_eq!((queue.push(1), queue.push(2), queue.push(3)), (Ok(()), Ok(()), Err(3)));
        assert_eq!((queue.take(), queue.len()), (Some(1), 1));
        queue.push_anyway(4);
        queue.push_anyway(5);
        assert_eq!(queue.stop(), [2, 4, 5]);
        queue.push_anyway(6);
        assert_eq!((queue.push(7), queue.len(), queue.take()), (Ok(()), 0, None));
    }

    #[test]
    fn who_waits_for_no_longer_than_a_limit_goes_without() {
        let queue = Queue::new(1);
        assert_eq!(queue.take_within(Duration::from_millis(1)), None);
        queue.push_anyway(1);
        assert_eq!((queue.take_within(Duration::ZERO), queue.take_within(Duration::ZERO)), (Some(1), None));
        assert!(!queue.has_free());
    }
}
