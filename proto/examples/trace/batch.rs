//! The batch form of the trace: cases as JSON lines in, verdicts as JSON lines out.
//!
//! It uses only the public interface of the machine, so that any suite of wire vectors can be run against it.
//! What a case looks like is described in `docs/fuzzing.md`. Showing bytes to a person is `show`.

use h1wire_proto::{
    Advice, BodyLen, Client, ClientConfig, ClientEvent, Conn, Fields, Limits, Method, Pause, Phase, Recv,
    RecvError, RecvErrorKind, Server, ServerConfig, ServerEvent, Slots,
};
use serde_json::{Value, json};

/// What the machine made of one stream of bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub verdict: &'static str,
    pub error: Option<RecvError>,
    pub messages: Vec<Value>,
    pub leftover: Vec<u8>,
}

/// One stream of bytes to be judged.
#[derive(Clone, Debug)]
pub struct Case {
    pub id: String,
    pub is_request: bool,
    pub input: Vec<u8>,
    pub eof: bool,
    /// For responses: the methods of the requests that were sent, in order.
    pub request_methods: Vec<String>,
}

impl Case {
    /// Reads a case from a JSON object. `None` if it lacks what is needed.
    pub fn from_json(value: &Value) -> Option<Self> {
        let methods = value["request_methods"].as_array();
        Some(Self {
            id: value["id"].as_str()?.to_owned(),
            is_request: value["kind"].as_str()? == "request",
            input: from_hex(value["input_hex"].as_str()?)?,
            eof: value["eof"].as_bool().unwrap_or(true),
            request_methods: methods
                .map(|m| m.iter().filter_map(|m| m.as_str().map(str::to_owned)).collect())
                .unwrap_or_default(),
        })
    }

    /// Feeds the bytes in pieces of `step` and tells what came of them.
    pub fn run(&self, step: usize) -> Outcome {
        let (server, client) = wide();
        self.run_with(step, &server, &client)
    }

    /// The same, with settings of the caller's.
    pub fn run_with(&self, step: usize, server: &ServerConfig, client: &ClientConfig) -> Outcome {
        let cuts = (0..self.input.len()).step_by(step.max(1)).skip(1).collect::<Vec<_>>();
        self.run_cut(&cuts, server, client)
    }

    /// The same, cut at these offsets.
    pub fn run_cut(&self, cuts: &[usize], server: &ServerConfig, client: &ClientConfig) -> Outcome {
        let mut ends = cuts.to_vec();
        ends.push(self.input.len());
        if self.is_request {
            let machine = AsServer { conn: Conn::<Server>::new(server), out: Vec::new() };
            drive(machine, &self.input, &ends, self.eof, server.limits)
        } else {
            let machine = AsClient {
                conn: Conn::<Client>::new(client),
                methods: self.request_methods.clone(),
                sent: 0,
                started: false,
                ended: false,
            };
            drive(machine, &self.input, &ends, self.eof, client.limits)
        }
    }
}

/// Settings that leave a verdict to the grammar: limits beyond what suites try, and `Host` not asked for, because
/// the vectors leave both to the server around the parser.
pub fn wide() -> (ServerConfig, ClientConfig) {
    let limits = Limits {
        head_bytes: 1 << 18,
        target_bytes: 1 << 17,
        method_bytes: u16::MAX,
        chunk_line_bytes: u16::MAX,
        chunk_overhead: 1 << 17,
        trailer_bytes: 1 << 17,
        fields: 0,
        ..Limits::DEFAULT
    };
    let server = ServerConfig { limits, require_host: false, ..ServerConfig::default() };
    (server, ClientConfig { limits, ..ClientConfig::default() })
}

impl Outcome {
    /// The line the batch form prints.
    pub fn to_json(&self, id: &str) -> Value {
        let error = self.error.map(|e| {
            json!({"kind": e.kind().name(), "offset": e.offset(), "status": e.status(), "rule": e.rule()})
        });
        json!({
            "id": id, "verdict": self.verdict, "error": error, "messages": self.messages,
            "leftover_hex": to_hex(&self.leftover),
        })
    }
}

/// What one turn of a machine came to.
enum Turn {
    Head(Value),
    Data(Vec<u8>),
    End(Vec<Value>),
    /// Nothing more without input.
    Need,
    /// Nothing more at all; what is left of the input belongs to somebody else, or is ignored.
    Stop {
        leftover: bool,
    },
}

trait Machine {
    fn turn(&mut self, input: &mut &[u8], slots: &mut Slots) -> Result<Turn, RecvError>;
    fn eof(&mut self);
    /// Whether the bytes ended between messages.
    fn at_rest(&self) -> bool;
}

/// A server that answers each complete request at once.
struct AsServer {
    conn: Conn<Server>,
    out: Vec<u8>,
}

impl Machine for AsServer {
    fn turn(&mut self, input: &mut &[u8], slots: &mut Slots) -> Result<Turn, RecvError> {
        loop {
            return Ok(match self.conn.recv(input, slots)? {
                Recv::Event(ServerEvent::Request(head)) => Turn::Head(json!({
                    "method": latin1(head.method.as_bytes()),
                    "target": latin1(head.target),
                    "version": format!("1.{}", head.minor),
                    "headers": fields(head.fields),
                    "body_hex": "",
                    "trailers": [],
                    "keepalive": head.keep_alive,
                    "upgrade": head.upgrade || head.method == Method::Connect,
                    "complete": head.body.is_empty(),
                })),
                Recv::Event(ServerEvent::Data(data)) => Turn::Data(data.to_vec()),
                Recv::Event(ServerEvent::End(trailers)) => Turn::End(fields(trailers)),
                Recv::NeedInput(_) => Turn::Need,
                Recv::Paused(Pause::AwaitingResponse) => {
                    self.out.clear();
                    self.conn
                        .respond(204, &(), BodyLen::None, &mut self.out)
                        .expect("the request awaits its answer");
                    continue;
                }
                Recv::Paused(Pause::SwitchProposed | Pause::Switched) => Turn::Stop { leftover: true },
                Recv::Closed => Turn::Stop { leftover: false },
            });
        }
    }
    fn eof(&mut self) {
        self.conn.recv_eof();
    }
    fn at_rest(&self) -> bool {
        self.conn.phase() == Phase::Idle
    }
}

