//! From a request target to the names of a path. That it stays beneath the root is for `beneath` to see to.

/// The segments of a path, decoded. `None` if it is not to be served: a bad escape, a `..`, or a segment that could
/// mean something else to the file system.
pub fn segments(path: &[u8]) -> Option<Vec<String>> {
    let mut segments = Vec::new();
    for segment in path.split(|b| *b == b'/') {
        let segment = String::from_utf8(decode(segment)?).ok()?;
        match segment.as_str() {
            "" | "." => continue,
            ".." => return None,
            // A slash or a backslash that was hidden by an escape, a NUL, a drive or a stream of Windows.
            s if s.contains(['/', '\\', '\0', ':']) => return None,
            _ => segments.push(segment),
        }
    }
    Some(segments)
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

/// Percent-encodes a segment for use in a path or a link.
pub fn encode(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
