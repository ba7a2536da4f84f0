//! Calling what a user wrote, so that a panic there ends no thread that serves others.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// `None` if it panicked.
pub(crate) fn guarded<T>(hook: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(hook)).ok()
}
