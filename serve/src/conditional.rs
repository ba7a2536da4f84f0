//! Conditional requests (RFC 9110 sections 8.8 and 13): what tells one state of a file from another, and whether it is to
//! be sent, given what the client has of it.

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use h1wire_mio::proto::{Fields, HttpDate};

/// How old the last change of a file has to be before its tag is strong. Some file systems count the time of a change in
/// steps of 2 seconds, and what changes twice in a step looks the same (section 8.8.1).
const SETTLED: Duration = Duration::from_secs(2);
/// The same for what only the system writes, the time of the last change of content or times. It keeps that to a tick,
/// of which there are 100 a second at least.
const TICKS: Duration = Duration::from_millis(20);

/// What tells one state of a representation from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validators {
    /// The entity tag, with its quotes.
    opaque: String,
    is_weak: bool,
    /// Unix seconds of the last change, not later than this answer.
    modified: Option<u64>,
    /// Unix seconds of this answer.
    now: u64,
}

/// What the conditions of a request come to.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send it.
    Send,
    /// The client has it: 304.
    NotModified,
    /// It is not what the client believes: 412.
    Failed,
}

impl Validators {
    /// Those of a file, as of `now`.
    pub fn of(meta: &Metadata, now: SystemTime) -> Self {
        let modified = meta.modified().unwrap_or(UNIX_EPOCH);
        let changed = changed(meta);
        let mut state = DefaultHasher::new();
        (unix(modified), changed.map(unix), number(meta), meta.len()).hash(&mut state);
        // A time to come says nothing, so it counts as now.
        let since = |then: SystemTime| now.duration_since(then).unwrap_or_default();
        let is_coarse = changed.is_some_and(|changed| unix(changed).subsec_nanos() == 0);
        let settled = if is_coarse { SETTLED } else { TICKS };
        let is_weak = since(modified) < SETTLED || changed.is_some_and(|changed| since(changed) < settled);
        let now = unix(now).as_secs();
        // A tag of its own while it is weak: what was fetched meanwhile is not taken for what the file came to be.
        let early = if is_weak { "-early" } else { "" };
        Self {
            opaque: format!("\"{:x}-{:016x}{early}\"", meta.len(), state.finish()),
            is_weak,
            modified: Some(unix(modified).as_secs().min(now)),
            now,
        }
    }

    /// Those of a page that was made for this answer: a weak tag, for it is the page's bytes that are compared, and two
    /// may have the same.
    pub fn of_page(page: &str, now: SystemTime) -> Self {
        let mut state = DefaultHasher::new();
        page.hash(&mut state);
        let opaque = format!("\"{:x}-{:016x}\"", page.len(), state.finish());
        Self { opaque, is_weak: true, modified: None, now: unix(now).as_secs() }
    }

    /// The value of `ETag`.
    pub fn etag(&self) -> String {
        format!("{}{}", if self.is_weak { "W/" } else { "" }, self.opaque)
    }

    /// The value of `Last-Modified`. Section 8.8.2.1: never later than `Date`.
    pub fn last_modified(&self) -> Option<HttpDate> {
        self.modified.map(HttpDate::from_unix)
    }

    /// The value of `Date` if it has to be this answer's own: the server's clock may be a moment behind.
    pub fn date(&self) -> Option<HttpDate> {
        self.modified.filter(|modified| *modified == self.now).map(HttpDate::from_unix)
    }

    /// The conditions in the order of section 13.2.2.
    pub fn judge(&self, fields: &Fields<'_, '_>) -> Verdict {
        if fields.has("if-match") {
            if !self.is_among(fields, "if-match", Self::is_strongly) {
                return Verdict::Failed;
            }
        } else if self
            .modified
            .zip(self.date_of(fields, "if-unmodified-since"))
            .is_some_and(|(at, since)| at > since)
        {
            return Verdict::Failed;
        }
        if fields.has("if-none-match") {
            if self.is_among(fields, "if-none-match", Self::is_weakly) {
                return Verdict::NotModified;
            }
        } else if self
            .modified
            .zip(self.date_of(fields, "if-modified-since"))
            .is_some_and(|(at, since)| at <= since)
        {
            return Verdict::NotModified;
        }
        Verdict::Send
    }

    /// Whether a `Range` counts: there is no `If-Range`, or it names this state of the file (section 13.1.5).
    pub fn allow_range(&self, fields: &Fields<'_, '_>) -> bool {
        if !fields.has("if-range") {
            return true;
        }
        match single(fields, "if-range") {
            Some(tag) if tag.get(..3).is_some_and(|begin| begin.contains(&b'"')) => {
                tags(tag).any(|tag| self.is_strongly(&tag))
            }
            // A date is exact or nothing, and as weak as the tag.
            Some(date) => !self.is_weak && self.modified.is_some() && self.parse(date) == self.modified,
            None => false,
        }
    }

    /// The date of a field. Sections 13.1.3 and 13.1.4: what is not a date, or more than one, is ignored.
    fn date_of(&self, fields: &Fields<'_, '_>, name: &str) -> Option<u64> {
        self.parse(single(fields, name)?)
    }

    /// Unix seconds. Only the century of an obsolete form depends on the clock.
    fn parse(&self, date: &[u8]) -> Option<u64> {
        HttpDate::parse(date, self.now)
    }

    /// Whether the field names this state, or is `*`, which is any.
    fn is_among(&self, fields: &Fields<'_, '_>, name: &str, is: impl Fn(&Self, &Tag<'_>) -> bool) -> bool {
        single(fields, name) == Some(b"*") || fields.get_all(name).flat_map(tags).any(|tag| is(self, &tag))
    }

    /// The strong comparison of section 8.8.3.2.
    fn is_strongly(&self, tag: &Tag<'_>) -> bool {
        !self.is_weak && !tag.is_weak && tag.opaque == self.opaque.as_bytes()
    }

    /// The weak comparison.
    fn is_weakly(&self, tag: &Tag<'_>) -> bool {
        tag.opaque == self.opaque.as_bytes()
    }
}

/// The value of a field that is there once.
pub fn single<'i: 's, 's>(fields: &Fields<'i, 's>, name: &str) -> Option<&'s [u8]> {
    fields.get(name).filter(|_| fields.get_all(name).nth(1).is_none())
}

/// An entity tag (section 8.8.3).
struct Tag<'a> {
    is_weak: bool,
    /// With its quotes.
    opaque: &'a [u8],
}

/// The entity tags of a list, up to what is none. No escapes: a backslash is part of a tag.
fn tags(list: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        while let [b' ' | b'\t' | b',', more @ ..] = rest {
            rest = more;
        }
        let (is_weak, quoted) = match rest.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let inner = quoted.strip_prefix(b"\"")?;
        let len = inner.iter().position(|b| *b == b'"')?;
        let (opaque, more) = quoted.split_at_checked(len + 2)?;
        let ends = more.trim_ascii_start();
        rest = more;
        (ends.is_empty() || ends.starts_with(b",")).then_some(Tag { is_weak, opaque })
    })
}

fn unix(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// When content or times were changed last. Nobody can set it, so it tells a file that got its old time back from the
/// old file.
#[cfg(unix)]
fn changed(meta: &Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let (seconds, nanos) = (u64::try_from(meta.ctime()).ok()?, u32::try_from(meta.ctime_nsec()).ok()?);
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

/// The file's number in its file system.
#[cfg(unix)]
fn number(meta: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<SystemTime> {
    None
}

#[cfg(not(unix))]
fn number(_: &Metadata) -> u64 {
    0
}
