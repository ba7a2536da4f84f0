//! Colours for a terminal, or none. What is coloured is decided in `show`.

use std::fmt;

/// What a piece of text is, which decides its colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ink {
    /// Offsets and remarks.
    Faint,
    /// Start lines.
    Head,
    /// Field names, chunk lines.
    Framing,
    /// Content.
    Content,
    /// What the machine decided.
    Decision,
    /// What is wrong.
    Error,
    /// Everything else.
    Plain,
}

/// Whether to colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Paint(pub bool);

impl Paint {
    /// `text` in the colour of `ink`. Width and alignment are the text's own affair: colours take no room.
    pub fn ink<T: fmt::Display>(self, ink: Ink, text: T) -> Inked<T> {
        Inked { text, code: self.code(ink) }
    }

    fn code(self, ink: Ink) -> Option<&'static str> {
        let code = match ink {
            Ink::Faint => "2",
            Ink::Head => "1",
            Ink::Framing => "36",
            Ink::Content => "32",
            Ink::Decision => "33",
            Ink::Error => "1;31",
            Ink::Plain => return None,
        };
        self.0.then_some(code)
    }
}

/// Text that shows itself in a colour.
pub struct Inked<T> {
    text: T,
    code: Option<&'static str>,
}

impl<T: fmt::Display> fmt::Display for Inked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            None => self.text.fmt(f),
            Some(code) => {
                write!(f, "\x1b[{code}m")?;
                self.text.fmt(f)?;
                f.write_str("\x1b[0m")
            }
        }
    }
}
