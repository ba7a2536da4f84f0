//! From bytes to a head: the fast walk over what is complete and strictly valid, the careful reading for all else.
//!
//! This file joins the two and reads the start lines. Syntax errors come first (the leftmost byte, from
//! `careful`), then what `framing` and the rules for `Host` and the target say about the complete head, so the
//! order of errors never depends on how the input was split.

mod careful;
mod facts;
mod split;

pub(crate) use careful::{Careful, Section};
pub(crate) use facts::{Encoding, Facts};

use crate::class::TOKEN;
use crate::error::RecvErrorKind as Kind;
use crate::fields::{FOLDED, FieldSpan, Fields, Slots};
use crate::leniency::Flags;
use crate::limits::Bounds;
use crate::message::Version;
use crate::scan::{self, Visit, Walk};
use crate::visits;

/// What reading a section came to.
pub(crate) enum Read {
    /// A complete, valid section of so many bytes.
    Complete(usize),
    Partial,
    /// Kind and offset from the section's first byte.
    Bad(Kind, u32),
}

/// A start line as offsets, so that it borrows nothing.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct StartLine {
    /// End of the method.
    pub(crate) method_end: u32,
    /// End of the target, or start and end of the reason.
    pub(crate) target_end: u32,
    pub(crate) reason_start: u32,
    pub(crate) status: u16,
    pub(crate) minor: u8,
}

impl StartLine {
    #[inline]
    pub(crate) fn version(&self) -> Version {
        // A higher minor version is processed as 1.1 (RFC 9110 section 6.2).
        if self.minor == 0 { Version::Http10 } else { Version::Http11 }
    }
}

/// What a section says. The caller makes room for it, because it is too much to be handed on by value.
#[derive(Default)]
pub(crate) struct Parsed {
    pub(crate) line: StartLine,
    pub(crate) facts: Facts,
}

/// What the machine lends to the reading of a section.
pub(crate) struct Reader<'c> {
    pub(crate) careful: &'c mut Careful,
    pub(crate) bounds: &'c Bounds,
    pub(crate) lenient: Flags,
    /// The most bytes this section may have.
    pub(crate) max: u32,
}

impl Reader<'_> {
    /// `parsed` is fresh here and below, and means something if the section is complete.
    #[inline]
    pub(crate) fn request(&mut self, input: &[u8], slots: &mut Slots, parsed: &mut Parsed) -> Read {
        self.read::<true>(Section::Request, input, slots, parsed)
    }

    #[inline]
    pub(crate) fn response(&mut self, input: &[u8], slots: &mut Slots, parsed: &mut Parsed) -> Read {
        self.read::<true>(Section::Response, input, slots, parsed)
    }

    pub(crate) fn trailers(&mut self, input: &[u8], slots: &mut Slots) -> Read {
        self.read::<false>(Section::Trailers, input, slots, &mut Parsed::default())
    }

    #[inline(always)]
    fn read<const START: bool>(
        &mut self,
        what: Section,
        input: &[u8],
        slots: &mut Slots,
        parsed: &mut Parsed,
    ) -> Read {
        slots.clear();
        if self.careful.is_fresh()
            && let Some(len) = self.walk::<START>(what, input, slots, parsed)
        {
            return Read::Complete(len);
        }
        self.read_carefully::<START>(what, input, slots, parsed)
    }

    #[inline(always)]
    fn walk<const START: bool>(
        &self,
        what: Section,
        input: &[u8],
        slots: &mut Slots,
        parsed: &mut Parsed,
    ) -> Option<usize> {
        let mut visitor = Gather { parsed, bounds: self.bounds, lenient: self.lenient, what };
        match scan::walk::<START, _>(input, self.max as usize, &mut slots.spans, &mut visitor) {
            Walk::Complete(len) => {
                visits::add(len);
                let fits = slots.spans.len() <= self.bounds.fields as usize;
                fits.then_some(len)
            }
            Walk::Partial | Walk::Bad => {
                visits::add(input.len());
                None
            }
        }
    }

    /// The walk, in one place for all that is not in a hurry.
    #[cold]
    #[inline(never)]
    fn walk_again<const START: bool>(
        &self,
        what: Section,
        section: &[u8],
        slots: &mut Slots,
        parsed: &mut Parsed,
    ) -> Option<usize> {
        self.walk::<START>(what, section, slots, parsed)
    }

    #[cold]
    fn read_carefully<const START: bool>(
        &mut self,
        what: Section,
        input: &[u8],
        slots: &mut Slots,
        parsed: &mut Parsed,
    ) -> Read {
        let len = match self.careful.read(what, input, self.max, self.bounds, self.lenient) {
            Ok(Some(len)) => len,
            Ok(None) => return Read::Partial,
            Err((kind, at)) => return Read::Bad(kind, at),
        };
        let section = input.get(..len).unwrap_or_default();
        // The walk has been stopped in the middle, or has not been tried.
        slots.clear();
        *parsed = Parsed::default();
        if let Some(len) = self.walk_again::<START>(what, section, slots, parsed) {
            return Read::Complete(len);
        }
        // Valid by a leniency or with a folded value: out of the walk's reach.
        slots.clear();
        *parsed = Parsed::default();
        let mut from = 0;
        if START {
            let (end, next) = split::start_line(section);
            from = next;
            let line = match what {
                Section::Request => request_line(section, end, u32::MAX),
                _ => status_line(section, end),
            };
            parsed.line = line.unwrap_or_default();
        }
        split::fields(section, from, slots);
        let all = Fields { section, spans: &slots.spans, unfolded: &slots.unfolded };
        for (i, (name, value)) in all.iter().enumerate() {
            // A folded value lies in the scratch: what is wrong with it is wrong after its colon. A `Host` that was
            // really folded has its line end there, and so is no host.
            let at = slots.spans.get(i).map_or(0, |s| match s.value_end & FOLDED {
                0 => s.value_start,
                _ => s.name_end + 1,
            });
            parsed.facts.note(name, value, at as usize, self.lenient);
        }
        Read::Complete(len)
    }
}

