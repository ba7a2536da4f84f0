//! Wired: a client and a server machine, joined by two pipes of bytes, agree on every boundary whatever both do.

use std::collections::VecDeque;

use h1wire_proto::{
    Advice, BodyLen, Client, ClientConfig, ClientEvent, Conn, Limits, Method, Recv, Server, ServerConfig,
    ServerEvent, Slots,
};

use crate::choices::Choices;

/// One message as one side sent it or the other side received it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Message {
    line: String,
    content: Vec<u8>,
    complete: bool,
    /// Whatever is written, the peer gets no content (HEAD, 204, 304).
    bodyless: bool,
}

struct Side<R: h1wire_proto::Role> {
    conn: Conn<R>,
    /// What came over the wire and was not consumed.
    input: Vec<u8>,
    sent: Vec<Message>,
    received: Vec<Message>,
    dead: bool,
}

impl<R: h1wire_proto::Role> Side<R> {
    fn new(conn: Conn<R>) -> Self {
        Self { conn, input: Vec::new(), sent: Vec::new(), received: Vec::new(), dead: false }
    }

    fn send(&mut self, choices: &mut Choices<'_>, wire: &mut VecDeque<u8>) {
        let piece = choices.some(40).to_vec();
        let mut out = Vec::new();
        let Some(mut body) = self.conn.body() else { return };
        let n = body.remaining().map_or(piece.len(), |left| piece.len().min(left as usize));
        body.data(&piece[..n], &mut out).expect("within the declared length");
        let over = body.remaining() == Some(0);
        if over || choices.below(3) == 0 {
            let _ = body.end(&(), &mut out);
        }
        let message = self.sent.last_mut().expect("content follows a head");
        message.content.extend_from_slice(&piece[..n]);
        message.complete = self.conn.body().is_none();
        wire.extend(out);
    }
}

fn take(wire: &mut VecDeque<u8>, input: &mut Vec<u8>, n: usize) {
    let n = n.min(wire.len());
    input.extend(wire.drain(..n));
}

/// Arbitrary operations on both sides and both pipes; then everything flows, and both sides agree.
pub fn wired(data: &[u8]) {
    let mut choices = Choices(data);
    let limits = Limits { informational: None, ..Limits::DEFAULT };
    let config = ClientConfig { limits, pipeline_depth: 1 + choices.byte() % 4, ..ClientConfig::default() };
    let mut client = Side::new(Conn::<Client>::new(&config));
    let mut server = Side::new(Conn::<Server>::new(&ServerConfig::default()));
    let (mut up, mut down) = (VecDeque::new(), VecDeque::new());
    let mut slots = Slots::new();
    while !choices.is_empty() {
        match choices.below(8) {
            0 => ask(&mut client, &mut choices, &mut up),
            1 => client.send(&mut choices, &mut up),
            2 => take(&mut up, &mut server.input, 1 + choices.byte() as usize),
            3 => hear(&mut server, &mut slots),
            4 => answer(&mut server, &mut choices, &mut down),
            5 => server.send(&mut choices, &mut down),
            6 => take(&mut down, &mut client.input, 1 + choices.byte() as usize),
            _ => listen(&mut client, &mut slots),
        }
    }
    for _ in 0..64 {
        take(&mut up, &mut server.input, usize::MAX);
        hear(&mut server, &mut slots);
        take(&mut down, &mut client.input, usize::MAX);
        listen(&mut client, &mut slots);
    }
    agree(&client.sent, &server.received, "requests");
    agree(&server.sent, &client.received, "responses");
}

/// Every message received is the one sent in its place, and a complete one was sent completely.
fn agree(sent: &[Message], received: &[Message], what: &str) {
    assert!(received.len() <= sent.len(), "{what}: {received:?} were never sent: {sent:?}");
    for (sent, received) in sent.iter().zip(received) {
        assert_eq!(sent.line, received.line, "{what}");
        if sent.bodyless {
            assert!(received.complete && received.content.is_empty(), "{what}: {received:?}");
        } else if received.complete {
            assert!(sent.complete, "{what}: complete too early: {sent:?} {received:?}");
            assert_eq!(sent.content, received.content, "{what}");
        } else {
            assert!(sent.content.starts_with(&received.content), "{what}");
        }
    }
}

