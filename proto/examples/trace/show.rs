//! The trace for a person: what the machine makes of a stream of bytes, in the order in which it finds out.
//!
//! The machine is fed, answers or asks what keeps it going, and every event becomes rows of a `page`. Rows show
//! every byte of the stream once, but for line ends. Verdicts for programs are `batch`.

use std::io::{self, Write};

use h1wire_proto::{
    Advice, BodyLen, Client, ClientConfig, ClientEvent, Conn, Count, Expect, Method, Need, Pause, Phase,
    Recv, RecvError, RecvErrorKind, RequestHead, ResponseHead, Server, ServerConfig, ServerEvent, Slots,
};

use crate::batch;
use crate::excerpt;
use crate::page::Page;
use crate::paint::{Ink, Paint};

/// Who received the stream.
#[derive(Clone, Debug)]
pub enum Role {
    Server(ServerConfig),
    /// With the methods of the requests that were sent. None: as many GETs as there are responses.
    Client(ClientConfig, Option<Vec<String>>),
}

/// A stream of bytes to be shown.
#[derive(Clone, Debug)]
pub struct Stream<'a> {
    pub bytes: &'a [u8],
    pub role: Role,
    /// How many bytes the machine is given at a time.
    pub split: usize,
    /// Whether the connection closes behind the bytes.
    pub eof: bool,
}

/// How it went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The bytes ended between messages, or the connection was handed over.
    Complete,
    /// They ended inside a message.
    Incomplete,
    /// They broke a rule.
    Bad,
}

/// Writes the trace of `stream`.
pub fn show<W: Write>(stream: &Stream<'_>, paint: Paint, out: W) -> io::Result<Verdict> {
    let mut page = Page::new(stream.bytes, paint, out);
    let feed = Feed { start: 0, end: stream.split.max(1).min(stream.bytes.len()), ended: false, stream };
    match &stream.role {
        Role::Server(config) => serve(config, feed, &mut page),
        Role::Client(config, methods) => ask(config, methods.as_deref(), feed, &mut page),
    }
}

/// The part of the stream that the machine has, and what comes next.
struct Feed<'a> {
    stream: &'a Stream<'a>,
    start: usize,
    end: usize,
    ended: bool,
}

enum More {
    Bytes,
    /// The connection closes: tell the machine.
    Eof,
    Nothing,
}

impl<'a> Feed<'a> {
    fn input(&self) -> &'a [u8] {
        &self.stream.bytes[self.start..self.end]
    }
    fn consumed(&mut self, left: &[u8]) {
        self.start = self.end - left.len();
    }
    fn more(&mut self) -> More {
        if self.end < self.stream.bytes.len() {
            self.end = self.end.saturating_add(self.stream.split.max(1)).min(self.stream.bytes.len());
            More::Bytes
        } else if self.stream.eof && !self.ended {
            self.ended = true;
            More::Eof
        } else {
            More::Nothing
        }
    }
    fn rest(&self) -> &'a [u8] {
        &self.stream.bytes[self.start..]
    }
}

/// As a server that answers each complete request, so that the next one is read.
fn serve<W: Write>(config: &ServerConfig, mut feed: Feed<'_>, page: &mut Page<'_, W>) -> io::Result<Verdict> {
    let mut conn = Conn::<Server>::new(config);
    let mut slots = Slots::new();
    loop {
        let mut input = feed.input();
        let recv = conn.recv(&mut input, &mut slots);
        feed.consumed(input);
        let at = feed.start;
        match recv {
            Ok(Recv::Event(ServerEvent::Request(head))) => {
                page.head("request", at, head.fields)?;
                request_facts(page, &head)?;
            }
            Ok(Recv::Event(ServerEvent::Data(data))) => page.data(at, data)?,
            Ok(Recv::Event(ServerEvent::End(trailers))) => page.end(at, trailers)?,
            Ok(Recv::Paused(Pause::AwaitingResponse)) if !conn.proposes_switch() => respond(&mut conn, page)?,
            Ok(Recv::Paused(_)) => {
                page.at(
                    at,
                    "switch",
                    Ink::Decision,
                    "the next bytes belong to the protocol that is chosen now",
                )?;
                rest(page, at, feed.rest())?;
                return Ok(Verdict::Complete);
            }
            Ok(Recv::Closed) => return closed(page, at, feed.rest(), conn.advice()),
            Ok(Recv::NeedInput(need)) => match feed.more() {
                More::Bytes => {}
                More::Eof => conn.recv_eof(),
                More::Nothing => return waiting(page, at, need, conn.phase()),
            },
            Err(error) => {
                let verdict = failed(page, &error, true)?;
                let mut answer = Vec::new();
                if conn.respond_error(&error, None, &mut answer).is_ok() {
                    page.answered(&answer)?;
                }
                advice(page, conn.advice())?;
                return Ok(verdict);
            }
        }
    }
}

fn respond<W: Write>(conn: &mut Conn<Server>, page: &mut Page<'_, W>) -> io::Result<()> {
    match conn.respond(204, &(), BodyLen::None, &mut Count::default()) {
        Ok(()) => page.remark("answered", Ink::Faint, "204 No Content, to read on"),
        // Cannot be: a request waits for its answer.
        Err(error) => Err(io::Error::other(error)),
    }
}

