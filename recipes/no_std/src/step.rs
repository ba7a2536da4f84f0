//! One step of a port: bytes are moved, shown to the session, or what it says is done with the socket.

use crate::{Handle, INPUT, Port};
use core::mem;
use h1wire_proto::serving::{Io, Next, Session};
use h1wire_proto::{Activity, BodyLen, Pause, Recv, Time};
use smoltcp::socket::tcp::{RecvError, Socket};

impl Port {
    /// Does one thing, or says that nothing can be done.
    pub(crate) fn step(
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
            // The client has not closed in its time.
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
