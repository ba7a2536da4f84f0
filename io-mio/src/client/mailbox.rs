//! [`Mailbox`]: what other threads have for a client's loop, and how the loop is woken for it.
//!
//! Only the way in. What a message comes to is in `engine`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::Waker;

/// Messages on their way to one loop. Clones lead to the same loop.
pub(crate) struct Mailbox<M>(Arc<Inner<M>>);

struct Inner<M> {
    waker: Arc<Waker>,
    /// `None` once there is no loop that would look.
    messages: Mutex<Option<Vec<M>>>,
    /// The loop was woken and has not looked yet.
    woken: AtomicBool,
}

impl<M> Mailbox<M> {
    pub(crate) fn new(waker: Arc<Waker>) -> Self {
        Self(Arc::new(Inner { waker, messages: Mutex::new(Some(Vec::new())), woken: AtomicBool::new(false) }))
    }

    /// Sends, and wakes the loop.
    ///
    /// # Errors
    /// The message, if nobody will look.
    pub(crate) fn send(&self, message: M) -> Result<(), M> {
        match &mut *self.messages() {
            Some(messages) => messages.push(message),
            None => return Err(message),
        }
        if !self.0.woken.swap(true, Ordering::AcqRel) {
            // It fails only when the loop is gone.
            let _ = self.0.waker.wake();
        }
        Ok(())
    }

    /// Whether messages may be waiting.
    pub(crate) fn is_woken(&self) -> bool {
        self.0.woken.load(Ordering::Acquire)
    }

    /// Takes what was sent. The other list gives its memory for the next.
    pub(crate) fn take(&self, into: &mut Vec<M>) {
        // Before the list is taken: who sends after that wakes the loop again.
        self.0.woken.store(false, Ordering::Release);
        if let Some(messages) = &mut *self.messages() {
            std::mem::swap(messages, into);
        }
    }

    /// Whether both lead to one loop.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// From now on nobody looks. What waits is dropped.
    pub(crate) fn close(&self) {
        // Dropped outside the lock: what is in a message may send another as it goes.
        let left = self.messages().take();
        drop(left);
    }

    fn messages(&self) -> MutexGuard<'_, Option<Vec<M>>> {
        // No code that can panic runs under this lock.
        self.0.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> Clone for Mailbox<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
