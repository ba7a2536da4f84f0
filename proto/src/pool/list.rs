//! Doubly linked lists threaded through the entries of a [`Table`]: both ends and any middle in constant time,
//! without an allocation. An entry is in at most one list.

use super::table::{NIL, Table};

/// The neighbours of an entry in the list it is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    prev: u32,
    next: u32,
}

impl Link {
    pub(super) const NONE: Self = Self { prev: NIL, next: NIL };

    /// The entry after this one, or [`NIL`].
    pub(super) const fn next(&self) -> u32 {
        self.next
    }
}

/// An entry that has room for a link.
pub(super) trait Linked {
    fn link(&self) -> &Link;
    fn link_mut(&mut self) -> &mut Link;
}

/// A list of the indices of one table.
#[derive(Debug)]
pub(super) struct List {
    head: u32,
    tail: u32,
    len: usize,
}

impl List {
    pub(super) const fn new() -> Self {
        Self { head: NIL, tail: NIL, len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn front(&self) -> Option<u32> {
        (self.head != NIL).then_some(self.head)
    }

    pub(super) fn back(&self) -> Option<u32> {
        (self.tail != NIL).then_some(self.tail)
    }

    /// Appends the entry at `index`, which is in no list.
    pub(super) fn push_back<T: Linked>(&mut self, table: &mut Table<T>, index: u32) {
        let Some(entry) = table.get_mut(index) else { return };
        *entry.link_mut() = Link { prev: self.tail, next: NIL };
        match table.get_mut(self.tail) {
            Some(last) => last.link_mut().next = index,
            None => self.head = index,
        }
        self.tail = index;
        self.len += 1;
    }

    /// Takes out the entry at `index`, which is in this list.
    pub(super) fn remove<T: Linked>(&mut self, table: &mut Table<T>, index: u32) {
        let Some(entry) = table.get_mut(index) else { return };
        let Link { prev, next } = core::mem::replace(entry.link_mut(), Link::NONE);
        match table.get_mut(prev) {
            Some(before) => before.link_mut().next = next,
            None => self.head = next,
        }
        match table.get_mut(next) {
            Some(behind) => behind.link_mut().prev = prev,
            None => self.tail = prev,
        }
        self.len -= 1;
    }

    /// The indices from front to back.
    pub(super) fn iter<'t, T: Linked>(&self, table: &'t Table<T>) -> Iter<'t, T> {
        Iter { table, at: self.head, left: self.len }
    }
}

/// Walks a list from front to back.
#[derive(Debug)]
pub(super) struct Iter<'t, T> {
    table: &'t Table<T>,
    at: u32,
    left: usize,
}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T: Linked> Iterator for Iter<'_, T> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let index = self.at;
        self.at = self.table.get(index)?.link().next;
        self.left -= 1;
        Some(index)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    impl Linked for Link {
        fn link(&self) -> &Link {
            self
        }
        fn link_mut(&mut self) -> &mut Link {
            self
        }
    }

    #[test]
    fn entries_leave_from_either_end_and_from_the_middle() {
        let (mut table, mut list) = (Table::new(), List::new());
        for n in 0..5 {
            table.insert(Link::NONE);
            list.push_back(&mut table, n);
        }
        let mut left = Vec::from([0, 1, 2, 3, 4]);
        for gone in [2, 0, 4, 1, 3] {
            assert_eq!(list.iter(&table).collect::<Vec<_>>(), left);
            assert_eq!((list.front(), list.back()), (left.first().copied(), left.last().copied()));
            list.remove(&mut table, gone);
            left.retain(|n| *n != gone);
            assert_eq!((list.len(), list.is_empty()), (left.len(), left.is_empty()));
        }
        list.push_back(&mut table, 3);
        assert_eq!(list.iter(&table).collect::<Vec<_>>(), [3]);
    }
}
