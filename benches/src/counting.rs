//! Allocations per message, by an allocator that counts.
//!
//! The program that wants the count makes [`Counting`] its global allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{Bench, Input};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counting calls that take memory.
///
/// The counters are loaded and stored, not added to atomically: the benches run on one thread, and a locked
/// instruction for each allocation would be charged to the peers.
#[derive(Debug)]
pub struct Counting;

fn count(bytes: usize) {
    ALLOCATIONS.store(ALLOCATIONS.load(Relaxed).wrapping_add(1), Relaxed);
    BYTES.store(BYTES.load(Relaxed).wrapping_add(bytes as u64), Relaxed);
}

#[expect(unsafe_code, reason = "an allocator is an unsafe trait; every call is handed to the system's")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        unsafe { System.realloc(at, layout, size) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

/// What one message takes, in the steady state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerMessage {
    /// Calls that took memory.
    pub allocations: f64,
    /// Bytes asked for.
    pub bytes: f64,
}

/// Counts over `messages` messages: what 2n take less what n take, so that setting up cancels out.
pub fn per_message(bench: &Bench, input: &'static Input, messages: u64) -> PerMessage {
    let mut run = (bench.start)(input);
    let mut taken = |messages| {
        let before = (ALLOCATIONS.load(Relaxed), BYTES.load(Relaxed));
        run(messages);
        (ALLOCATIONS.load(Relaxed) - before.0, BYTES.load(Relaxed) - before.1)
    };
    taken(messages);
    let (once, twice) = (taken(messages), taken(2 * messages));
    let each = |once: u64, twice: u64| (twice as f64 - once as f64) / messages as f64;
    PerMessage { allocations: each(once.0, twice.0), bytes: each(once.1, twice.1) }
}
