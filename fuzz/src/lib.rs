//! Harnesses: functions over bytes that panic where a promise is broken.

mod pool;

pub use pool::pool;
