//! The corpus: cases that people can read, run in every way a stream can come.
//!
//! The cases are the Markdown files beside this one, and `README.md` tells how they are written. Here is what must
//! hold of them.

mod case;
mod machine;
mod wired;

use case::{Case, Role, escape, unescape};
use h1wire_proto::{ClientLeniency, Limits, RecvErrorKind, ServerLeniency};
use machine::{Seen, lines, run};

fn cases() -> Vec<Case> {
    let cases = case::all();
    assert!(cases.len() > 150, "{} cases", cases.len());
    cases
}

/// The offsets to cut a stream at: all of them, or some of a long one.
fn offsets(len: usize) -> impl Iterator<Item = usize> {
    (1..len).step_by(1 + len / 500)
}

#[test]
fn every_case_is_seen_as_it_is_written() {
    let mut wrong = Vec::new();
    for case in cases() {
        let got = lines(&run(&case, true, &case.bytes, &[]));
        if got != case.events {
            wrong.push(format!("{}\n```events\n{}\n```\n", case.title, got.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{} cases are seen otherwise:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_case_is_seen_alike_however_it_is_cut() {
    for case in cases() {
        let whole = run(&case, true, &case.bytes, &[]);
        let all: Vec<_> = (1..case.bytes.len()).collect();
        for cuts in [&all[..], &all.chunks(2).map(|two| two[0]).collect::<Vec<_>>()] {
            assert_eq!(run(&case, true, &case.bytes, cuts), whole, "{}", case.title);
        }
        for cut in offsets(case.bytes.len()) {
            assert_eq!(run(&case, true, &case.bytes, &[cut]), whole, "{} cut at {cut}", case.title);
        }
    }
}

/// What follows a message changes nothing about it: the next message where one may come, else nothing at all.
#[test]
fn bytes_behind_a_case_change_nothing_about_it() {
    let mut between = 0;
    for mut case in cases() {
        let mut before = run(&case, true, &case.bytes, &[]);
        if case.close || case.state().starts_with("needs") || case.state().contains("UnexpectedEof") {
            continue;
        }
        let more: &[u8] = if case.is_server() {
            b"GET /n HTTP/1.1\r\nHost: n\r\n\r\n"
        } else {
            b"HTTP/1.1 204 Next\r\n\r\n"
        };
        let bytes = [&case.bytes, more].concat();
        let idle = case.state() == "idle";
        if let (Role::Client { asked, .. }, true) = (&mut case.role, idle) {
            asked.push(case::Asked { method: "GET".to_owned(), upgrade: None, expects: false });
        }
        for cuts in [vec![], vec![case.bytes.len()], (1..bytes.len()).collect()] {
            let mut after = run(&case, true, &bytes, &cuts);
            match case.state() {
                "idle" => {
                    between += 1;
                    before.retain(|seen| !matches!(seen, Seen::Left(_)));
                    let next = after.split_off(before.len());
                    let text = lines(&next).join("\n");
                    assert!(text.contains("GET /n ") || text.contains("204 Next"), "{}: {text}", case.title);
                    assert!(text.ends_with("idle\nadvice reuse"), "{}: {text}", case.title);
                }
                state if state.contains("left") => {
                    let tail = lines(&after.split_off(after.len() - 2)).remove(0);
                    let wanted = match state.strip_suffix("nothing left") {
                        Some(state) => format!("{state}left: {}", escape(more)),
                        None => format!("{state}{}", escape(more)),
                    };
                    assert_eq!(tail, wanted, "{}", case.title);
                    before.truncate(after.len());
                }
                _ => {}
            }
            // Whether to linger depends on whether there is more.
            let advice = |seen: &Seen| matches!(seen, Seen::Left(text) if text.starts_with("advice"));
            before.retain(|seen| !advice(seen));
            after.retain(|seen| !advice(seen));
            assert_eq!(after, before, "{}", case.title);
        }
    }
    assert!(between > 100, "{between}");
}

#[test]
fn a_client_and_a_server_wired_together_agree_on_every_message_our_encoder_can_say() {
    let mut count = 0;
    for case in cases().into_iter().filter(|case| case.wired) {
        count += 1;
        let seen = run(&case, false, &case.bytes, &[]);
        for step in [usize::MAX, 1, 7] {
            let arrived = wired::run(&case, &seen, step);
            assert_eq!(wired::comparable(&arrived), wired::comparable(&seen), "{}", case.title);
        }
    }
    assert!(count > 40, "{count}");
}

#[test]
fn every_kind_of_error_has_a_case() {
    let cases = cases();
    for kind in RecvErrorKind::ALL {
        let text = format!("error {} at ", kind.name());
        let shown = cases.iter().any(|case| case.state().starts_with(&text));
        assert!(shown, "no case ends in {}", kind.name());
    }
}

#[test]
fn every_leniency_has_a_case_that_only_it_accepts() {
    let cases = cases();
    let names = ServerLeniency::NAMES.iter().map(|(name, _)| (*name, true));
    for (name, is_server) in names.chain(ClientLeniency::NAMES.iter().map(|(name, _)| (*name, false))) {
        let own = |case: &&Case| case.is_server() == is_server && case.lenient == [name];
        let accepted = cases.iter().filter(own).any(|case| !case.state().starts_with("error"));
        assert!(accepted, "no case is accepted by {name} alone (server: {is_server})");
    }
    for case in cases.iter().filter(|case| !case.lenient.is_empty()) {
        let strict = lines(&run(case, false, &case.bytes, &[]));
        let error = strict.iter().find(|line| line.starts_with("error ")).cloned();
        assert_eq!(error.as_deref(), case.strict.as_deref(), "{} for the strict machine", case.title);
    }
}

#[test]
fn every_limit_has_a_case_at_it_and_a_case_beyond_it() {
    let cases = cases();
    for (limit, kind, _) in Limits::NAMES {
        let of = |case: &&Case| case.limited == [*limit];
        assert!(
            cases.iter().filter(of).any(|case| !case.state().starts_with("error")),
            "{limit} is not reached"
        );
        let error = format!("error {} ", kind.name());
        assert!(
            cases.iter().filter(of).any(|case| case.state().starts_with(&error)),
            "{limit} is not passed"
        );
    }
}

#[test]
fn every_title_names_the_section_it_shows_and_errors_name_theirs() {
    let mut titles = std::collections::BTreeSet::new();
    for case in cases() {
        let title = &case.title;
        assert!(title.contains("(RFC 911") && title.contains(" section ") && title.ends_with(')'), "{title}");
        assert!(titles.insert(title.clone()), "{title} twice");
        let Some(error) = case.state().strip_prefix("error ") else { continue };
        let name = error.split(' ').next().unwrap();
        let kind = RecvErrorKind::ALL.iter().find(|kind| kind.name() == name).expect("a kind of error");
        let rule = h1wire_proto::RecvError::new(*kind, 0).rule();
        assert!(title.contains(&format!("({rule}")), "{title}: {name} breaks {rule}");
    }
}

#[test]
fn what_is_escaped_is_the_same_bytes_again() {
    let all: Vec<u8> = (0..=255).collect();
    let run = [&b"ab"[..], &[b'\r'; 30], &[b'}'; 30], b"{3*a}\\"].concat();
    for bytes in [&all[..], &run[..19], b"\\{3*a}"] {
        assert_eq!(unescape(&escape(bytes)).as_deref(), Ok(bytes));
    }
    assert_eq!(escape(&[b'a'; 20]), r"\{20*a}");
    assert_eq!(unescape(r"a\{3*b\x00}c").unwrap(), b"ab\0b\0b\0c");
}
