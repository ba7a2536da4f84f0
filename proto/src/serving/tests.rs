//! Every state that a session can be in, by walking: what it says about the socket there, and that nothing waits for ever.
//!
//! Only in tests; the page that `cycle` writes has the table.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::string::String;
use std::vec::Vec;

use super::ending::State;
use super::{Io, Lapse, Next, Policy, Session};
use crate::out::Out;
use crate::send::BodyLen;
use crate::{Activity, Lifetime, Recv, Slots, Time};

/// A session with what its owner knows.
#[derive(Clone)]
struct Place {
    session: Session,
    now: Time,
    input: Vec<u8>,
    unsent: bool,
    next: Next,
}

/// What may happen to it.
#[derive(Clone, Copy, Debug)]
enum Event {
    Receive(&'static str),
    End,
    Answer(BodyLen),
    Finish,
    Switch,
    Queue,
    Send,
    WindUp,
    Abort,
    Lose,
    Late,
}

const EVENTS: &[Event] = &[
    Event::Receive("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Event::Receive("GET / HTTP/1.0\r\n\r\n"),
    Event::Receive("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"),
    Event::Receive("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"),
    Event::Receive("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n"),
    Event::Receive("G"),
    Event::Receive("123456789"),
    Event::End,
    Event::Answer(BodyLen::None),
    Event::Answer(BodyLen::Unknown),
    Event::Finish,
    Event::Switch,
    Event::Queue,
    Event::Send,
    Event::WindUp,
    Event::Abort,
    Event::Lose,
    Event::Late,
];

fn policy() -> Policy {
    Policy {
        discard_limit: Some(20),
        linger_limit: Some(20),
        lifetime: Lifetime { max_requests: Some(2), ..Lifetime::default() },
        ..Policy::default()
    }
}

impl Place {
    fn start(policy: &Policy) -> Self {
        let (session, input) = (Session::new(policy, Time(0), 0), Vec::new());
        Self { session, now: Time(0), input, unsent: false, next: Next::Read }
    }

    fn meet(&mut self, policy: &Policy, event: Event) {
        let out = &mut Vec::new();
        let mut moved = Activity::default();
        match event {
            Event::Receive(bytes) => {
                self.input.extend_from_slice(bytes.as_bytes());
                moved.received = bytes.len();
            }
            Event::End => self.session.recv_eof(),
            Event::Answer(len) => _ = self.session.conn().respond(200, &(), len, out),
            Event::Finish => _ = self.session.conn().body().map(|body| body.end(&(), out)),
            Event::Switch => _ = self.session.conn().accept_tunnel(&(), out),
            Event::Queue => out.put(b"x"),
            Event::Send => (self.unsent, moved.sent) = (false, 1),
            Event::WindUp => self.session.wind_up(),
            Event::Abort => self.session.abort(),
            Event::Lose => _ = self.session.gone(),
            Event::Late => {
                self.now = self.session.deadline(policy).unwrap_or(self.now);
                while let Some(lapse) = self.session.expire(policy, self.now, false) {
                    match lapse {
                        Lapse::Idle => self.session.give_up(),
                        Lapse::Late(limit) => _ = self.session.respond_expired(limit, None, out),
                        Lapse::Read | Lapse::Over(_) => {}
                    }
                }
            }
        }
        if matches!(event, Event::Queue) {
            self.unsent = true;
        }
        self.show(policy, moved);
    }

    /// Shows the input and asks what follows, until something outside has to happen.
    fn show(&mut self, policy: &Policy, mut moved: Activity) {
        let mut slots = Slots::new();
        for _ in 0..8 {
            let mut rest = &self.input[..];
            loop {
                match self.session.recv(policy, &mut rest, &mut slots) {
                    Ok(Recv::Event(_)) => {}
                    Ok(_) => break,
                    Err(error) => _ = self.session.respond_error(&error, None, &mut Vec::new()),
                }
            }
            let used = self.input.len() - rest.len();
            self.input.drain(..used);
            let activity = Activity { unsent: self.unsent, ..std::mem::take(&mut moved) };
            let _ = self.session.observe(policy, self.now, activity);
            self.next = self.session.next(policy, self.now, Io::default());
            if !matches!(self.next, Next::Recv | Next::ShutdownWrite) {
                return;
            }
        }
        panic!("it is never said what to do: {:?}", self.session);
    }

    /// What tells places apart: not when, and not how many bytes.
    fn key(&self) -> String {
        let core = &self.session.conn.core;
        let kind = |text: String| text.split(['(', ' ']).next().unwrap_or_default().to_owned();
        let (rx, tx) = (kind(format!("{:?}", core.rx)), kind(format!("{:?}", core.tx)));
        let what = (core.cycle, core.flags.eof, core.flags.in_head, core.flags.ignored, core.flags.last);
        let why = self.session.why().map(|why| why.index());
        let tail = (self.session.ending().state, self.session.ending().stop(), why, self.unsent);
        format!(
            "{rx} {tx} {what:?} {tail:?} {} {}",
            kind(format!("{:?}", self.next)),
            self.session.requests().min(3)
        )
    }

    fn is_over(&self) -> bool {
        matches!(self.next, Next::Close(_) | Next::Reset(_) | Next::HandOver)
    }
}

/// Every place, by its key.
fn walk() -> BTreeMap<String, Place> {
    let policy = policy();
    let (mut places, mut todo) = (BTreeMap::new(), VecDeque::from([Place::start(&policy)]));
    while let Some(place) = todo.pop_front() {
        if places.contains_key(&place.key()) {
            continue;
        }
        if !place.is_over() {
            todo.extend(EVENTS.iter().map(|event| {
                let mut after = place.clone();
                after.meet(&policy, *event);
                after
            }));
        }
        places.insert(place.key(), place);
    }
    places
}

/// The table for the page: the state, the machine's advice, and what is done about the socket.
pub(crate) fn table() -> String {
    let places = walk();
    let name = |next: &Next| {
        let name = format!("{next:?}");
        name.split(['(', ' ']).next().unwrap_or_default().to_owned()
    };
    let mut rows: BTreeMap<(State, String), BTreeSet<String>> = BTreeMap::new();
    for place in places.values() {
        let row = (place.session.ending().state, format!("{:?}", place.session.conn.advice()));
        rows.entry(row).or_default().insert(name(&place.next));
    }
    let mut page = String::from(
        "\n## Sessions\n\nWhat a `serving::Session` says about the socket, by its own state and the machine's advice. Each is walked to \
         by everything that can happen, and none waits without a deadline.\n\n| session | advice | next |\n|---|---|---|\n",
    );
    for ((state, advice), nexts) in rows {
        let nexts = nexts.into_iter().collect::<Vec<_>>().join(", ");
        writeln!(page, "| {state:?} | {advice} | {nexts} |").unwrap();
    }
    page
}

#[test]
fn every_state_of_a_session_has_a_deadline_or_is_over() {
    let (policy, places) = (policy(), walk());
    assert!(places.len() > 100, "{}", places.len());
    for place in places.values().filter(|place| !place.is_over()) {
        assert!(place.session.deadline(&policy).is_some(), "{:?}: {:?}", place.next, place.session);
    }
}

#[test]
fn from_every_state_a_session_comes_to_an_end_when_its_client_and_its_handler_do_nothing_more() {
    let policy = policy();
    for place in walk().values() {
        let mut place = place.clone();
        for _ in 0..10 {
            if !place.is_over() {
                place.meet(&policy, Event::Late);
            }
        }
        assert!(place.is_over(), "{:?}: {:?}", place.next, place.session);
    }
}
