//! The batch form of the trace: cases as JSON lines in, verdicts as JSON lines out.
//!
//! It uses only the public interface of the machine, so that any suite of wire vectors can be run against it.
//! What a case looks like is described in `docs/trace.md`. Showing bytes to a person is `show`.

use std::fmt;
use std::io::{self, BufRead, Write};

use h1wire_proto::{
    Advice, BodyLen, Client, ClientConfig, ClientEvent, Conn, Count, Fields, Limits, Method, Pause, Phase,
    Recv, RecvError, RecvErrorKind, SendError, Server, ServerConfig, ServerEvent, Slots, validate_name,
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
    /// Reads a case from a JSON object, or says what is wrong with it.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        let text = |key: &str| value[key].as_str().ok_or_else(|| format!("`{key}` is not a string"));
        let is_request = match text("kind")? {
            "request" => true,
            "response" => false,
            other => return Err(format!("`kind` is neither request nor response: `{other}`")),
        };
        let mut request_methods = Vec::new();
        for method in value["request_methods"].as_array().into_iter().flatten() {
            let name = method.as_str().filter(|name| validate_name(name).is_ok());
            request_methods.push(name.ok_or_else(|| format!("not a method: {method}"))?.to_owned());
        }
        Ok(Self {
            id: text("id")?.to_owned(),
            is_request,
            input: from_hex(text("input_hex")?).ok_or("`input_hex` is not hexadecimal")?,
            eof: value["eof"].as_bool().unwrap_or(true),
            request_methods,
        })
    }

    /// Feeds the bytes in pieces of `step` to a machine with these settings and tells what came of them.
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
        chunk_overhead: None,
        trailer_bytes: 1 << 17,
        fields: None,
        ..Limits::DEFAULT
    };
    let server = ServerConfig { limits, require_host: false, ..ServerConfig::default() };
    (server, ClientConfig { limits, ..ClientConfig::default() })
}

/// Why a batch cannot go on.
#[derive(Debug)]
pub enum BatchError {
    Io(io::Error),
    /// A line is no case. Lines are counted from 1.
    Line(usize, String),
}

impl From<io::Error> for BatchError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Line(number, why) => write!(f, "line {number}: {why}"),
        }
    }
}

/// Reads a case from each line of `input`, but for blank ones, and writes a line about it to `out`. What was judged
/// before an error was written.
pub fn run(
    input: impl BufRead,
    mut out: impl Write,
    split: usize,
    server: &ServerConfig,
    client: &ClientConfig,
) -> Result<(), BatchError> {
    for (i, line) in input.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let value = serde_json::from_str(&line).map_err(|e| BatchError::Line(i + 1, e.to_string()))?;
        let case = Case::from_json(&value).map_err(|why| BatchError::Line(i + 1, why))?;
        writeln!(out, "{}", case.run_with(split, server, client).to_json(&case.id))?;
    }
    Ok(out.flush()?)
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
                    "complete": false,
                })),
                Recv::Event(ServerEvent::Data(data)) => Turn::Data(data.to_vec()),
                Recv::Event(ServerEvent::End(trailers)) => Turn::End(fields(trailers)),
                Recv::NeedInput(_) => Turn::Need,
                Recv::Paused(Pause::AwaitingResponse) if !self.conn.proposes_switch() => {
                    self.out.clear();
                    self.conn
                        .respond(204, &(), BodyLen::None, &mut self.out)
                        .expect("the request awaits its answer");
                    continue;
                }
                Recv::Paused(_) => Turn::Stop { leftover: true },
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
        let method = self.methods.get(self.sent).map_or("GET", String::as_str);
        self.sent += 1;
        self.started = true;
        ask(&mut self.conn, Method::from(method)).expect("the connection is idle and the method a token");
    }
}

/// Sends a request without content that offers any protocol a 101 may name.
pub fn ask(conn: &mut Conn<Client>, method: Method<'_>) -> Result<(), SendError> {
    let target: &[u8] = if method == Method::Connect { b"h:1" } else { b"/" };
    // The machine remembers a hash of 64 values for each protocol; so many names have all of them.
    let offer = (0..1024).map(|n| format!("p{n}")).collect::<Vec<_>>().join(",");
    let fields = [("Host", "h"), ("Upgrade", offer.as_str())];
    conn.request(method, target, &fields, BodyLen::None, &mut Count::default())
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
                    "complete": head.switched || head.status < 200,
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
    if let Some(Value::String(so_far)) = messages.last_mut().map(|message| &mut message["body_hex"]) {
        so_far.push_str(&to_hex(data));
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

/// Pairs of hexadecimal digits as bytes.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: &u8| char::from(*b).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some((digit(pair.first()?)? * 16 + digit(pair.get(1)?)?) as u8)).collect()
}
