//! [`FieldName`]: which field an error is about, in an error that is copied and allocates nothing.

use core::fmt;

/// The name of a field as far as it fits: 38 bytes, which all registered names but a few do.
///
/// It is shown with everything but printable ASCII escaped, and with `...` where it was cut off.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FieldName {
    bytes: [u8; Self::MOST],
    /// How many there are; one more than fit stands for all that are longer.
    len: u8,
}

impl FieldName {
    const MOST: usize = 38;

    /// The name.
    #[cold]
    pub(crate) fn new(name: &[u8]) -> Self {
        let mut bytes = [0; Self::MOST];
        for (to, from) in bytes.iter_mut().zip(name) {
            *to = *from;
        }
        Self { bytes, len: name.len().min(Self::MOST + 1) as u8 }
    }

    /// The bytes of the name, or its beginning.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or(&self.bytes)
    }

    /// Whether the name goes on after [`as_bytes`](Self::as_bytes).
    pub fn is_cut_off(&self) -> bool {
        usize::from(self.len) > Self::MOST
    }
}

impl From<&str> for FieldName {
    fn from(name: &str) -> Self {
        Self::new(name.as_bytes())
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.as_bytes().escape_ascii(), if self.is_cut_off() { "..." } else { "" })
    }
}

impl fmt::Debug for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_as_far_as_it_fits_and_shown_escaped() {
        for len in [0, 1, 37, 38, 39, 1000] {
            let name = FieldName::new(&b"a".repeat(len));
            assert_eq!((name.as_bytes().len(), name.is_cut_off()), (len.min(38), len > 38));
            assert_eq!(name.to_string().ends_with("a..."), len > 38);
        }
        assert_eq!(FieldName::new(b"X\r\nY: z").to_string(), r"X\r\nY: z");
    }
}
