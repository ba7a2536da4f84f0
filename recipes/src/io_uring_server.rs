//! # io_uring: a connection lies in the ring while the kernel works for it
//!
//! Completion IO wants buffers that stay where they are until the kernel is done. A machine that keeps none leaves them
//! to whoever can promise that: here each operation owns its connection, buffers included, until its completion gives it
//! back. What is received comes to lie after what is left from before. One thread, one system call for all that is due.
//! What follows from what came and from time is the session's to say.

mod ring;

use crate::Result;
use crate::own_io::{date, is_unread};
use h1wire_proto::serving::{Io, Lapse, Next, Policy, Session};
use h1wire_proto::{
    Activity, BodyLen, Conn, Expired, InBuf, Pause, Recv, Server, ServerEvent, Slots, Time, Timeouts,
};
use ring::{Completion, Operation, Ring, Wire};
use socket2::SockRef;
use std::net::{Shutdown, TcpListener};
use std::time::{Duration, Instant};

const READ: usize = 16 * 1024;

/// Is told every event of every connection, and answers the requests among them.
pub type Handle<'a> = dyn FnMut(ServerEvent<'_, '_>, &mut Conn<Server>, &mut Vec<u8>) -> Result + 'a;

/// What is kept of a connection beside its socket and buffers.
struct Kept {
    session: Session,
    /// A limit passed while the kernel had the buffers.
    late: Option<Expired>,
}

/// What is to become of a connection.
enum Fate {
    Submit(Operation<Kept>),
    /// Nothing is to be read or written: it waits for its time.
    Wait(Wire, Kept),
    Close,
}

/// Serves so many connections, at once or one after another, each until it ends or `limits` end it.
pub fn serve(
    listener: TcpListener,
    connections: usize,
    limits: &Timeouts,
    handle: &mut Handle<'_>,
) -> Result {
    let mut policy = Policy::default();
    (policy.timeouts, policy.advertise_keep_alive) = (*limits, false);
    let began = Instant::now();
    let now = || Time(began.elapsed().as_millis() as u64);
    let mut ring = Ring::<Kept>::new()?;
    let (mut slots, mut accepted, mut waiting) = (Slots::new(), 0, Vec::<(Wire, Kept)>::new());
    ring.submit(Operation::Accept(listener))?;
    while !ring.is_idle() || !waiting.is_empty() {
        // Time: shutting a socket down completes what is under way for it. For many connections there is `Wheel`.
        let (time, mut next) = (now(), Time(u64::MAX));
        for (stream, kept) in ring.under_way() {
            if let Some(how) = kept.expire(&policy, time) {
                let _ = stream.shutdown(how);
            }
            next = next.min(kept.session.deadline(&policy).unwrap_or(next));
        }
        waiting.retain_mut(|(_, kept)| kept.expire(&policy, time).is_none());
        next = waiting
            .iter()
            .filter_map(|(_, kept)| kept.session.deadline(&policy))
            .min()
            .unwrap_or(next)
            .min(next);
        for completion in ring.wait(next.since(time).clamp(1, 60_000))? {
            let fate = match completion {
                Completion::Accepted(listener, stream) => {
                    accepted += usize::from(stream.is_ok());
                    if accepted < connections {
                        ring.submit(Operation::Accept(listener))?;
                    }
                    let Ok(stream) = stream else { continue };
                    let wire = Wire { stream, input: InBuf::new(), out: Vec::new() };
                    let kept = Kept { session: Session::new(&policy, now(), accepted as u64), late: None };
                    Fate::Submit(Operation::Receive { wire, kept, room: READ })
                }
                Completion::Received(wire, mut kept, Ok(received)) => {
                    if received == 0 && kept.late.is_none() {
                        kept.session.recv_eof();
                    }
                    let moved = Activity { received, ..Activity::default() };
                    kept.turn(wire, moved, &policy, now(), &mut slots, handle)
                }
                Completion::Sent(wire, kept, Ok(sent)) => {
                    let moved = Activity { sent, ..Activity::default() };
                    kept.turn(wire, moved, &policy, now(), &mut slots, handle)
                }
                // The connection is lost.
                Completion::Received(_, _, Err(_)) | Completion::Sent(_, _, Err(_)) => Fate::Close,
            };
            match fate {
                Fate::Submit(operation) => ring.submit(operation)?,
                Fate::Wait(wire, kept) => waiting.push((wire, kept)),
                Fate::Close => {}
            }
        }
    }
    Ok(())
}

impl Kept {
    /// What a limit that passed by `now` asks of the socket.
    fn expire(&mut self, policy: &Policy, now: Time) -> Option<Shutdown> {
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
    fn turn(
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
