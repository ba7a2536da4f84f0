//! What the fields of a complete head say about framing and the connection, gathered while they go by.
//!
//! Only six fields matter to the machine: `Host`, `Expect`, `Upgrade`, `Connection`, `Content-Length` and
//! `Transfer-Encoding`. They are told from all others by length and first byte. What follows from the facts
//! together is decided in `framing`.

use crate::class::{is_in_any_case, is_token, trim_ows};
use crate::digits;
use crate::error::RecvErrorKind as Kind;
use crate::leniency::Flags;
use crate::values::{are_parameters, between_commas};

/// The last `Transfer-Encoding` member, which is what frames (RFC 9112 section 6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Encoding {
    #[default]
    Absent,
    /// `chunked` is last.
    Chunked,
    /// Another coding is last.
    Other,
}

/// The facts of one head. `u32` offsets are relative to the head's first byte.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) length: Option<u64>,
    /// The first fault in a single field, in wire order.
    pub(crate) fault: Option<(Kind, u32)>,
    /// The protocols `Upgrade` names ([`crate::upgrade::fingerprint`]).
    pub(crate) offered: u64,
    pub(crate) length_at: u32,
    pub(crate) encoding_at: u32,
    pub(crate) host: (u32, u32),
    pub(crate) hosts: u16,
    pub(crate) encoding: Encoding,
    /// `chunked` was named, at any place.
    chunked_seen: bool,
    /// A coding that is not registered was named.
    pub(crate) unknown_coding: bool,
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade_named: bool,
    pub(crate) expect_continue: bool,
    pub(crate) expect_other: bool,
}

/// The lower-case first byte of the one field name of each length that matters.
static FIRST: [u8; 32] = {
    let mut first = [0; 32];
    let names: [&[u8]; 6] =
        [b"host", b"expect", b"upgrade", b"connection", b"content-length", b"transfer-encoding"];
    let mut i = 0;
    while i < names.len() {
        // `connection` and any other name of the same length share their first byte only by chance.
        first[names[i].len()] = names[i][0];
        i += 1;
    }
    first
};

impl Facts {
    /// Whether a name of this length that starts with this byte may matter. One predictable test sorts out nearly
    /// every field.
    #[inline(always)]
    pub(crate) fn may_matter(len: usize, first: u8) -> bool {
        len < 32 && FIRST[len & 31] == first | 0x20
    }

    /// Takes note of a field that [may matter](Self::may_matter). `at` is the offset of its value.
    #[inline]
    pub(crate) fn note(&mut self, name: &[u8], value: &[u8], at: usize, lenient: Flags) {
        let at = at as u32;
        match name.len() {
            4 if is_in_any_case(name, b"host") => {
                self.hosts = self.hosts.saturating_add(1);
                self.host = (at, at + value.len() as u32);
            }
            10 if is_in_any_case(name, b"connection") => self.connection(value),
            14 if is_in_any_case(name, b"content-length") => self.content_length(value, at, lenient),
            17 if is_in_any_case(name, b"transfer-encoding") => self.transfer_encoding(value, at, lenient),
            7 if is_in_any_case(name, b"upgrade") => self.offered |= crate::upgrade::fingerprint(value),
            6 if is_in_any_case(name, b"expect") => self.expect(value),
            _ => {}
        }
    }

    fn fail(&mut self, kind: Kind, at: u32) {
        self.fault = self.fault.or(Some((kind, at)));
    }

    /// RFC 9110 section 7.6.1: case-insensitive options, a list over all lines; `close` is sticky.
    fn connection(&mut self, value: &[u8]) {
        if is_in_any_case(value, b"keep-alive") {
            self.keep_alive = true;
            return;
        }
        for option in between_commas(value) {
            match option.len() {
                5 if is_in_any_case(option, b"close") => self.close = true,
                7 if is_in_any_case(option, b"upgrade") => self.upgrade_named = true,
                10 if is_in_any_case(option, b"keep-alive") => self.keep_alive = true,
                _ => {}
            }
        }
    }

