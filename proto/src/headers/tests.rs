//! What each call does to the lines that are sent.

use super::*;
use crate::{BodyLen, Conn, Server, ServerConfig, Slots};

fn wire<F: FieldSource + ?Sized>(fields: &F) -> String {
    let line = |(n, v): (&[u8], &[u8])| format!("{}: {}\n", n.escape_ascii(), v.escape_ascii());
    fields.fields().map(line).collect()
}

/// The bytes of an answer with these fields.
fn answer_with<F: FieldSource + ?Sized>(fields: &F) -> Result<Vec<u8>, SendError> {
    let (mut conn, mut slots) = (Conn::<Server>::new(&ServerConfig::default()), Slots::new());
    assert!(conn.recv(&mut &b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"[..], &mut slots).is_ok());
    let mut out = Vec::new();
    conn.respond(200, fields, BodyLen::None, &mut out).map(|()| out)
}

fn example() -> Headers {
    let mut headers = Headers::new();
    headers.append_all(&[("Host", "a"), ("X", "1"), ("Accept", "b"), ("x", "2")]).unwrap();
    headers
}

#[test]
fn a_field_that_is_set_again_stays_where_it_was_and_takes_the_new_case() {
    let mut headers = example();
    headers.set("x", "a longer value").unwrap();
    assert_eq!(wire(&headers), "Host: a\nx: a longer value\nAccept: b\n");
    headers.set("X", "short").unwrap();
    headers.set("HOST", "").unwrap();
    headers.set("new", "n").unwrap();
    assert_eq!(wire(&headers), "HOST: \nX: short\nAccept: b\nnew: n\n");
}

#[test]
fn a_field_set_to_several_values_has_a_line_for_each_and_with_none_it_is_gone() {
    let mut headers = example();
    headers.set_values("HOST", ["1", "2", "3"]).unwrap();
    assert_eq!(wire(&headers), "HOST: 1\nHOST: 2\nHOST: 3\nX: 1\nAccept: b\nx: 2\n");
    headers.set_values("x", ["only"]).unwrap();
    headers.set_values("Host", [""; 0]).unwrap();
    headers.set_values("new", ["n", "m"]).unwrap();
    assert_eq!(wire(&headers), "x: only\nAccept: b\nnew: n\nnew: m\n");
}

#[test]
fn look_up_ignores_case_and_names_are_told_once_in_lower_case() {
    let headers = example();
    assert_eq!(headers.get("ACCEPT"), Some(&b"b"[..]));
    assert_eq!(headers.get_all("X").collect::<Vec<_>>(), [b"1", b"2"]);
    assert!(headers.has("hOST") && !headers.has("Hos") && headers.get("y").is_none());
    assert_eq!(headers.names(), [&b"host"[..], b"x", b"accept"]);
    assert_eq!(headers.view().get("x").as_deref(), Some(&b"1, 2"[..]));
}

#[test]
fn removing_takes_all_lines_of_a_name() {
    let mut headers = example();
    assert!(headers.remove("X") && !headers.remove("X") && !headers.remove("y"));
    assert_eq!(wire(&headers), "Host: a\nAccept: b\n");
}

#[test]
fn setting_a_section_replaces_the_names_it_has_and_adding_it_replaces_none() {
    let mut headers = example();
    headers.set_all(&[("x", "3"), ("new", "n"), ("X", "4")]).unwrap();
    assert_eq!(wire(&headers), "Host: a\nAccept: b\nx: 3\nnew: n\nX: 4\n");
    headers.append_all(&[("x", "5")]).unwrap();
    assert_eq!(headers.get_all("x").count(), 3);
}

#[test]
fn what_is_given_last_wins_over_what_was_set_without_changing_it() {
    let headers = example();
    let own = [("accept", "c"), ("Set-Cookie", "1"), ("set-cookie", "2")];
    assert_eq!(wire(&headers.merged(&own)), "Host: a\nX: 1\nx: 2\naccept: c\nSet-Cookie: 1\nset-cookie: 2\n");
    assert_eq!(wire(&headers.merged(&())), wire(&headers));
    assert_eq!(headers, example());
}

#[test]
fn an_invalid_name_or_value_changes_nothing_however_late_it_comes() {
    let mut headers = example();
    let bad_value = |name: &str| Err(SendError::BadFieldValue(name.into()));
    for value in ["a\rb", "a\nb", "a\0b", "a\r\nb: c", "\x7f", " a", "a\t"] {
        assert_eq!(headers.set("Host", value), bad_value("Host"), "{value:?}");
        assert_eq!(headers.append("new", value), bad_value("new"));
        assert_eq!(headers.set_values("Host", ["good", value]), bad_value("Host"));
        assert_eq!(headers.set_all(&[("Host", "good"), ("X", value)]), bad_value("X"));
        assert_eq!(headers.append_all(&[("new", "good"), ("X", value)]), bad_value("X"));
    }
    for name in ["", "a b", "a:", "\u{e9}", "a\r\n", "(a)"] {
        assert_eq!(headers.set(name, "v"), Err(SendError::BadFieldName(name.into())), "{name:?}");
        assert_eq!(headers.append(name, "v"), Err(SendError::BadFieldName(name.into())));
        assert_eq!(headers.set_values(name, [""; 0]), Err(SendError::BadFieldName(name.into())));
    }
    assert_eq!(headers, example());
}

#[test]
fn relaxed_values_may_hold_what_cannot_end_a_line() {
    let mut headers = Headers::with_strictness(Strictness::Relaxed);
    headers.set("a", " \x01\x7f ").unwrap();
    assert_eq!(headers.get("a"), Some(&b" \x01\x7f "[..]));
    assert_eq!(headers.set("a", "b\nc"), Err(SendError::BadFieldValue("a".into())));
}

#[test]
fn relaxed_values_are_sent_from_relaxed_headers_only() {
    let mut relaxed = Headers::with_strictness(Strictness::Relaxed);
    relaxed.set("a", "\x01").unwrap();
    let own = [("b", "c")];
    let sent = b"HTTP/1.1 200 OK\r\na: \x01\r\nb: c\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(answer_with(&relaxed.merged(&own)).as_deref(), Ok(&sent[..]));
    assert_eq!(answer_with(&(&relaxed, own)).as_deref(), Ok(&sent[..]));
    for own in [[("b", "\x01")], [("a", "\x01")]] {
        let bad = Err(SendError::BadFieldValue(own[0].0.into()));
        assert_eq!(answer_with(&own), bad);
        assert_eq!(answer_with(&relaxed.merged(&own)), bad);
        assert_eq!(answer_with(&(&relaxed, own)), bad);
    }
}

#[test]
fn relaxed_trailers_do_not_relax_those_beside_them() {
    let mut relaxed = Headers::with_strictness(Strictness::Relaxed);
    relaxed.set("a", "\x01").unwrap();
    let (mut conn, mut slots, mut out) =
        (Conn::<Server>::new(&ServerConfig::default()), Slots::new(), Vec::new());
    assert!(conn.recv(&mut &b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"[..], &mut slots).is_ok());
    conn.respond(200, &(), BodyLen::Unknown, &mut out).unwrap();
    let end = |conn: &mut Conn<Server>, beside: &str| {
        let mut out = Vec::new();
        conn.body().unwrap().end(&(&relaxed, [("b", beside)]), &mut out).map(|()| out)
    };
    assert_eq!(end(&mut conn, "\x01"), Err(SendError::BadFieldValue("b".into())));
    assert_eq!(end(&mut conn, "c").as_deref(), Ok(&b"0\r\na: \x01\r\nb: c\r\n\r\n"[..]));
}

#[test]
fn what_is_sent_is_what_is_told_whatever_was_done_to_the_lines() {
    let changes: [&dyn Fn(&mut Headers); 9] = [
        &|h| h.append("Accept", "*/*").unwrap(),
        &|h| h.set("x", "the same place, but longer").unwrap(),
        &|h| h.set("X", "shorter").unwrap(),
        &|h| h.set_values("HOST", ["1", "2", ""]).unwrap(),
        &|h| assert!(h.remove("x")),
        &|h| h.join_lines(["accept", "host"]),
        &|h| h.set_all(&[("new", "n"), ("host", "h")]).unwrap(),
        &|h| h.clear(),
        &|h| h.append_all(&[("Date", "now"), ("Keep-Alive", "max=1"), ("Connection", "close")]).unwrap(),
    ];
    let mut headers = example();
    for (i, change) in changes.iter().enumerate() {
        change(&mut headers);
        let told: Vec<_> = headers.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
        assert_eq!(answer_with(&headers), answer_with(&told), "after change {i}");
        assert_eq!(answer_with(&(Some(&headers), None::<Headers>)), answer_with(&told));
    }
    headers.append("content-Length", "1").unwrap();
    assert_eq!(answer_with(&headers), Err(SendError::ReservedField("content-Length".into())));
}

#[test]
fn joining_makes_one_line_where_the_first_was() {
    let mut headers = example();
    headers.join_lines(["X", "host", "absent"]);
    assert_eq!(wire(&headers), "Host: a\nX: 1; 2\nAccept: b\n");
}

#[test]
fn a_cleared_section_is_filled_again_in_the_same_memory() {
    let mut headers = example();
    let at = headers.as_fields().section.as_ptr();
    headers.clear();
    assert!(headers.is_empty() && headers.get("host").is_none());
    headers.append_all(&example()).unwrap();
    assert_eq!((headers.len(), headers.as_fields().section.as_ptr()), (4, at));
}

#[test]
fn what_one_message_may_say_beyond_the_grammar_ends_with_it() {
    let mut headers = Headers::with_strictness(Strictness::Relaxed);
    headers.set("X", "a\x01b").unwrap();
    headers.clear();
    assert_eq!(headers.strictness(), Strictness::Strict);
    assert_eq!(headers.set("X", "a\x01b"), Err(SendError::BadFieldValue("X".into())));
}
