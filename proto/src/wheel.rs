//! [`Wheel`]: the deadlines of many connections for one event loop.
//!
//! It knows keys and times. Which limit a connection has is in `timers`; the two meet in the owner's loop.

use crate::time::Time;
use alloc::vec::Vec;

/// A tick is `1 << TICK` milliseconds.
const TICK: u32 = 6;
/// Each level has `1 << BITS` slots, each as long as the whole level below.
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
/// Enough levels for every tick of a `u64` of milliseconds.
const LEVELS: usize = 10;
/// "No entry" in the links.
const NIL: u32 = u32::MAX;

/// A hierarchical timing wheel with one entry for each key.
///
/// Keys are small integers, such as those of a `slab`; memory is 24 bytes for each up to the largest one used.
/// Scheduling, moving and cancelling take constant time without allocation once a key was seen. Moving a deadline to
/// a later time, what happens for every request, stores the new time and nothing else: the entry is looked at when
/// its old time comes, and put where it belongs.
///
/// Deadlines are never early, and late by less than [`TICK_MS`](Self::TICK_MS).
///
/// ```
/// use h1wire_proto::{Time, Wheel};
///
/// let mut wheel = Wheel::new(Time(0));
/// wheel.schedule(3, Time(5_000));
/// wheel.schedule(3, Time(60_000)); // costs a store
/// assert_eq!(wheel.poll(Time(5_100)), None);
/// assert_eq!(wheel.poll(Time(60_063)), Some(3)); // ask `Timers::poll`, schedule `Timers::next`
/// assert_eq!(wheel.next(), None);
/// ```
pub struct Wheel {
    /// Every tick up to this one was worked off.
    now: u64,
    len: usize,
    /// The first entry of each slot, and of the list of those that are due.
    heads: [[u32; SLOTS]; LEVELS],
    due: u32,
    /// A bit for each slot that has an entry.
    occupied: [u64; LEVELS],
    entries: Vec<Entry>,
}

/// One key's deadline and its place in a doubly linked list.
#[derive(Clone, Copy)]
struct Entry {
    /// The tick wanted. It is never before the beginning of the slot the entry is in.
    at: u64,
    next: u32,
    prev: u32,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    Due,
    Slot { level: u8, slot: u8 },
}

impl Wheel {
    /// The length of a tick: 64 milliseconds.
    pub const TICK_MS: u64 = 1 << TICK;

    /// An empty wheel that begins at `now`. It owns no memory but its 2.6 KB.
    pub const fn new(now: Time) -> Self {
        Self {
            now: now.0 >> TICK,
            len: 0,
            heads: [[NIL; SLOTS]; LEVELS],
            due: NIL,
            occupied: [0; LEVELS],
            entries: Vec::new(),
        }
    }

    /// How many keys have a deadline.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no key has a deadline.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sets the deadline of `key`, in place of the one it may have. One that is past is due at once.
    ///
    /// Keys of 2³² - 1 and more are ignored.
    #[inline]
    pub fn schedule(&mut self, key: usize, at: Time) {
        // Rounded up, so that nothing is early.
        let at = at.after(Self::TICK_MS - 1).0 >> TICK;
        if let Some(entry) = self.entries.get_mut(key)
            && let Place::Slot { level, slot } = entry.place
            && at >= begin_of(self.now, level, slot)
        {
            entry.at = at;
        } else {
            self.put(key, at);
        }
    }

    /// Takes away the deadline of `key`, if it has one.
    pub fn cancel(&mut self, key: usize) {
        if let Ok(key) = u32::try_from(key) {
            self.unlink(key);
        }
    }

    /// When to call [`poll`](Self::poll) next: not after the earliest deadline has passed by a tick, perhaps before,
    /// when entries only have to be moved. `None`: there are no deadlines.
    pub fn next(&self) -> Option<Time> {
        if self.due != NIL {
            return Some(Time(self.now << TICK));
        }
        self.next_slot().map(|(.., begin)| Time(begin << TICK))
    }

    /// A key whose deadline has passed by `now`; it no longer has one. To be called until it answers `None`.
    pub fn poll(&mut self, now: Time) -> Option<usize> {
        let now = now.0 >> TICK;
        loop {
            while self.due != NIL {
                let key = self.due;
                let at = self.entry(key).at;
                self.unlink(key);
                if at <= self.now.max(now) {
                    return Some(key as usize);
                }
                self.put(key as usize, at);
            }
            match self.next_slot() {
                Some((level, slot, begin)) if begin <= now => {
                    self.now = begin;
                    self.empty(level, slot);
                }
                _ => {
                    self.now = self.now.max(now);
                    return None;
                }
            }
        }
    }

