//! The vector units of x86-64: AVX2 where the processor has it, SSE2 everywhere.

mod avx2;
mod sse2;

use core::mem::MaybeUninit;

use super::strip::{Positions, Stop, Strip};
use crate::fields::FieldSpan;

/// A vector unit that this processor has.
#[derive(Clone, Copy)]
pub(in crate::scan) enum Unit {
    Avx2(avx2::Avx2),
    Sse2(sse2::Sse2),
}

impl Unit {
    /// The best there is.
    #[inline(always)]
    pub(in crate::scan) fn best() -> Option<Self> {
        Some(avx2::Avx2::find().map_or(Self::Sse2(sse2::Sse2), Self::Avx2))
    }

    /// All there are.
    pub(in crate::scan) fn all() -> impl Iterator<Item = (&'static str, Self)> {
        let avx2 = avx2::Avx2::find().map(|unit| ("avx2", Self::Avx2(unit)));
        [("sse2", Self::Sse2(sse2::Sse2))].into_iter().chain(avx2)
    }

    /// # Safety
    /// As for [`super::strip::list`].
    #[inline(always)]
    pub(super) unsafe fn list<const START_LINE: bool>(
        self,
        strip: &mut Strip,
        positions: &mut Positions,
        input: &[u8],
        table: &mut [MaybeUninit<FieldSpan>],
    ) -> (usize, Stop) {
        // SAFETY: the caller's.
        unsafe {
            match self {
                Self::Avx2(unit) => avx2::list::<START_LINE>(unit, strip, positions, input, table),
                Self::Sse2(unit) => sse2::list::<START_LINE>(unit, strip, positions, input, table),
            }
        }
    }
}
