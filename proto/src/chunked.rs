//! One chunk line: `chunk-size [ chunk-ext ] CRLF` (RFC 9112 section 7.1).
//!
//! Small chunk lines that lie complete in the input are read at once; everything else goes byte by byte through
//! an automaton that can stop anywhere, so a chunk line need not be contiguous. What follows the line (data, its
//! CRLF, trailers) is `content`.

use crate::class::TOKEN;
use crate::error::RecvErrorKind as Kind;
use crate::leniency::Flags;
use crate::visits;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// No digit yet.
    Start,
    Size,
    /// White space after the size: before an extension, or tolerated.
    SizeSpace,
    /// After a `;`.
    ExtStart,
    ExtName,
    ExtNameSpace,
    /// After a `=`.
    ValueStart,
    Token,
    Quoted,
    /// After a backslash in a quoted string.
    Escape,
    /// After a quoted value.
    ValueEnd,
    /// White space after a value: only another extension may follow.
    ValueSpace,
    /// Extension text that is not looked at closer, where tolerated.
    AnyText,
    Lf,
}

/// The bytes used, and size and length of the line if it is complete.
type Line = (usize, Option<(u64, u16)>);

/// A chunk line being read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ChunkLine {
    size: u64,
    seen: u16,
    state: State,
}

impl ChunkLine {
    pub(crate) const START: Self = Self { size: 0, seen: 0, state: State::Start };

    /// A line of one to seven digits and CRLF, complete in `input`: its size and length. `None` says nothing but that
    /// [`read`](Self::read) must look. With seven digits, a size of this kind fits into memory's sizes on 32 bits. `None`
    /// also comes for input of less than the nine bytes of the longest such line.
    #[inline(always)]
    pub(crate) fn quick(input: &[u8]) -> Option<(u32, usize)> {
        let line = input.first_chunk::<9>()?;
        let mut size = 0u32;
        for i in 0..8 {
            let digit = HEX[line[i] as usize];
            if digit > 15 {
                let ends = i > 0 && [line[i], line[i + 1]] == *b"\r\n";
                return ends.then_some((size, i + 2));
            }
            size = size << 4 | u32::from(digit);
        }
        None
    }

    /// Reads on. `(used, Some((size, line length)))` at the end of the line. An error's offset is relative to
    /// `input`, and may be -1 for a CR that came in an earlier piece.
    pub(crate) fn read(&mut self, input: &[u8], most: u16, lenient: Flags) -> Result<Line, (Kind, i64)> {
        for (i, b) in input.iter().enumerate() {
            visits::add(1);
            if self.seen >= most {
                return Err((Kind::ChunkLineTooLong, i as i64));
            }
            if self.state == State::Lf {
                if *b != b'\n' {
                    return Err((Kind::BareCr, i as i64 - 1));
                }
                return Ok((i + 1, Some((self.size, self.seen.saturating_add(1)))));
            }
            self.step(*b, lenient).map_err(|kind| (kind, i as i64))?;
            self.seen += 1;
        }
        Ok((input.len(), None))
    }

    fn step(&mut self, b: u8, lenient: Flags) -> Result<(), Kind> {
        use State::*;
        let any_text = lenient.any(Flags::CHUNK_EXTENSION);
        self.state = match (self.state, b) {
            (Start | Size, b) if HEX[b as usize] <= 15 => {
                self.size = self
                    .size
                    .checked_mul(16)
                    .and_then(|n| n.checked_add(HEX[b as usize] as u64))
                    .filter(|n| *n <= i64::MAX as u64)
                    .ok_or(Kind::ChunkTooLarge)?;
                Size
            }
            (Start, _) => return Err(Kind::BadChunkSize),
            (SizeSpace, b'\r') if !lenient.any(Flags::CHUNK_SPACE) => return Err(Kind::BadChunkSize),
            (Size | SizeSpace | ExtName | Token | ValueEnd | AnyText, b'\r') => Lf,
            (_, b'\n') => return Err(Kind::BareLf),
            (Size | SizeSpace, b' ' | b'\t') => SizeSpace,
            (Size | SizeSpace | ExtName | ExtNameSpace | Token | ValueEnd | ValueSpace, b';') => ExtStart,
            (Size | SizeSpace, _) => return Err(Kind::BadChunkSize),

            // BWS around `;` and `=` must be parsed and dropped (RFC 9110 section 5.6.3). There is none at the end of
            // the line (RFC 9112 section 7.1.1).
            (ExtStart, b' ' | b'\t') => ExtStart,
            (ExtStart | ExtName, b) if TOKEN[b as usize] => ExtName,
            (ExtName | ExtNameSpace, b' ' | b'\t') => ExtNameSpace,
            (ExtName | ExtNameSpace, b'=') => ValueStart,
            (ValueStart, b' ' | b'\t') => ValueStart,
            (ValueStart, b'"') => Quoted,
            (ValueStart | Token, b) if TOKEN[b as usize] => Token,
            (Token | ValueEnd | ValueSpace, b' ' | b'\t') => ValueSpace,
            (Quoted, b'"') => ValueEnd,
            (Quoted, b'\\') => Escape,
            (Quoted | Escape, b) if is_text(b) => Quoted,
            (ExtStart | ExtNameSpace | ValueStart | ValueSpace | Quoted | Escape, b'\r') if any_text => Lf,
            (AnyText | ExtStart | ExtName | ExtNameSpace | ValueStart | Token | ValueEnd | ValueSpace, b)
                if any_text && is_text(b) =>
            {
                AnyText
            }
            _ => return Err(Kind::BadChunkExtension),
        };
        Ok(())
    }
}

