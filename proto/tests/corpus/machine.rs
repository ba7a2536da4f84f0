//! Feeds the bytes of a case to a machine, cut as the caller likes, and writes down what it saw.
//!
//! It also checks what holds for every stream: no empty content, no stall at a limit, an error for ever.

use std::fmt;

use h1wire_proto::{
    Advice, BodyKind, BodyLen, Client, ClientEvent, Conn, Expect, Fields, Method, Need, Pause, Phase, Recv,
    RecvError, Server, ServerEvent, Slots,
};

use crate::case::{Asked, Case, Role, escape};

/// What a machine told, owned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    Head(Head),
    Data(Vec<u8>),
    End(Vec<Field>),
    /// Where it ended: a state or an error, an answer to an error, and the advice.
    Left(String),
}

pub type Field = (Vec<u8>, Vec<u8>);

/// A head, owned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// What comes before the version of a request, or behind that of a response.
    pub line: Line,
    pub minor: u8,
    pub fields: Vec<Field>,
    pub body: BodyKind,
    pub keep_alive: bool,
    /// `expects 100` and the like.
    pub remarks: Vec<&'static str>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Line {
    Request { method: Vec<u8>, target: Vec<u8> },
    Response { status: u16, reason: Vec<u8> },
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = |f: &mut fmt::Formatter<'_>, all: &[Field]| {
            all.iter().try_for_each(|(name, value)| {
                let space = if value.is_empty() { "" } else { " " };
                write!(f, "\n  {}:{space}{}", escape(name), escape(value))
            })
        };
        match self {
            Self::Head(head) => {
                let minor = head.minor;
                match &head.line {
                    Line::Request { method, target } => {
                        write!(f, "request {} {} HTTP/1.{minor}", escape(method), escape(target))?;
                    }
                    Line::Response { status, reason } => {
                        let name = if head.is_interim() { "interim" } else { "response" };
                        write!(f, "{name} HTTP/1.{minor} {status}")?;
                        if !reason.is_empty() {
                            write!(f, " {}", escape(reason))?;
                        }
                    }
                }
                if !head.is_interim() && !head.remarks.contains(&"switches") {
                    match head.body {
                        BodyKind::None => f.write_str(" | no content")?,
                        BodyKind::Length(n) => write!(f, " | {n} bytes")?,
                        BodyKind::Chunked => f.write_str(" | chunks")?,
                        BodyKind::UntilClose => f.write_str(" | until close")?,
                    }
                    f.write_str(if head.keep_alive { " | persists" } else { " | closes" })?;
                }
                head.remarks.iter().try_for_each(|remark| write!(f, " | {remark}"))?;
                fields(f, &head.fields)
            }
            Self::Data(data) => write!(f, "data {}", escape(data)),
            Self::End(trailers) => {
                f.write_str("end")?;
                fields(f, trailers)
            }
            Self::Left(what) => f.write_str(what),
        }
    }
}

impl Head {
    pub fn is_interim(&self) -> bool {
        matches!(self.line, Line::Response { status: 100..=199, .. }) && !self.remarks.contains(&"switches")
    }

    /// Whether its message ends with it.
    fn is_complete(&self) -> bool {
        self.body.is_empty() && !self.is_interim() && !self.remarks.contains(&"switches")
    }
}

