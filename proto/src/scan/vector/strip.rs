//! How a strip of input becomes lines, for any vector unit.
//!
//! The unsafe heart of the walk: it reads input and writes tables by pointer. Nothing here decides about a line
//! that is not plain.

use core::mem::MaybeUninit;

use crate::fields::FieldSpan;

/// What a vector unit tells of the input. A value of this type is proof that the processor has the unit.
pub(super) trait Masks: Copy {
    /// Bit `i` says whether byte `i` of the [`WIDTH`] bytes at `at` is a break, which may end or spoil a line: a
    /// control (HTAB too), DEL or obs-text.
    ///
    /// # Safety
    /// The bytes are readable.
    unsafe fn breaks(self, at: *const u8) -> u32;

    /// The same of the [`BLOCK`] bytes at `at`.
    ///
    /// # Safety
    /// The bytes are readable.
    #[inline(always)]
    unsafe fn breaks64(self, at: *const u8) -> u64 {
        // SAFETY: the caller's, half and half.
        unsafe { u64::from(self.breaks(at)) | u64::from(self.breaks(at.add(WIDTH))) << WIDTH }
    }

    /// Bit `i` says whether byte `i` is no `tchar`. It may say so of the rarer `tchar` as well: a name that has
    /// one is odd.
    ///
    /// # Safety
    /// As for [`Self::breaks`].
    unsafe fn not_name(self, at: *const u8) -> u32;
}

/// What is looked at to make a mask, and the shortest input that can be listed.
pub(super) const WIDTH: usize = 32;

/// Bytes to a mask.
const BLOCK: usize = 64;

/// The most bytes in a strip.
const STRIP: usize = 16 * BLOCK;

/// A block with more than two runs of breaks ends the strip if there are more positions then.
const MANY: usize = 64;

/// The positions a strip may have: [`MANY`], two for every block after that, a block full of runs; and the two to
/// four that are written whether there are so many or not. There are never more lines than positions.
pub(super) const ROOM: usize = MANY + 2 * (STRIP / BLOCK) + BLOCK / 2 + 4;

/// Where runs of breaks start. Only `next..end` of the [`Strip`] are initialised.
pub(super) type Positions = [MaybeUninit<u32>; ROOM];

const CRLF: u16 = u16::from_ne_bytes(*b"\r\n");
const COLON_SP: u16 = u16::from_ne_bytes(*b": ");

/// Where a walk stands between two looks at the input.
pub(super) struct Strip {
    /// Bytes classified so far.
    pub(super) seen: usize,
    /// 1 if the last of them is a break.
    run: u64,
    /// Bit 1 for the last of them and bit 0 for the one before: whether it and the byte in front are breaks.
    pair: u64,
    /// Where the line begins that is next.
    pub(super) line: usize,
    /// The CR of the start line.
    pub(super) start_line_end: usize,
    /// The positions not used yet.
    pub(super) next: usize,
    pub(super) end: usize,
    /// The position that made a line odd.
    pub(super) odd: usize,
}

impl Strip {
    pub(super) const FRESH: Self =
        Self { seen: 0, run: 0, pair: 0, line: 0, start_line_end: 0, next: 0, end: 0, odd: 0 };

    /// Goes on with the line that begins at `line`, whatever was to come before it.
    ///
    /// # Safety
    /// `positions` belong to the strip. In front of `line`, and not before the line that was next, there is CRLF.
    pub(super) unsafe fn go_on_at(&mut self, positions: &Positions, line: usize) {
        self.line = line;
        if self.seen < line {
            // As if all had been classified, the CRLF at least as breaks.
            *self = Self { seen: line, run: 1, pair: 2, next: 0, end: 0, ..*self };
        }
        // SAFETY: initialised, as all of `next..end`.
        while self.next < self.end && (unsafe { positions[self.next].assume_init() } as usize) < line {
            self.next += 1;
        }
    }
}

