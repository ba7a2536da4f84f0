//! Turns the bytes of a fuzzer into choices. When they run out, every choice is the first.

/// A source of choices.
#[derive(Clone, Debug)]
pub struct Choices<'a>(pub &'a [u8]);

impl<'a> Choices<'a> {
    /// The next byte, or 0.
    pub fn byte(&mut self) -> u8 {
        match self.0 {
            [first, rest @ ..] => {
                self.0 = rest;
                *first
            }
            [] => 0,
        }
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.byte() as usize % n.max(1)
    }

    /// Yes or no.
    pub fn flip(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number of up to 16 bits.
    pub fn word(&mut self) -> usize {
        (self.byte() as usize) << 8 | self.byte() as usize
    }

    /// The next bytes, at most `most`, how many being a choice itself.
    pub fn some(&mut self, most: usize) -> &'a [u8] {
        let n = self.below(most + 1).min(self.0.len());
        let (taken, rest) = self.0.split_at(n);
        self.0 = rest;
        taken
    }

    /// Whether choices are left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