/// `qdtext` or what may follow a backslash, taken together: HTAB, SP, VCHAR, obs-text.
fn is_text(b: u8) -> bool {
    crate::class::in_value(b)
}

/// The value of a hexadecimal digit, 255 for everything else.
static HEX: [u8; 256] = {
    let mut t = [255; 256];
    let mut i = 0;
    while i < 16 {
        t[b"0123456789abcdef"[i] as usize] = i as u8;
        t[b"0123456789ABCDEF"[i] as usize] = i as u8;
        i += 1;
    }
    t
};

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[u8], lenient: Flags) -> Result<Option<u64>, (Kind, i64)> {
        let mut state = ChunkLine::START;
        state.read(line, 4096, lenient).map(|(_, done)| done.map(|(size, _)| size))
    }

    #[test]
    fn the_quick_way_agrees_with_the_automaton_wherever_it_answers() {
        for line in [
            &b"0\r\n"[..],
            b"5\r\n",
            b"aB\r\n",
            b"1234567\r\n",
            b"12345678\r\n",
            b"\r\n",
            b"5;a\r\n",
            b"5\n",
            b"5\r",
            b"g\r\n",
        ] {
            let padded = [line, b"........."].concat();
            if let Some((size, len)) = ChunkLine::quick(&padded) {
                assert_eq!(read(line, Flags::NONE), Ok(Some(size.into())), "{line:?}");
                assert_eq!(len, line.len());
            }
        }
        assert_eq!(ChunkLine::quick(b"1f\r\nxyzxyz"), Some((31, 4)));
        assert_eq!(ChunkLine::quick(b"12345678\r\n"), None);
    }

    #[test]
    fn sizes_stop_below_2_to_the_63() {
        assert_eq!(read(b"7fffffffffffffff\r\n", Flags::NONE), Ok(Some(i64::MAX as u64)));
        assert_eq!(read(b"8000000000000000\r\n", Flags::NONE), Err((Kind::ChunkTooLarge, 15)));
        assert_eq!(read(b"f0000000000000003\r\n", Flags::NONE), Err((Kind::ChunkTooLarge, 15)));
        assert_eq!(read(b"000000000000000000005\r\n", Flags::NONE), Ok(Some(5)));
    }

    #[test]
    fn extensions_follow_the_grammar_and_are_ignored() {
        for line in [
            &b"5;a\r\n"[..],
            b"5 ; a = b\r\n",
            b"5;a=b ;c = \"d\" ; e\r\n",
            b"5;a=b;c=\"d;e\\\"f\"\r\n",
            b"5;a ;b\r\n",
        ] {
            assert_eq!(read(line, Flags::NONE), Ok(Some(5)), "{:?}", line.escape_ascii().to_string());
        }
        for (line, at) in [
            (&b"5;;a\r\n"[..], 2),
            (b"5;\r\n", 2),
            (b"5;a=\r\n", 4),
            (b"5;a=\"x\r\n", 6),
            (b"5;\x00\r\n", 2),
            (b"5;\xff\r\n", 2),
            (b"5;a \r\n", 4),
            (b"5;a=b \r\n", 6),
            (b"5;a=\"b\"\t \r\n", 9),
            (b"5;a=b c\r\n", 6),
        ] {
            assert_eq!(read(line, Flags::NONE), Err((Kind::BadChunkExtension, at)), "{line:?}");
        }
        for line in [&b"5;;a \xff\r\n"[..], b"5;a=b \r\n", b"5;a=b c\r\n"] {
            assert_eq!(read(line, Flags::CHUNK_EXTENSION), Ok(Some(5)), "{line:?}");
        }
        assert_eq!(read(b"5;\x01\r\n", Flags::CHUNK_EXTENSION), Err((Kind::BadChunkExtension, 2)));
    }

    #[test]
    fn white_space_after_the_size_is_an_error_unless_tolerated() {
        assert_eq!(read(b"5 \r\n", Flags::NONE), Err((Kind::BadChunkSize, 2)));
        assert_eq!(read(b"5 a\r\n", Flags::NONE), Err((Kind::BadChunkSize, 2)));
        assert_eq!(read(b"5 \r\n", Flags::CHUNK_SPACE), Ok(Some(5)));
        assert_eq!(read(b" 5\r\n", Flags::CHUNK_SPACE), Err((Kind::BadChunkSize, 0)));
    }

    #[test]
    fn only_crlf_ends_a_chunk_line() {
        assert_eq!(read(b"5\n", Flags::BARE_LF), Err((Kind::BareLf, 1)));
        assert_eq!(read(b"5\r\r\n", Flags::NONE), Err((Kind::BareCr, 1)));
        assert_eq!(read(b"5;a\nx\r\n", Flags::CHUNK_EXTENSION), Err((Kind::BareLf, 3)));
    }
}