/// Why [`list`] came back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The next line is blank.
    Blank,
    /// The positions are used up.
    Strip,
    /// The line at hand, or its position, has to be looked at in another way.
    Odd,
}

/// Puts lines at the front of `table` until one is odd or the positions are used up. Says how many and why.
///
/// With `START_LINE` the strip is fresh, and its `line` stays 0 if the start line is odd.
///
/// # Safety
/// - `input` has at least [`WIDTH`] and fewer than 2^31 bytes, and is the same in all calls with this strip.
/// - The strip is [`FRESH`](Strip::FRESH), or comes from an earlier call with its `positions` and perhaps through
///   [`go_on_at`](Strip::go_on_at).
/// - `table` has [`ROOM`].
#[inline(always)]
pub(super) unsafe fn list<const START_LINE: bool, M: Masks>(
    masks: M,
    strip: &mut Strip,
    positions: &mut Positions,
    input: &[u8],
    table: &mut [MaybeUninit<FieldSpan>],
) -> (usize, Stop) {
    if START_LINE {
        // No news to the caller, but to the compiler.
        *strip = Strip::FRESH;
    }
    while strip.next == strip.end && strip.seen < input.len() {
        // SAFETY: the caller's.
        unsafe { fill(masks, strip, positions, input) };
    }
    let base = input.as_ptr();
    let table = table.as_mut_ptr().cast::<FieldSpan>();
    let mut out = table;
    let mut line = strip.line;
    // SAFETY: positions are in order and at most `input.len() - 2`: two bytes can be read there. `next` and `last`
    // bound initialised positions, and as many lines fit into the table.
    //
    // A position starts a run, and the line begins after a CRLF in the run of an earlier one (or at 0). So
    // `line <= end`, and equality is for 0 only. The window is held back to lie in the input, by at most 30 bytes.
    // Its first byte that is `not_name` is at `end` at the latest, as breaks are no `tchar`. With `name_len > 0`
    // therefore `line < colon <= end`; the two bytes there can be read; and if they are ": ", then `colon < end`,
    // so that `colon + 2` is no farther than the LF.
    unsafe {
        let mut next = positions.as_ptr().cast::<u32>().add(strip.next);
        let last = positions.as_ptr().cast::<u32>().add(strip.end);
        if START_LINE {
            if next == last {
                return (0, Stop::Strip);
            }
            let end = next.read() as usize;
            if read_u16(base.add(end)) != CRLF {
                return (0, Stop::Odd);
            }
            strip.start_line_end = end;
            line = end + 2;
            next = next.add(1);
        }
        let stop = loop {
            if next == last {
                let blank = line > 0 && line + 2 <= input.len() && read_u16(base.add(line)) == CRLF;
                break if blank { Stop::Blank } else { Stop::Strip };
            }
            let end = next.read() as usize;
            next = next.add(1);
            if read_u16(base.add(end)) != CRLF {
                strip.odd = end;
                break Stop::Odd;
            }
            let window = line.min(input.len() - WIDTH);
            let name_len = (masks.not_name(base.add(window)) >> (line - window)).trailing_zeros();
            let colon = line + name_len as usize;
            // No name (0), or nothing after it in the window (32).
            if name_len.wrapping_sub(1) >= WIDTH as u32 - 1
                || read_u16(base.add(colon)) != COLON_SP
                || *base.add(colon + 2) <= b' '
                || *base.add(end - 1) <= b' '
            {
                strip.odd = end;
                break Stop::Odd;
            }
            out.write(FieldSpan {
                name_start: line as u32,
                name_end: colon as u32,
                value_start: colon as u32 + 2,
                value_end: end as u32,
            });
            line = end + 2;
            out = out.add(1);
        };
        strip.line = line;
        strip.next = next.offset_from(positions.as_ptr().cast()) as usize;
        (out.offset_from(table) as usize, stop)
    }
}

