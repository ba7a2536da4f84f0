//! Remembering which protocols an `Upgrade` field offered, without room for their names.
//!
//! Each protocol sets one of 64 bits. A switch to a protocol whose bit is not set was certainly not offered
//! (RFC 9110 section 7.8); one in 64 names that were not offered goes unnoticed, which costs nothing but the
//! early error: both sides still read the name.

use crate::values::between_commas;

/// The bits of the protocols in one `Upgrade` value, letters without case.
pub(crate) fn fingerprint(value: &[u8]) -> u64 {
    let protocols = between_commas(value).filter(|p| !p.is_empty());
    protocols.fold(0, |bits, protocol| {
        // FNV-1a, folded to six bits.
        let hash = protocol.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| {
            (h ^ b.to_ascii_lowercase() as u64).wrapping_mul(0x100_0000_01b3)
        });
        bits | 1 << ((hash ^ hash >> 32) & 63)
    })
}
