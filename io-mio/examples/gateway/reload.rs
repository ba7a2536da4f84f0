//! A list of origins that can change while the gateway runs: written by the thread that takes signals, looked at by each
//! event loop.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The list, for whoever changes it.
#[derive(Clone, Debug, Default)]
pub struct List(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Changes with the list, so that nobody takes the lock for nothing.
    version: AtomicU64,
    urls: Mutex<Vec<String>>,
}

impl List {
    /// From the next request on, these are the origins.
    pub fn set(&self, urls: Vec<String>) {
        *self.0.urls.lock().unwrap_or_else(PoisonError::into_inner) = urls;
        self.0.version.fetch_add(1, Ordering::Release);
    }

    /// The list, for one event loop.
    pub fn reader(&self) -> Reload {
        Reload { list: self.clone(), seen: 0 }
    }
}

/// The list as one event loop last saw it.
#[derive(Debug)]
pub struct Reload {
    list: List,
    seen: u64,
}

impl Reload {
    /// The new list, once.
    pub fn changed(&mut self) -> Option<Vec<String>> {
        let version = self.list.0.version.load(Ordering::Acquire);
        if version == self.seen {
            return None;
        }
        self.seen = version;
        Some(self.list.0.urls.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
