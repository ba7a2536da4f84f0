//! Numbers in decimal digits, read and written: the one place that knows how, so that no sign and no space is ever part
//! of a number.

/// A number of digits and nothing else (RFC 9110 section 5.6: `1*DIGIT`); `u64::MAX` if it is larger.
#[inline]
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut n = 0u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        n = n.saturating_mul(10).saturating_add(digit.into());
    }
    Some(n)
}

/// Writes `n` so that its last digit lies before `end`. Says where the first one lies. There is room for 20 digits.
#[inline(always)]
pub(crate) fn write_before(mut n: u64, text: &mut [u8], end: usize) -> usize {
    // From the end, so that nobody has to know how many digits there are.
    let mut at = end;
    loop {
        at -= 1;
        let digit;
        (n, digit) = if cfg!(target_pointer_width = "64") { (n / 10, (n % 10) as u8) } else { by_ten(n) };
        text[at] = b'0' + digit;
        if n == 0 {
            return at;
        }
    }
}

/// `n / 10` and `n % 10`, sixteen bits at a time: where a word has 32 bits, a division of 64 is a function that is larger
/// than all of this.
fn by_ten(n: u64) -> (u64, u8) {
    let (mut quotient, mut rest) = (0, 0);
    for shift in [48, 32, 16, 0] {
        let part = rest << 16 | (n >> shift) as u32 & 0xffff;
        quotient = quotient << 16 | u64::from(part / 10);
        rest = part % 10;
    }
    (quotient, rest as u8)
}

/// A number as text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digits {
    text: [u8; 20],
    start: usize,
}

impl Digits {
    pub(crate) fn new(n: u64) -> Self {
        let mut text = [0; 20];
        let end = text.len();
        let start = write_before(n, &mut text, end);
        Self { text, start }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.text.get(self.start..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_divided_by_ten_sixteen_bits_at_a_time() {
        for n in (0..64).map(|bit| 1u64 << bit).flat_map(|n| [n - 1, n, n.wrapping_mul(999), !n]) {
            assert_eq!(by_ten(n), (n / 10, (n % 10) as u8), "{n}");
        }
    }

    #[test]
    fn only_digits_are_a_number() {
        for text in ["", "+5", "-5", " 5", "5 ", "0x5", "5a", "\u{663}", "1_0", "1,000", "5.", "1e3"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
        for (text, n) in [("0", 0), ("007", 7), ("18446744073709551615", u64::MAX)] {
            assert_eq!(number(text.as_bytes()), Some(n));
        }
        assert_eq!(number(b"18446744073709551616"), Some(u64::MAX));
        assert_eq!(number(&[b'9'; 99]), Some(u64::MAX));
        assert_eq!(number(b"99999999999999999999x"), None, "however large");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for n in [0, 9, 10, 65_535, u64::MAX / 10, u64::MAX] {
            let digits = Digits::new(n);
            assert_eq!(digits.as_bytes(), n.to_string().as_bytes());
            assert_eq!(number(digits.as_bytes()), Some(n));
        }
    }
}
