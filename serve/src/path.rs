//! From a request target to the names of a path, and back. That it stays beneath the root is for `beneath` to see to.

use std::ffi::{OsStr, OsString};

/// A path as it was asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its names, decoded.
    pub names: Vec<OsString>,
    /// Whether it has the form of a folder's: it ends with a slash.
    pub is_folder: bool,
}

impl Asked {
    /// Takes a path apart. `None` if nothing can be there: a bad escape, a `..`, or a name that the file system would
    /// take for something else.
    pub fn parse(path: &[u8]) -> Option<Self> {
        let (mut names, mut is_folder) = (Vec::new(), true);
        for segment in path.split(|b| *b == b'/') {
            let segment = decode(segment)?;
            is_folder = matches!(&segment[..], b"" | b".");
            match &segment[..] {
                b"" | b"." => continue,
                b".." => return None,
                // A slash that was hidden by an escape.
                s if s.contains(&b'/') || s.contains(&0) => return None,
                _ => names.push(name(segment)?),
            }
        }
        Some(Self { names, is_folder })
    }

    /// Whether one of its names begins with a dot. `/.well-known/` is there to be found (RFC 8615).
    pub fn is_hidden(&self) -> bool {
        let hidden = |name: &OsString| name.as_encoded_bytes().starts_with(b".");
        let known = self.names.first().is_some_and(|name| name == ".well-known");
        self.names.iter().skip(usize::from(known)).any(hidden)
    }

    /// The path of the folder of these names, for a `Location`.
    pub fn as_folder(&self) -> String {
        let names = self.names.iter().map(|name| encode(name) + "/");
        names.fold(String::from("/"), |path, name| path + &name)
    }
}

/// On Unix a name is any bytes.
#[cfg(unix)]
fn name(bytes: Vec<u8>) -> Option<OsString> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}

/// Elsewhere it is text, in which a backslash is a slash and a colon belongs to a drive or a stream.
#[cfg(not(unix))]
fn name(bytes: Vec<u8>) -> Option<OsString> {
    let text = String::from_utf8(bytes).ok()?;
    (!text.contains(['\\', ':'])).then(|| text.into())
}

/// Undoes percent-encoding (RFC 3986 section 2.1).
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(*bytes.next()?)? << 4 | hex(*bytes.next()?)?,
            byte => *byte,
        });
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|digit| digit as u8)
}

/// Percent-encodes a name for use in a path or a link.
pub fn encode(name: &OsStr) -> String {
    escape(name.as_encoded_bytes(), |byte| matches!(byte, b'-' | b'.' | b'_' | b'~'))
}

/// Percent-encodes what may not be in a query (RFC 3986 section 3.4), and leaves escapes as they are.
pub fn encode_query(query: &[u8]) -> String {
    escape(query, |byte| b"-._~!$&'()*+,;=:@/?%".contains(&byte))
}

fn escape(bytes: &[u8], is_plain: impl Fn(u8) -> bool) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || is_plain(*byte) {
            escaped.push(char::from(*byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}
