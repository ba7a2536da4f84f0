//! Each of the 256 bytes at each place of what the machine reads by itself: in place of a byte, and between two.

use h1wire_proto::{BodyKind, Method};

use crate::{Runner, Seen, is_text, is_token, trim};

/// `text` with `byte` in place of each of its bytes, then with `byte` before each of them and at the end.
fn variants(text: &[u8], byte: u8) -> impl Iterator<Item = Vec<u8>> {
    let replaced = (0..text.len()).map(move |at| [&text[..at], &[byte], &text[at + 1..]].concat());
    let inserted = (0..=text.len()).map(move |at| [&text[..at], &[byte], &text[at..]].concat());
    replaced.chain(inserted)
}

fn every_variant(texts: &[&[u8]], mut check: impl FnMut(&[u8])) {
    for text in texts {
        for byte in 0..=255 {
            variants(text, byte).for_each(|text| check(&text));
        }
    }
}

/// RFC 9110 section 8.6: `1*DIGIT`, one of them; white space around it is not part of the value.
#[test]
fn a_content_length_is_digits_and_nothing_else() {
    let mut run = Runner::default();
    every_variant(&[b"5", b"12", b"000", b"1234567890", b"9223372036854775807"], |value| {
        let wire = [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ", value, b"\r\n\r\n"].concat();
        let seen = run.request(&wire, |head| format!("{:?}", head.body));
        let digits = trim(value);
        let number = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
        // Lengths stop below 2^63, so that sums of them never overflow.
        match number.and_then(|digits| digits.parse::<i64>().ok()) {
            Some(n) => assert_eq!(seen, Seen::Complete(format!("{:?}", BodyKind::Length(n as u64)))),
            None => assert!(seen.is_bad(), "{} is {seen:?}", value.escape_ascii()),
        }
        if let Seen::Bad(error) = seen {
            let place = 41..=wire.len() as u64 - 3;
            assert!(place.contains(&error.offset()), "{} is {error:?}", value.escape_ascii());
        }
    });
}

/// RFC 9112 section 7.1: `1*HEXDIG`, and perhaps an extension behind a semicolon.
#[test]
fn a_chunk_size_is_hexadecimal_digits_and_nothing_else() {
    let mut run = Runner::default();
    every_variant(&[b"5", b"1a", b"00F", b"1234567", b"12345678", b"7fffffffffffffff"], |line| {
        let size = match line.split(|b| *b == b';').collect::<Vec<_>>()[..] {
            [size] => Some(size),
            [size, extension] if !extension.is_empty() && extension.iter().all(|b| is_token(*b)) => {
                Some(size)
            }
            _ => None,
        };
        let size = size.filter(|size| size.iter().all(u8::is_ascii_hexdigit));
        let size = size.and_then(|size| i64::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok());
        let seen = run.chunk_size(&[line, b"\r\n"].concat());
        assert_eq!(seen, size.map(|size| size as u64), "{}", line.escape_ascii());
    });
}

/// RFC 9112 section 5: a token and a colon.
#[test]
fn a_field_name_is_a_token() {
    let mut run = Runner::default();
    let long = [b'n'; 35];
    every_variant(&[b"X", b"Ab", b"Host", b"a-rather-long-field-name", &long], |name| {
        let line = [name, b": v"].concat();
        let colon = line.iter().position(|b| *b == b':').unwrap_or(0);
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        let good = !name.is_empty() && name.iter().all(|b| is_token(*b)) && value.iter().all(|b| is_text(*b));
        let wanted = format!("|{}: {}", name.escape_ascii(), value.escape_ascii());

        let wire = [b"HTTP/1.1 200 OK\r\n", &line[..], b"\r\n\r\n"].concat();
        let seen = run.response(Method::Get, &wire, |head| crate::lines(head.fields));
        assert_eq!(seen == Seen::Complete(wanted.clone()), good, "{} is {seen:?}", line.escape_ascii());
        assert_eq!(seen.is_bad(), !good, "{} is {seen:?}", line.escape_ascii());

        // Behind another field, and with a name that means nothing, it is the same in a request.
        if !name.eq_ignore_ascii_case(b"host") {
            let wire = [b"GET / HTTP/1.1\r\nHost: a\r\n", &line[..], b"\r\n\r\n"].concat();
            let seen = run.request(&wire, |head| crate::lines(head.fields));
            let wanted = Seen::Complete(format!("|Host: a{wanted}"));
            assert_eq!(seen == wanted, good, "{} is {seen:?}", line.escape_ascii());
            assert_eq!(seen.is_bad(), !good, "{} is {seen:?}", line.escape_ascii());
        }
    });
}

/// RFC 9110 section 5.5: text without control characters, trimmed.
#[test]
fn a_field_value_is_text() {
    let mut run = Runner::default();
    let long = [b'v'; 70];
    every_variant(&[b"", b"a", b"ab", &long], |value| {
        let good = value.iter().all(|b| is_text(*b));
        let wanted = format!("|X: {}", trim(value).escape_ascii());
        let wire = [b"HTTP/1.1 200 OK\r\nX:", value, b"\r\n\r\n"].concat();
        let seen = run.response(Method::Get, &wire, |head| crate::lines(head.fields));
        assert_eq!(seen == Seen::Complete(wanted.clone()), good, "{} is {seen:?}", value.escape_ascii());
        assert_eq!(seen.is_bad(), !good, "{} is {seen:?}", value.escape_ascii());
        // In a trailer, too.
        let seen = run.chunked(&[b"0\r\nX:", value, b"\r\n\r\n"].concat());
        assert_eq!(seen == Seen::Complete(wanted), good, "{} is {seen:?}", value.escape_ascii());
        assert_eq!(seen.is_bad(), !good, "{} is {seen:?}", value.escape_ascii());
    });
}

/// RFC 9112 section 2.3: `HTTP/` DIGIT `.` DIGIT. RFC 9110 section 6.2: 1 is the major version.
#[test]
fn a_version_is_http_1_and_a_digit() {
    let mut run = Runner::default();
    every_variant(&[b"HTTP/1.1", b"HTTP/1.0"], |version| {
        let digits = version.strip_prefix(b"HTTP/").unwrap_or_default();
        let (good, known) = match digits {
            [major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
                (true, *major == b'1')
            }
            _ => (false, false),
        };
        let minor = version.last().map_or(0, |b| b.wrapping_sub(b'0'));
        let request = [b"GET / ", version, b"\r\nHost: a\r\n\r\n"].concat();
        let response = [version, b" 200 OK\r\n\r\n"].concat();
        for seen in [
            run.request(&request, |head| head.minor.to_string()),
            run.response(Method::Get, &response, |head| head.minor.to_string()),
        ] {
            match seen {
                Seen::Complete(got) => {
                    assert!(known && got == minor.to_string(), "{}", version.escape_ascii())
                }
                Seen::Bad(error) => {
                    assert!(!known, "{}", version.escape_ascii());
                    assert_eq!(error.status() == 505, good, "{} is {error:?}", version.escape_ascii());
                }
                Seen::More => panic!("{} is awaited", version.escape_ascii()),
            }
        }
    });
}

/// RFC 9112 section 3.1 and 3.2: a token, a space, and a target without white space.
#[test]
fn a_method_is_a_token_and_a_target_has_no_control_characters_or_spaces() {
    let mut run = Runner::default();
    every_variant(&[b"GET", b"POST", b"X-LONGER-METHOD"], |method| {
        let wire = [method, b" / HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        // What precedes a request may be empty lines.
        if method.starts_with(b"\r") || method.starts_with(b"\n") {
            return;
        }
        let good = !method.is_empty() && method.iter().all(|b| is_token(*b));
        let seen = run.request(&wire, |head| head.method.to_string());
        assert_eq!(
            seen == Seen::Complete(method.escape_ascii().to_string()),
            good,
            "{} is {seen:?}",
            method.escape_ascii()
        );
        assert_eq!(seen.is_bad(), !good, "{} is {seen:?}", method.escape_ascii());
    });
    let long = [b'/'; 70];
    every_variant(&[b"/", b"/a?b", &long], |target| {
        let wire = [b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        // Visible ASCII but for the fragment's `#`; all of these begin as a path or are refused for their form.
        let good = target.iter().all(|b| matches!(b, b'!'..=b'~') && *b != b'#') && target.starts_with(b"/");
        let seen = run.request(&wire, |head| head.target.escape_ascii().to_string());
        assert_eq!(
            seen == Seen::Complete(target.escape_ascii().to_string()),
            good,
            "{} is {seen:?}",
            target.escape_ascii()
        );
        assert_eq!(seen.is_bad(), !good, "{} is {seen:?}", target.escape_ascii());
    });
}

/// RFC 9112 section 4: three digits, the first of which names a class, and a reason.
#[test]
fn a_status_is_three_digits_and_a_reason_is_text() {
    let mut run = Runner::default();
    every_variant(&[b"200", b"999"], |status| {
        let wire = [b"HTTP/1.1 ", status, b" OK\r\n\r\n"].concat();
        let good = matches!(status, [b'1'..=b'9', a, b] if a.is_ascii_digit() && b.is_ascii_digit());
        // A fourth byte that is the space before the reason.
        let spaced = matches!(status, [b'1'..=b'9', a, b, b' '] if a.is_ascii_digit() && b.is_ascii_digit());
        let seen = run.response(Method::Get, &wire, |head| head.status.to_string());
        // 101 answers no offer here.
        let switch = status.starts_with(b"101");
        assert_eq!(seen.is_bad(), !(good || spaced) || switch, "{} is {seen:?}", status.escape_ascii());
    });
    let long = [b'r'; 70];
    every_variant(&[b"", b"OK", &long], |reason| {
        let wire = [b"HTTP/1.1 200 ", reason, b"\r\n\r\n"].concat();
        let good = reason.iter().all(|b| is_text(*b));
        let seen = run.response(Method::Get, &wire, |head| head.reason.escape_ascii().to_string());
        assert_eq!(
            seen == Seen::Complete(reason.escape_ascii().to_string()),
            good,
            "{} is {seen:?}",
            reason.escape_ascii()
        );
        assert_eq!(seen.is_bad(), !good, "{} is {seen:?}", reason.escape_ascii());
    });
}
