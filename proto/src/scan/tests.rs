//! Every implementation against a reference written from the grammar, one byte at a time.

use super::{Walk, text, twins};
use crate::class;

/// RFC 9112 sections 2.1 and 5, read literally: lines end with CRLF, a field line is `token ":" OWS value OWS`,
/// and an empty line ends the section. The first violation or the end of the input decides.
fn reference(input: &[u8], start_line: bool, max: usize) -> (Walk, Vec<[usize; 4]>) {
    let mut lines = Vec::new();
    let mut at = 0;
    loop {
        let is_start_line = start_line && at == 0;
        let Some(end) = (at..input.len()).find(|i| !text_byte(input[*i])) else {
            let hope = input.len() < max && (is_start_line || may_begin_a_field(&input[at..]));
            return (if hope { Walk::Partial } else { Walk::Bad }, lines);
        };
        if input[end] != b'\r' || input.get(end + 1).is_some_and(|b| *b != b'\n') {
            return (Walk::Bad, lines);
        }
        let line = &input[at..end];
        let blank = line.is_empty() && !is_start_line;
        if is_start_line {
            lines.push([0, 0, 0, end]);
        } else if !blank {
            let colon = line.iter().position(|b| *b == b':').unwrap_or(0);
            if !class::is_token(&line[..colon]) {
                return (Walk::Bad, lines);
            }
            let value = &line[colon + 1..];
            let from = value.iter().position(|b| !white(*b)).unwrap_or(value.len());
            let to = value.iter().rposition(|b| !white(*b)).map_or(from, |last| last + 1);
            lines.push([at, at + colon, at + colon + 1 + from, at + colon + 1 + to]);
        }
        let least = if blank { end + 2 } else { end + 4 };
        match input.len() {
            _ if least > max => return (Walk::Bad, lines),
            len if len < end + 2 => return (if len < max { Walk::Partial } else { Walk::Bad }, lines),
            _ if blank => return (Walk::Complete(end + 2), lines),
            _ => at = end + 2,
        }
    }
}

fn text_byte(b: u8) -> bool {
    b >= 0x20 && b != 0x7f || b == b'\t'
}
fn white(b: u8) -> bool {
    b == b' ' || b == b'\t'
}
fn may_begin_a_field(line: &[u8]) -> bool {
    let name = line.split(|b| *b == b':').next().unwrap_or_default();
    line.is_empty() || class::is_token(name)
}

/// Every implementation against the reference.
#[track_caller]
fn check_as(input: &[u8], start_line: bool, max: usize) {
    // In memory of its own, so that a sanitizer sees every read outside it.
    check_in_place(&Box::<[u8]>::from(input), start_line, max);
}

#[track_caller]
fn check_in_place(input: &[u8], start_line: bool, max: usize) {
    let (expected, expected_lines) = reference(input, start_line, max);
    let blank_line = input.windows(4).any(|w| w == b"\r\n\r\n") || !start_line && input.starts_with(b"\r\n");
    twins::for_each(input, start_line, max, |name, walk, lines| {
        let right = match (walk, expected) {
            (Walk::Complete(n), Walk::Complete(m)) => n == m && lines == expected_lines,
            (Walk::Partial, Walk::Partial) | (Walk::Bad, Walk::Bad) => true,
            // Bad input may pass as partial, but not for ever: only while its end is not there.
            (Walk::Partial, Walk::Bad) => input.len() < max && !blank_line,
            _ => false,
        };
        assert!(
            right,
            "{name}: {walk:?} {lines:?}, not {expected:?} {expected_lines:?}: {start_line} {max} \"{}\"",
            input.escape_ascii()
        );
    });
}

#[track_caller]
fn check(input: &[u8]) {
    check_as(input, true, usize::MAX);
    check_as(input, false, usize::MAX);
}

