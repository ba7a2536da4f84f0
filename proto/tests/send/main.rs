//! The sending half: exact bytes for every kind of message, what is refused, and the advice after each step.
//!
//! Identifiers such as D5 or B19 are rows of the project's list of capabilities.

mod bounds;
mod content;
mod control;
mod ends;
mod owed;
mod pipeline;
mod request;
mod respond;
mod switch;

use std::fmt::Debug;

use h1wire_proto::{
    Client, ClientConfig, ClientEvent, Conn, Pause, Recv, Role, SendError, Server, ServerConfig, ServerEvent,
    Slots,
};

/// Text of bytes, so that a failed comparison can be read.
fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\r\\n", "\\r\\n\n")
}

/// A server that received `bytes`, all of which belong to one request.
fn server(bytes: &str) -> Conn<Server> {
    let mut conn = Conn::<Server>::new(&ServerConfig::default());
    hear(&mut conn, bytes);
    conn
}

/// Gives `bytes` to a server. The number of events; the end that follows a head without content is not counted.
fn hear(conn: &mut Conn<Server>, bytes: &str) -> usize {
    let (mut input, mut slots, mut events, mut is_empty) = (bytes.as_bytes(), Slots::new(), 0, false);
    loop {
        match conn.recv(&mut input, &mut slots).expect("a good request") {
            Recv::Event(ServerEvent::Request(head)) => {
                is_empty = head.body.is_empty();
                events += 1;
            }
            Recv::Event(ServerEvent::End(_)) if std::mem::take(&mut is_empty) => {}
            Recv::Event(ServerEvent::Data(_) | ServerEvent::End(_)) => events += 1,
            Recv::NeedInput(_)
            | Recv::Closed
            | Recv::Paused(Pause::AwaitingResponse | Pause::FinishResponse) => break,
            Recv::Paused(Pause::Switched) => panic!("switched"),
        }
    }
    assert!(input.is_empty(), "{}", text(input));
    events
}

fn client() -> Conn<Client> {
    Conn::<Client>::new(&ClientConfig::default())
}

/// Gives `bytes` to a client. The status of each head, and 0 for each end of content; the end that follows a head without
/// content is not listed.
fn listen(conn: &mut Conn<Client>, bytes: &str) -> Vec<u16> {
    let (mut input, mut slots, mut events) = (bytes.as_bytes(), Slots::new(), Vec::new());
    let mut is_empty = false;
    loop {
        match conn.recv(&mut input, &mut slots).expect("a good response") {
            Recv::Event(ClientEvent::Informational(head)) => events.push(head.status),
            Recv::Event(ClientEvent::Response(head)) => {
                is_empty = head.body.is_empty();
                events.push(head.status);
            }
            Recv::Event(ClientEvent::Data(_)) => {}
            Recv::Event(ClientEvent::End(_)) if std::mem::take(&mut is_empty) => {}
            Recv::Event(ClientEvent::End(_)) => events.push(0),
            Recv::NeedInput(_) | Recv::Closed | Recv::Paused(_) => break,
        }
    }
    assert!(input.is_empty(), "{}", text(input));
    events
}

/// Makes a call that must be refused, and checks that it wrote nothing and changed nothing.
#[track_caller]
fn refused<R: Role + Debug>(
    conn: &mut Conn<R>,
    error: SendError,
    call: impl FnOnce(&mut Conn<R>, &mut Vec<u8>) -> Result<(), SendError>,
) {
    let (before, mut out) = (format!("{conn:?}"), Vec::new());
    assert_eq!(call(conn, &mut out), Err(error));
    assert!(out.is_empty(), "{}", text(&out));
    assert_eq!(format!("{conn:?}"), before);
}

/// Makes a call that must succeed. What it wrote.
#[track_caller]
fn written(call: impl FnOnce(&mut Vec<u8>) -> Result<(), SendError>) -> String {
    let mut out = Vec::new();
    call(&mut out).expect("the call is legal");
    out.escape_ascii().to_string().replace("\\r\\n", "\n").replace("\\\"", "\"")
}
