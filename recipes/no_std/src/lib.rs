//! # `no_std`: fixed buffers over a TCP stack in memory
//!
//! For a device without an operating system: smoltcp is the network, and all memory but the table of fields is arrays.
//! The limits make that safe: no head is longer than the input array, so the machine never waits for bytes there is no
//! room for. An event is only taken when the output array is empty, so an answer has all of it. What follows from what
//! was said and from time is decided by the session; this file moves bytes.
#![no_std]

mod fixed;

use core::mem;
pub use fixed::Fixed;
use h1wire_proto::serving::{Io, Lapse, Next, Policy, Session};
use h1wire_proto::{
    Activity, BodyLen, Conn, Limits, Pause, Recv, Server, ServerEvent, Slots, Time, Timeouts,
};
use smoltcp::socket::tcp::{RecvError, Socket};

/// The longest head, and the most that is read at once.
const INPUT: usize = 1024;
/// The longest answer to one event, which may be as much content as was read, and its framing.
const OUTPUT: usize = 1536;

/// Is told every event, and answers the requests among them.
pub type Handle<'a> = dyn FnMut(ServerEvent<'_, '_>, &mut Conn<Server>, &mut Fixed<OUTPUT>) + 'a;

/// A server on one socket, for one connection after another.
pub struct Port {
    number: u16,
    policy: Policy,
    slots: Slots,
    input: Fixed<INPUT>,
    out: Fixed<OUTPUT>,
    /// Of the connection there is.
    session: Option<Session>,
    moved: Activity,
    ended: bool,
    /// When the socket is cut off that was closed on our side.
    cut_at: Option<Time>,
}

impl Port {
    /// A server that will listen on the port `number`.
    pub fn new(number: u16, limits: Timeouts) -> Self {
        let mut policy = Policy::default();
        (policy.timeouts, policy.advertise_keep_alive) = (limits, false);
        let bounds = Limits { head_bytes: INPUT as u32, fields: Some(32), ..Limits::DEFAULT };
        policy.protocol.limits = Limits { trailer_bytes: 256, chunk_line_bytes: 256, ..bounds };
        Self::listening(number, policy, Slots::new())
    }

    fn listening(number: u16, policy: Policy, slots: Slots) -> Self {
        let (input, out, moved) = (Fixed::new(), Fixed::new(), Activity::default());
        Self { number, policy, slots, input, out, session: None, moved, ended: false, cut_at: None }
    }

    /// Does what can be done now. To be called after each poll of the interface, and at the time it says.
    pub fn poll(&mut self, socket: &mut Socket<'_>, now: Time, handle: &mut Handle<'_>) -> Option<Time> {
        if !socket.is_open() {
            let (policy, slots) = (mem::take(&mut self.policy), mem::take(&mut self.slots));
            *self = Self::listening(self.number, policy, slots);
            let _ = socket.listen(self.number);
        }
        if !socket.is_active() {
            return None;
        }
        let mut session = self.session.take().unwrap_or_else(|| Session::new(&self.policy, now, 0));
        loop {
            while self.step(&mut session, socket, now, handle) {}
            match session.expire(&self.policy, now, false) {
                Some(Lapse::Idle) => session.give_up(),
                Some(Lapse::Late(limit)) => _ = session.respond_expired(limit, None, &mut self.out),
                Some(Lapse::Read | Lapse::Over(_)) => {}
                None => break,
            }
        }
        if self.out.is_overflown() || self.cut_at.is_some_and(|at| at <= now) {
            socket.abort();
        }
        let next = session.deadline(&self.policy).into_iter().chain(self.cut_at).min();
        self.session = Some(session);
        next
    }

    /// Does one thing, or says that nothing can be done.
    fn step(
        &mut self,
        session: &mut Session,
        socket: &mut Socket<'_>,
        now: Time,
        handle: &mut Handle<'_>,
    ) -> bool {
        if !self.out.bytes().is_empty() || self.out.is_overflown() {
            let n = socket.send_slice(self.out.bytes()).unwrap_or(0);
            self.out.consume(n);
            self.moved.sent += n;
            if n > 0 {
                return true;
            }
        }
        let unsent = !self.out.bytes().is_empty();
        let happened = !unsent && self.take(session, handle);
        let moved = mem::take(&mut self.moved);
        let _ = session.observe(&self.policy, now, Activity { unsent, paused: unsent, ..moved });
        if happened || unsent {
            return happened;
        }
        match session.next(&self.policy, now, Io::default()) {
            Next::Recv => return true,
            Next::Read => return self.read(session, socket, INPUT),
            Next::Discard { most } => return self.read(session, socket, most.try_into().unwrap_or(INPUT)),
            Next::ShutdownWrite => {
                socket.close();
                return true;
            }
            // The client has not closed in its time, or is waited for no longer. Elsewhere the FIN goes out here.
            Next::Close(_) if socket.may_recv() && !socket.may_send() => socket.abort(),
            Next::Close(_) => {
                socket.close();
                self.cut_at = self.cut_at.or(self.policy.timeouts.linger.map(|limit| now + limit));
            }
            Next::Reset(_) | Next::HandOver => socket.abort(),
            Next::Write | Next::Wait => {}
        }
        false
    }

    /// Takes an event from what was read. Whether there was one, or something was said.
    fn take(&mut self, session: &mut Session, handle: &mut Handle<'_>) -> bool {
        let mut rest = self.input.bytes();
        let happened = match session.recv(&self.policy, &mut rest, &mut self.slots) {
            Ok(Recv::Event(event)) => {
                handle(event, session.conn(), &mut self.out);
                true
            }
            Ok(Recv::NeedInput(_)) => session.conn().send_continue_if_wanted(&mut self.out),
            // The request is complete, and the handler left it unanswered.
            Ok(Recv::Paused(Pause::AwaitingResponse)) => {
                session.conn().respond(404, &(), BodyLen::None, &mut self.out).is_ok()
            }
            Ok(Recv::Paused(_) | Recv::Closed) => false,
            Err(error) => session.respond_error(&error, None, &mut self.out),
        };
        let left = rest.len();
        self.input.consume(self.input.bytes().len() - left);
        happened
    }

    /// Reads so much at most. Whether something came, or the end.
    fn read(&mut self, session: &mut Session, socket: &mut Socket<'_>, most: usize) -> bool {
        let room = self.input.room();
        let most = most.min(room.len());
        match socket.recv_slice(room.get_mut(..most).unwrap_or_default()) {
            Ok(n) => {
                self.input.filled(n);
                self.moved.received += n;
                n > 0
            }
            Err(RecvError::Finished) if !mem::replace(&mut self.ended, true) => {
                session.recv_eof();
                true
            }
            Err(_) => false,
        }
    }
}
