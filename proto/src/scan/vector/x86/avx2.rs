//! The masks with AVX2.

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use crate::fields::FieldSpan;
use crate::scan::vector::nibbles::COLUMNS;
use crate::scan::vector::strip::{self, Masks, Positions, Stop, Strip};

/// AVX2, with the bit manipulation that every processor with AVX2 has.
#[derive(Clone, Copy)]
pub(in crate::scan) struct Avx2(());

impl Avx2 {
    /// The unit, if it is there.
    #[inline(always)]
    pub(super) fn find() -> Option<Self> {
        let found = if cfg!(all(
            target_feature = "avx2",
            target_feature = "bmi1",
            target_feature = "bmi2",
            target_feature = "lzcnt",
            target_feature = "popcnt"
        )) {
            true
        } else {
            detected()
        };
        found.then_some(Self(()))
    }
}

/// Asks the processor, once.
#[cfg(feature = "std")]
#[inline(always)]
fn detected() -> bool {
    use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

    /// 0 while nobody has asked, then 1 for no and 2 for yes.
    static ANSWER: AtomicU8 = AtomicU8::new(0);

    #[cold]
    #[inline(never)]
    fn ask() -> u8 {
        let found = std::is_x86_feature_detected!("avx2")
            && std::is_x86_feature_detected!("bmi1")
            && std::is_x86_feature_detected!("bmi2")
            && std::is_x86_feature_detected!("lzcnt")
            && std::is_x86_feature_detected!("popcnt");
        let answer = 1 + u8::from(found);
        ANSWER.store(answer, Relaxed);
        answer
    }

    match ANSWER.load(Relaxed) {
        0 => ask() == 2,
        answer => answer == 2,
    }
}

#[cfg(not(feature = "std"))]
fn detected() -> bool {
    false
}

/// # Safety
/// As for [`strip::list`].
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline(never)]
pub(super) unsafe fn list<const START_LINE: bool>(
    masks: Avx2,
    strip: &mut Strip,
    positions: &mut Positions,
    input: &[u8],
    table: &mut [MaybeUninit<FieldSpan>],
) -> (usize, Stop) {
    // SAFETY: the caller's.
    unsafe { strip::list::<START_LINE, _>(masks, strip, positions, input, table) }
}

impl Masks for Avx2 {
    #[inline(always)]
    unsafe fn breaks(self, at: *const u8) -> u32 {
        // SAFETY: the caller's, and there is no `Avx2` without the feature.
        unsafe {
            let x = _mm256_loadu_si256(at.cast());
            // As signed numbers, one more than 0x00..=0x1f, 0x7f and 0x80..=0xff is less than 0x21.
            let breaks = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x21), _mm256_add_epi8(x, _mm256_set1_epi8(1)));
            _mm256_movemask_epi8(breaks) as u32
        }
    }

    #[inline(always)]
    unsafe fn not_name(self, at: *const u8) -> u32 {
        // SAFETY: the caller's, and there is no `Avx2` without the feature. The table is a vector long.
        unsafe {
            let x = _mm256_loadu_si256(at.cast());
            // 0 for every byte from 0x80 on.
            let column = _mm256_shuffle_epi8(_mm256_loadu_si256(COLUMNS.as_ptr().cast()), x);
            let row = _mm256_and_si256(_mm256_srli_epi16(x, 4), _mm256_set1_epi8(15));
            let bits = _mm256_set1_epi64x(i64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128]));
            let tchar = _mm256_and_si256(column, _mm256_shuffle_epi8(bits, row));
            _mm256_movemask_epi8(_mm256_cmpeq_epi8(tchar, _mm256_setzero_si256())) as u32
        }
    }
}
