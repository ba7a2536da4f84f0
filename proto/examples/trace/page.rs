//! The rows of a trace: an offset, a label, and what is there.
//!
//! Only how things are written. What the machine says about a stream, and in which order, is `show`.

use std::fmt::Display;
use std::io::{self, Write};

use h1wire_proto::{BodyKind, Fields, RecvError, reason_phrase};

use crate::excerpt;
use crate::paint::{Ink, Paint};

/// Where rows are written, and how far into the stream they have come.
pub struct Page<'a, W> {
    bytes: &'a [u8],
    paint: Paint,
    out: W,
    /// Everything before this offset was shown.
    shown: usize,
}

impl<'a, W: Write> Page<'a, W> {
    pub fn new(bytes: &'a [u8], paint: Paint, out: W) -> Self {
        Self { bytes, paint, out, shown: 0 }
    }

    /// A row about the byte at `offset`.
    pub fn at(&mut self, offset: usize, label: &str, ink: Ink, text: impl Display) -> io::Result<()> {
        let (offset, label) =
            (self.paint.ink(Ink::Faint, format!("{offset:>8}")), self.paint.ink(ink, format!("{label:<10}")));
        writeln!(self.out, "{offset}  {label}{text}")
    }

    /// A row about no byte in particular.
    pub fn remark(&mut self, label: &str, ink: Ink, text: impl Display) -> io::Result<()> {
        let label = self.paint.ink(ink, format!("{label:<10}"));
        writeln!(self.out, "{:8}  {label}{text}", "")
    }

    /// The bytes that the machine consumed without an event before the one at `until`: a row for each line of
    /// chunk framing, one for line ends before a head.
    pub fn framing(&mut self, until: usize) -> io::Result<()> {
        let gap = self.bytes.get(self.shown..until).unwrap_or_default();
        let start = self.shown;
        self.shown = until.max(start);
        if !gap.is_empty() && gap.iter().all(|b| matches!(b, b'\r' | b'\n')) {
            let text = self.paint.ink(Ink::Faint, gap.escape_ascii());
            return self.at(start, "skipped", Ink::Faint, text);
        }
        let mut at = start;
        for line in gap.split_inclusive(|b| *b == b'\n') {
            let text = line.trim_ascii_end();
            if !text.is_empty() {
                let text = self.paint.ink(Ink::Framing, text.escape_ascii());
                self.at(at, "chunk", Ink::Framing, text)?;
            }
            at += line.len();
        }
        Ok(())
    }

    /// The start line and fields of a head that ends at `end`.
    pub fn head(&mut self, label: &str, end: usize, fields: Fields<'_, '_>) -> io::Result<()> {
        // No start line begins with a line end.
        let skipped = self.bytes[self.shown..end].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let start = self.shown + skipped;
        self.framing(start)?;
        let line = self.bytes[start..end].split(|b| *b == b'\n').next().unwrap_or_default();
        let line = self.paint.ink(Ink::Head, line.trim_ascii_end().escape_ascii());
        self.at(start, label, Ink::Head, line)?;
        self.fields("field", fields)?;
        self.shown = end;
        Ok(())
    }

    fn fields(&mut self, label: &str, fields: Fields<'_, '_>) -> io::Result<()> {
        for (name, value) in fields {
            let at = self.offset_of(name).unwrap_or(self.shown);
            let name = self.paint.ink(Ink::Framing, name.escape_ascii());
            self.at(at, label, Ink::Plain, format_args!("{name}: {}", value.escape_ascii()))?;
        }
        Ok(())
    }

    /// Where a piece of the stream that an event lent lies in it.
    fn offset_of(&self, piece: &[u8]) -> Option<usize> {
        let offset = (piece.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize)?;
        (offset + piece.len() <= self.bytes.len()).then_some(offset)
    }

