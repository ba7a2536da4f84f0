//! # Server-sent events: an answer that goes on
//!
//! The head goes out at once, because a browser reports the stream as open only then. Each event is a chunk of its own,
//! written as it happens. A client that reads too slowly blocks its own thread and, when the channel is full, is known to
//! whoever sends into it; one that is gone is noticed at the next write, which a heartbeat brings about.

use crate::Result;
use crate::own_io::{self, Answer, date};
use h1wire_proto::{BodyLen, Method, RequestHead, ServerEvent, Status, Timeouts};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// An event: a number to go on from after the connection was lost, and text of any number of lines.
pub struct Event {
    /// The number.
    pub id: u64,
    /// The text.
    pub data: String,
}

/// Serves one connection. `subscribe` is given the last event the client has seen, if it says so, and gives the later ones
/// until they end. Nothing is silent for longer than `heartbeat`.
pub fn serve_connection(
    stream: TcpStream,
    heartbeat: Duration,
    subscribe: impl Fn(Option<u64>) -> Receiver<Event>,
) -> Result {
    own_io::serve_connection(stream, &Timeouts::SERVER, |event, answer| match event {
        ServerEvent::Request(head) => respond(&head, answer, heartbeat, &subscribe),
        _ => Ok(()),
    })
    .map(drop)
}

fn respond(
    head: &RequestHead<'_, '_>,
    answer: &mut Answer<'_>,
    heartbeat: Duration,
    subscribe: &impl Fn(Option<u64>) -> Receiver<Event>,
) -> Result {
    let date = date();
    if !matches!(head.method, Method::Get | Method::Head) {
        let status = Status::new(405).date(&date);
        return Ok(answer.conn.respond(status, &[("Allow", "GET, HEAD")], BodyLen::None, answer.out)?);
    }
    let fields = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")];
    answer.conn.respond(Status::new(200).date(&date), &fields, BodyLen::Unknown, answer.out)?;
    answer.flush()?;
    if head.method == Method::Get {
        let last = head.fields.get("last-event-id").and_then(|id| str::from_utf8(id).ok()?.parse().ok());
        send(&subscribe(last), answer, heartbeat)?;
    }
    // The machine knows whether this needs a last chunk.
    match answer.conn.body() {
        Some(body) => Ok(body.end(&(), answer.out)?),
        None => Ok(()),
    }
}

fn send(events: &Receiver<Event>, answer: &mut Answer<'_>, heartbeat: Duration) -> Result {
    loop {
        let text = match events.recv_timeout(heartbeat) {
            Ok(event) => {
                let lines: String = event.data.lines().map(|line| format!("data: {line}\n")).collect();
                format!("id: {}\n{lines}\n", event.id)
            }
            // A comment: nothing happened, but is anybody there?
            Err(RecvTimeoutError::Timeout) => ":\n\n".into(),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        let mut body = answer.conn.body().ok_or("the answer has no content")?;
        body.data(text.as_bytes(), answer.out)?;
        answer.flush()?;
    }
}
