//! A server that reads requests by the rules and answers as it likes.

use h1wire_proto::{BodyLen, Conn, Method, Recv, ServerConfig, ServerEvent, Slots, Status};

use crate::choices::Choices;

/// The server's end of one connection.
pub(super) struct Server {
    conn: Conn<h1wire_proto::Server>,
    pub(super) input: Vec<u8>,
    /// It says nothing more.
    pub(super) ended: bool,
    /// What it said last is lost.
    pub(super) reset: bool,
    /// How much it heard, so that it shows that something moved.
    pub(super) heard: usize,
    /// What it does once nobody chooses any more.
    habit: u8,
    head: bool,
}

impl Server {
    pub(super) fn new(habit: u8) -> Self {
        Self {
            conn: Conn::<h1wire_proto::Server>::new(&ServerConfig::default()),
            input: Vec::new(),
            ended: false,
            reset: false,
            heard: 0,
            habit,
            head: false,
        }
    }

    /// The whole content of an answer with this status.
    pub(super) fn content(status: u16, method: &str) -> Vec<u8> {
        if method == "HEAD" || status == 204 { Vec::new() } else { status.to_string().into_bytes().repeat(7) }
    }

    /// Reads what there is and says what it wants to `back`.
    pub(super) fn turn(&mut self, choices: &mut Choices<'_>, back: &mut Vec<u8>) {
        if self.ended {
            self.input.clear();
            return;
        }
        let input = std::mem::take(&mut self.input);
        let (mut rest, mut slots) = (&input[..], Slots::new());
        self.heard += input.len();
        loop {
            match self.conn.recv(&mut rest, &mut slots) {
                Ok(Recv::Event(ServerEvent::Request(head))) => {
                    self.head = head.method == Method::Head;
                    if choices.below(9) == 8 {
                        // Before it has everything.
                        self.answer(413, true, back);
                        break;
                    }
                }
                Ok(Recv::Event(ServerEvent::End(_))) => {
                    let what = if choices.is_empty() { self.habit } else { choices.byte() };
                    self.react(what, back);
                    if self.ended {
                        break;
                    }
                }
                Ok(Recv::Event(_)) => {}
                Ok(Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed) => break,
                Err(_) => {
                    self.ended = true;
                    break;
                }
            }
        }
        self.input = rest.to_vec();
    }

    fn react(&mut self, what: u8, back: &mut Vec<u8>) {
        let begun = back.len();
        match what % 12 {
            0..=2 => self.answer(200, false, back),
            3 => {
                back.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\n\r\n");
                self.answer(404, false, back);
            }
            // It closes, and says so or not.
            4 => self.answer(200, true, back),
            5 => {
                self.answer(200, false, back);
                self.ended = true;
            }
            6 => self.ended = true,
            7 => (self.ended, self.reset) = (true, true),
            8 => {
                self.answer(200, false, back);
                let whole = back.len();
                if whole > begun + 1 && !self.head {
                    back.truncate(whole - 1);
                }
                self.ended = true;
            }
            9 => {
                self.answer(200, false, back);
                back.extend_from_slice(b"more");
            }
            10 => back.extend_from_slice(b"nonsense\r\n\r\n"),
            _ => {}
        }
    }

    fn answer(&mut self, status: u16, close: bool, back: &mut Vec<u8>) {
        if close {
            self.conn.close_after_response();
            self.ended = true;
        }
        let content = Self::content(status, "");
        let length = if status == 404 { BodyLen::Unknown } else { BodyLen::Exact(content.len() as u64) };
        if self.conn.respond(Status::new(status), &(), length, back).is_err() {
            return;
        }
        if let Some(mut body) = self.conn.body() {
            body.data(&content, back).expect("as declared");
        }
        if let Some(body) = self.conn.body() {
            body.end(&(), back).expect("all of it");
        }
    }
}
