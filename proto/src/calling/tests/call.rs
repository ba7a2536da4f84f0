//! What a [`Call`] makes of what happens to it, one sentence each. With a pool and a server on simulated time:
//! `fuzz/src/calling.rs`.

use crate::calling::*;
use crate::retry::{Attempt, Sent};
use crate::{
    Activity, BodyLen, ClientConfig, ClientEvent, Headers, KeepAlive, Method, Recv, SendError, Slots, Time,
};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// A call with the bytes on both sides of it, and a clock that only the test moves.
struct Rig {
    call: Call,
    input: Vec<u8>,
    out: Vec<u8>,
    now: Time,
    told: Vec<String>,
}

fn fields(fields: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.append(name, value).unwrap();
    }
    headers
}

fn ms(n: u64) -> Option<Duration> {
    Some(Duration::from_millis(n))
}

fn patient() -> Terms {
    Terms { patience: Patience::NONE, ..Terms::default() }
}

impl Rig {
    fn new() -> Self {
        let call = Call::new(&ClientConfig::default());
        Self { call, input: Vec::new(), out: Vec::new(), now: Time(1_000), told: Vec::new() }
    }

    fn ask(
        &mut self,
        method: &str,
        own: &[(&str, &str)],
        length: BodyLen,
        terms: &Terms,
    ) -> Result<(), SendError> {
        let headers = fields(own);
        let request = Request::new(method, Url { host: "h", ..Url::default() }, &headers);
        let attempt = Attempt::new(Method::from(method), false);
        self.call.begin(self.now, &request, length, terms, attempt, &mut self.out)
    }

    /// A `GET` that is with the server.
    fn asked() -> Self {
        let mut rig = Self::new();
        rig.ask("GET", &[], BodyLen::None, &patient()).unwrap();
        rig.sent();
        rig
    }

    /// A `PUT` of ten bytes whose head is with the server.
    fn putting(own: &[(&str, &str)], terms: &Terms) -> Self {
        let mut rig = Self::new();
        rig.ask("PUT", own, BodyLen::Exact(10), terms).unwrap();
        rig.sent();
        rig
    }

    /// The system took all that was queued.
    fn sent(&mut self) {
        let sent = self.out.len();
        self.out.clear();
        let _ = self.call.observe(self.now, Activity { sent, ..Activity::default() });
    }

    fn content(&mut self, content: &[u8]) {
        self.call.body().unwrap().data(content, &mut self.out).unwrap();
    }

    /// The server said `text`.
    fn hear(&mut self, text: &str) {
        self.input.extend_from_slice(text.as_bytes());
        let (mut rest, mut slots) = (&self.input[..], Slots::new());
        while let Ok(Recv::Event(event)) = self.call.recv(&mut rest, &mut slots) {
            self.told.push(match event {
                ClientEvent::Informational(head) => alloc::format!("{}", head.status),
                ClientEvent::Response(head) => alloc::format!("{}", head.status),
                ClientEvent::Data(data) => alloc::format!("+{}", data.len()),
                ClientEvent::End(trailers) => alloc::format!("end {}", trailers.len()),
            });
        }
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
        let unsent = !self.out.is_empty();
        let moved = Activity { received: text.len(), unsent, ..Activity::default() };
        let _ = self.call.observe(self.now, moved);
    }

    fn eof(&mut self) {
        self.call.recv_eof();
        self.hear("");
    }

    fn later(&mut self, ms: u64) -> Option<Lapse> {
        self.now = self.now.after(ms);
        self.call.expire(self.now)
    }
}

