//! What a machine makes of a stream, in a form that can be compared however the stream was split.

use h1wire_proto::{
    BodyLen, Client, ClientConfig, ClientEvent, Conn, Fields, Limits, Method, Pause, Recv, RecvError, Server,
    ServerConfig, ServerEvent, Slots,
};

/// One thing that happened. Pieces of content next to each other are one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Start line, fields, framing and everything else the head says, as text.
    Head(String),
    /// Content.
    Data(Vec<u8>),
    /// The end of content, with its trailers.
    End(String),
    /// The peer broke the protocol.
    Error(RecvError),
    /// Nothing more: the peer is done.
    Closed,
    /// Nothing more: this many bytes belong to another protocol.
    Switched(usize),
}

fn push(seen: &mut Vec<Seen>, next: Seen) {
    match (seen.last_mut(), next) {
        (Some(Seen::Data(all)), Seen::Data(more)) => all.extend(more),
        (_, next) => seen.push(next),
    }
}

fn text(fields: Fields<'_, '_>) -> String {
    format!("{fields:?}")
}

/// A machine that can be fed.
pub trait Feed {
    /// One call of `recv`, with everything local done that it asks for. `None` when it needs input.
    fn turn(&mut self, input: &mut &[u8], slots: &mut Slots) -> Option<Seen>;
    /// The peer's stream ended.
    fn eof(&mut self);
    /// Bytes consumed so far.
    fn offset(&self) -> u64;
}

/// A server that answers each complete request at once.
pub struct Answering {
    /// The machine.
    pub conn: Conn<Server>,
    out: Vec<u8>,
}

impl Answering {
    /// With these settings.
    pub fn new(config: &ServerConfig) -> Self {
        Self { conn: Conn::<Server>::new(config), out: Vec::new() }
    }
}

impl Feed for Answering {
    fn turn(&mut self, input: &mut &[u8], slots: &mut Slots) -> Option<Seen> {
        loop {
            let left = input.len();
            return Some(match self.conn.recv(input, slots) {
                Ok(Recv::Event(ServerEvent::Request(head))) => Seen::Head(format!("{head:?}")),
                Ok(Recv::Event(ServerEvent::Data(data))) => {
                    assert!(!data.is_empty(), "data is never empty");
                    Seen::Data(data.to_vec())
                }
                Ok(Recv::Event(ServerEvent::End(trailers))) => Seen::End(text(trailers)),
                Ok(Recv::NeedInput(_)) => return None,
                Ok(Recv::Paused(Pause::AwaitingResponse)) => {
                    self.out.clear();
                    // 404 refuses a tunnel and declines a switch, so the stream goes on as HTTP.
                    self.conn
                        .respond(404, &(), BodyLen::None, &mut self.out)
                        .expect("the request awaits its answer");
                    assert!(!self.out.is_empty());
                    continue;
                }
                Ok(Recv::Paused(Pause::Switched)) => Seen::Switched(left),
                Ok(Recv::Paused(Pause::FinishResponse)) => panic!("the response is complete"),
                Ok(Recv::Closed) => Seen::Closed,
                Err(error) => Seen::Error(error),
            });
        }
    }
    fn eof(&mut self) {
        self.conn.recv_eof();
    }
    fn offset(&self) -> u64 {
        self.conn.recv_offset()
    }
}

/// A client that has sent these methods, one after the other is answered, and then GET for ever.
pub struct Asking {
    /// The machine.
    pub conn: Conn<Client>,
    methods: Vec<Method<'static>>,
    sent: usize,
}

impl Asking {
    /// With these settings.
    pub fn new(config: &ClientConfig, methods: Vec<Method<'static>>) -> Self {
        Self { conn: Conn::<Client>::new(config), methods, sent: 0 }
    }

    fn ask(&mut self) {
        let method = self.methods.get(self.sent).copied().unwrap_or(Method::Get);
        self.sent += 1;
        let target: &[u8] = if method == Method::Connect { b"h:1" } else { b"/" };
        let fields = [("Host", "h"), ("Upgrade", "a"), ("Connection", "upgrade")];
        self.conn
            .request(method, target, &fields, BodyLen::None, &mut Vec::new())
            .expect("the connection is idle");
    }
}

impl Feed for Asking {
    fn turn(&mut self, input: &mut &[u8], slots: &mut Slots) -> Option<Seen> {
        // Asking at once when the last exchange is over keeps what is idle from depending on splits.
        if self.conn.outstanding() == 0 && self.conn.advice() == h1wire_proto::Advice::Reuse {
            self.ask();
        }
        let left = input.len();
        Some(match self.conn.recv(input, slots) {
            Ok(Recv::Event(ClientEvent::Informational(head) | ClientEvent::Response(head))) => {
                Seen::Head(format!("{head:?}"))
            }
            Ok(Recv::Event(ClientEvent::Data(data))) => {
                assert!(!data.is_empty(), "data is never empty");
                Seen::Data(data.to_vec())
            }
            Ok(Recv::Event(ClientEvent::End(trailers))) => Seen::End(text(trailers)),
            Ok(Recv::NeedInput(_)) => return None,
            Ok(Recv::Paused(_)) => Seen::Switched(left),
            Ok(Recv::Closed) => Seen::Closed,
            Err(error) => Seen::Error(error),
        })
    }
    fn eof(&mut self) {
        self.conn.recv_eof();
    }
    fn offset(&self) -> u64 {
        self.conn.recv_offset()
    }
}

/// Feeds `bytes` cut at `cuts` (ascending offsets), then the end of the stream if `eof`.
///
/// Asserts on the way that the machine never asks for more input at its limit, that what it consumes is what it
/// counts, and that an error stays.
pub fn feed(machine: &mut impl Feed, bytes: &[u8], cuts: &[usize], eof: bool, limits: &Limits) -> Vec<Seen> {
    let (mut slots, mut seen, mut start) = (Slots::new(), Vec::new(), 0);
    let ends = cuts.iter().copied().filter(|c| *c < bytes.len()).chain([bytes.len()]);
    let mut told = false;
    for end in ends {
        loop {
            let mut input = &bytes[start.min(end)..end];
            let turn = machine.turn(&mut input, &mut slots);
            let consumed = end - input.len();
            assert!(consumed >= start, "input never grows");
            start = consumed;
            assert_eq!(machine.offset(), start as u64, "what is consumed is counted");
            match turn {
                Some(end @ (Seen::Closed | Seen::Switched(_))) => {
                    // What is left is the caller's; how much of it was there depends on the split.
                    push(
                        &mut seen,
                        if end == Seen::Closed { end } else { Seen::Switched(bytes.len() - start) },
                    );
                    return seen;
                }
                Some(Seen::Error(error)) => {
                    let mut input = &bytes[start..];
                    assert_eq!(machine.turn(&mut input, &mut slots), Some(Seen::Error(error)), "errors stay");
                    assert!(error.offset() <= bytes.len() as u64, "errors point into the stream");
                    push(&mut seen, Seen::Error(error));
                    return seen;
                }
                Some(other) => push(&mut seen, other),
                None if end == bytes.len() && eof && !told => {
                    told = true;
                    machine.eof();
                }
                None => {
                    assert!(!told, "no input is wanted after the end of the stream");
                    assert!(input.len() < limits.max_contiguous(), "no input is wanted at the limit");
                    break;
                }
            }
        }
    }
    seen
}
