//! [`AbortHandle`]: ending a request from another thread, whatever it is doing.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::agent::Driver;
use crate::error::ErrorKind;
use crate::stream::Closer;

/// Aborts a request from any thread, at any moment: while it waits for a connection, while one is made, while bytes
/// are sent or awaited, while the response is read.
///
/// Got from [`Request::abort_handle`](crate::Request::abort_handle). A clone aborts the same request.
#[derive(Clone, Default)]
pub struct AbortHandle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    aborted: AtomicBool,
    blocked: Mutex<Blocked>,
}

/// What the request may be blocked in.
#[derive(Default)]
enum Blocked {
    #[default]
    Nowhere,
    Waiting(Arc<Driver>, Arc<Condvar>),
    Stream(Closer),
}

impl AbortHandle {
    /// Ends the request. Its call returns [`ErrorKind::Aborted`] at once, what is left of the response is dropped,
    /// and the connection is closed. Once the exchange is over, and the second time, this does nothing.
    pub fn abort(&self) {
        self.0.aborted.store(true, Ordering::SeqCst);
        let mut blocked = self.0.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::take(&mut *blocked) {
            Blocked::Nowhere => {}
            // Under the lock, because after `over` the connection may be another request's.
            Blocked::Stream(closer) => closer.close(),
            Blocked::Waiting(driver, bell) => {
                drop(blocked);
                // With the lock held once in between, the request either sees the flag or hears the bell.
                drop(driver.lock());
                bell.notify_all();
            }
        }
    }

    /// Whether it was aborted.
    pub fn is_aborted(&self) -> bool {
        self.0.aborted.load(Ordering::SeqCst)
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
        let mut blocked = self.0.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        *blocked = on;
        if self.is_aborted() { Err(ErrorKind::Aborted) } else { Ok(()) }
    }
}

/// The exchange that a handle can abort. However that ends, with the panic of a hook as well, whoever keeps the handle
/// keeps nothing of it.
pub(crate) struct Abortable(Option<AbortHandle>);

impl Abortable {
    pub(crate) fn new(handle: Option<&AbortHandle>) -> Self {
        Self(handle.cloned())
    }
}

impl Drop for Abortable {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            let _ = handle.over();
        }
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("aborted", &self.is_aborted()).finish()
    }
}
