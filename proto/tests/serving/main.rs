//! A session driven by hand: what it says about the socket, and why the connection ends.

mod ends;
mod limits;
mod requests;

use h1wire_proto::serving::{Io, Next, Policy, Session};
use h1wire_proto::{Activity, BodyLen, Recv, ServerEvent, Slots, Time};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A session and what its owner has.
struct Driven {
    session: Session,
    policy: Policy,
    now: Time,
    /// What the machine left.
    input: Vec<u8>,
    out: Vec<u8>,
    unsent: bool,
    io: Io,
}

impl Driven {
    fn new(policy: Policy) -> Self {
        let (now, input, out) = (Time(0), Vec::new(), Vec::new());
        let session = Session::new(&policy, now, 0);
        Self { session, policy, now, input, out, unsent: false, io: Io::default() }
    }

    /// Something is received and shown. The events, a letter each, and how the machine stopped.
    fn receive(&mut self, bytes: &str) -> String {
        self.input.extend_from_slice(bytes.as_bytes());
        let (mut slots, mut told) = (Slots::new(), String::new());
        let mut rest = &self.input[..];
        loop {
            told += match self.session.recv(&self.policy, &mut rest, &mut slots) {
                Ok(Recv::Event(ServerEvent::Request(_))) => "R",
                Ok(Recv::Event(ServerEvent::Data(_))) => "D",
                Ok(Recv::Event(ServerEvent::End(_))) => "E",
                Ok(Recv::NeedInput(_)) => " needs",
                Ok(Recv::Paused(_)) => " paused",
                Ok(Recv::Closed) => " closed",
                Err(error) => {
                    let _ = self.session.respond_error(&error, None, &mut self.out);
                    "!"
                }
            };
            if told.contains(' ') {
                break;
            }
        }
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
        self.moved(bytes.len(), 0);
        told
    }

    fn moved(&mut self, received: usize, sent: usize) {
        let activity = Activity { received, sent, unsent: self.unsent, ..Activity::default() };
        let _ = self.session.observe(&self.policy, self.now, activity);
    }

    /// Answers with 200, and has it sent.
    fn answer(&mut self) {
        self.session.conn().respond(200, &(), BodyLen::None, &mut self.out).expect("it is owed");
        self.moved(0, 1);
    }

    fn eof(&mut self) -> String {
        self.session.recv_eof();
        self.receive("")
    }

    fn next(&mut self) -> Next {
        self.session.next(&self.policy, self.now, self.io)
    }

    fn deadline(&self) -> Option<u64> {
        self.session.deadline(&self.policy).map(|at| at.0)
    }

    /// Bytes that are read to be dropped.
    fn discard(&mut self, n: usize) {
        self.receive(&"x".repeat(n));
    }
}
