//! [`AbortHandle`]: ending requests from another thread, whatever they are doing.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::agent::Driver;
use crate::error::ErrorKind;
use crate::stream::Closer;

/// Aborts requests from any thread, at any moment: while they wait for a connection, while one is made, while bytes
/// are sent or awaited, while the response is read.
///
/// Got from [`Request::abort_handle`](crate::Request::abort_handle), or made for many requests and given to each by
/// [`Request::abort_with`](crate::Request::abort_with). A clone aborts the same requests.
#[derive(Clone, Default)]
pub struct AbortHandle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    aborted: AtomicBool,
    exchanges: Mutex<Exchanges>,
}

/// The exchanges that can be aborted, and what each may be blocked in.
#[derive(Default)]
struct Exchanges {
    blocked: Vec<(u64, Blocked)>,
    next: u64,
}

enum Blocked {
    Nowhere,
    Waiting(Arc<Driver>, Arc<Condvar>),
    Stream(Closer),
}

impl AbortHandle {
    /// A handle for requests to be.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the requests. Their calls return [`ErrorKind::Aborted`] at once, what is left of their responses is dropped,
    /// and their connections are closed. A request that is sent later fails in the same way. Exchanges that are over are
    /// left alone, and the second time this does nothing.
    pub fn abort(&self) {
        self.0.aborted.store(true, Ordering::SeqCst);
        let mut exchanges = self.lock();
        let mut waiting = Vec::new();
        for (_, blocked) in &mut exchanges.blocked {
            match std::mem::replace(blocked, Blocked::Nowhere) {
                Blocked::Nowhere => {}
                // Under the lock, because after `over` the connection may be another request's.
                Blocked::Stream(closer) => closer.close(),
                Blocked::Waiting(driver, bell) => waiting.push((driver, bell)),
            }
        }
        drop(exchanges);
        for (driver, bell) in waiting {
            // With the lock held once in between, the request either sees the flag or hears the bell.
            drop(driver.lock());
            bell.notify_all();
        }
    }

    /// Whether they were aborted.
    pub fn is_aborted(&self) -> bool {
        self.0.aborted.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Exchanges> {
        self.0.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An exchange that a handle can abort. However it ends, with the panic of a hook as well, whoever keeps the handle
/// keeps nothing of it.
pub(crate) struct Abortable {
    handle: AbortHandle,
    id: u64,
}

impl Abortable {
    pub(crate) fn new(handle: &AbortHandle) -> Self {
        let mut exchanges = handle.lock();
        let id = exchanges.next;
        exchanges.next += 1;
        exchanges.blocked.push((id, Blocked::Nowhere));
        drop(exchanges);
        Self { handle: handle.clone(), id }
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.handle.is_aborted()
    }

    pub(crate) fn while_waiting(&self, driver: &Arc<Driver>, bell: &Arc<Condvar>) -> Result<(), ErrorKind> {
        self.block(Blocked::Waiting(driver.clone(), bell.clone()))
    }

    pub(crate) fn while_using(&self, closer: Option<&Closer>) -> Result<(), ErrorKind> {
        self.block(closer.map_or(Blocked::Nowhere, |closer| Blocked::Stream(closer.clone())))
    }

    /// The exchange is over: its connection may belong to another request from now on, unless the answer is that it
    /// was aborted.
    pub(crate) fn over(&self) -> Result<(), ErrorKind> {
        self.block(Blocked::Nowhere)
    }

    fn block(&self, on: Blocked) -> Result<(), ErrorKind> {
        let mut exchanges = self.handle.lock();
        if let Some((_, blocked)) = exchanges.blocked.iter_mut().find(|(id, _)| *id == self.id) {
            *blocked = on;
        }
        if self.is_aborted() { Err(ErrorKind::Aborted) } else { Ok(()) }
    }
}

impl Drop for Abortable {
    fn drop(&mut self) {
        self.handle.lock().blocked.retain(|(id, _)| *id != self.id);
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("aborted", &self.is_aborted()).finish()
    }
}