    /// The first slot with entries, and the tick it begins at. Entries of a level are all before those of the next.
    fn next_slot(&self) -> Option<(u8, u8, u64)> {
        let (level, bits) = self.occupied.iter().enumerate().find(|(_, bits)| **bits != 0)?;
        let (level, slot) = (level as u8, bits.trailing_zeros() as u8);
        Some((level, slot, begin_of(self.now, level, slot)))
    }

    /// Puts every entry of a slot that begins now where it belongs.
    fn empty(&mut self, level: u8, slot: u8) {
        let mut key = self.head(Place::Slot { level, slot });
        while key != NIL {
            let Entry { at, next, .. } = self.entry(key);
            self.unlink(key);
            self.link(key, at);
            key = next;
        }
    }

    /// Gives `key` an entry at the tick `at`.
    fn put(&mut self, key: usize, at: u64) {
        let Some(small) = u32::try_from(key).ok().filter(|key| *key != NIL) else { return };
        if key >= self.entries.len() {
            let nowhere = Entry { at: 0, next: NIL, prev: NIL, place: Place::Nowhere };
            self.entries.resize(key.saturating_add(1), nowhere);
        }
        self.unlink(small);
        self.link(small, at);
    }

    fn link(&mut self, key: u32, at: u64) {
        let place = place_of(self.now, at);
        let next = core::mem::replace(self.head_mut(place), key);
        self.mark(place, true);
        if let Some(next) = self.entries.get_mut(next as usize) {
            next.prev = key;
        }
        if let Some(entry) = self.entries.get_mut(key as usize) {
            *entry = Entry { at, next, prev: NIL, place };
        }
        self.len += 1;
    }

    fn unlink(&mut self, key: u32) {
        let Entry { next, prev, place, .. } = self.entry(key);
        if place == Place::Nowhere {
            return;
        }
        if let Some(next) = self.entries.get_mut(next as usize) {
            next.prev = prev;
        }
        if let Some(prev) = self.entries.get_mut(prev as usize) {
            prev.next = next;
        } else {
            *self.head_mut(place) = next;
            self.mark(place, next != NIL);
        }
        if let Some(entry) = self.entries.get_mut(key as usize) {
            entry.place = Place::Nowhere;
        }
        self.len -= 1;
    }

    fn entry(&self, key: u32) -> Entry {
        let nowhere = Entry { at: 0, next: NIL, prev: NIL, place: Place::Nowhere };
        self.entries.get(key as usize).copied().unwrap_or(nowhere)
    }

    fn head(&self, place: Place) -> u32 {
        match place {
            Place::Slot { level, slot } => self.heads[level as usize][slot as usize],
            _ => self.due,
        }
    }

    fn head_mut(&mut self, place: Place) -> &mut u32 {
        match place {
            Place::Slot { level, slot } => &mut self.heads[level as usize][slot as usize],
            _ => &mut self.due,
        }
    }

    fn mark(&mut self, place: Place, occupied: bool) {
        if let Place::Slot { level, slot } = place {
            let bit = 1 << slot;
            let bits = &mut self.occupied[level as usize];
            *bits = if occupied { *bits | bit } else { *bits & !bit };
        }
    }
}

impl core::fmt::Debug for Wheel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Wheel").field("len", &self.len).field("next", &self.next()).finish_non_exhaustive()
    }
}

/// Where the tick `at` belongs when it is `now`: on the level of the highest digit (base 64) in which they differ, in
/// the slot of that digit. So a level holds what shares all higher digits with now, and no slot holds the present.
fn place_of(now: u64, at: u64) -> Place {
    if at <= now {
        return Place::Due;
    }
    let level = (now ^ at).ilog2() / BITS;
    Place::Slot { level: level as u8, slot: (at >> (level * BITS)) as u8 % SLOTS as u8 }
}

/// The first tick of a slot.
fn begin_of(now: u64, level: u8, slot: u8) -> u64 {
    let low = u32::from(level) * BITS;
    let higher = low + BITS;
    now >> higher << higher | u64::from(slot) << low
}