/// As a client that sent these methods, or asks again as long as there are bytes.
fn ask<W: Write>(
    config: &ClientConfig,
    methods: Option<&[String]>,
    mut feed: Feed<'_>,
    page: &mut Page<'_, W>,
) -> io::Result<Verdict> {
    let mut conn = Conn::<Client>::new(config);
    let mut slots = Slots::new();
    let mut left = methods.map(|methods| methods.iter());
    loop {
        let blank = feed.input().iter().all(|b| matches!(b, b'\r' | b'\n'));
        if conn.advice() == Advice::Reuse {
            let method = match &mut left {
                Some(left) => left.next().map(String::as_str),
                // Line ends behind the last response are dropped; anything else answers another request.
                None => (!blank || feed.start == 0 && !feed.ended).then_some("GET"),
            };
            if let Some(method) = method {
                match batch::ask(&mut conn, Method::from(method)) {
                    Ok(()) => page.remark("asked", Ink::Faint, method)?,
                    Err(error) => {
                        page.remark("asked", Ink::Error, format_args!("{method}: {error}"))?;
                        return Ok(Verdict::Incomplete);
                    }
                }
            }
        }
        let mut input = feed.input();
        let recv = conn.recv(&mut input, &mut slots);
        feed.consumed(input);
        let at = feed.start;
        match recv {
            Ok(Recv::Event(ClientEvent::Informational(head))) => {
                page.head("interim", at, head.fields)?;
                page.remark("framing", Ink::Decision, "another response to the same request follows")?;
            }
            Ok(Recv::Event(ClientEvent::Response(head))) => {
                page.head("response", at, head.fields)?;
                response_facts(page, &head)?;
            }
            Ok(Recv::Event(ClientEvent::Data(data))) => page.data(at, data)?,
            Ok(Recv::Event(ClientEvent::End(trailers))) => page.end(at, trailers)?,
            Ok(Recv::Paused(_)) => {
                page.at(at, "switch", Ink::Decision, "the next bytes belong to another protocol")?;
                rest(page, at, feed.rest())?;
                return Ok(Verdict::Complete);
            }
            Ok(Recv::Closed) => return closed(page, at, feed.rest(), conn.advice()),
            Ok(Recv::NeedInput(need)) => match feed.more() {
                More::Bytes => {}
                More::Eof => conn.recv_eof(),
                More::Nothing => return waiting(page, at, need, conn.phase()),
            },
            Err(error) => {
                let verdict = failed(page, &error, false)?;
                advice(page, conn.advice())?;
                return Ok(verdict);
            }
        }
    }
}

fn request_facts<W: Write>(page: &mut Page<'_, W>, head: &RequestHead<'_, '_>) -> io::Result<()> {
    page.decision(head.body, head.keep_alive)?;
    match head.expect {
        Expect::None => {}
        Expect::Continue => {
            page.remark("expect", Ink::Decision, "waits for 100 before it sends the content")?
        }
        Expect::Other => page.remark("expect", Ink::Decision, "something unknown, which 417 may refuse")?,
    }
    if head.upgrade {
        page.remark("upgrade", Ink::Decision, "offered; the content comes first")?;
    }
    Ok(())
}

fn response_facts<W: Write>(page: &mut Page<'_, W>, head: &ResponseHead<'_, '_>) -> io::Result<()> {
    if head.switched { Ok(()) } else { page.decision(head.body, head.keep_alive) }
}

fn failed<W: Write>(page: &mut Page<'_, W>, error: &RecvError, is_server: bool) -> io::Result<Verdict> {
    page.error(error, is_server)?;
    let incomplete = error.kind() == RecvErrorKind::UnexpectedEof;
    Ok(if incomplete { Verdict::Incomplete } else { Verdict::Bad })
}

fn closed<W: Write>(page: &mut Page<'_, W>, at: usize, left: &[u8], next: Advice) -> io::Result<Verdict> {
    page.framing(at)?;
    page.at(at, "closed", Ink::Decision, "nothing that may still come is looked at")?;
    rest(page, at, left)?;
    advice(page, next)?;
    Ok(Verdict::Complete)
}

fn rest<W: Write>(page: &mut Page<'_, W>, at: usize, left: &[u8]) -> io::Result<()> {
    if left.is_empty() {
        return Ok(());
    }
    page.at(
        at,
        "left",
        Ink::Plain,
        format_args!("{} {}", excerpt::size(left.len() as u64), excerpt::content(left)),
    )
}

fn waiting<W: Write>(page: &mut Page<'_, W>, at: usize, need: Need, phase: Phase) -> io::Result<Verdict> {
    page.framing(at)?;
    if phase == Phase::Idle {
        page.at(at, "idle", Ink::Decision, "the bytes end between messages")?;
        return Ok(Verdict::Complete);
    }
    let what = match need {
        Need::Head => "the rest of a head".to_owned(),
        Need::Content(Some(n)) => format!("{} of content", excerpt::size(n)),
        Need::Content(None) => "content until the connection closes".to_owned(),
        Need::Framing => "the framing of chunks".to_owned(),
    };
    page.at(at, "waiting", Ink::Decision, format_args!("for {what}"))?;
    Ok(Verdict::Incomplete)
}

fn advice<W: Write>(page: &mut Page<'_, W>, advice: Advice) -> io::Result<()> {
    let text = match advice {
        Advice::Continue => "go on",
        Advice::Reuse => "the connection can be used again",
        Advice::Drain => "read and drop the rest of the request, or close",
        Advice::Linger => "stop sending, read on until the client closes, then close",
        Advice::Close => "close",
        Advice::Switched => "hand the connection over",
    };
    page.remark("advice", Ink::Decision, text)
}
