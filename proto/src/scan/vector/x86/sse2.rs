//! The masks with SSE2, which every x86-64 processor has.

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use crate::fields::FieldSpan;
use crate::scan::vector::strip::{self, Masks, Positions, Stop, Strip};

#[derive(Clone, Copy)]
pub(in crate::scan) struct Sse2;

/// # Safety
/// As for [`strip::list`].
#[inline(never)]
pub(super) unsafe fn list<const START_LINE: bool>(
    masks: Sse2,
    strip: &mut Strip,
    positions: &mut Positions,
    input: &[u8],
    table: &mut [MaybeUninit<FieldSpan>],
) -> (usize, Stop) {
    // SAFETY: the caller's.
    unsafe { strip::list::<START_LINE, _>(masks, strip, positions, input, table) }
}

impl Masks for Sse2 {
    #[inline(always)]
    unsafe fn breaks(self, at: *const u8) -> u32 {
        let half = |at: *const u8| {
            // SAFETY: the caller's, twice 16 bytes; this module is compiled for targets with SSE2 only.
            unsafe {
                let x = _mm_loadu_si128(at.cast());
                // As signed numbers, one more than 0x00..=0x1f, 0x7f and 0x80..=0xff is less than 0x21.
                let breaks = _mm_cmpgt_epi8(_mm_set1_epi8(0x21), _mm_add_epi8(x, _mm_set1_epi8(1)));
                _mm_movemask_epi8(breaks) as u32
            }
        };
        // SAFETY: in the 32 bytes.
        half(at) | half(unsafe { at.add(16) }) << 16
    }

    #[inline(always)]
    unsafe fn not_name(self, at: *const u8) -> u32 {
        let half = |at: *const u8| {
            // SAFETY: as above.
            unsafe {
                let x = _mm_loadu_si128(at.cast());
                // Letters, digits and the hyphen. Moved up so that its last is 0x7f, a range is what is greater
                // than a bound, as signed numbers.
                let fold = _mm_or_si128(x, _mm_set1_epi8(0x20));
                let letter =
                    _mm_cmpgt_epi8(_mm_add_epi8(fold, _mm_set1_epi8(0x7f - 0x7a)), _mm_set1_epi8(0x7f - 26));
                let digit =
                    _mm_cmpgt_epi8(_mm_add_epi8(x, _mm_set1_epi8(0x7f - 0x39)), _mm_set1_epi8(0x7f - 10));
                let hyphen = _mm_cmpeq_epi8(x, _mm_set1_epi8(0x2d));
                _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), hyphen)) as u32
            }
        };
        // SAFETY: in the 32 bytes.
        !(half(at) | half(unsafe { at.add(16) }) << 16)
    }
}