    /// What the head means for the content and the connection.
    pub fn decision(&mut self, body: BodyKind, keep_alive: bool) -> io::Result<()> {
        let content = match body {
            BodyKind::None => "no content".to_owned(),
            BodyKind::Length(n) => format!("{} of content, by Content-Length", excerpt::size(n)),
            BodyKind::Chunked => "content in chunks".to_owned(),
            BodyKind::UntilClose => "content until the connection closes".to_owned(),
        };
        let connection = if keep_alive { "persists" } else { "closes after this exchange" };
        let text = format!("{content}; the connection {connection}");
        self.remark("framing", Ink::Decision, self.paint.ink(Ink::Decision, text))
    }

    /// A piece of content that ends at `end`.
    pub fn data(&mut self, end: usize, data: &[u8]) -> io::Result<()> {
        let start = end - data.len();
        self.framing(start)?;
        let content = self.paint.ink(Ink::Content, excerpt::content(data));
        self.at(start, "data", Ink::Content, format_args!("{} {content}", excerpt::size(data.len() as u64)))?;
        self.shown = end;
        Ok(())
    }

    /// The end of content at `end`, with its trailers.
    pub fn end(&mut self, end: usize, trailers: Fields<'_, '_>) -> io::Result<()> {
        let first = trailers.iter().next().and_then(|(name, _)| self.offset_of(name));
        self.framing(first.unwrap_or(end))?;
        self.fields("trailer", trailers)?;
        self.shown = end;
        let text = if trailers.is_empty() {
            "the message is complete"
        } else {
            "the content and its trailers are complete"
        };
        self.at(end, "end", Ink::Decision, text)
    }

    /// The lines before the one at `until` that were read without an event: only the last few.
    fn before(&mut self, until: usize) -> io::Result<()> {
        const MOST: usize = 6;
        let lines = self.bytes.get(self.shown..until).unwrap_or_default().split_inclusive(|b| *b == b'\n');
        let hidden = lines.clone().count().saturating_sub(MOST);
        if hidden > 0 {
            self.at(self.shown, "read", Ink::Faint, self.paint.ink(Ink::Faint, format!("{hidden} lines")))?;
        }
        let mut at = self.shown;
        for (i, line) in lines.enumerate() {
            if i >= hidden {
                let text = self.paint.ink(Ink::Faint, excerpt::bare(line));
                self.at(at, "read", Ink::Faint, text)?;
            }
            at += line.len();
        }
        Ok(())
    }

    /// What the machine itself sent.
    pub fn answered(&mut self, bytes: &[u8]) -> io::Result<()> {
        let lines = bytes.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty());
        for (i, line) in lines.enumerate() {
            let label = if i == 0 { "answered" } else { "" };
            self.remark(label, Ink::Plain, line.escape_ascii())?;
        }
        Ok(())
    }

    /// What is wrong, where, and by which rule.
    pub fn error(&mut self, error: &RecvError, is_server: bool) -> io::Result<()> {
        let offset = usize::try_from(error.offset()).unwrap_or(usize::MAX);
        let line = excerpt::line(self.bytes, offset);
        self.before(offset.min(self.bytes.len()) + 1 - line.column)?;
        let what = self.paint.ink(Ink::Error, error.kind().name());
        self.at(
            offset,
            "error",
            Ink::Error,
            format_args!("{what} in line {}, column {}", line.number, line.column),
        )?;
        self.remark("", Ink::Plain, format_args!("| {}", line.text))?;
        self.remark("", Ink::Plain, format_args!("| {}", self.paint.ink(Ink::Error, line.caret)))?;
        self.remark("", Ink::Plain, error)?;
        let status = error.status();
        let phrase = reason_phrase(status).unwrap_or_default();
        self.remark("rule", Ink::Plain, error.rule())?;
        if is_server {
            self.remark("status", Ink::Plain, format_args!("{status} {phrase}"))
        } else {
            let text = format_args!("{status} {phrase}; a gateway answers 502 (RFC 9112 section 6.3)");
            self.remark("status", Ink::Plain, text)
        }
    }
}
