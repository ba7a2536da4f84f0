//! No vector unit: what a target has that none was written for. Nothing of the vector walk is left there.

use core::mem::MaybeUninit;

use super::strip::{self, Masks, Positions, Stop, Strip};
use crate::fields::FieldSpan;

/// A vector unit that this processor has: there is none.
#[derive(Clone, Copy)]
pub(in crate::scan) enum Unit {}

impl Unit {
    /// The best there is.
    #[inline(always)]
    pub(in crate::scan) fn best() -> Option<Self> {
        None
    }

    /// All there are.
    pub(in crate::scan) fn all() -> impl Iterator<Item = (&'static str, Self)> {
        core::iter::empty()
    }

    /// # Safety
    /// As for [`strip::list`].
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
    unsafe fn breaks(self, _: *const u8) -> u32 {
        match self {}
    }

    unsafe fn not_name(self, _: *const u8) -> u32 {
        match self {}
    }
}
