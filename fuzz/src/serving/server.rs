//! A server on the simulated connection: a session, a handler with all habits, and a driver that does what it is told, or
//! one thing wrong.

use h1wire_proto::serving::{Io, Lapse, Next, Policy, Session, Why};
use h1wire_proto::{Activity, BodyLen, Expired, Pause, Recv, ServerEvent, Slots, Time};

use super::Answer;
use super::tcp::{End, Got, Tcp};
use crate::choices::Choices;

/// What a driver may do wrong, to see that it is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// It closes when it need not read any more.
    ClosesAtTheBudget,
    /// It closes in order where it is to reset.
    NeverResets,
    /// It judges a limit before it has read what came in time.
    JudgesFirst,
    /// It sleeps for as long as it likes.
    ForgetsTime,
}

/// What the handler does with the request at hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Habit {
    WholeAtHead,
    WholeAtEnd,
    Later(u8),
    Stream(u8),
    Fail(u8),
}

pub struct Server {
    pub session: Session,
    pub policy: Policy,
    pub fault: Fault,
    slots: Slots,
    input: Vec<u8>,
    pub out: Vec<u8>,
    moved: Activity,
    habit: Habit,
    /// Every answer that was begun, in order.
    pub answers: Vec<Answer>,
    /// How it ended: why, and whether by a reset.
    pub ended: Option<(Why, bool)>,
    /// A client that had everything to say in time was told that it was late.
    pub is_unjust: bool,
    /// The client was not waited for any longer.
    pub lost_patience: bool,
}

impl Server {
    pub fn new(policy: Policy, fault: Fault) -> Self {
        let session = Session::new(&policy, Time(0), 0);
        Self {
            session,
            policy,
            fault,
            slots: Slots::new(),
            input: Vec::new(),
            out: Vec::new(),
            moved: Activity::default(),
            habit: Habit::WholeAtHead,
            answers: Vec::new(),
            ended: None,
            is_unjust: false,
            lost_patience: false,
        }
    }

    /// One round of its loop. Says whether anything moved.
    pub fn turn(&mut self, tcp: &mut Tcp, now: Time, choices: &mut Choices<'_>) -> bool {
        if self.ended.is_some() {
            return false;
        }
        self.go_on();
        self.show(choices);
        let sent = tcp.down.send(&self.out);
        self.out.drain(..sent);
        self.moved.sent += sent;
        let received = self.moved.received;
        let activity = Activity { unsent: !self.out.is_empty(), ..std::mem::take(&mut self.moved) };
        let _ = self.session.observe(&self.policy, now, activity);
        let io = Io { unread: tcp.up.is_readable(), ended: tcp.up.has_ended() };
        let moved = match self.session.next(&self.policy, now, io) {
            Next::Read => self.read(tcp, usize::MAX),
            Next::Discard { most } => self.read(tcp, most.try_into().unwrap_or(usize::MAX)),
            Next::ShutdownWrite => {
                tcp.down.end();
                true
            }
            Next::Recv => true,
            Next::Wait if self.fault == Fault::ClosesAtTheBudget && self.session.is_lingering() => {
                self.end(tcp, Why::Asked, false)
            }
            Next::Write | Next::Wait => tcp.up.is_reset() && self.lose(),
            Next::HandOver => self.end(tcp, Why::Asked, false),
            Next::Close(why) => self.end(tcp, why, false),
            Next::Reset(why) => self.end(tcp, why, true),
        };
        moved || sent > 0 || received > 0
    }

    /// A limit may have passed.
    pub fn pass_time(&mut self, tcp: &mut Tcp, now: Time, choices: &mut Choices<'_>) {
        self.take_note(now, choices);
        while self.ended.is_none() {
            let unread = tcp.up.is_readable() && self.fault != Fault::JudgesFirst;
            let Some(lapse) = self.session.expire(&self.policy, now, unread) else { return };
            match lapse {
                Lapse::Read => {
                    self.read(tcp, usize::MAX);
                    self.take_note(now, choices);
                }
                Lapse::Idle => self.session.give_up(),
                Lapse::Late(expired) => {
                    let came = [&self.input[..], &tcp.up.unread()].concat();
                    let is_complete = came.windows(4).any(|end| end == b"\r\n\r\n");
                    self.is_unjust |= expired == Expired::Head && is_complete;
                    if self.session.respond_expired(expired, None, &mut self.out) {
                        self.answers.push(Answer { content: Vec::new(), is_complete: true });
                    }
                }
                Lapse::Over(_) => self.lost_patience = true,
            }
        }
    }

