//! A priority queue over the indices of a table, from which any index can be taken out or re-ranked.
//!
//! Each index stands in it at most once, so nothing stale is kept: that is why it is not a `BinaryHeap` with
//! lazy removal.

use super::table::{NIL, trim};
use alloc::vec::Vec;

/// Least rank first.
#[derive(Debug)]
pub(super) struct Heap<R> {
    /// A binary heap: each entry ranks at or below its parent at `(i - 1) / 2`.
    entries: Vec<(R, u32)>,
    /// Where each index stands in `entries`, or [`NIL`].
    places: Vec<u32>,
}

impl<R: Ord + Copy> Heap<R> {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), places: Vec::new() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The least rank, and whose it is.
    pub(super) fn min(&self) -> Option<(R, u32)> {
        self.entries.first().copied()
    }

    /// The rank of `index`, if it is in.
    pub(super) fn rank(&self, index: u32) -> Option<R> {
        Some(self.entries.get(self.place(index)?)?.0)
    }

    /// Gives `index` this rank, whether it had one or not.
    pub(super) fn set(&mut self, index: u32, rank: R) {
        match self.place(index) {
            Some(at) => {
                if self.entries[at].0 != rank {
                    self.entries[at].0 = rank;
                    self.restore(at);
                }
            }
            None => {
                if self.places.len() <= index as usize {
                    self.places.resize(index as usize + 1, NIL);
                }
                self.entries.push((rank, index));
                self.rise(self.entries.len() - 1);
            }
        }
    }

    /// Takes `index` out, if it is in.
    pub(super) fn remove(&mut self, index: u32) {
        let Some(at) = self.place(index) else { return };
        self.places[index as usize] = NIL;
        self.entries.swap_remove(at);
        if at < self.entries.len() {
            self.restore(at);
        }
        while self.places.last() == Some(&NIL) {
            self.places.pop();
        }
        trim(&mut self.entries);
        trim(&mut self.places);
    }

    /// Takes everything out.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    fn place(&self, index: u32) -> Option<usize> {
        self.places.get(index as usize).filter(|place| **place != NIL).map(|place| *place as usize)
    }

    /// Moves the entry at `at` to where it belongs.
    fn restore(&mut self, at: usize) {
        let at = self.rise(at);
        self.sink(at);
    }

    fn rise(&mut self, mut at: usize) -> usize {
        while at > 0 && self.entries[at] < self.entries[(at - 1) / 2] {
            let parent = (at - 1) / 2;
            self.entries.swap(at, parent);
            self.note(at);
            at = parent;
        }
        self.note(at);
        at
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let children = 2 * at + 1..self.entries.len().min(2 * at + 3);
            let Some(least) = children.min_by_key(|child| self.entries[*child]) else { break };
            if self.entries[at] <= self.entries[least] {
                break;
            }
            self.entries.swap(at, least);
            self.note(at);
            at = least;
        }
        self.note(at);
    }

    fn note(&mut self, at: usize) {
        let index = self.entries[at].1;
        self.places[index as usize] = at as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    #[test]
    fn the_least_rank_comes_first_whatever_is_set_and_removed() {
        let (mut heap, mut plain, mut seed) = (Heap::new(), BTreeMap::new(), 7u64);
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let (index, rank) = ((seed >> 33) as u32 % 60, seed >> 58);
            if (seed >> 50).is_multiple_of(3) {
                heap.remove(index);
                plain.remove(&index);
            } else {
                heap.set(index, rank);
                plain.insert(index, rank);
            }
            assert_eq!(heap.min(), plain.iter().map(|(index, rank)| (*rank, *index)).min());
            assert_eq!((heap.entries.len(), heap.is_empty()), (plain.len(), plain.is_empty()));
            assert_eq!(heap.places.len() as u32, plain.last_key_value().map_or(0, |(index, _)| index + 1));
        }
    }
}
