//! [`Signal`]: something that happens once, and leaves a word for all who wait for it.

use std::sync::{Condvar, Mutex, PoisonError};

/// Given once, waited for by any number of threads.
#[derive(Debug)]
pub(crate) struct Signal<T> {
    happened: Mutex<Option<T>>,
    told: Condvar,
}

impl<T: Copy> Signal<T> {
    pub(crate) const fn new() -> Self {
        Self { happened: Mutex::new(None), told: Condvar::new() }
    }

    pub(crate) fn give(&self, word: T) {
        *self.happened.lock().unwrap_or_else(PoisonError::into_inner) = Some(word);
        self.told.notify_all();
    }

    pub(crate) fn wait(&self) -> T {
        let mut happened = self.happened.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match *happened {
                Some(word) => return word,
                None => happened = self.told.wait(happened).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}
