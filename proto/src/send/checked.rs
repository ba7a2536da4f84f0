//! [`Checked`]: what the fields to be sent say that the machine must know.
//!
//! Each field is looked at once, before anything is written. What follows from what was said is decided in `request`
//! and `respond`.

use crate::class::trim_ows;
use crate::error::SendError;
use crate::field_name::FieldName;
use crate::upgrade;
use crate::validate::{Strictness, validate_field_value, validate_name};
use crate::values::between_commas;

/// What the caller's fields say.
#[expect(unnameable_types, reason = "it seals the walks of `FieldSource`")]
#[derive(Clone, Copy, Default, Debug)]
pub struct Checked {
    /// Bytes the fields take on the wire.
    pub(crate) len: usize,
    pub(crate) said: Said,
    /// The protocols `Upgrade` names ([`upgrade::fingerprint`]).
    pub(crate) offered: u64,
}

/// Statements about fields, as a set: to join two is one step.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Said(u16);

impl Said {
    /// The options of `Connection` (RFC 9110 section 7.6.1).
    pub(crate) const CLOSE: Self = Self(1 << 0);
    pub(crate) const KEEP: Self = Self(1 << 1);
    pub(crate) const SWITCH: Self = Self(1 << 2);
    pub(crate) const TE_HOP: Self = Self(1 << 3);

    /// The field `Date`, and so on.
    pub(crate) const DATE: Self = Self(1 << 4);
    pub(crate) const KEEP_ALIVE: Self = Self(1 << 5);
    pub(crate) const TE: Self = Self(1 << 6);
    /// `Expect: 100-continue`.
    pub(crate) const EXPECT_CONTINUE: Self = Self(1 << 7);
    /// At least one `Host`, and at least two.
    pub(crate) const HOST: Self = Self(1 << 8);
    pub(crate) const TWO_HOSTS: Self = Self(1 << 9);
    /// A `Host` that no server takes (RFC 9112 section 3.2).
    pub(crate) const BAD_HOST: Self = Self(1 << 10);

    /// All of `other` was said.
    #[inline]
    pub(crate) const fn all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// `self`, or nothing.
    #[inline]
    pub(crate) const fn only_if(self, condition: bool) -> Self {
        Self(if condition { self.0 } else { 0 })
    }

    /// What either says. A `Host` from each is two.
    #[inline]
    pub(crate) const fn with(self, other: Self) -> Self {
        let both = self.0 & other.0 & Self::HOST.0;
        Self(self.0 | other.0 | if both == 0 { 0 } else { Self::TWO_HOSTS.0 })
    }
}

/// The names that matter.
const NAMES: [&str; 9] = [
    "te",
    "date",
    "host",
    "expect",
    "upgrade",
    "connection",
    "keep-alive",
    "content-length",
    "transfer-encoding",
];

/// The first letters, as bits, of the names of each length that matter; one test sorts out most fields.
static FIRST: [u32; 32] = {
    let mut first = [0; 32];
    let mut i = 0;
    while i < NAMES.len() {
        first[NAMES[i].len()] |= 1 << (NAMES[i].as_bytes()[0] & 31);
        i += 1;
    }
    first
};

/// The length of a name as a bit, so that those of many are a set. From 31 on they are one.
#[inline]
pub(crate) const fn length(name: &[u8]) -> u32 {
    1 << if name.len() < 31 { name.len() } else { 31 }
}

impl Checked {
    /// The [`length`]s of the names that matter. Of a field with another one, only its size is of interest.
    pub(crate) const LENGTHS: u32 = {
        let (mut lengths, mut i) = (0, 0);
        while i < NAMES.len() {
            lengths |= length(NAMES[i].as_bytes());
            i += 1;
        }
        lengths
    };

    /// Whether all of this was said.
    #[inline]
    pub(crate) const fn all(&self, what: Said) -> bool {
        self.said.all(what)
    }

    /// Whether `Upgrade` names a protocol.
    #[inline]
    pub(crate) const fn upgrade(&self) -> bool {
        self.offered != 0
    }

    /// Checks one field and takes note of what it says.
    #[inline]
    pub(crate) fn field(
        &mut self,
        name: &[u8],
        value: &[u8],
        strictness: Strictness,
    ) -> Result<(), SendError> {
        validate_name(name)?;
        validate_field_value(name, value, strictness)?;
        self.valid(name, value)
    }

    /// Takes note of what a field says that is known to be valid.
    #[inline]
    pub(crate) fn valid(&mut self, name: &[u8], value: &[u8]) -> Result<(), SendError> {
        self.len += name.len() + value.len() + 4;
        match (FIRST.get(name.len()), name) {
            // Letters differ from one another, in either case, in their lowest five bits.
            (Some(first), [letter, ..]) if first >> (letter & 31) & 1 == 1 => self.note(name, value),
            _ => Ok(()),
        }
    }

    /// Adds what a source that was checked before says.
    #[inline]
    pub(crate) fn join(&mut self, other: &Self) {
        // Taken apart by name, so that a field added above cannot be forgotten here.
        let Self { len, said, offered } = *other;
        self.len += len;
        self.said = self.said.with(said);
        self.offered |= offered;
    }

    #[cold]
    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), SendError> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            14 if is("content-length") => return Err(SendError::ReservedField(FieldName::new(name))),
            17 if is("transfer-encoding") => return Err(SendError::ReservedField(FieldName::new(name))),
            4 if is("date") => self.say(Said::DATE),
            4 if is("host") => {
                self.say(Said::HOST);
                self.say(Said::BAD_HOST.only_if(!crate::authority::valid_host(value)));
            }
            10 if is("connection") => {
                between_commas(value).for_each(|option| self.say(connection_option(option)))
            }
            10 if is("keep-alive") => self.say(Said::KEEP_ALIVE),
            6 if is("expect") => {
                self.say(Said::EXPECT_CONTINUE.only_if(value.eq_ignore_ascii_case(b"100-continue")));
            }
            7 if is("upgrade") => self.offered |= upgrade::fingerprint(value),
            2 if is("te") => {
                self.say(Said::TE);
                // RFC 9112 section 7.4: `chunked` is always acceptable and must not be listed.
                let chunked = between_commas(value)
                    .map(|m| m.split(|b| *b == b';').next().map_or(m, trim_ows))
                    .any(|m| m.eq_ignore_ascii_case(b"chunked"));
                if chunked {
                    return Err(SendError::ReservedField(FieldName::new(name)));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn say(&mut self, what: Said) {
        self.said = self.said.with(what);
    }
}

fn connection_option(option: &[u8]) -> Said {
    let is = |known: &str| option.eq_ignore_ascii_case(known.as_bytes());
    match option.len() {
        5 => Said::CLOSE.only_if(is("close")),
        10 => Said::KEEP.only_if(is("keep-alive")),
        7 => Said::SWITCH.only_if(is("upgrade")),
        2 => Said::TE_HOP.only_if(is("te")),
        _ => Said::default(),
    }
}
