//! # `no_std`: fixed buffers over a TCP stack in memory
//!
//! For a device without an operating system: smoltcp is the network, and all memory but the table of fields is arrays.
//! The limits make that safe: no head is longer than the input array, so the machine never waits for bytes there is no
//! room for. An event is only taken when the output array is empty, so an answer has all of it. What follows from what
//! was said and from time is decided by the session; this file moves bytes.
#![no_std]

mod fixed;
mod step;

pub use fixed::Fixed;
use h1wire_proto::serving::{Lapse, Policy, Session};
use h1wire_proto::{Activity, Conn, Limits, Server, ServerEvent, Slots, Time, Timeouts};
use smoltcp::socket::tcp::Socket;

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
    /// When a socket that was closed on our side is cut off.
    cut_at: Option<Time>,
}

impl Port {
    /// A server that will listen on the port `number`.
    pub fn new(number: u16, limits: Timeouts) -> Self {
        let mut policy = Policy::default();
        (policy.timeouts, policy.advertise_keep_alive) = (limits, false);
        let bounds = Limits { head_bytes: INPUT as u32, fields: Some(32), ..Limits::DEFAULT };
        policy.protocol.limits = Limits { trailer_bytes: 256, chunk_line_bytes: 256, ..bounds };
        let (slots, input, out, moved) = (Slots::new(), Fixed::new(), Fixed::new(), Activity::default());
        Self { number, policy, slots, input, out, session: None, moved, ended: false, cut_at: None }
    }

    /// Does what can be done now. To be called after each poll of the interface, and at the time it says.
    pub fn poll(&mut self, socket: &mut Socket<'_>, now: Time, handle: &mut Handle<'_>) -> Option<Time> {
        if !socket.is_open() {
            (self.input, self.out, self.moved) = (Fixed::new(), Fixed::new(), Activity::default());
            (self.session, self.ended, self.cut_at) = (None, false, None);
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
}
