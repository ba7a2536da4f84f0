//! The careful reading of a head or trailer section: a byte automaton that can stop anywhere and go on later.
//!
//! It is the authority on syntax. The fast walk in `scan` only tells whether a complete section is strictly
//! valid; for everything else (input that is incomplete, malformed, or tolerated by a leniency) this automaton
//! finds the first byte that is wrong. Every byte is visited once however the input was split, so kinds and
//! offsets of errors do not depend on splits. It knows nothing of what fields mean; that is `facts`.

use crate::class::{TOKEN, in_target, in_value};
use crate::error::RecvErrorKind as Kind;
use crate::leniency::Flags;
use crate::limits::Bounds;
use crate::visits;

/// Which section is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Section {
    Request,
    Response,
    Trailers,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Method,
    Target,
    /// The index of the next byte of `HTTP/d.d`.
    Version(u8),
    AfterVersion,
    StatusDigit(u8),
    AfterStatus,
    Reason,
    LineLf,
    FieldStart,
    Name,
    /// White space before a colon, where tolerated.
    NameSpace,
    Value,
    ValueLf,
    EndLf,
}

/// Where the reading stands. All offsets are relative to the section's first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Careful {
    /// Bytes read so far.
    pos: u32,
    /// Start of the target, or the major version digit while the version is read.
    mark: u32,
    fields: u32,
    state: State,
}

/// A syntax error at an offset from the section's first byte.
pub(crate) type Fault = (Kind, u32);

impl Careful {
    pub(crate) const fn new(section: Section) -> Self {
        let state = match section {
            Section::Request => State::Method,
            Section::Response => State::Version(0),
            Section::Trailers => State::FieldStart,
        };
        Self { pos: 0, mark: 0, fields: 0, state }
    }

    /// Whether nothing was read yet.
    #[inline]
    pub(crate) const fn is_fresh(&self) -> bool {
        self.pos == 0
    }

    /// Reads what is new in `section`, which starts where it started before. `Some(len)` when the blank line was
    /// read; `max` is the most bytes the section may have.
    #[cold]
    pub(crate) fn read(
        &mut self,
        what: Section,
        section: &[u8],
        max: u32,
        bounds: &Bounds,
        lenient: Flags,
    ) -> Result<Option<usize>, Fault> {
        let end = section.len().min(max as usize);
        visits::add(end.saturating_sub(self.pos as usize));
        while let Some(byte) = section.get(self.pos as usize..end).and_then(<[u8]>::first) {
            let done = self.step(what, *byte, bounds, lenient)?;
            self.pos += 1;
            if done {
                return Ok(Some(self.pos as usize));
            }
        }
        if self.pos >= max { Err((self.too_large(what), self.pos)) } else { Ok(None) }
    }

    fn too_large(&self, what: Section) -> Kind {
        match (what, self.state) {
            (Section::Trailers, _) => Kind::TrailersTooLarge,
            (_, State::Method) => Kind::MethodTooLong,
            (_, State::Target) => Kind::TargetTooLong,
            _ => Kind::HeadTooLarge,
        }
    }

