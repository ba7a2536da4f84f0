//! The masks with NEON, which every 64-bit ARM processor has that runs an operating system.
//!
//! There is no instruction that makes a mask of a vector. So every byte keeps one bit, of the weight of its place
//! among eight, and pairs are added until each eight bytes are one.

use core::arch::aarch64::*;
use core::mem::MaybeUninit;

use super::nibbles::COLUMNS;
use super::strip::{self, Masks, Positions, Stop, Strip};
use crate::fields::FieldSpan;

/// The only unit there is. Chosen when compiling: these targets have it, or this file is not compiled.
#[derive(Clone, Copy)]
pub(in crate::scan) struct Unit(());

impl Unit {
    /// The best there is.
    #[inline(always)]
    pub(in crate::scan) fn best() -> Option<Self> {
        Some(Self(()))
    }

    /// All there are.
    pub(in crate::scan) fn all() -> impl Iterator<Item = (&'static str, Self)> {
        core::iter::once(("neon", Self(())))
    }

    /// # Safety
    /// As for [`strip::list`].
    #[inline(never)]
    pub(super) unsafe fn list<const START_LINE: bool>(
        self,
        strip: &mut Strip,
        positions: &mut Positions,
        input: &[u8],
        table: &mut [MaybeUninit<FieldSpan>],
    ) -> (usize, Stop) {
        // SAFETY: the caller's.
        unsafe { strip::list::<START_LINE, _>(self, strip, positions, input, table) }
    }
}

impl Masks for Unit {
    #[inline(always)]
    unsafe fn breaks(self, at: *const u8) -> u32 {
        // SAFETY: the caller's, twice 16 bytes.
        unsafe {
            let pairs = vpaddq_u8(weighed(is_break(at)), weighed(is_break(at.add(16))));
            let fours = vpaddq_u8(pairs, pairs);
            vgetq_lane_u32(vreinterpretq_u32_u8(vpaddq_u8(fours, fours)), 0)
        }
    }

    #[inline(always)]
    unsafe fn breaks64(self, at: *const u8) -> u64 {
        // SAFETY: the caller's, four times 16 bytes.
        unsafe {
            let low = vpaddq_u8(weighed(is_break(at)), weighed(is_break(at.add(16))));
            let high = vpaddq_u8(weighed(is_break(at.add(32))), weighed(is_break(at.add(48))));
            let fours = vpaddq_u8(low, high);
            vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(fours, fours)), 0)
        }
    }

    #[inline(always)]
    unsafe fn not_name(self, at: *const u8) -> u32 {
        // SAFETY: the caller's, twice 16 bytes.
        unsafe {
            let pairs = vpaddq_u8(weighed(is_tchar(at)), weighed(is_tchar(at.add(16))));
            let fours = vpaddq_u8(pairs, pairs);
            !vgetq_lane_u32(vreinterpretq_u32_u8(vpaddq_u8(fours, fours)), 0)
        }
    }
}

/// The bit of a byte, by its place among eight.
static WEIGHTS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];

/// The bit of a byte in [`COLUMNS`], by its upper half: none from 0x80 on.
static ROWS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0];

/// Of bytes that are 0 or 0xff, the bit that stands for each.
#[inline(always)]
fn weighed(all_or_nothing: uint8x16_t) -> uint8x16_t {
    // SAFETY: the table is a vector long.
    unsafe { vandq_u8(all_or_nothing, vld1q_u8(WEIGHTS.as_ptr())) }
}

/// # Safety
/// 16 bytes are readable.
#[inline(always)]
unsafe fn is_break(at: *const u8) -> uint8x16_t {
    // SAFETY: the caller's.
    unsafe {
        let x = vld1q_u8(at);
        // As signed numbers, one more than 0x00..=0x1f, 0x7f and 0x80..=0xff is less than 0x21.
        vcltq_s8(vreinterpretq_s8_u8(vaddq_u8(x, vdupq_n_u8(1))), vdupq_n_s8(0x21))
    }
}

/// # Safety
/// 16 bytes are readable.
#[inline(always)]
unsafe fn is_tchar(at: *const u8) -> uint8x16_t {
    // SAFETY: the caller's, and both tables are at least a vector long.
    unsafe {
        let x = vld1q_u8(at);
        let column = vqtbl1q_u8(vld1q_u8(COLUMNS.as_ptr()), vandq_u8(x, vdupq_n_u8(15)));
        let row = vqtbl1q_u8(vld1q_u8(ROWS.as_ptr()), vshrq_n_u8::<4>(x));
        vtstq_u8(column, row)
    }
}
