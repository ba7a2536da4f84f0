//! Which bytes are a `tchar`, as a table for units that look sixteen bytes up at once by half a byte.

use crate::class;

/// `b` is a `tchar` if it is below 0x80 and bit `b >> 4` of `COLUMNS[b & 15]` is set. The sixteen stand there twice,
/// for either half of a vector of 32.
pub(super) static COLUMNS: [u8; 32] = {
    let mut columns = [0; 32];
    let mut b = 0;
    while b < 128 {
        if class::TOKEN[b] {
            columns[b & 15] |= 1 << (b >> 4);
            columns[16 + (b & 15)] |= 1 << (b >> 4);
        }
        b += 1;
    }
    columns
};
