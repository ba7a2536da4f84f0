//! A client and a server machine, wired together: the messages of a case, sent by our own encoder, are received as
//! the same messages.
//!
//! What a case says of chunk lines, white space and the order of framing fields is lost on the way, because the
//! encoder has its own; everything else must come through.

use h1wire_proto::{BodyKind, BodyLen, Client, Conn, FieldSource, Method, Recv, Server, Slots, Status};

use crate::case::{Asked, Case, Role};
use crate::machine::{Field, Head, Line, Seen, ask, client_event, note, server_event};

/// What arrives of the messages in `seen`, given to the receiver in pieces of `step` bytes.
pub fn run(case: &Case, seen: &[Seen], step: usize) -> Vec<Seen> {
    let mut pair = Pair {
        client: Conn::<Client>::new(&case.client(false)),
        server: Conn::<Server>::new(&case.server(false)),
        slots: Slots::new(),
        step,
        seen: Vec::new(),
    };
    match &case.role {
        Role::Server { .. } => messages(seen).iter().for_each(|message| pair.request(message)),
        Role::Client { asked, .. } => {
            let mut messages = messages(seen).into_iter();
            asked.iter().for_each(|asked| pair.exchange(asked, &mut messages));
        }
    }
    pair.seen
}

/// A message: its head, content and trailers.
struct Message<'s> {
    head: &'s Head,
    content: &'s [u8],
    trailers: &'s [Field],
}

fn messages(seen: &[Seen]) -> Vec<Message<'_>> {
    let mut all = Vec::<Message<'_>>::new();
    for seen in seen {
        match (seen, all.last_mut()) {
            (Seen::Head(head), _) => all.push(Message { head, content: b"", trailers: &[] }),
            (Seen::Data(data), Some(message)) => message.content = data,
            (Seen::End(trailers), Some(message)) => message.trailers = trailers,
            _ => {}
        }
    }
    all
}

fn is_framing(field: &&Field) -> bool {
    let known: [&[u8]; 2] = [b"content-length", b"transfer-encoding"];
    known.iter().any(|name| field.0.eq_ignore_ascii_case(name))
}

fn own_fields(head: &Head) -> Vec<Field> {
    head.fields.iter().filter(|field| !is_framing(field)).cloned().collect()
}

/// The length to declare for a message: what its framing fields say, even where there is no content.
fn length(head: &Head) -> BodyLen {
    match (head.body, head.fields.iter().find(is_framing)) {
        (BodyKind::None, Some((name, value))) if name.eq_ignore_ascii_case(b"content-length") => {
            let digits = std::str::from_utf8(value).unwrap();
            BodyLen::Exact(digits.parse().unwrap())
        }
        (BodyKind::None, Some(_)) => BodyLen::Unknown,
        (body, _) => body.into(),
    }
}

/// Without framing fields, which may stand elsewhere on the wire.
pub fn comparable(seen: &[Seen]) -> Vec<Seen> {
    let kept = seen.iter().filter(|seen| !matches!(seen, Seen::Left(_)));
    kept.cloned()
        .map(|seen| match seen {
            Seen::Head(head) => Seen::Head(Head { fields: own_fields(&head), ..head }),
            other => other,
        })
        .collect()
}

struct Pair {
    client: Conn<Client>,
    server: Conn<Server>,
    slots: Slots,
    step: usize,
    seen: Vec<Seen>,
}

impl Pair {
    /// Sends a request from the client to the server, and an answer back.
    fn request(&mut self, message: &Message<'_>) {
        let Line::Request { method, target } = &message.head.line else {
            panic!("a server case has requests")
        };
        let mut wire = Vec::new();
        let fields = own_fields(message.head);
        let method = Method::from_bytes(method);
        self.client
            .request(method, target, &fields[..], length(message.head), &mut wire)
            .expect("the encoder can say it");
        if let Some(mut body) = self.client.body() {
            body.data(message.content, &mut wire).expect("as long as declared");
            if let Some(body) = self.client.body() {
                body.end(message.trailers, &mut wire).expect("valid trailers");
            }
        }
        let got = self.hear(&wire);
        got.into_iter().for_each(|seen| note(&mut self.seen, seen));
        let mut wire = Vec::new();
        self.server.respond(404, &(), BodyLen::None, &mut wire).expect("the request is complete");
        assert_eq!(self.listen(&wire).len(), 2, "one answer, and its end");
    }

    /// Sends a request, and the responses to it back.
    fn exchange<'s>(&mut self, asked: &Asked, messages: &mut impl Iterator<Item = Message<'s>>) {
        let mut wire = Vec::new();
        ask(&mut self.client, asked, &mut wire);
        assert_eq!(self.hear(&wire).len(), 2, "one request, and its end");
        loop {
            let message = messages.next().expect("a response for each request");
            let Line::Response { status, reason } = &message.head.line else {
                panic!("a client case has responses")
            };
            let (fields, mut wire) = (own_fields(message.head), Vec::new());
            let line = Status::new(*status).reason(reason);
            let interim = message.head.is_interim();
            if interim {
                self.server.send_informational(line, &fields[..], &mut wire).expect("the encoder can say it");
            } else if *status == 101 {
                self.server.switch(&fields[..], &mut wire).expect("the encoder can say it");
            } else {
                self.respond(line, &fields[..], &message, &mut wire);
            }
            let got = self.listen(&wire);
            got.into_iter().for_each(|seen| note(&mut self.seen, seen));
            if !interim {
                return;
            }
        }
    }

    fn respond<F: FieldSource + ?Sized>(
        &mut self,
        line: Status<'_>,
        fields: &F,
        message: &Message<'_>,
        wire: &mut Vec<u8>,
    ) {
        let length = length(message.head);
        self.server.respond(line, fields, length, wire).expect("the encoder can say it");
        if let Some(mut body) = self.server.body() {
            body.data(message.content, wire).expect("as long as declared");
            if let Some(body) = self.server.body() {
                body.end(message.trailers, wire).expect("valid trailers");
            }
        }
    }

    fn hear(&mut self, wire: &[u8]) -> Vec<Seen> {
        let (mut seen, mut start) = (Vec::new(), 0);
        for end in ends(wire.len(), self.step) {
            loop {
                let mut input = &wire[start..end];
                let recv = self.server.recv(&mut input, &mut self.slots).expect("our own client is right");
                start = end - input.len();
                match recv {
                    Recv::Event(event) => seen.push(server_event(event)),
                    Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed => break,
                }
            }
        }
        assert_eq!(start, wire.len(), "everything was consumed");
        seen
    }

    fn listen(&mut self, wire: &[u8]) -> Vec<Seen> {
        let (mut seen, mut start) = (Vec::new(), 0);
        for end in ends(wire.len(), self.step) {
            loop {
                let mut input = &wire[start..end];
                let recv = self.client.recv(&mut input, &mut self.slots).expect("our own server is right");
                start = end - input.len();
                match recv {
                    Recv::Event(event) => seen.push(client_event(event)),
                    Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed => break,
                }
            }
        }
        assert_eq!(start, wire.len(), "everything was consumed");
        seen
    }
}

fn ends(len: usize, step: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(step).skip(1).chain([len])
}
