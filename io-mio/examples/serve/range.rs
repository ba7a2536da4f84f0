//! Byte ranges (RFC 9110 section 14): what of a file is asked for.

/// The most ranges one request may have. More are ignored, as the RFC allows.
const MOST: usize = 16;

/// What a `Range` field comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Ranges {
    /// The whole file: no range, or one that is not understood.
    All,
    /// These parts, first byte and length, in the order they were asked for.
    Some(Vec<(u64, u64)>),
    /// Nothing that the file has.
    None,
}

/// Reads a `Range` field for a file of `len` bytes.
pub fn ranges(field: &[u8], len: u64) -> Ranges {
    let Some(("bytes", set)) = std::str::from_utf8(field).ok().and_then(|field| field.split_once('=')) else {
        return Ranges::All;
    };
    let mut ranges = Vec::new();
    for (i, spec) in set.split(',').map(str::trim).filter(|spec| !spec.is_empty()).enumerate() {
        let Some((first, last)) = spec.split_once('-') else { return Ranges::All };
        let (first, last) = match (number(first), number(last)) {
            _ if i == MOST => return Ranges::All,
            (Some(first), Some(last)) if first <= last => (first, last.min(len.saturating_sub(1))),
            (Some(first), None) if last.is_empty() => (first, len.saturating_sub(1)),
            (None, Some(suffix)) if first.is_empty() && suffix > 0 => {
                (len.saturating_sub(suffix), len.saturating_sub(1))
            }
            (None, Some(_)) if first.is_empty() => continue,
            _ => return Ranges::All,
        };
        if first < len {
            ranges.push((first, last - first + 1));
        }
    }
    // Ranges that ask for more than the whole are an attack, or a mistake (RFC 9110 section 14.2).
    match ranges.iter().map(|(_, len)| len).sum::<u64>() {
        0 => Ranges::None,
        sum if sum > len => Ranges::All,
        _ => Ranges::Some(ranges),
    }
}

/// Digits only.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