/// The visitor of the fast walk: facts and the start line in the same pass.
struct Gather<'v> {
    parsed: &'v mut Parsed,
    bounds: &'v Bounds,
    lenient: Flags,
    what: Section,
}

impl Visit for Gather<'_> {
    #[inline(always)]
    fn start_line(&mut self, input: &[u8], end: usize) -> bool {
        let line = match self.what {
            Section::Request => request_line(input, end, self.bounds.target).filter(|line| {
                line.method_end <= self.bounds.method as u32
                    && scan::target_end(&input[line.method_end as usize + 1..line.target_end as usize])
                        == (line.target_end - line.method_end) as usize - 1
            }),
            _ => status_line(input, end),
        };
        self.parsed.line = line.unwrap_or_default();
        line.is_some()
    }

    #[inline(always)]
    fn fields(&mut self, input: &[u8], lines: &[FieldSpan]) -> bool {
        if self.what != Section::Trailers {
            for line in lines {
                let (start, colon) = (line.name_start as usize, line.name_end as usize);
                if Facts::may_matter(colon - start, input[start]) {
                    let (from, to) = (line.value_start as usize, line.value_end as usize);
                    self.parsed.facts.note(&input[start..colon], &input[from..to], from, self.lenient);
                }
            }
        }
        true
    }
}

/// `method SP target SP HTTP/1.d` (RFC 9112 section 3). The bytes of the target are not looked at here.
#[inline(always)]
fn request_line(input: &[u8], end: usize, max_target: u32) -> Option<StartLine> {
    let line = input.get(..end)?;
    let (rest, version) = line.split_last_chunk::<9>()?;
    let minor = minor_version(version.last_chunk::<8>()?)?;
    let method_end = if rest.starts_with(b"GET ") {
        3
    } else if rest.starts_with(b"POST ") {
        4
    } else {
        rest.iter().position(|b| !TOKEN[*b as usize])?
    };
    let target_len = rest.len().checked_sub(method_end + 1)?;
    let ok = method_end > 0
        && rest[method_end] == b' '
        && version[0] == b' '
        && target_len > 0
        && target_len as u64 <= max_target as u64;
    ok.then_some(StartLine {
        method_end: method_end as u32,
        target_end: rest.len() as u32,
        minor,
        ..StartLine::default()
    })
}

/// `HTTP/1.d SP 3DIGIT [SP reason]` (RFC 9112 section 4).
#[inline(always)]
fn status_line(input: &[u8], end: usize) -> Option<StartLine> {
    let line = input.get(..end)?;
    let (version, rest) = line.split_first_chunk::<8>()?;
    let minor = minor_version(version)?;
    let [b' ', d0 @ b'1'..=b'9', d1 @ b'0'..=b'9', d2 @ b'0'..=b'9', reason @ ..] = rest else { return None };
    if !matches!(reason, [] | [b' ', ..]) {
        return None;
    }
    let digit = |d: &u8| (d - b'0') as u16;
    Some(StartLine {
        reason_start: (line.len() - reason.len() + reason.len().min(1)) as u32,
        target_end: end as u32,
        status: digit(d0) * 100 + digit(d1) * 10 + digit(d2),
        minor,
        ..StartLine::default()
    })
}

#[inline(always)]
fn minor_version(version: &[u8; 8]) -> Option<u8> {
    // The eight bytes as one number: the last one counts the lowest digit.
    let above = u64::from_be_bytes(*version).wrapping_sub(u64::from_be_bytes(*b"HTTP/1.0"));
    (above <= 9).then_some(above as u8)
}