/// A client that asks again as long as there are bytes.
struct AsClient {
    conn: Conn<Client>,
    methods: Vec<String>,
    sent: usize,
    started: bool,
    ended: bool,
}

impl AsClient {
    fn ask(&mut self) {
        let method = self.methods.get(self.sent).cloned().unwrap_or_else(|| "GET".to_owned());
        self.sent += 1;
        self.started = true;
        let target: &[u8] = if method == "CONNECT" { b"h:1" } else { b"/" };
        // So many names that any protocol of a 101 counts as offered.
        let offer = (0..1024).map(|n| format!("p{n}")).collect::<Vec<_>>().join(",");
        let fields = [("Host", "h"), ("Upgrade", offer.as_str())];
        let mut out = Vec::new();
        let method = Method::from_bytes(method.as_bytes());
        self.conn.request(method, target, &fields, BodyLen::None, &mut out).expect("the connection is idle");
    }
}

impl Machine for AsClient {
    fn turn(&mut self, input: &mut &[u8], slots: &mut Slots) -> Result<Turn, RecvError> {
        if !self.started {
            self.ask();
        }
        if self.conn.advice() == Advice::Reuse {
            // Line ends behind the last response are discarded; anything else means that another request was sent
            // before they came.
            match (input.iter().all(|b| matches!(b, b'\r' | b'\n')), self.ended) {
                (true, false) => return Ok(Turn::Need),
                (true, true) => {}
                (false, _) => self.ask(),
            }
        }
        Ok(match self.conn.recv(input, slots)? {
            Recv::Event(ClientEvent::Informational(head) | ClientEvent::Response(head)) => {
                Turn::Head(json!({
                    "status": head.status,
                    "reason": latin1(head.reason),
                    "version": format!("1.{}", head.minor),
                    "headers": fields(head.fields),
                    "body_hex": "",
                    "trailers": [],
                    "keepalive": head.keep_alive,
                    "upgrade": head.switched,
                    "complete": head.body.is_empty(),
                }))
            }
            Recv::Event(ClientEvent::Data(data)) => Turn::Data(data.to_vec()),
            Recv::Event(ClientEvent::End(trailers)) => Turn::End(fields(trailers)),
            Recv::NeedInput(_) => Turn::Need,
            Recv::Paused(_) => Turn::Stop { leftover: true },
            Recv::Closed => Turn::Stop { leftover: false },
        })
    }
    fn eof(&mut self) {
        self.ended = true;
        self.conn.recv_eof();
    }
    fn at_rest(&self) -> bool {
        self.conn.phase() == Phase::Idle
    }
}

fn drive(mut machine: impl Machine, bytes: &[u8], ends: &[usize], eof: bool, limits: Limits) -> Outcome {
    let mut slots = Slots::new();
    let mut outcome = Outcome { verdict: "accept", error: None, messages: Vec::new(), leftover: Vec::new() };
    let mut start = 0;
    for (i, end) in ends.iter().enumerate() {
        let last = i + 1 == ends.len();
        let mut told_eof = false;
        loop {
            let mut input = &bytes[start..*end];
            let turn = machine.turn(&mut input, &mut slots);
            start = end - input.len();
            match turn {
                Ok(Turn::Head(head)) => outcome.messages.push(head),
                Ok(Turn::Data(data)) => append(&mut outcome.messages, &data),
                Ok(Turn::End(trailers)) => {
                    if let Some(message) = outcome.messages.last_mut() {
                        message["trailers"] = Value::Array(trailers);
                        message["complete"] = json!(true);
                    }
                }
                Ok(Turn::Need) if last && eof && !told_eof => {
                    told_eof = true;
                    machine.eof();
                }
                Ok(Turn::Need) => {
                    assert!(input.len() < limits.max_contiguous(), "more input wanted at the limit");
                    break;
                }
                Ok(Turn::Stop { leftover }) => {
                    if leftover {
                        outcome.leftover = bytes[start..].to_vec();
                    }
                    return outcome;
                }
                Err(error) if error.kind() == RecvErrorKind::UnexpectedEof => {
                    // Interim responses are messages of their own, so the bytes may end after one.
                    let interim =
                        outcome.messages.last().and_then(|m| m["status"].as_u64()).is_some_and(|s| s < 200);
                    outcome.verdict = if interim && input.is_empty() { "accept" } else { "incomplete" };
                    return outcome;
                }
                Err(error) => {
                    outcome.verdict = "reject";
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
    }
    if !machine.at_rest() {
        outcome.verdict = "incomplete";
    }
    outcome
}

fn append(messages: &mut [Value], data: &[u8]) {
    if let Some(message) = messages.last_mut() {
        let so_far = message["body_hex"].as_str().unwrap_or_default().to_owned();
        message["body_hex"] = json!(so_far + &to_hex(data));
    }
}

fn fields(fields: Fields<'_, '_>) -> Vec<Value> {
    fields.iter().map(|(n, v)| json!([latin1(n), latin1(v)])).collect()
}

/// Bytes as the characters of the same number, which JSON can carry.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|b| *b as char).collect()
}

pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