/// Deterministic numbers (xorshift).
struct Random(u64);
impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
    fn pick(&mut self, from: &[u8]) -> u8 {
        from[self.below(from.len())]
    }
    fn text(&mut self, from: &[u8], len: usize) -> Vec<u8> {
        (0..len).map(|_| self.pick(from)).collect()
    }
    /// A valid section of about so many bytes, with a start line that a section without one cannot begin with.
    fn section(&mut self, len: usize) -> Vec<u8> {
        const NAME: &[u8] = b"AZaz09-----_!#$%&'*+.^`|~";
        const VALUE: &[u8] = b"abcXYZ019 ,;=/()\"*:\t\x80\xff@[{";
        let mut section = b"GET /x?y=z HTTP/1.1\r\n".to_vec();
        while section.len() < len {
            let (name, gap, value) = (1 + self.below(20), self.below(3), self.below(40));
            section.extend(self.text(NAME, name));
            section.extend(b": \t"[..gap + usize::from(gap == 0)].iter());
            let plain = self.below(4) > 0;
            section.extend(self.text(if plain { &VALUE[..19] } else { VALUE }, value));
            section.extend(b"\r\n");
        }
        section.extend(b"\r\n");
        section
    }
}

const SECTIONS: [&[u8]; 3] = [
    b"GET / HTTP/1.1\r\nHost: a\r\nB:c \r\n\r\n",
    b"a:\t b\r\nAccept-Language: \xc3\xa4,\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 200 \xfc\t\r\nServer: h\r\nContent-Length: 12\r\nA-name-that-is-exactly-32-bytes-x: y\r\n\r\nHello",
];

#[test]
fn any_byte_at_any_place_of_a_section_is_judged_by_the_grammar() {
    for section in SECTIONS {
        for at in 0..section.len() {
            for byte in 0..=255 {
                let mut input = section.to_vec();
                input[at] = byte;
                check(&input);
                input.insert(at, section[at]);
                check(&input);
            }
        }
    }
}

#[test]
fn no_two_bytes_but_crlf_end_a_line() {
    let section = b"GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n";
    let ends: Vec<usize> = (0..section.len()).filter(|i| section[*i] == b'\r').collect();
    for end in ends {
        let mut input = section.to_vec();
        for first in 0..=255 {
            for second in 0..=255 {
                input[end] = first;
                input[end + 1] = second;
                check_as(&input, true, usize::MAX);
            }
        }
    }
}

#[test]
fn a_section_is_found_at_any_length_and_in_any_company() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for len in (0..300).step_by(7) {
        let section = random.section(len);
        for cut in 0..section.len() {
            check(&section[..cut]);
        }
        for _ in 0..32 {
            // What lies around the slice, or after the section, is nobody's business.
            let (before, behind) = (random.below(64), random.below(100));
            let mut buffer = random.text(b"\r\n:aB \x00\x80", before);
            buffer.extend(&section);
            buffer.extend(random.text(b"\r\n:aB \x00\x80", behind));
            for extra in [0, 1, 2, 31, 32, 33, behind] {
                let end = before + section.len() + extra.min(behind);
                check_in_place(&buffer[before..end], true, usize::MAX);
                check_in_place(&buffer[before..end], false, usize::MAX);
                assert!(matches!(reference(&buffer[before..end], true, usize::MAX).0, Walk::Complete(_)));
            }
        }
    }
}

#[test]
fn a_section_of_the_bytes_that_matter_is_judged_by_the_grammar() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for round in 0..20_000 {
        let mut input = random.section(round % 250);
        for _ in 0..1 + random.below(3) {
            let at = random.below(input.len());
            match random.below(3) {
                0 => input[at] = random.pick(b"\r\n:\t \x00\x7f\x80a"),
                1 => input.insert(at, random.pick(b"\r\n:\t \x00\x7f\x80a")),
                _ => drop(input.remove(at)),
            }
        }
        check_as(&input, round % 3 > 0, usize::MAX);
    }
    for _ in 0..20_000 {
        let len = random.below(120);
        check(&random.text(b"\r\n:\t \x80a", len));
        // Line ends come in pairs more often than not.
        let lines = random.text(b"\r\r:\t \x80aa", len).into_iter();
        check(
            &lines.flat_map(|b| [b, b'\n'].into_iter().take(1 + usize::from(b == b'\r'))).collect::<Vec<_>>(),
        );
    }
}