fn ask(client: &mut Side<Client>, choices: &mut Choices<'_>, up: &mut VecDeque<u8>) {
    let method = [Method::Get, Method::Head, Method::Post, Method::Put][choices.below(4)];
    let length =
        [BodyLen::None, BodyLen::Exact(choices.below(30) as u64), BodyLen::Unknown][choices.below(3)];
    let connection = ["keep-alive", "keep-alive", "keep-alive", "close"][choices.below(4)];
    let line = format!("/{}", client.sent.len());
    let mut out = Vec::new();
    let fields = [("Host", "h"), ("Connection", connection)];
    if client.conn.request(method, line.as_bytes(), &fields, length, &mut out).is_ok() {
        let complete = client.conn.body().is_none();
        client.sent.push(Message { line: format!("{method}{line}"), complete, ..Message::default() });
        up.extend(out);
    }
}

fn answer(server: &mut Side<Server>, choices: &mut Choices<'_>, down: &mut VecDeque<u8>) {
    // A 408 before any request is legal too, but a client that asked nothing has nothing to match it with.
    if server.sent.len() >= server.received.len() {
        return;
    }
    let mut out = Vec::new();
    if choices.below(4) == 0 {
        let _ = server.conn.send_informational(103, &(), &mut out);
    } else {
        let code = [200, 404, 204, 304][choices.below(4)];
        let length =
            [BodyLen::None, BodyLen::Exact(choices.below(30) as u64), BodyLen::Unknown][choices.below(3)];
        let close = choices.below(6) == 0;
        let fields = [("Connection", if close { "close" } else { "keep-alive" })];
        if server.conn.respond(code, &fields, length, &mut out).is_ok() {
            let complete = server.conn.body().is_none();
            let head = server.received.last().is_some_and(|request| request.line.starts_with("HEAD"));
            let bodyless = head || matches!(code, 204 | 304);
            server.sent.push(Message { line: code.to_string(), complete, bodyless, ..Message::default() });
        }
    }
    down.extend(out);
}

fn hear(server: &mut Side<Server>, slots: &mut Slots) {
    let mut input = &server.input[..];
    while !server.dead {
        match server.conn.recv(&mut input, slots) {
            Ok(Recv::Event(ServerEvent::Request(head))) => server.received.push(Message {
                line: format!("{}{}", head.method, head.target.escape_ascii()),
                complete: head.body.is_empty(),
                ..Message::default()
            }),
            Ok(Recv::Event(ServerEvent::Data(data))) => {
                server.received.last_mut().expect("a head came first").content.extend_from_slice(data);
            }
            Ok(Recv::Event(ServerEvent::End(_))) => {
                server.received.last_mut().expect("a head came first").complete = true;
            }
            Ok(Recv::NeedInput(_) | Recv::Paused(_)) => break,
            Ok(Recv::Closed) => server.dead = true,
            Err(error) => {
                panic!("our own client broke the protocol: {error} in {}", server.input.escape_ascii())
            }
        }
    }
    let left = input.len();
    server.input.drain(..server.input.len() - left);
}

fn listen(client: &mut Side<Client>, slots: &mut Slots) {
    let mut input = &client.input[..];
    while !client.dead {
        match client.conn.recv(&mut input, slots) {
            Ok(Recv::Event(ClientEvent::Informational(_))) => {}
            Ok(Recv::Event(ClientEvent::Response(head))) => client.received.push(Message {
                line: head.status.to_string(),
                complete: head.body.is_empty(),
                ..Message::default()
            }),
            Ok(Recv::Event(ClientEvent::Data(data))) => {
                client.received.last_mut().expect("a head came first").content.extend_from_slice(data);
            }
            Ok(Recv::Event(ClientEvent::End(_))) => {
                client.received.last_mut().expect("a head came first").complete = true;
            }
            Ok(Recv::NeedInput(_) | Recv::Paused(_)) => break,
            Ok(Recv::Closed) => client.dead = true,
            Err(error) => {
                panic!("our own server broke the protocol: {error} in {}", client.input.escape_ascii())
            }
        }
    }
    if client.conn.advice() == Advice::Close {
        client.dead = true;
    }
    let left = input.len();
    client.input.drain(..client.input.len() - left);
}
