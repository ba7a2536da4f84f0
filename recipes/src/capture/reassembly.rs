//! The stream of bytes that segments are pieces of: in order, each byte once.
//!
//! Minimal: segments that come too early wait, what comes twice is dropped, the first copy of a byte counts. Hosts may
//! decide otherwise about overlaps that differ, which is how intrusion detection is evaded, and not our subject.

/// How much may wait for what is missing. More means that it was not captured.
const AHEAD: usize = 1 << 20;

/// One direction of a connection.
#[derive(Default)]
pub struct Stream {
    /// The number of the first byte, and of the byte that comes next.
    first: Option<u32>,
    next: u32,
    /// Bytes in order that nobody has taken yet.
    pub bytes: Vec<u8>,
    /// Whether the last byte is among those that were given out, or in `bytes`.
    pub ended: bool,
    ahead: Vec<(u32, Vec<u8>, bool)>,
    lost: bool,
}

impl Stream {
    /// The stream begins after `syn`.
    pub fn begin(&mut self, syn: u32) {
        if self.first.is_none() {
            self.first = Some(syn);
            self.next = syn.wrapping_add(1);
        }
    }

    /// Whether it began with `syn`.
    pub fn began_with(&self, syn: u32) -> bool {
        self.first == Some(syn)
    }

    /// Whether bytes are missing.
    pub fn has_gap(&self) -> bool {
        self.lost || !self.ahead.is_empty()
    }

    /// Takes the bytes from `at` on; with `fin` they are the last ones.
    pub fn segment(&mut self, at: u32, payload: &[u8], fin: bool) {
        let says_nothing = payload.is_empty() && !fin;
        if self.first.is_none() || self.lost || says_nothing {
            return;
        }
        if !self.append(at, payload, fin) {
            self.ahead.push((at, payload.to_vec(), fin));
            self.lost = self.ahead.iter().map(|(_, payload, _)| payload.len().max(64)).sum::<usize>() > AHEAD;
        }
        let mut ahead = std::mem::take(&mut self.ahead);
        while let Some(fits) = ahead.iter().position(|(at, payload, fin)| self.append(*at, payload, *fin)) {
            ahead.swap_remove(fits);
        }
        self.ahead = ahead;
    }

    /// Appends what is new of a segment, or says that it comes too early.
    fn append(&mut self, at: u32, payload: &[u8], fin: bool) -> bool {
        // Numbers wrap around: what is at most half of them behind is old.
        let known = self.next.wrapping_sub(at);
        if known > u32::MAX / 2 {
            return false;
        }
        if let (Some(new), false) = (payload.get(known as usize..), self.ended) {
            self.bytes.extend_from_slice(new);
            // The end takes a number of its own.
            self.next = self.next.wrapping_add(new.len() as u32).wrapping_add(fin.into());
            self.ended = fin;
        }
        true
    }
}
