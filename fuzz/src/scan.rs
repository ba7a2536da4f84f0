//! Scanning: every implementation of the walk over a head equals the portable one.

use h1wire_proto::scan_twins;

/// The first byte chooses the kind of section and its limit.
pub fn scan(data: &[u8]) {
    let Some((choice, input)) = data.split_first() else { return };
    let max = if choice & 2 == 0 { usize::MAX } else { (choice >> 2) as usize * 8 };
    let twins = scan_twins(input, choice & 1 == 1, max);
    let (_, portable) = &twins[0];
    for (name, digest) in &twins[1..] {
        assert_eq!(digest, portable, "{name}: {}", input.escape_ascii());
    }
}