    /// Shows what was read.
    fn take_note(&mut self, now: Time, choices: &mut Choices<'_>) {
        self.show(choices);
        let activity = Activity { unsent: !self.out.is_empty(), ..std::mem::take(&mut self.moved) };
        let _ = self.session.observe(&self.policy, now, activity);
    }

    fn end(&mut self, tcp: &mut Tcp, why: Why, reset: bool) -> bool {
        assert!(self.ended.replace((why, reset)).is_none(), "a connection ends once");
        match reset && self.fault != Fault::NeverResets {
            true => tcp.reset(End::Server),
            false => tcp.close(End::Server),
        }
        true
    }

    fn lose(&mut self) -> bool {
        let _ = self.session.gone();
        true
    }

    fn read(&mut self, tcp: &mut Tcp, most: usize) -> bool {
        match tcp.up.read(most, &mut self.input) {
            Got::Bytes(n) => self.moved.received += n,
            Got::Nothing => return false,
            Got::End => self.session.recv_eof(),
            Got::Reset => return self.lose(),
        }
        true
    }

    fn show(&mut self, choices: &mut Choices<'_>) {
        let mut input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        let mut slots = std::mem::take(&mut self.slots);
        loop {
            match self.session.recv(&self.policy, &mut rest, &mut slots) {
                Ok(Recv::Event(ServerEvent::Request(_))) => {
                    let n = choices.byte();
                    self.habit = match n % 5 {
                        0 => Habit::WholeAtHead,
                        1 => Habit::WholeAtEnd,
                        2 => Habit::Later(n / 64),
                        3 => Habit::Stream(n / 32),
                        _ => Habit::Fail(n / 64),
                    };
                    if self.habit == Habit::WholeAtHead {
                        self.whole();
                    }
                    if matches!(self.habit, Habit::Stream(_) | Habit::Fail(_)) {
                        self.begin();
                    }
                }
                Ok(Recv::Event(_)) => {}
                Ok(Recv::NeedInput(_)) if self.session.conn().send_continue_if_wanted(&mut self.out) => {}
                Ok(Recv::Paused(Pause::AwaitingResponse)) if self.habit == Habit::WholeAtEnd => self.whole(),
                Ok(Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed) => break,
                Err(error) => {
                    if self.session.respond_error(&error, None, &mut self.out) {
                        self.answers.push(Answer { content: Vec::new(), is_complete: true });
                    }
                }
            }
        }
        let used = input.len() - rest.len();
        input.drain(..used);
        (self.input, self.slots) = (input, slots);
    }

    fn whole(&mut self) {
        let content = format!("answer {}", self.answers.len()).into_bytes();
        if self.session.conn().respond_with(200, &(), &content, &mut self.out).is_ok() {
            self.answers.push(Answer { content, is_complete: true });
        }
    }

    fn begin(&mut self) {
        if self.session.conn().respond(200, &(), BodyLen::Unknown, &mut self.out).is_ok() {
            self.answers.push(Answer { content: Vec::new(), is_complete: false });
        }
    }

    /// The handler does the next thing that it has in mind.
    fn go_on(&mut self) {
        match self.habit {
            Habit::Later(0) => {
                self.whole();
                self.habit = Habit::WholeAtHead;
            }
            Habit::Later(n) => self.habit = Habit::Later(n - 1),
            Habit::Stream(0) | Habit::Fail(0) => {
                let fails = self.habit == Habit::Fail(0);
                self.habit = Habit::WholeAtHead;
                if fails {
                    return self.session.abort();
                }
                if let Some(body) = self.session.conn().body()
                    && body.end(&(), &mut self.out).is_ok()
                    && let Some(answer) = self.answers.last_mut()
                {
                    answer.is_complete = true;
                }
            }
            Habit::Stream(n) | Habit::Fail(n) => {
                let more = vec![b'a' + n; 1 + 20 * usize::from(n)];
                if let Some(mut body) = self.session.conn().body()
                    && body.data(&more, &mut self.out).is_ok()
                    && let Some(answer) = self.answers.last_mut()
                {
                    answer.content.extend(more);
                }
                self.habit = if matches!(self.habit, Habit::Fail(_)) {
                    Habit::Fail(n - 1)
                } else {
                    Habit::Stream(n - 1)
                };
            }
            Habit::WholeAtHead | Habit::WholeAtEnd => {}
        }
    }
}