    /// RFC 9110 section 10.1.1. Anything beside `100-continue` makes the expectation another one.
    fn expect(&mut self, value: &[u8]) {
        for member in between_commas(value).filter(|m| !m.is_empty()) {
            if is_in_any_case(member, b"100-continue") {
                self.expect_continue = true;
            } else {
                self.expect_other = true;
            }
        }
    }

    /// RFC 9110 section 8.6: digits only. RFC 9112 section 6.3 permits identical repetitions to be collapsed; the
    /// strict engine does not.
    fn content_length(&mut self, value: &[u8], at: u32, lenient: Flags) {
        let mut any = false;
        for member in value.split(|b| *b == b',') {
            // Only a list may have white space inside, and the strict engine takes no list.
            let member = if lenient.any(Flags::REPEATED_LENGTH) { trim_ows(member) } else { member };
            if member.is_empty() && lenient.any(Flags::EMPTY_MEMBERS) {
                continue;
            }
            any = true;
            let length = match decimal(member) {
                Ok(length) => length,
                Err(kind) => return self.fail(kind, at),
            };
            match self.length {
                Some(known) if known != length => return self.fail(Kind::ConflictingContentLength, at),
                Some(_) if !lenient.any(Flags::REPEATED_LENGTH) => {
                    return self.fail(Kind::RepeatedContentLength, at);
                }
                _ => {}
            }
            self.length = Some(length);
            self.length_at = at;
        }
        if !any {
            self.fail(Kind::BadContentLength, at);
        }
    }

    /// RFC 9112 sections 6.1 and 7: a list of codings over all lines, names case-insensitive.
    fn transfer_encoding(&mut self, value: &[u8], at: u32, lenient: Flags) {
        self.encoding_at = at;
        let mut any = false;
        for member in between_commas(value) {
            if member.is_empty() && lenient.any(Flags::EMPTY_MEMBERS) {
                continue;
            }
            any = true;
            self.encoding = Encoding::Other;
            if is_in_any_case(member, b"chunked") {
                if self.chunked_seen {
                    return self.fail(Kind::RepeatedChunked, at);
                }
                self.chunked_seen = true;
                self.encoding = Encoding::Chunked;
            } else if !is_coding(member) {
                return self.fail(Kind::BadTransferEncoding, at);
            } else if !is_registered(member) && !lenient.any(Flags::UNKNOWN_CODING) {
                // With a parameter, too: none of the registered codings has any.
                self.unknown_coding = true;
            }
        }
        if !any {
            self.encoding = Encoding::Other;
            self.fail(Kind::BadTransferEncoding, at);
        }
    }
}

/// `token *( OWS ";" OWS transfer-parameter )` (RFC 9112 section 7), but for `chunked`, whose parameters are an error
/// (section 7.1). A comma ends a coding even in a quoted string, where hops might not agree.
fn is_coding(member: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b';', member) else { return is_token(member) };
    let (name, parameters) = (member.get(..at).unwrap_or_default(), member.get(at + 1..).unwrap_or_default());
    let name = trim_ows(name);
    is_token(name) && !is_in_any_case(name, b"chunked") && are_parameters(parameters)
}

/// The transfer codings of the registry beside `chunked`, and their aliases (RFC 9112 section 7.2).
fn is_registered(coding: &[u8]) -> bool {
    [&b"gzip"[..], b"x-gzip", b"deflate", b"compress", b"x-compress"]
        .iter()
        .any(|name| coding.eq_ignore_ascii_case(name))
}

/// Digits only, below 2^63: sums of lengths then never overflow.
pub(crate) fn decimal(text: &[u8]) -> Result<u64, Kind> {
    match digits::number(text) {
        None => Err(Kind::BadContentLength),
        Some(n) if n > i64::MAX as u64 => Err(Kind::ContentLengthTooLarge),
        Some(n) => Ok(n),
    }
}
