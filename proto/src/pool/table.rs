//! A table whose entries are found by index and told apart by a serial number that is never given twice.
//!
//! The lowest free index is used first and free entries at the end are given back, so that memory follows the
//! number of live entries. Knows nothing of connections or tickets.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// "No index": ends a list, marks an absent link.
pub(super) const NIL: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Table<T> {
    slots: Vec<Slot<T>>,
    /// Free indices, lowest first. Those at or beyond `slots.len()` were given back already and are skipped: the
    /// table grows only once this is empty, so none of them can come to mean a newer slot.
    free: BinaryHeap<Reverse<u32>>,
    live: usize,
    serial: u64,
}

#[derive(Debug)]
struct Slot<T> {
    serial: u64,
    value: Option<T>,
}

impl<T> Table<T> {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), free: BinaryHeap::new(), live: 0, serial: 0 }
    }

    /// How many entries are live.
    pub(super) const fn len(&self) -> usize {
        self.live
    }

    /// Enters `value`. The answer is its index, and its serial number: higher than every one before.
    pub(super) fn insert(&mut self, value: T) -> (u32, u64) {
        self.serial += 1;
        self.live += 1;
        let slot = Slot { serial: self.serial, value: Some(value) };
        while let Some(Reverse(index)) = self.free.pop() {
            if let Some(vacant) = self.slots.get_mut(index as usize) {
                *vacant = slot;
                return (index, self.serial);
            }
        }
        // Four billion live entries would not fit in memory.
        let index = self.slots.len() as u32;
        self.slots.push(slot);
        (index, self.serial)
    }

    pub(super) fn get(&self, index: u32) -> Option<&T> {
        self.slots.get(index as usize)?.value.as_ref()
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.slots.get_mut(index as usize)?.value.as_mut()
    }

    /// The serial number of the live entry at `index`.
    pub(super) fn serial(&self, index: u32) -> Option<u64> {
        self.slots.get(index as usize).filter(|slot| slot.value.is_some()).map(|slot| slot.serial)
    }

    /// The live entry at `index`, if it still is the one with this serial number.
    pub(super) fn find(&self, index: u32, serial: u64) -> Option<&T> {
        let slot = self.slots.get(index as usize).filter(|slot| slot.serial == serial)?;
        slot.value.as_ref()
    }

    /// Removes the entry at `index`.
    pub(super) fn remove(&mut self, index: u32) -> Option<T> {
        let value = self.slots.get_mut(index as usize)?.value.take()?;
        self.live -= 1;
        self.free.push(Reverse(index));
        if index as usize + 1 == self.slots.len() {
            while self.slots.last().is_some_and(|slot| slot.value.is_none()) {
                self.slots.pop();
            }
            trim(&mut self.slots);
            // Half of the free indices or more are stale: sweep them. Paid for by the removals that made them.
            if self.free.len() > 2 * (self.slots.len() - self.live) + 32 {
                let end = self.slots.len() as u32;
                self.free.retain(|free| free.0 < end);
                self.free.shrink_to(2 * self.free.len());
            }
        }
        Some(value)
    }

    /// Removes everything. Serial numbers go on.
    pub(super) fn clear(&mut self) {
        *self = Self { serial: self.serial, ..Self::new() };
    }

    /// The live entries with index and serial number, in no useful order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u64, &T)> {
        (0..).zip(&self.slots).filter_map(|(index, slot)| Some((index, slot.serial, slot.value.as_ref()?)))
    }
}

/// Gives memory back once three quarters of a large vector are empty.
pub(super) fn trim<T>(vec: &mut Vec<T>) {
    if vec.capacity() > 64 && vec.len() < vec.capacity() / 4 {
        vec.shrink_to(vec.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_never_given_twice_even_after_the_table_shrank() {
        let mut table = Table::new();
        let first = table.insert('a');
        table.remove(first.0);
        assert_eq!(table.slots.len(), 0);
        let second = table.insert('b');
        assert_eq!((second.0, second.1 > first.1), (first.0, true));
        assert_eq!(table.find(first.0, first.1), None);
        assert_eq!(table.find(second.0, second.1), Some(&'b'));
        table.clear();
        assert!(table.insert('c').1 > second.1);
    }

    #[test]
    fn the_lowest_free_index_is_used_first() {
        let mut table = Table::new();
        for n in 0..5 {
            assert_eq!(table.insert(n).0, n);
        }
        assert_eq!((table.remove(3), table.remove(1), table.remove(1)), (Some(3), Some(1), None));
        assert_eq!((table.insert(10).0, table.insert(11).0, table.insert(12).0), (1, 3, 5));
        assert_eq!(table.len(), 6);
    }

    #[test]
    fn indices_given_back_at_the_end_are_not_mistaken_for_free_slots() {
        let mut table = Table::new();
        for n in 0..4 {
            table.insert(n);
        }
        // 1 and 2 become free, then fall off the end together with 3.
        for n in [1, 2, 3] {
            table.remove(n);
        }
        assert_eq!(table.slots.len(), 1);
        let indices: Vec<u32> = (0..4).map(|n| table.insert(n).0).collect();
        assert_eq!(indices, [1, 2, 3, 4]);
        assert_eq!(table.iter().count(), 5);
    }

    #[test]
    fn memory_follows_the_live_entries() {
        let mut table = Table::new();
        for n in 0..10_000 {
            table.insert(n);
        }
        for n in 0..9_990 {
            table.remove(9_999 - n);
        }
        assert!(table.slots.capacity() < 100 && table.free.len() < 100);
        for n in 0..10 {
            table.remove(n);
        }
        assert_eq!((table.slots.len(), table.len()), (0, 0));
    }
}
