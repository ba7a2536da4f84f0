//! Byte ranges (RFC 9110 section 14): what of a file is asked for.

/// The most ranges one request may have. A request with more is answered with the whole file, as section 14.2 allows.
const MOST: usize = 16;

/// What a `Range` field comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Ranges {
    /// The whole file: the field is not valid, not understood, or not worth it.
    All,
    /// These parts, first byte and length, in the order they were asked for.
    Some(Vec<(u64, u64)>),
    /// Nothing that the file has.
    None,
}

/// Reads a `Range` field for a file of `len` bytes.
pub fn ranges(field: &[u8], len: u64) -> Ranges {
    let field = std::str::from_utf8(field).ok().and_then(|field| field.split_once('='));
    // Section 14.1: names of units are case-insensitive. Section 14.2: one that is not understood is ignored.
    let Some((_, set)) = field.filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes")) else {
        return Ranges::All;
    };
    let mut parts = Vec::new();
    let mut count = 0;
    let blank = |c: char| c == ' ' || c == '\t';
    for spec in set.split(',').map(|spec| spec.trim_matches(blank)).filter(|spec| !spec.is_empty()) {
        count += 1;
        let Some((first, last)) = spec.split_once('-').filter(|_| count <= MOST) else { return Ranges::All };
        let (first, last) = match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => (first, last),
            (Some(first), None) if last.is_empty() => (first, u64::MAX),
            // Section 14.1.2: of a file that is shorter, all.
            (None, Some(suffix)) if first.is_empty() && suffix > 0 => {
                // Of an empty file that is nothing, which no `Content-Range` can say. It is satisfiable all the same.
                if len == 0 {
                    return Ranges::All;
                }
                (len.saturating_sub(suffix), u64::MAX)
            }
            (None, Some(_)) if first.is_empty() => continue,
            _ => return Ranges::All,
        };
        if first < len {
            parts.push((first, last.min(len - 1) - first + 1));
        }
    }
    // Ranges that ask for more than the whole are an attack, or a mistake (section 14.2).
    match parts.iter().map(|(_, n)| u128::from(*n)).sum::<u128>() {
        _ if count == 0 => Ranges::All,
        0 => Ranges::None,
        sum if sum > u128::from(len) => Ranges::All,
        _ => Ranges::Some(parts),
    }
}

/// Digits only. What is too large for a file is the largest number.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{MOST, Ranges, ranges};

    fn some<const N: usize>(parts: [(u64, u64); N]) -> Ranges {
        Ranges::Some(parts.into())
    }

    #[test]
    fn a_valid_field_is_what_the_file_has_of_it() {
        for (field, expected) in [
            ("bytes=2-4", some([(2, 3)])),
            ("bytes=7-", some([(7, 3)])),
            ("bytes=-2", some([(8, 2)])),
            ("bytes=-99", some([(0, 10)])),
            ("bytes=0-99999999999999999999999", some([(0, 10)])),
            ("BYTES=0-0", some([(0, 1)])),
            ("bytes=0-0,", some([(0, 1)])),
            ("bytes=,, 0-0 ,\t-1", some([(0, 1), (9, 1)])),
            ("bytes=5-6,0-1", some([(5, 2), (0, 2)])),
            ("bytes=10-,3-3", some([(3, 1)])),
            ("bytes=10-", Ranges::None),
            ("bytes=99999999999999999999999-", Ranges::None),
            ("bytes=-0", Ranges::None),
        ] {
            assert_eq!(ranges(field.as_bytes(), 10), expected, "{field}");
        }
    }

    #[test]
    fn of_an_empty_file_a_suffix_is_the_whole_and_nothing_else_can_be_had() {
        assert_eq!(ranges(b"bytes=-5", 0), Ranges::All);
        assert_eq!(ranges(b"bytes=0-,-5", 0), Ranges::All);
        assert_eq!(ranges(b"bytes=0-", 0), Ranges::None);
        assert_eq!(ranges(b"bytes=-0", 0), Ranges::None);
    }

    #[test]
    fn what_is_not_valid_or_not_understood_is_ignored() {
        for field in [
            "bytes=",
            "bytes=,",
            "bytes",
            "items=0-1",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=--1",
            "bytes=-",
            "bytes=0 - 1",
            "bytes=0-1;2-3",
            "bytes=0-1,x",
            "0-1",
            "bytes=1",
        ] {
            assert_eq!(ranges(field.as_bytes(), 10), Ranges::All, "{field}");
        }
        assert_eq!(ranges(b"bytes=0-\xFF", 10), Ranges::All);
    }

    #[test]
    fn no_request_gets_more_than_the_file_or_more_parts_than_the_most() {
        assert_eq!(ranges(b"bytes=0-9,0-9", 10), Ranges::All);
        assert_eq!(ranges(b"bytes=0-,0-", u64::MAX), Ranges::All);
        let many = |n: usize| ranges(format!("bytes={}", "1-1,".repeat(n)).as_bytes(), 1000);
        assert!(matches!(many(MOST), Ranges::Some(parts) if parts.len() == MOST));
        assert_eq!(many(MOST + 1), Ranges::All);
    }
}
