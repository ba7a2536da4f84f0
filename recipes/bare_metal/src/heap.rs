//! A heap as small as one can be: blocks one after another, of which only the last can grow or be given back.
//!
//! It is right for what is allocated once and then kept, as a `Slots` is. There is one thread and no interrupt, so
//! nobody else is in it at the same time.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::ptr;

// From `link/layout.x`; only their addresses mean something.
unsafe extern "C" {
    static heap_start: u8;
    static heap_end: u8;
}

struct Heap {
    /// Bytes in use, from the start.
    used: Cell<usize>,
    /// The most there ever were.
    most: Cell<usize>,
}

#[global_allocator]
static HEAP: Heap = Heap { used: Cell::new(0), most: Cell::new(0) };

// SAFETY: there is one thread.
unsafe impl Sync for Heap {}

/// The most bytes that were in use at a time.
pub fn most() -> usize {
    HEAP.most.get()
}

fn start() -> usize {
    &raw const heap_start as usize
}

impl Heap {
    /// The heap in use then ends at `end`, if there is so much.
    fn end_at(&self, end: Option<usize>) -> bool {
        let Some(end) = end.filter(|end| *end <= &raw const heap_end as usize) else { return false };
        self.used.set(end - start());
        self.most.set(self.most.get().max(self.used.get()));
        true
    }

    fn is_last(&self, block: *mut u8, size: usize) -> bool {
        block as usize + size == start() + self.used.get()
    }
}

// SAFETY: blocks lie one after another in memory that nobody else has.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = (start() + self.used.get()).next_multiple_of(layout.align());
        match self.end_at(block.checked_add(layout.size())) {
            true => block as *mut u8,
            false => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if self.is_last(block, layout.size()) {
            self.end_at(Some(block as usize));
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if self.is_last(block, layout.size()) {
            return if self.end_at((block as usize).checked_add(size)) { block } else { ptr::null_mut() };
        }
        // SAFETY: the caller's, and the new block is another.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
            }
            moved
        }
    }
}
