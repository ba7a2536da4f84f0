//! A client on the simulated connection: it asks in many ways, as fast or as slowly as it likes, and knows what it got.

use h1wire_proto::{Advice, BodyLen, Client as Role, ClientConfig, ClientEvent, Conn, Method, Recv, Slots};

use super::Answer;
use super::tcp::{End, Got, Tcp};
use crate::choices::Choices;

pub struct Client {
    conn: Conn<Role>,
    slots: Slots,
    input: Vec<u8>,
    /// What it will send.
    pub out: Vec<u8>,
    /// Final responses, in order.
    pub received: Vec<Answer>,
    /// It was cut off, or what it got was no answer to it.
    pub is_over: bool,
    /// It wants no more.
    pub is_done: bool,
    /// Its last request was an old client's, after which there is none.
    has_last: bool,
}

impl Client {
    pub fn new() -> Self {
        let config = ClientConfig { pipeline_depth: 3, ..ClientConfig::default() };
        Self {
            conn: Conn::<Role>::new(&config),
            slots: Slots::new(),
            input: Vec::new(),
            out: Vec::new(),
            received: Vec::new(),
            is_over: false,
            is_done: false,
            has_last: false,
        }
    }

    /// Has another request to send, if that is allowed now.
    pub fn ask(&mut self, choices: &mut Choices<'_>) {
        if self.is_over || self.is_done || self.has_last {
            return;
        }
        let kind = choices.byte();
        let (length, content) = match kind % 4 {
            0 | 1 => (BodyLen::None, 0),
            2 => (BodyLen::Exact(1 + u64::from(kind) * 8), 1 + usize::from(kind) * 8),
            _ => (BodyLen::Unknown, usize::from(kind) * 4),
        };
        let method = if content > 0 { Method::Put } else { Method::Get };
        let mut fields = vec![("Host", "a")];
        if kind & 16 != 0 && kind & 32 != 0 {
            fields.push(("Connection", "close"));
        }
        let mut bytes = Vec::new();
        if self.conn.request(method, b"/", &fields, length, &mut bytes).is_err() {
            return;
        }
        if let Some(mut body) = self.conn.body() {
            for piece in vec![b'x'; content].chunks(100) {
                body.data(piece, &mut bytes).expect("as long as it was announced");
            }
        }
        if let Some(body) = self.conn.body() {
            body.end(&(), &mut bytes).expect("all of it was given");
        }
        // An old client has no chunks to send.
        if kind & 64 != 0 && length != BodyLen::Unknown {
            self.has_last = true;
            let line = String::from_utf8_lossy(&bytes).replacen("HTTP/1.1\r\n", "HTTP/1.0\r\n", 1);
            bytes = line.into_bytes();
        }
        self.out.extend(bytes);
    }

    pub fn send(&mut self, tcp: &mut Tcp, most: usize) -> bool {
        let n = tcp.up.send(&self.out[..most.min(self.out.len())]);
        self.out.drain(..n);
        n > 0
    }

    pub fn read(&mut self, tcp: &mut Tcp, most: usize) -> bool {
        if self.is_over {
            return false;
        }
        match tcp.down.read(most, &mut self.input) {
            Got::Bytes(_) => {}
            Got::Nothing => return false,
            Got::Reset => {
                self.is_over = true;
                return true;
            }
            Got::End => {
                self.conn.recv_eof();
                self.show();
                self.is_over = true;
                return true;
            }
        }
        self.show();
        true
    }

    fn show(&mut self) {
        let mut rest = &self.input[..];
        loop {
            match self.conn.recv(&mut rest, &mut self.slots) {
                Ok(Recv::Event(ClientEvent::Response(_))) => self.received.push(Answer::default()),
                Ok(Recv::Event(ClientEvent::Data(data))) => {
                    self.received.last_mut().expect("a head came first").content.extend_from_slice(data);
                }
                Ok(Recv::Event(ClientEvent::End(_))) => {
                    self.received.last_mut().expect("a head came first").is_complete = true;
                    self.is_done |= self.conn.advice() == Advice::Close;
                }
                Ok(Recv::Event(ClientEvent::Informational(_))) => {}
                Ok(Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed) => break,
                Err(_) => {
                    self.is_over = true;
                    break;
                }
            }
        }
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
    }

    /// It has what it wants, and says so.
    pub fn leave(&mut self, tcp: &mut Tcp) {
        self.out.clear();
        self.is_over = true;
        tcp.close(End::Client);
    }
}
