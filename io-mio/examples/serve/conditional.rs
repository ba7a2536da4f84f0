//! Conditional requests (RFC 9110 section 13): whether a file is to be sent, given what the client has of it.

use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

use h1wire_mio::proto::{Fields, HttpDate, members};

/// What tells one state of a file from another.
pub struct Validators {
    /// The entity tag, with its quotes.
    pub etag: String,
    /// Unix seconds of the last change.
    pub modified: u64,
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
    pub fn of(meta: &Metadata) -> Self {
        let modified = meta.modified().unwrap_or(UNIX_EPOCH).duration_since(UNIX_EPOCH).unwrap_or_default();
        let etag = format!("\"{:x}-{:x}\"", modified.as_nanos(), meta.len());
        Self { etag, modified: modified.as_secs() }
    }

    /// The conditions in the order of RFC 9110 section 13.2.2.
    pub fn judge(&self, fields: &Fields<'_, '_>) -> Verdict {
        let date = |name| fields.get(name).and_then(|date| HttpDate::parse(date, now()));
        if fields.has("if-match") {
            if !self.is_among(fields, "if-match", false) {
                return Verdict::Failed;
            }
        } else if date("if-unmodified-since").is_some_and(|since| self.modified > since) {
            return Verdict::Failed;
        }
        if fields.has("if-none-match") {
            if self.is_among(fields, "if-none-match", true) {
                return Verdict::NotModified;
            }
        } else if date("if-modified-since").is_some_and(|since| self.modified <= since) {
            return Verdict::NotModified;
        }
        Verdict::Send
    }

    /// Whether a `Range` counts: there is no `If-Range`, or it names this state of the file.
    pub fn allow_range(&self, fields: &Fields<'_, '_>) -> bool {
        match fields.get("if-range") {
            None => true,
            Some(tag) if tag.ends_with(b"\"") => tag == self.etag.as_bytes(),
            Some(date) => HttpDate::parse(date, now()) == Some(self.modified),
        }
    }

    fn is_among(&self, fields: &Fields<'_, '_>, name: &str, weak: bool) -> bool {
        fields.get_all(name).flat_map(members).any(|tag| {
            let tag = if weak { tag.strip_prefix(b"W/").unwrap_or(tag) } else { tag };
            tag == b"*" || tag == self.etag.as_bytes()
        })
    }
}

/// Unix seconds. Only the century of an obsolete form of date depends on it.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