    /// Takes one byte; true when it was the last of the section.
    fn step(&mut self, what: Section, b: u8, bounds: &Bounds, lenient: Flags) -> Result<bool, Fault> {
        let at = self.pos;
        let fail = |kind| Err((kind, at));
        let lf_ends_line = || if lenient.any(Flags::BARE_LF) { Ok(()) } else { Err((Kind::BareLf, at)) };
        let is_request = what == Section::Request;
        self.state = match (self.state, b) {
            (State::Method, b' ') if at > 0 => {
                self.mark = at + 1;
                State::Target
            }
            (State::Method, b) if TOKEN[b as usize] => {
                if at >= bounds.method as u32 {
                    return fail(Kind::MethodTooLong);
                }
                State::Method
            }
            (State::Method, _) => return fail(Kind::BadMethod),

            (State::Target, b' ') if at > self.mark => State::Version(0),
            // A target and nothing else is HTTP/0.9, which is not spoken here.
            (State::Target, b' ' | b'\r' | b'\n') => return fail(Kind::BadRequestLine),
            (State::Target, b) => {
                let tolerated = lenient.any(Flags::TARGET_BYTES) && (b >= 0x80 || b == b'#');
                if !in_target(b) && !tolerated {
                    return fail(Kind::BadTarget);
                }
                if at - self.mark >= bounds.target {
                    return fail(Kind::TargetTooLong);
                }
                State::Target
            }

            (State::Version(i), b) => self.version(is_request, i, b)?,
            (State::AfterVersion, b' ') if !is_request => State::StatusDigit(0),
            (State::AfterVersion, b'\r') if is_request => State::LineLf,
            (State::AfterVersion, b'\n') if is_request => {
                lf_ends_line()?;
                State::FieldStart
            }
            (State::AfterVersion, b'0'..=b'9') => return fail(Kind::BadVersion),
            (State::AfterVersion, _) if is_request => return fail(Kind::BadRequestLine),
            (State::AfterVersion, _) => return fail(Kind::BadStatusLine),

            (State::StatusDigit(0), b'1'..=b'9') => State::StatusDigit(1),
            (State::StatusDigit(1), b'0'..=b'9') => State::StatusDigit(2),
            (State::StatusDigit(2), b'0'..=b'9') => State::AfterStatus,
            (State::StatusDigit(_), _) => return fail(Kind::BadStatusLine),
            (State::AfterStatus, b' ') => State::Reason,
            // The SP is required of senders, but an empty reason often comes without it.
            (State::AfterStatus | State::Reason, b'\r') => State::LineLf,
            (State::AfterStatus | State::Reason, b'\n') => {
                lf_ends_line()?;
                State::FieldStart
            }
            (State::AfterStatus, _) => return fail(Kind::BadStatusLine),
            (State::Reason, b) if in_value(b) || tolerated_control(b, lenient) => State::Reason,
            (State::Reason, _) => return fail(Kind::BadReason),

            (State::LineLf | State::ValueLf, b'\n') => State::FieldStart,
            (State::EndLf, b'\n') => return Ok(true),
            (State::LineLf | State::ValueLf | State::EndLf, _) => return Err((Kind::BareCr, at - 1)),

            (State::FieldStart, b'\r') => State::EndLf,
            (State::FieldStart, b'\n') => {
                // The final line end of chunked content is chunk framing: CRLF only (RFC 9112 section 2.2).
                if what == Section::Trailers {
                    return fail(Kind::BareLf);
                }
                lf_ends_line()?;
                return Ok(true);
            }
            (State::FieldStart, b' ' | b'\t') => {
                if self.fields == 0 {
                    return fail(Kind::SpaceBeforeField);
                }
                if !may_fold(what, lenient) {
                    return fail(Kind::ObsFold);
                }
                State::Value
            }
            (State::FieldStart, b) if TOKEN[b as usize] => {
                if self.fields >= bounds.fields {
                    return fail(Kind::TooManyFields);
                }
                self.fields = self.fields.saturating_add(1);
                State::Name
            }
            (State::FieldStart, _) => return fail(Kind::BadFieldName),

            (State::Name | State::NameSpace, b':') => State::Value,
            (State::Name | State::NameSpace, b' ' | b'\t') => {
                if !lenient.any(Flags::SPACE_BEFORE_COLON) {
                    return fail(Kind::SpaceBeforeColon);
                }
                State::NameSpace
            }
            (State::Name, b) if TOKEN[b as usize] => State::Name,
            (State::Name | State::NameSpace, b'\r' | b'\n') => return fail(Kind::MissingColon),
            (State::Name | State::NameSpace, _) => return fail(Kind::BadFieldName),

            (State::Value, b'\r') => State::ValueLf,
            (State::Value, b'\n') => {
                lf_ends_line()?;
                State::FieldStart
            }
            (State::Value, b) if in_value(b) || tolerated_control(b, lenient) => State::Value,
            (State::Value, _) => return fail(Kind::BadFieldValue),
        };
        Ok(false)
    }

    fn version(&mut self, is_request: bool, i: u8, b: u8) -> Result<State, Fault> {
        match (i, b) {
            (0..=4, b) if b == b"HTTP/"[i as usize] => {}
            (0, _) if is_request => return Err((Kind::BadRequestLine, self.pos)),
            (0, _) => return Err((Kind::BadStatusLine, self.pos)),
            (5, b'0'..=b'9') => self.mark = b as u32,
            (6, b'.') => {}
            (7, b'0'..=b'9') => {
                if self.mark != b'1' as u32 {
                    return Err((Kind::VersionUnsupported, self.pos - 2));
                }
                return Ok(State::AfterVersion);
            }
            _ => return Err((Kind::BadVersion, self.pos)),
        }
        Ok(State::Version(i + 1))
    }
}

/// A user agent must unfold a folded response value (RFC 9112 section 5.2); elsewhere folding is an error unless
/// tolerated, and in trailers always.
fn may_fold(what: Section, lenient: Flags) -> bool {
    match what {
        Section::Response => true,
        Section::Request => lenient.any(Flags::OBS_FOLD),
        Section::Trailers => false,
    }
}

fn tolerated_control(b: u8, lenient: Flags) -> bool {
    lenient.any(Flags::CONTROLS) && !matches!(b, 0 | b'\r' | b'\n')
}
