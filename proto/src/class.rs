//! The byte classes of the grammar (RFC 9110 section 5.6, RFC 3986): those of scattered bytes as readable tables, those
//! of a range as a comparison, which is smaller and no slower.
//!
//! Everything that asks "may this byte stand here?" asks one of these.

const fn table(members: &[u8]) -> [bool; 256] {
    let mut t = [false; 256];
    let mut i = 0;
    while i < members.len() {
        t[members[i] as usize] = true;
        i += 1;
    }
    t
}

const fn with_range(mut t: [bool; 256], from: u8, to: u8) -> [bool; 256] {
    let mut b = from as usize;
    while b <= to as usize {
        t[b] = true;
        b += 1;
    }
    t
}

const fn with_alphanumeric(t: [bool; 256]) -> [bool; 256] {
    with_range(with_range(with_range(t, b'0', b'9'), b'A', b'Z'), b'a', b'z')
}

/// `tchar` (RFC 9110 section 5.6.2).
pub(crate) static TOKEN: [bool; 256] = with_alphanumeric(table(b"!#$%&'*+-.^_`|~"));

/// `unreserved` and `sub-delims` (RFC 3986 section 2): a registered name without percent-encoding.
pub(crate) static REG_NAME: [bool; 256] = with_alphanumeric(table(b"-._~!$&'()*+,;="));

/// `field-vchar`, SP and HTAB: VCHAR and obs-text (RFC 9110 section 5.5).
#[inline(always)]
pub(crate) const fn in_value(b: u8) -> bool {
    b >= 0x20 && b != 0x7f || b == b'\t'
}

/// What the strict engine takes in a request target: visible ASCII without `#`, because a fragment is never
/// sent (RFC 9112 section 3.2.1).
#[inline(always)]
pub(crate) const fn in_target(b: u8) -> bool {
    b.is_ascii_graphic() && b != b'#'
}

/// Whether `name` is a token: not empty and all `tchar`.
#[inline]
pub(crate) fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|b| TOKEN[*b as usize])
}

/// Whether every byte may stand in a field value.
#[inline]
pub(crate) fn is_value(value: &[u8]) -> bool {
    value.iter().all(|b| in_value(*b))
}

/// Whether `text` is `lower`, which has no upper-case letter, in any case. Faster than to compare slices of unknown
/// length: with `lower` known this is a comparison of a few words.
#[inline(always)]
pub(crate) fn is_in_any_case<const N: usize>(text: &[u8], lower: &[u8; N]) -> bool {
    let Ok(text) = <&[u8; N]>::try_from(text) else { return false };
    let case = |b: u8| if b.is_ascii_lowercase() { 0x20 } else { 0 };
    text.iter().zip(lower).fold(true, |same, (a, b)| same & (a | case(*b) == *b))
}

/// `value` without SP and HTAB at its ends (RFC 9110 section 5.6.3).
#[inline]
pub(crate) fn trim_ows(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_equal_the_grammar() {
        for b in 0..=255u8 {
            let i = b as usize;
            let tchar = b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            assert_eq!(TOKEN[i], tchar, "tchar {b:#x}");
            assert_eq!(
                in_value(b),
                b == b'\t' || b == b' ' || b.is_ascii_graphic() || b >= 0x80,
                "value {b:#x}"
            );
            assert_eq!(in_target(b), (0x21..=0x7e).contains(&b) && b != b'#', "target {b:#x}");
            let unreserved = b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            assert_eq!(REG_NAME[i], unreserved || b"!$&'()*+,;=".contains(&b), "reg-name {b:#x}");
        }
    }

    #[test]
    fn case_is_ignored_for_letters_only() {
        for at in 0..8 {
            for byte in 0..=255 {
                let mut text = *b"a-Key{x_";
                text[at] = byte;
                let expected = text.eq_ignore_ascii_case(b"a-key{x_");
                assert_eq!(is_in_any_case(&text, b"a-key{x_"), expected, "{}", text.escape_ascii());
            }
        }
        assert!(!is_in_any_case(b"a-key", b"a-ke"));
        assert!(!is_in_any_case(b"", b"a"));
        assert!(is_in_any_case(b"", b""));
    }

    #[test]
    fn white_space_is_trimmed_at_both_ends_only() {
        assert_eq!(trim_ows(b" \ta b\t "), b"a b");
        assert_eq!(trim_ows(b" \t "), b"");
    }
}