pub fn owned(fields: Fields<'_, '_>) -> Vec<Field> {
    fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

pub fn server_event(event: ServerEvent<'_, '_>) -> Seen {
    match event {
        ServerEvent::Request(head) => {
            let mut remarks = Vec::new();
            match head.expect {
                Expect::None => {}
                Expect::Continue => remarks.push("expects 100"),
                Expect::Other => remarks.push("expects something else"),
            }
            if head.upgrade {
                remarks.push("offers an upgrade");
            }
            let line =
                Line::Request { method: head.method.as_bytes().to_vec(), target: head.target.to_vec() };
            let (minor, body, keep_alive) = (head.minor, head.body, head.keep_alive);
            Seen::Head(Head { line, minor, fields: owned(head.fields), body, keep_alive, remarks })
        }
        ServerEvent::Data(data) => Seen::Data(data.to_vec()),
        ServerEvent::End(trailers) => Seen::End(owned(trailers)),
    }
}

pub fn client_event(event: ClientEvent<'_, '_>) -> Seen {
    match event {
        ClientEvent::Informational(head) | ClientEvent::Response(head) => {
            let remarks = if head.switched { vec!["switches"] } else { Vec::new() };
            let line = Line::Response { status: head.status, reason: head.reason.to_vec() };
            let (minor, body, keep_alive) = (head.minor, head.body, head.keep_alive);
            Seen::Head(Head { line, minor, fields: owned(head.fields), body, keep_alive, remarks })
        }
        ClientEvent::Data(data) => Seen::Data(data.to_vec()),
        ClientEvent::End(trailers) => Seen::End(owned(trailers)),
    }
}

/// Adds what was seen, content in one piece however it came.
pub fn note(all: &mut Vec<Seen>, seen: Seen) {
    match (all.last_mut(), seen) {
        (Some(Seen::Data(before)), Seen::Data(more)) => {
            assert!(!more.is_empty(), "content is never empty");
            before.extend(more);
        }
        // The head says so: a page need not say it again.
        (Some(Seen::Head(head)), Seen::End(trailers)) if head.body.is_empty() => {
            assert!(trailers.is_empty(), "no trailers without content");
        }
        (_, seen) => all.push(seen),
    }
}

/// The other half of a machine: what it says so that the stream goes on.
pub enum Side<'c> {
    Server { conn: Conn<Server>, silent: bool },
    Client { conn: Conn<Client>, asked: &'c [Asked], sent: usize, pipelined: bool },
}

/// One turn of a machine.
enum Turn {
    Seen(Seen),
    Need(Need),
    Paused(Pause, bool),
    Closed,
    Again,
}

impl<'c> Side<'c> {
    pub fn new(case: &'c Case, lenient: bool) -> Self {
        match &case.role {
            Role::Server { silent } => {
                Self::Server { conn: Conn::<Server>::new(&case.server(lenient)), silent: *silent }
            }
            Role::Client { asked, pipelined } => Self::Client {
                conn: Conn::<Client>::new(&case.client(lenient)),
                asked,
                sent: 0,
                pipelined: *pipelined,
            },
        }
    }

    fn turn(&mut self, input: &mut &[u8], slots: &mut Slots) -> Result<Turn, RecvError> {
        match self {
            Self::Server { conn, silent } => Ok(match conn.recv(input, slots)? {
                Recv::Event(event) => Turn::Seen(server_event(event)),
                Recv::NeedInput(need) => Turn::Need(need),
                // A proposal is what the rest of the stream depends on.
                Recv::Paused(Pause::AwaitingResponse) if !*silent && !conn.proposes_switch() => {
                    conn.respond(204, &(), BodyLen::None, &mut Vec::new()).expect("the request waits for it");
                    Turn::Again
                }
                Recv::Paused(pause) => Turn::Paused(pause, conn.proposes_switch()),
                Recv::Closed => Turn::Closed,
            }),
            Self::Client { conn, asked, sent, pipelined } => {
                let between = *sent > 0 && !*pipelined;
                if between && conn.advice() == Advice::Reuse && input.starts_with(b"\r\n") {
                    // Line ends come before the next request is sent.
                    let (mut blank, rest) = input.split_at(2);
                    *input = rest;
                    assert!(matches!(conn.recv(&mut blank, slots)?, Recv::NeedInput(Need::Head)));
                    return Ok(Turn::Again);
                }
                while let Some(next) = asked.get(*sent) {
                    let answer = !matches!(input.first(), None | Some(b'\r'));
                    if *sent > 0 && !*pipelined && !(answer && conn.advice() == Advice::Reuse) {
                        break;
                    }
                    ask(conn, next, &mut Vec::new());
                    *sent += 1;
                }
                Ok(match conn.recv(input, slots)? {
                    Recv::Event(event) => Turn::Seen(client_event(event)),
                    Recv::NeedInput(need) => Turn::Need(need),
                    Recv::Paused(pause) => Turn::Paused(pause, false),
                    Recv::Closed => Turn::Closed,
                })
            }
        }
    }

    fn eof(&mut self) {
        match self {
            Self::Server { conn, .. } => conn.recv_eof(),
            Self::Client { conn, .. } => conn.recv_eof(),
        }
    }

    fn phase(&self) -> Phase {
        match self {
            Self::Server { conn, .. } => conn.phase(),
            Self::Client { conn, .. } => conn.phase(),
        }
    }

    fn advice(&self) -> String {
        let advice = match self {
            Self::Server { conn, .. } => conn.advice(),
            Self::Client { conn, .. } => conn.advice(),
        };
        format!("advice {advice:?}").to_lowercase()
    }

    /// Answers an error, where that is still possible.
    fn answer(&mut self, error: &RecvError) -> Option<String> {
        let Self::Server { conn, .. } = self else { return None };
        let mut out = Vec::new();
        conn.respond_error(error, None, &mut out).ok()?;
        let line = out.split(|b| *b == b'\r').next()?.strip_prefix(b"HTTP/1.1 ")?;
        Some(format!("answered {}", escape(line)))
    }
}

/// Sends a request as a case describes it.
pub fn ask(conn: &mut Conn<Client>, asked: &Asked, out: &mut Vec<u8>) {
    let method = Method::from(asked.method.as_str());
    let target: &[u8] = if method == Method::Connect { b"a:1" } else { b"/" };
    let mut fields = vec![("Host", "a")];
    fields.extend(asked.upgrade.as_deref().map(|protocol| ("Upgrade", protocol)));
    let mut body = BodyLen::None;
    if asked.expects {
        fields.push(("Expect", "100-continue"));
        body = BodyLen::Exact(5);
    }
    conn.request(method, target, &fields, body, out).expect("the case asks for what can be sent");
}

fn paused(pause: Pause, proposed: bool, left: &[u8]) -> String {
    let what = match pause {
        Pause::AwaitingResponse if proposed => "paused for a switch",
        Pause::AwaitingResponse => return "paused for the response".to_owned(),
        Pause::FinishResponse => return "paused for the end of the response".to_owned(),
        Pause::Switched => "switched",
    };
    if left.is_empty() { format!("{what}, nothing left") } else { format!("{what}, left: {}", escape(left)) }
}

/// What is seen of `bytes`, cut at these offsets.
pub fn run(case: &Case, lenient: bool, bytes: &[u8], cuts: &[usize]) -> Vec<Seen> {
    let mut side = Side::new(case, lenient);
    let (mut slots, mut seen, mut start) = (Slots::new(), Vec::new(), 0);
    let mut ends_now = false;
    let mut ends = cuts.iter().copied().chain([bytes.len()]).peekable();
    let (mut end, mut told) = (ends.next().unwrap_or(0), false);
    let left = loop {
        let mut input = &bytes[start..end];
        let turn = side.turn(&mut input, &mut slots);
        let left = input.len();
        start = end - left;
        if std::mem::take(&mut ends_now) {
            let is_end = matches!(turn, Ok(Turn::Seen(Seen::End(_))));
            assert!(is_end, "{}: a message without content ends, too", case.title);
        }
        match turn {
            Ok(Turn::Again) => {}
            Ok(Turn::Seen(event)) => {
                ends_now = matches!(&event, Seen::Head(head) if head.is_complete());
                note(&mut seen, event);
            }
            Ok(Turn::Paused(pause, proposed)) => break vec![paused(pause, proposed, &bytes[start..])],
            // Show it the rest, which it ignores: what to do with the socket depends on whether there is any.
            Ok(Turn::Closed) => match ends.next() {
                Some(next) => end = next,
                None => break vec!["closed".to_owned()],
            },
            Ok(Turn::Need(need)) => {
                assert!(left < case.limits.max_contiguous(), "{}: a stall at a limit", case.title);
                if let Some(next) = ends.next() {
                    end = next;
                } else if case.close && !told {
                    told = true;
                    side.eof();
                } else {
                    break vec![waiting(need, side.phase())];
                }
            }
            Err(error) => {
                let mut more = &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..];
                let again = side.turn(&mut more, &mut slots);
                assert_eq!(again.err(), Some(error), "{}: an error is for ever", case.title);
                let text =
                    format!("error {} at {}, status {}", error.kind().name(), error.offset(), error.status());
                break [text].into_iter().chain(side.answer(&error)).collect();
            }
        }
    };
    seen.extend(left.into_iter().chain([side.advice()]).map(Seen::Left));
    seen
}

fn waiting(need: Need, phase: Phase) -> String {
    match need {
        _ if phase == Phase::Idle => "idle".to_owned(),
        Need::Head => "needs a head".to_owned(),
        Need::Content(Some(n)) => format!("needs {n} bytes"),
        Need::Content(None) => "needs content".to_owned(),
        Need::Framing => "needs framing".to_owned(),
    }
}

/// What was seen as lines of text.
pub fn lines(seen: &[Seen]) -> Vec<String> {
    seen.iter().flat_map(|seen| seen.to_string().lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}