fn why(rig: &Rig) -> Why {
    match rig.call.next() {
        Next::Close(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_complete_exchange_releases_the_connection_with_what_the_server_said_of_it_and_the_next_may_begin() {
    let mut rig = Rig::new();
    rig.ask("GET", &[], BodyLen::None, &patient()).unwrap();
    assert_eq!(rig.call.next(), Next::Write);
    rig.sent();
    assert_eq!((rig.call.next(), rig.call.attempt().sent), (Next::Read, Sent::All));
    assert_eq!(rig.ask("GET", &[], BodyLen::None, &patient()), Err(SendError::WrongState));
    rig.hear(
        "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 3\r\n\r\nab",
    );
    assert_eq!(rig.call.next(), Next::Read);
    rig.hear("c");
    assert_eq!(rig.told, ["103", "200", "+2", "+1", "end 0"]);
    assert_eq!(rig.call.next(), Next::Release(KeepAlive { timeout: Some(5), max: None }));
    assert_eq!(rig.call.deadline(), None);
    rig.ask("GET", &[], BodyLen::None, &patient()).unwrap();
    rig.sent();
    rig.hear("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(rig.told.last().unwrap(), "end 0", "the end is told of every response");
    assert_eq!(rig.call.next(), Next::Release(KeepAlive::default()));
}

#[test]
fn a_refused_request_leaves_the_connection_as_good_as_before() {
    let mut rig = Rig::new();
    assert!(rig.ask("GET", &[("Host", "a b")], BodyLen::None, &patient()).is_err());
    assert!(rig.out.is_empty());
    rig.ask("GET", &[], BodyLen::None, &patient()).unwrap();
}

#[test]
fn why_a_connection_closes_after_a_complete_response_is_said() {
    for (own, answer, wanted) in [
        ("", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", Why::PeerCloses),
        ("", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", Why::PeerCloses),
        ("close", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Why::WeClose),
        ("", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n", Why::Spoiled),
    ] {
        let mut rig = Rig::new();
        let own = [("Connection", own)];
        rig.ask("GET", &own[..usize::from(!own[0].1.is_empty())], BodyLen::None, &patient()).unwrap();
        rig.sent();
        rig.hear(answer);
        assert_eq!(why(&rig), wanted, "{answer}");
        assert!(wanted.is_complete() && rig.call.is_complete());
        assert!(rig.ask("GET", &[], BodyLen::None, &patient()).is_err(), "never used again");
    }
    let mut rig = Rig::asked();
    rig.hear("HTTP/1.1 200 OK\r\n\r\nabc");
    rig.eof();
    assert_eq!((why(&rig), rig.told.last().map(String::as_str)), (Why::PeerCloses, Some("end 0")));
}

#[test]
fn line_ends_after_a_response_spoil_nothing() {
    let mut rig = Rig::asked();
    rig.hear("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n\r\n\r\n");
    assert_eq!(rig.call.next(), Next::Release(KeepAlive::default()));
}

#[test]
fn content_waits_for_100_or_its_time_and_not_longer() {
    let expect = [("Expect", "100-continue")];
    let mut rig = Rig::putting(&expect, &Terms::default());
    assert_eq!(rig.call.upload(), Upload::Hold);
    rig.hear("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(rig.call.upload(), Upload::Send);

    let mut rig = Rig::putting(&expect, &Terms::default());
    assert_eq!(rig.call.deadline(), Some(rig.now.after(1_000)));
    assert_eq!(rig.later(999), None);
    assert_eq!(rig.later(1), Some(Lapse::Continue));
    assert_eq!(rig.call.upload(), Upload::Send);
    rig.content(b"0123456789");
    assert_eq!(rig.call.upload(), Upload::Done);

    let mut rig = Rig::putting(&expect, &Terms::default());
    rig.hear("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((rig.call.upload(), why(&rig)), (Upload::Refused, Why::Unfinished));
}

#[test]
fn an_early_answer_ends_an_upload_only_if_the_server_takes_no_more() {
    let mut rig = Rig::putting(&[], &patient());
    rig.hear("HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 3\r\n\r\na");
    assert_eq!((rig.call.upload(), rig.call.next()), (Upload::Refused, Next::Read));
    rig.hear("bc");
    assert_eq!(why(&rig), Why::Unfinished);

    let mut rig = Rig::putting(&[], &patient());
    rig.hear("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((rig.call.upload(), rig.call.next()), (Upload::Send, Next::Read));
    rig.content(b"0123456789");
    let _ = rig.call.observe(rig.now, Activity { unsent: true, ..Activity::default() });
    assert_eq!((rig.call.upload(), rig.call.next()), (Upload::Done, Next::Write));
    rig.sent();
    assert_eq!(rig.call.next(), Next::Release(KeepAlive::default()));
}

#[test]
fn what_the_server_said_before_it_closed_is_worth_more_than_that_writing_failed() {
    let mut rig = Rig::putting(&[], &patient());
    rig.content(b"0123");
    rig.call.write_failed();
    assert_eq!((rig.call.upload(), rig.call.next()), (Upload::Refused, Next::Read));
    rig.hear("HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((why(&rig), &rig.told[..]), (Why::Unfinished, &[String::from("400"), "end 0".into()][..]));

    let mut rig = Rig::putting(&[], &patient());
    rig.call.write_failed();
    rig.eof();
    assert_eq!(why(&rig), Why::Broken);
}

#[test]
fn a_connection_that_ends_within_the_response_is_a_hang_up_and_before_it_on_a_reused_one_worth_a_retry() {
    let headers = Headers::new();
    let request = Request::new("GET", Url { host: "h", ..Url::default() }, &headers);
    for (reused, heard, retries) in
        [(true, "", true), (false, "", false), (true, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na", false)]
    {
        let mut rig = Rig::new();
        let attempt = Attempt::new(Method::Get, reused);
        rig.call.begin(rig.now, &request, BodyLen::None, &patient(), attempt, &mut rig.out).unwrap();
        rig.sent();
        rig.hear(heard);
        rig.eof();
        assert!(matches!(why(&rig), Why::HangUp(_)));
        let retry = rig.call.retry();
        assert_eq!(retry.is_some(), retries, "{reused} {heard}");
        assert!(
            retry.is_none_or(|attempt| attempt.is_retry && !attempt.reused && attempt.sent == Sent::Nothing)
        );
    }
}

#[test]
fn what_breaks_the_protocol_or_is_late_or_aborted_is_never_retried() {
    let mut ends: Vec<fn(&mut Rig)> = Vec::new();
    ends.push(|rig| rig.hear("nonsense\r\n\r\n"));
    ends.push(|rig| rig.call.abort());
    ends.push(|rig| assert_eq!(rig.later(100), Some(Lapse::Over(Late::Total))));
    for end in ends {
        let mut rig = Rig::new();
        let headers = Headers::new();
        let request = Request::new("GET", Url { host: "h", ..Url::default() }, &headers);
        let (terms, attempt) =
            (Terms { ends_at: Some(rig.now.after(100)), ..patient() }, Attempt::new(Method::Get, true));
        rig.call.begin(rig.now, &request, BodyLen::None, &terms, attempt, &mut rig.out).unwrap();
        rig.sent();
        end(&mut rig);
        assert!(!why(&rig).is_complete() && rig.call.retry().is_none());
        assert_eq!(rig.call.deadline(), None, "it is over");
        let mut rest = &b""[..];
        assert_eq!(rig.call.recv(&mut rest, &mut Slots::new()).unwrap_err(), why(&rig));
    }
}

#[test]
fn each_limit_ends_what_it_is_for() {
    let with = |patience: Patience| Terms { patience, ..patient() };
    let silent = |terms: &Terms, heard: &str, late: Late| {
        let mut rig = Rig::new();
        rig.ask("GET", &[], BodyLen::None, terms).unwrap();
        rig.sent();
        rig.hear(heard);
        assert_eq!(rig.call.deadline(), Some(rig.now.after(50)));
        assert_eq!(rig.later(49), None);
        assert_eq!(rig.later(1), Some(Lapse::Over(late)));
        assert_eq!(why(&rig), Why::Late(late));
    };
    silent(&with(Patience { idle: ms(50), ..Patience::NONE }), "", Late::Idle);
    silent(&with(Patience { response: ms(50), ..Patience::NONE }), "", Late::Response);
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na";
    silent(&with(Patience { content: ms(50), ..Patience::NONE }), begun, Late::Content);
    silent(&Terms { ends_at: Some(Time(1_050)), ..patient() }, begun, Late::Total);

    let mut rig = Rig::new();
    rig.ask("GET", &[], BodyLen::None, &with(Patience { write: ms(50), ..Patience::NONE })).unwrap();
    assert_eq!(rig.later(50), Some(Lapse::Over(Late::Write)));
}

#[test]
fn an_idle_limit_that_only_notifies_ends_nothing() {
    let patience = Patience { idle: ms(50), ..Patience::NONE };
    let mut rig = Rig::new();
    rig.ask("GET", &[], BodyLen::None, &Terms { patience, idle_notifies: true, ..Terms::default() }).unwrap();
    rig.sent();
    assert_eq!(rig.later(50), Some(Lapse::Notice(Late::Idle)));
    assert_eq!((rig.later(500), rig.call.next()), (None, Next::Read), "told once");
    rig.call.set_idle(ms(20));
    assert_eq!(rig.later(0), Some(Lapse::Notice(Late::Idle)));
}

#[test]
fn a_server_that_waits_for_its_reader_stalls_an_upload_for_a_time_and_not_for_ever() {
    let patience = Patience { stall: ms(50), ..Patience::NONE };
    let mut rig = Rig::putting(&[], &Terms { patience, ..patient() });
    rig.hear("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nab");
    rig.content(b"0123");
    let stuck = Activity { unsent: true, paused: true, ..Activity::default() };
    assert!(rig.call.observe(rig.now, stuck));
    assert_eq!(rig.later(40), None);
    let _ = rig.call.observe(rig.now, Activity { sent: 1, ..stuck });
    assert_eq!(rig.call.deadline(), Some(rig.now.after(50)), "it moved");
    assert_eq!(rig.later(50), Some(Lapse::Over(Late::Stall)));
}

#[test]
fn what_is_not_wanted_of_a_response_is_discarded_within_a_budget_and_never_beyond() {
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab";
    let mut rig = Rig::asked();
    rig.hear(begun);
    rig.call.discard(8);
    assert_eq!(rig.call.next(), Next::Read);
    rig.hear("01234567");
    assert_eq!(rig.call.next(), Next::Release(KeepAlive::default()));

    let mut rig = Rig::asked();
    rig.hear(begun);
    rig.call.discard(7);
    assert_eq!(why(&rig), Why::Dropped, "more is announced");

    let mut rig = Rig::asked();
    rig.hear("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    rig.call.discard(3);
    rig.hear("2\r\nab\r\n");
    assert_eq!(rig.call.next(), Next::Read);
    rig.hear("2\r\ncd\r\n0\r\n\r\n");
    assert_eq!(why(&rig), Why::Dropped, "more came");

    let mut rig = Rig::asked();
    rig.call.discard(99);
    assert_eq!(why(&rig), Why::Aborted, "nothing of it came");
    let mut rig = Rig::putting(&[], &patient());
    rig.hear(begun);
    rig.call.discard(99);
    assert_eq!(why(&rig), Why::Dropped, "the request is not complete");
}

#[test]
fn a_switch_hands_the_connection_over_with_what_came_after_it() {
    let mut rig = Rig::new();
    let own = [("Upgrade", "x"), ("Connection", "upgrade")];
    rig.ask("GET", &own, BodyLen::None, &patient()).unwrap();
    rig.sent();
    rig.hear("HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello");
    assert_eq!(
        (rig.call.next(), &rig.input[..], &rig.told[..]),
        (Next::HandOver, &b"hello"[..], &["101".into()][..])
    );
    assert_eq!(rig.call.deadline(), None);
    rig.call.abort();
    assert_eq!(why(&rig), Why::Aborted);
}

#[test]
fn an_abort_ends_an_exchange_once_and_nothing_that_is_over() {
    let mut rig = Rig::asked();
    rig.hear("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab");
    rig.call.abort();
    assert_eq!(why(&rig), Why::Aborted);
    rig.call.discard(9);
    rig.call.read_failed();
    assert_eq!(why(&rig), Why::Aborted, "the first reason stands");
    let mut rig = Rig::asked();
    rig.hear("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    rig.call.abort();
    assert_eq!(rig.call.next(), Next::Release(KeepAlive::default()));
}

#[test]
fn the_length_of_an_answer_to_head_is_what_was_said_of_it() {
    let announced = |method: &str, answer: &str| {
        let mut rig = Rig::new();
        rig.ask(method, &[], BodyLen::None, &patient()).unwrap();
        let (mut input, mut slots) = (answer.as_bytes(), Slots::new());
        match rig.call.recv(&mut input, &mut slots) {
            Ok(Recv::Event(ClientEvent::Response(head))) => announced_length(&head),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(announced("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"), Some(10));
    assert_eq!(announced("GET", "HTTP/1.1 304 No\r\nContent-Length: 10\r\n\r\n"), Some(10));
    assert_eq!(announced("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Some(0));
    assert_eq!(announced("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), None);
    assert_eq!(announced("HEAD", "HTTP/1.1 200 OK\r\n\r\n"), None);
    assert_eq!(announced("GET", "HTTP/1.1 204 No\r\n\r\n"), None);
}
