//! Each of the 65,536 pairs of bytes in the place of each line end: only CR LF is one.

use h1wire_proto::Method;

use crate::{Runner, Seen, is_text, lines};

const CRLF: [u8; 2] = *b"\r\n";

/// Every pair, between `before` and `behind`.
fn every_pair(before: &[u8], behind: &[u8], mut check: impl FnMut([u8; 2], &[u8])) {
    let mut wire = [before, &[0, 0], behind].concat();
    for a in 0..=255 {
        for b in 0..=255 {
            wire[before.len()] = a;
            wire[before.len() + 1] = b;
            check([a, b], &wire);
        }
    }
}

fn is_text_pair(pair: [u8; 2]) -> bool {
    pair.iter().all(|b| is_text(*b))
}

#[test]
fn only_crlf_ends_a_request_line() {
    let mut run = Runner::default();
    every_pair(b"GET / HTTP/1.1", b"Host: a\r\n\r\n", |pair, wire| {
        let seen = run.request(wire, |_| String::new());
        assert_eq!(seen == Seen::Complete(String::new()), pair == CRLF, "{pair:?}: {seen:?}");
        assert_eq!(seen.is_bad(), pair != CRLF, "{pair:?}: {seen:?}");
    });
}

#[test]
fn only_crlf_ends_a_status_line() {
    let mut run = Runner::default();
    every_pair(b"HTTP/1.1 200 OK", b"X: y\r\n\r\n", |pair, wire| {
        let seen = run.response(Method::Get, wire, |head| lines(head.fields));
        match &seen {
            Seen::Complete(fields) if fields == "|X: y" => assert_eq!(pair, CRLF),
            // The pair belongs to the reason, and so does the line behind it.
            Seen::Complete(fields) => assert!(fields.is_empty() && is_text_pair(pair), "{pair:?}: {seen:?}"),
            Seen::Bad(_) => assert!(pair != CRLF && !is_text_pair(pair), "{pair:?}: {seen:?}"),
            Seen::More => panic!("{pair:?}"),
        }
    });
}

#[test]
fn only_crlf_ends_a_field_line() {
    let mut run = Runner::default();
    every_pair(b"GET / HTTP/1.1\r\nHost: a\r\nX: y", b"Z: w\r\n\r\n", |pair, wire| {
        let seen = run.request(wire, |head| head.fields.len().to_string());
        match &seen {
            Seen::Complete(fields) if fields == "3" => assert_eq!(pair, CRLF),
            // The pair belongs to the value, and so does the line behind it.
            Seen::Complete(fields) => assert!(fields == "2" && is_text_pair(pair), "{pair:?}: {seen:?}"),
            Seen::Bad(_) => assert!(pair != CRLF && !is_text_pair(pair), "{pair:?}: {seen:?}"),
            Seen::More => panic!("{pair:?}"),
        }
    });
}

#[test]
fn only_crlf_is_the_empty_line_behind_a_head() {
    let mut run = Runner::default();
    every_pair(b"GET / HTTP/1.1\r\nHost: a\r\n", b"", |pair, wire| {
        let seen = run.request(wire, |_| String::new());
        // A name may begin with any two characters of a token; a colon ends it after one.
        let name = crate::is_token(pair[0]) && (crate::is_token(pair[1]) || pair[1] == b':');
        let wanted = (pair == CRLF, name);
        assert_eq!((seen == Seen::Complete(String::new()), seen == Seen::More), wanted, "{pair:?}: {seen:?}");
    });
}

#[test]
fn only_crlf_ends_a_chunk_line() {
    let mut run = Runner::default();
    every_pair(b"5", b"hello\r\n0\r\n\r\n", |pair, wire| {
        let seen = run.chunked(wire);
        assert_eq!(seen == Seen::Complete("hello".to_owned()), pair == CRLF, "{pair:?}: {seen:?}");
        // The pair and what follows may be an extension; then the last chunk is content, and its end is missing.
        let [first, second] = pair;
        let extension = match first {
            b';' => crate::is_token(second) || matches!(second, b' ' | b'\t'),
            b' ' | b'\t' => second == b';',
            _ => false,
        };
        // A longer size takes `hello` for a part of its line, which it cannot be; any other pair is no part of one.
        let longer = first.is_ascii_hexdigit() && second == b';';
        assert_eq!(seen.is_bad(), pair != CRLF && !extension && !longer, "{pair:?}: {seen:?}");
    });
}

#[test]
fn only_crlf_follows_chunk_data() {
    let mut run = Runner::default();
    every_pair(b"5\r\nhello", b"0\r\n\r\n", |pair, wire| {
        let seen = run.chunked(wire);
        assert_eq!(seen == Seen::Complete("hello".to_owned()), pair == CRLF, "{pair:?}: {seen:?}");
        assert_eq!(seen.is_bad(), pair != CRLF, "{pair:?}: {seen:?}");
    });
}

#[test]
fn only_crlf_ends_the_last_chunk_line() {
    let mut run = Runner::default();
    every_pair(b"0", b"\r\n", |pair, wire| {
        let seen = run.chunked(wire);
        assert_eq!(seen == Seen::Complete(String::new()), pair == CRLF, "{pair:?}: {seen:?}");
    });
}

#[test]
fn only_crlf_ends_a_trailer_line() {
    let mut run = Runner::default();
    every_pair(b"0\r\nX: y", b"\r\n", |pair, wire| {
        let seen = run.chunked(wire);
        assert_eq!(seen == Seen::Complete("|X: y".to_owned()), pair == CRLF, "{pair:?}: {seen:?}");
        // The pair may belong to the value; then the empty line is missing.
        assert_eq!(seen == Seen::More, is_text_pair(pair), "{pair:?}: {seen:?}");
    });
}

#[test]
fn only_crlf_is_the_empty_line_behind_trailers() {
    let mut run = Runner::default();
    for before in [&b"0\r\n"[..], b"0\r\nX: y\r\n"] {
        every_pair(before, b"", |pair, wire| {
            let seen = run.chunked(wire);
            let name = crate::is_token(pair[0]) && (crate::is_token(pair[1]) || pair[1] == b':');
            assert_eq!(matches!(seen, Seen::Complete(_)), pair == CRLF, "{pair:?}: {seen:?}");
            assert_eq!(seen == Seen::More, name, "{pair:?}: {seen:?}");
        });
    }
}
