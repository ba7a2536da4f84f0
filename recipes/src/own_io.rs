//! # Own IO: the smallest correct server loop
//!
//! Blocking sockets, one thread for each connection, nothing but a session. It decides everything about the protocol; what
//! is left are four steps: show what was read, write what was said, ask what follows, read within the time that is allowed.
//! Every other way of doing IO is this loop with other calls in steps two and four.

mod answer;

use crate::Result;
pub use answer::{Answer, date};
use h1wire_proto::serving::{Io, Lapse, Next, Policy, Session};
use h1wire_proto::{Activity, BodyLen, InBuf, Pause, Recv, ServerEvent, Slots, Time, Timeouts};
use socket2::SockRef;
use std::io::{ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// How much is read at once, and how much output gathers before it is written.
const READ: usize = 16 * 1024;

/// A connection that another protocol took over, without time limits, and the first bytes of that protocol.
pub type Switched = (TcpStream, Vec<u8>);

/// Serves one connection until it ends, or until `limits` end it. `handle` is told every event and answers the requests
/// among them; an answer it leaves unfinished is cut off so that the client can tell.
pub fn serve_connection(
    stream: TcpStream,
    limits: &Timeouts,
    mut handle: impl FnMut(ServerEvent<'_, '_>, &mut Answer<'_>) -> Result,
) -> Result<Option<Switched>> {
    let mut policy = Policy::default();
    (policy.timeouts, policy.advertise_keep_alive) = (*limits, false);
    let began = Instant::now();
    let now = || Time(began.elapsed().as_millis() as u64);
    let mut session = Session::new(&policy, now(), 0);
    let (mut slots, mut input, mut out) = (Slots::new(), InBuf::new(), Vec::new());
    let (mut moved, mut outcome) = (Activity::default(), Ok(None));
    let room = policy.protocol.limits.max_contiguous() + READ;
    stream.set_write_timeout(limits.write)?;
    loop {
        // 1. What is complete in the input becomes events, and events become answers.
        let mut rest = input.bytes();
        let shown = loop {
            match session.recv(&policy, &mut rest, &mut slots) {
                Ok(Recv::Event(event)) => {
                    let (conn, sent) = (session.conn(), &mut moved.sent);
                    let mut answer = Answer { conn, out: &mut out, stream: &stream, sent };
                    if let Err(error) = handle(event, &mut answer) {
                        break Err(error);
                    }
                }
                // Nobody refused the content that the client would rather ask about first.
                Ok(Recv::NeedInput(_)) if session.conn().send_continue_if_wanted(&mut out) => {}
                // The handler left it unanswered.
                Ok(Recv::Paused(Pause::AwaitingResponse)) => {
                    session.conn().respond(404, &(), BodyLen::None, &mut out)?;
                }
                Ok(Recv::Paused(Pause::FinishResponse)) => break Err("the answer has no end".into()),
                Ok(Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed) => break Ok(()),
                Err(error) => _ = session.respond_error(&error, Some(&date()), &mut out),
            }
        };
        let used = input.len() - rest.len();
        input.consume(used);

        // 2. What was said is written.
        let (conn, sent) = (session.conn(), &mut moved.sent);
        let written = Answer { conn, out: &mut out, stream: &stream, sent }.flush();
        if let Err(error) = shown {
            session.abort();
            outcome = Err(error);
        } else if written.is_err() {
            let _ = session.gone();
        }

        // 3. What moved, and what follows.
        let _ = session.observe(&policy, now(), std::mem::take(&mut moved));
        let mut next = session.next(&policy, now(), Io::default());
        if matches!(next, Next::Close(_)) {
            next = session.next(&policy, now(), Io { unread: is_unread(&stream), ended: false });
        }
        let most = match next {
            Next::Read => READ,
            Next::Discard { most } => most.try_into().unwrap_or(READ),
            Next::ShutdownWrite => {
                let _ = stream.shutdown(Shutdown::Write);
                continue;
            }
            Next::HandOver => {
                stream.set_read_timeout(None)?;
                stream.set_write_timeout(None)?;
                return Ok(Some((stream, input.bytes().to_vec())));
            }
            Next::Close(_why) => return outcome,
            Next::Reset(_why) => {
                SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
                return outcome;
            }
            Next::Recv => continue,
            // What the client sends is left where it is, which stops it.
            Next::Write | Next::Wait => 0,
        };

        // 4. More is read, or the time is up.
        let wait = session.deadline(&policy).map(|at| Duration::from_millis(at.since(now()).max(1)));
        stream.set_read_timeout(wait)?;
        let buffer = input.spare(READ, room);
        let most = most.min(buffer.len());
        let read = match most {
            0 => {
                std::thread::sleep(wait.unwrap_or(Duration::from_secs(1)));
                Err(ErrorKind::TimedOut.into())
            }
            most => (&stream).read(&mut buffer[..most]),
        };
        match read {
            Ok(0) => session.recv_eof(),
            Ok(n) => {
                moved.received = n;
                input.filled(n);
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                while let Some(lapse) = session.expire(&policy, now(), false) {
                    match lapse {
                        Lapse::Idle => session.give_up(),
                        Lapse::Late(limit) => _ = session.respond_expired(limit, Some(&date()), &mut out),
                        Lapse::Read | Lapse::Over(_) => {}
                    }
                }
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => _ = session.gone(),
        }
    }
}

/// Whether something lies in the socket that nobody read.
pub(crate) fn is_unread(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).is_ok_and(|()| matches!(stream.peek(&mut [0]), Ok(1..)))
        && stream.set_nonblocking(false).is_ok()
}
