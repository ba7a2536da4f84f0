//! Every implementation against a reference written from the grammar, one byte at a time.

use super::{Walk, twins};
use crate::class;

/// RFC 9112 sections 2.1 and 5, read literally: lines end with CRLF; a field line is `token ":" OWS value OWS`.
fn reference(input: &[u8], start_line: bool, max: usize) -> (Walk, Vec<[usize; 4]>) {
    let mut lines = Vec::new();
    let mut at = 0;
    loop {
        let Some(end) = (at..input.len()).find(|i| !text(input[*i])) else {
            // No line end yet: bad if no continuation helps.
            let bad = input.len() >= max || !(start_line && at == 0 || may_begin_a_field(&input[at..]));
            return (if bad { Walk::Bad } else { Walk::Partial }, lines);
        };
        if input[end] != b'\r' || input.get(end + 1).is_some_and(|b| *b != b'\n') {
            return (Walk::Bad, lines);
        }
        let line = &input[at..end];
        let colon = line.iter().position(|b| *b == b':').unwrap_or(0);
        if start_line && at == 0 {
            lines.push([0, 0, 0, end]);
        } else if !line.is_empty() {
            if !class::is_token(&line[..colon]) {
                return (Walk::Bad, lines);
            }
            let value = &line[colon + 1..];
            let start = value.iter().position(|b| !white(*b)).unwrap_or(value.len());
            let stop = value.iter().rposition(|b| !white(*b)).map_or(start, |n| n + 1);
            // An empty value lies at the end of its line.
            lines.push([at, at + colon, at + colon + 1 + start, at + colon + 1 + stop]);
        }
        let blank = line.is_empty() && !(start_line && at == 0);
        // What is missing to the end of the section at least.
        if end + 2 > max || !blank && end + 4 > max {
            return (Walk::Bad, lines);
        }
        if end + 2 > input.len() {
            return (if input.len() >= max { Walk::Bad } else { Walk::Partial }, lines);
        }
        if blank {
            return (Walk::Complete(end + 2), lines);
        }
        at = end + 2;
    }
}

fn text(b: u8) -> bool {
    b >= 0x20 && b != 0x7f || b == b'\t'
}
fn white(b: u8) -> bool {
    b == b' ' || b == b'\t'
}
fn may_begin_a_field(line: &[u8]) -> bool {
    match line.iter().position(|b| *b == b':') {
        Some(colon) => class::is_token(&line[..colon]),
        None => line.is_empty() || class::is_token(line),
    }
}

/// Every implementation against the reference, on exactly this slice, with and without a start line.
#[track_caller]
fn check(input: &[u8], max: usize) {
    for start_line in [true, false] {
        let (expected, expected_lines) = reference(input, start_line, max);
        for twin in twins::TWINS.iter().filter(|twin| (twin.available)()) {
            let (walk, lines) = twin.walk(input, start_line, max);
            let right = match (walk, expected) {
                (Walk::Complete(n), Walk::Complete(m)) => n == m && lines == expected_lines,
                (Walk::Partial, Walk::Partial) | (Walk::Bad, Walk::Bad) => true,
                // Bad input may pass as partial: `head` looks again.
                (Walk::Partial, Walk::Bad) => input.len() < max && !is_complete_and_bad(input, start_line),
                _ => false,
            };
            assert!(
                right,
                "{}: {walk:?} {lines:?}, not {expected:?} {expected_lines:?}: {start_line} {max} \"{}\"",
                twin.name,
                input.escape_ascii()
            );
        }
    }
}

/// Whether more input cannot be what a walk waits for: the section's blank line is there.
fn is_complete_and_bad(input: &[u8], start_line: bool) -> bool {
    !start_line && input.starts_with(b"\r\n") || input.windows(4).any(|w| w == b"\r\n\r\n")
}

#[track_caller]
fn check_all(input: &[u8]) {
    check(input, usize::MAX);
}

#[test]
fn any_byte_at_any_place_of_a_small_section_is_judged_by_the_grammar() {
    for section in [
        &b"GET / HTTP/1.1\r\nHost: a\r\nB:c \r\n\r\n"[..],
        b"a:\t b\r\nAccept-Language: \xc3\xa4,\r\n\r\nGET /",
    ] {
        for at in 0..section.len() {
            for byte in 0..=255 {
                let mut input = section.to_vec();
                input[at] = byte;
                check_all(&input);
                input.insert(at, section[at]);
                check_all(&input);
            }
        }
    }
}