/// Classifies a strip and writes down where its runs of breaks start.
///
/// # Safety
/// As for [`list`], and no position is left.
#[inline(always)]
unsafe fn fill<M: Masks>(masks: M, strip: &mut Strip, positions: &mut Positions, input: &[u8]) {
    let end = input.len().min(strip.seen + STRIP);
    let mut from = strip.seen;
    let first = positions.as_mut_ptr().cast::<u32>();
    let mut runs = Runs { run: strip.run, pair: strip.pair, out: first };
    // SAFETY: all blocks lie in the input. See `ROOM` for the positions.
    unsafe {
        let stopped = loop {
            if from + BLOCK >= end {
                break false;
            }
            let breaks = masks.breaks64(input.as_ptr().add(from));
            let stop = runs.put(breaks, from, first);
            from += BLOCK;
            if stop {
                break true;
            }
        };
        if !stopped {
            runs.put(last_block(masks, input, from, end), from, first);
            from = end;
        }
        strip.end = runs.out.offset_from(first) as usize;
    }
    strip.next = 0;
    strip.seen = from;
    strip.run = runs.run;
    strip.pair = runs.pair;
}

/// The breaks of the up to 64 bytes `from..end`, without the very last byte of the input: what is after it is
/// not known, and two bytes must be readable at every position.
///
/// # Safety
/// `from < end <= from + BLOCK`, and `end` is in the input and at least [`WIDTH`].
#[inline(always)]
unsafe fn last_block<M: Masks>(masks: M, input: &[u8], from: usize, end: usize) -> u64 {
    let base = input.as_ptr();
    let count = end - from;
    // SAFETY: one load ends at `end`, the other lies before `end`.
    let breaks = unsafe {
        let upper = u64::from(masks.breaks(base.add(end - WIDTH)));
        if count > WIDTH {
            u64::from(masks.breaks(base.add(from))) | upper >> (BLOCK - count) << WIDTH
        } else {
            upper >> (WIDTH - count)
        }
    };
    if end == input.len() { breaks & !(1 << (count - 1)) } else { breaks }
}

/// Writes down where runs of breaks start, block by block.
struct Runs {
    /// As in [`Strip`].
    run: u64,
    pair: u64,
    /// The place of the next position.
    out: *mut u32,
}

impl Runs {
    /// Takes the block at `from`. Says whether the strip should end: at four breaks in a row, which is the blank
    /// line if the section is good, or with many positions.
    ///
    /// # Safety
    /// `out` and `first` are in the same [`Positions`], and more fit as [`ROOM`] has it.
    #[inline(always)]
    unsafe fn put(&mut self, breaks: u64, from: usize, first: *mut u32) -> bool {
        // Bit `i` is bit `i - 1` of the breaks. By addition: a double shift is slow on some processors.
        let behind = breaks.wrapping_add(breaks).wrapping_add(self.run);
        let pairs = breaks & behind;
        let fours = pairs & pairs.wrapping_mul(4).wrapping_add(self.pair);
        let mut starts = breaks & !behind;
        let count = starts.count_ones() as usize;
        let out = self.out;
        // Whether another is left.
        let mut write = |place: usize| {
            // SAFETY: by `ROOM`.
            unsafe { out.add(place).write(from as u32 + starts.trailing_zeros()) };
            starts &= starts.wrapping_sub(1);
            starts != 0
        };
        // Most blocks have no run, one or two: written without asking.
        write(0);
        write(1);
        let mut stop = fours;
        if count > 2 {
            write(2);
            let mut place = 3;
            while write(place) {
                place += 1;
            }
            // SAFETY: both in one array.
            if unsafe { out.offset_from(first) } as usize + count > MANY {
                stop = 1;
            }
        }
        self.run = breaks >> 63;
        self.pair = pairs >> 62;
        // SAFETY: by `ROOM`.
        self.out = unsafe { out.add(count) };
        stop != 0
    }
}

#[inline(always)]
unsafe fn read_u16(at: *const u8) -> u16 {
    // SAFETY: the caller's.
    unsafe { at.cast::<u16>().read_unaligned() }
}
