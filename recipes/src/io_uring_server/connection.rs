//! One connection of the io_uring server: what is shown to its session, and what the session says is to be done next.

use super::Handle;
use super::ring::{Operation, Wire};
use crate::Result;
use crate::own_io::{date, is_unread};
use h1wire_proto::serving::{Io, Lapse, Next, Policy, Session};
use h1wire_proto::{Activity, BodyLen, Expired, Pause, Recv, Slots, Time};
use socket2::SockRef;
use std::net::Shutdown;
use std::time::Duration;

/// How much is read at once.
pub(super) const READ: usize = 16 * 1024;

/// What is kept of a connection beside its socket and buffers.
pub(super) struct Kept {
    pub(super) session: Session,
    /// A limit passed while the kernel had the buffers.
    pub(super) late: Option<Expired>,
}

/// What is to become of a connection.
pub(super) enum Fate {
    Submit(Operation<Kept>),
    /// Nothing is to be read or written: it waits for its time.
    Wait(Wire, Kept),
    Close,
}

impl Kept {
    /// What a limit that passed by `now` asks of the socket.
    pub(super) fn expire(&mut self, policy: &Policy, now: Time) -> Option<Shutdown> {
        match self.session.expire(policy, now, false)? {
            Lapse::Late(limit) => {
                self.late = Some(limit);
                Some(Shutdown::Read)
            }
            Lapse::Idle => {
                self.session.give_up();
                Some(Shutdown::Both)
            }
            Lapse::Read => None,
            Lapse::Over(_) => Some(Shutdown::Both),
        }
    }

    /// Events become answers, and the session says what follows. What fails in `handle` ends this connection alone.
    pub(super) fn turn(
        mut self,
        mut wire: Wire,
        moved: Activity,
        policy: &Policy,
        now: Time,
        slots: &mut Slots,
        handle: &mut Handle<'_>,
    ) -> Fate {
        if let Some(limit) = self.late.take() {
            self.session.respond_expired(limit, Some(&date()), &mut wire.out);
        }
        // Nothing is shown to the machine while something is to be sent.
        if wire.out.is_empty() && self.show(&mut wire, policy, slots, handle).is_err() {
            self.session.abort();
        }
        let unsent = !wire.out.is_empty();
        let _ = self.session.observe(policy, now, Activity { unsent, paused: unsent, ..moved });
        if unsent {
            return Fate::Submit(Operation::Send { wire, kept: self });
        }
        loop {
            let mut next = self.session.next(policy, now, Io::default());
            if matches!(next, Next::Close(_)) {
                let unread = is_unread(&wire.stream);
                next = self.session.next(policy, now, Io { unread, ended: false });
            }
            let room = match next {
                Next::Read => READ,
                Next::Discard { most } => READ.min(most.try_into().unwrap_or(READ)),
                Next::ShutdownWrite => {
                    let _ = wire.stream.shutdown(Shutdown::Write);
                    continue;
                }
                Next::Recv => return self.turn(wire, Activity::default(), policy, now, slots, handle),
                Next::Write | Next::Wait => return Fate::Wait(wire, self),
                Next::Reset(_why) => {
                    let _ = SockRef::from(&wire.stream).set_linger(Some(Duration::ZERO));
                    return Fate::Close;
                }
                Next::Close(_) | Next::HandOver => return Fate::Close,
            };
            return Fate::Submit(Operation::Receive { wire, kept: self, room });
        }
    }

    /// Shows the machine what was received.
    fn show(
        &mut self,
        wire: &mut Wire,
        policy: &Policy,
        slots: &mut Slots,
        handle: &mut Handle<'_>,
    ) -> Result {
        let (mut rest, session) = (wire.input.bytes(), &mut self.session);
        loop {
            match session.recv(policy, &mut rest, slots) {
                Ok(Recv::Event(event)) => handle(event, session.conn(), &mut wire.out)?,
                Ok(Recv::NeedInput(_)) if session.conn().send_continue_if_wanted(&mut wire.out) => {}
                Ok(Recv::Paused(Pause::AwaitingResponse)) => {
                    session.conn().respond(404, &(), BodyLen::None, &mut wire.out)?;
                }
                Ok(Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed) => break,
                Err(error) => _ = session.respond_error(&error, Some(&date()), &mut wire.out),
            }
        }
        let left = rest.len();
        wire.input.consume(wire.input.len() - left);
        Ok(())
    }
}
