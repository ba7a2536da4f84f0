//! Pieces of a stream as text for a person: escaped, cut to a width, with a caret under one byte.
//!
//! Bytes of a peer are never shown as they are, so they cannot act on the terminal.

use std::fmt::Write;

/// The most characters of an excerpt.
const WIDTH: usize = 72;

/// Content as quoted text if it is mostly text, else as hexadecimal bytes; only its beginning if it is long.
pub fn content(bytes: &[u8]) -> String {
    let is_text = |b: &&u8| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    let text = bytes.iter().filter(is_text).count();
    if text * 4 >= bytes.len() * 3 { quoted(bytes) } else { hexadecimal(bytes) }
}

/// A number of bytes, in words.
pub fn size(n: u64) -> String {
    if n == 1 { "1 byte".to_owned() } else { format!("{n} bytes") }
}

/// Bytes as text in quotes, everything but printable ASCII escaped.
pub fn quoted(bytes: &[u8]) -> String {
    let mut shown = String::from("\"");
    for (i, b) in bytes.iter().enumerate() {
        if shown.len() > WIDTH {
            let _ = write!(shown, "\" and {} more", bytes.len() - i);
            return shown;
        }
        shown.extend(b.escape_ascii().map(char::from));
    }
    shown.push('"');
    shown
}

/// The beginning of a line, escaped.
pub fn bare(line: &[u8]) -> String {
    let mut shown = String::new();
    for b in line {
        if shown.len() > WIDTH {
            return shown + "...";
        }
        shown.extend(b.escape_ascii().map(char::from));
    }
    shown
}

fn hexadecimal(bytes: &[u8]) -> String {
    let most = WIDTH / 3;
    let mut shown = String::new();
    for b in bytes.iter().take(most) {
        let _ = write!(shown, "{b:02x} ");
    }
    match bytes.len().saturating_sub(most) {
        0 => {}
        more => {
            let _ = write!(shown, "and {more} more");
        }
    }
    shown.trim_end().to_owned()
}

/// The line of a stream that one of its bytes is in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The line escaped, its line end too, cut where it is long.
    pub text: String,
    /// Blanks and carets: what to print below `text` to point at the byte.
    pub caret: String,
    /// The number of the line in the stream, from 1.
    pub number: usize,
    /// The number of the byte in its line, from 1.
    pub column: usize,
}

/// The line around the byte at `offset`. At or behind the end of `bytes` the caret points behind the last line.
pub fn line(bytes: &[u8], offset: usize) -> Line {
    let offset = offset.min(bytes.len());
    let (before, after) = bytes.split_at(offset);
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |lf| lf + 1);
    let end = after.iter().position(|b| *b == b'\n').map_or(bytes.len(), |lf| offset + lf + 1);
    // Long lines: what is near the byte is what matters.
    let from = start.max(offset.saturating_sub(WIDTH / 2));
    let to = end.min(offset + WIDTH / 2);
    let mut shown = Line {
        text: if from > start { String::from("...") } else { String::new() },
        caret: String::new(),
        number: 1 + before.iter().filter(|b| **b == b'\n').count(),
        column: 1 + offset - start,
    };
    for (i, b) in bytes[from..to].iter().enumerate() {
        if from + i == offset {
            shown.caret = " ".repeat(shown.text.len()) + &"^".repeat(b.escape_ascii().len());
        }
        shown.text.extend(b.escape_ascii().map(char::from));
    }
    if shown.caret.is_empty() {
        shown.caret = " ".repeat(shown.text.len()) + "^";
    }
    if to < end {
        shown.text.push_str("...");
    }
    shown
}