#[test]
fn names_and_values_of_any_length_are_found() {
    for name in 1..100 {
        for value in [0, 1, 2, 31, 63, 64, 65, 130] {
            for around in ["", " ", "\t", "  "] {
                let (name, value) = ("n".repeat(name), "v".repeat(value));
                check(format!("s\r\n{name}:{around}{value}{around}\r\nb: c\r\n\r\n").as_bytes());
                check(format!("{name}:{around}{value}{around}\r\n\r\n").as_bytes());
            }
        }
    }
}

#[test]
fn obs_text_and_tabs_may_stand_anywhere_in_a_value_and_a_start_line_but_not_in_a_name() {
    for byte in [b'\t', 0x80, 0xff] {
        for len in 1..140 {
            let mut line = b"a: ".to_vec();
            line.resize(3 + len, b'v');
            for (at, run) in [(3, 1), (3 + len / 2, 1), (2 + len, 1), (3, len), (0, 1), (1, 2)] {
                let mut line = line.clone();
                line[at..at + run].fill(byte);
                let section = [&b"GET / HTTP/1.1\r\n"[..], &line, b"\r\nb: c\r\n\r\n\r\n\r\n"].concat();
                check(&section);
                check(&section[16..]);
                check(&[&line, &b" a\r\nb: c\r\n\r\nGET"[..]].concat());
            }
        }
    }
}

#[test]
fn a_section_longer_than_a_strip_is_walked_to_its_end() {
    let long = |unit: &[u8], times: usize| unit.repeat(times);
    for section in [
        [&b"GET / HTTP/1.1\r\n"[..], &long(b"a: b\r\n", 700), b"\r\n"].concat(),
        [&b"GET / HTTP/1.1\r\n"[..], &long(b"a:\r\n", 700), b"\r\n\r\n\r\n"].concat(),
        [&b"GET / HTTP/1.1\r\na: "[..], &long(b"v\t", 900), b"v\r\nb: c\r\n\r\n"].concat(),
        [&b"GET / HTTP/1.1\r\na: "[..], &long(b"\t\xc3\xa4", 900), b"v\r\nb: c\r\n\r\n"].concat(),
        [&b"GET / HTTP/1.1\r\na: "[..], &long(b"v", 5000), b"\r\nb: c\r\n\r\n"].concat(),
        [&b"GET /"[..], &long(b"x", 5000), b" HTTP/1.1\r\nb: c\r\n\r\n"].concat(),
        [&b"GET /"[..], &long(b"\xfc", 1500), b" HTTP/1.1\r\nb: c\r\n\r\n"].concat(),
        [&b"GET / HTTP/1.1\r\n"[..], &long(b"x", 1500), b": v\r\n\r\n"].concat(),
    ] {
        assert!(matches!(reference(&section, true, usize::MAX).0, Walk::Complete(_)));
        check(&section);
        for cut in (0..section.len()).rev().step_by(61) {
            check(&section[..cut]);
        }
        let mut bad = section.clone();
        *bad.iter_mut().nth_back(5).unwrap() = 0;
        check(&bad);
    }
}

#[test]
fn a_section_may_have_exactly_as_many_bytes_as_the_limit() {
    for section in SECTIONS {
        for end in 0..=section.len() {
            for max in 0..section.len() + 3 {
                check_as(&section[..end], true, max);
                check_as(&section[..end], false, max);
            }
        }
    }
}

#[test]
fn whole_strings_are_judged_by_the_classes() {
    for len in (0..20).chain([31, 32, 33, 47, 48, 50, 65]) {
        for fill in [b'a', b'~', b' ', 0xff] {
            let mut string = vec![fill; len];
            for at in 0..len.max(1) {
                for byte in 0..=255 {
                    if let Some(b) = string.get_mut(at) {
                        *b = byte;
                    }
                    let end = string.iter().position(|b| !class::in_target(*b)).unwrap_or(len);
                    assert_eq!(text::target_end(&string), end, "{}", string.escape_ascii());
                    assert_eq!(
                        text::all_token(&string),
                        class::is_token(&string),
                        "{}",
                        string.escape_ascii()
                    );
                    assert_eq!(
                        text::all_value(&string),
                        class::is_value(&string),
                        "{}",
                        string.escape_ascii()
                    );
                }
                if let Some(b) = string.get_mut(at) {
                    *b = fill;
                }
            }
        }
    }
}
