//! [`AbortHandle`]: ending requests from any thread, whatever they are doing.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::engine::CallId;
use super::mailbox::Mailbox;
use super::making::Letter;

/// Aborts requests from any thread, at any moment: all that were given it, by
/// [`Request::abort_with`](super::Request::abort_with), in whatever clients they are.
///
/// A clone aborts the same requests. One that is started later with a handle that aborted is aborted at once.
#[derive(Clone, Default)]
pub struct AbortHandle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    aborted: AtomicBool,
    /// The calls under way, and the loops they are in.
    calls: Mutex<Vec<(Mailbox<Letter>, CallId)>>,
}

impl AbortHandle {
    /// A handle that aborts nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the requests, soon: each fails with [`Aborted`](super::ErrorKind::Aborted). A second time it does nothing.
    pub fn abort(&self) {
        self.0.aborted.store(true, Ordering::SeqCst);
        let calls = std::mem::take(&mut *self.calls());
        for (mailbox, id) in calls {
            let _ = mailbox.send(Letter::Abort(id));
        }
    }

    /// Whether it aborted.
    pub fn is_aborted(&self) -> bool {
        self.0.aborted.load(Ordering::SeqCst)
    }

    /// A call is under way. `false`: it is to be aborted.
    pub(crate) fn join(&self, mailbox: &Mailbox<Letter>, id: CallId) -> bool {
        self.calls().push((mailbox.clone(), id));
        // Asked after it can be found: an abort in between finds it.
        !self.is_aborted()
    }

    /// A call is over.
    pub(crate) fn leave(&self, mailbox: &Mailbox<Letter>, id: CallId) {
        self.calls().retain(|(of, other)| *other != id || !of.is_same(mailbox));
    }

    fn calls(&self) -> MutexGuard<'_, Vec<(Mailbox<Letter>, CallId)>> {
        // No code that can panic runs under this lock.
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("aborted", &self.is_aborted()).finish()
    }
}
