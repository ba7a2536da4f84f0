//! # io_uring: a connection lies in the ring while the kernel works for it
//!
//! Completion IO wants buffers that stay where they are until the kernel is done. A machine that keeps none leaves them
//! to whoever can promise that: here each operation owns its connection, buffers included, until its completion gives it
//! back. What is received comes to lie after what is left from before. One thread, one system call for all that is due.
//! What follows from what came and from time is the session's to say.

mod connection;
mod ring;

use crate::Result;
use connection::{Fate, Kept, READ};
use h1wire_proto::serving::{Policy, Session};
use h1wire_proto::{Activity, Conn, InBuf, Server, ServerEvent, Slots, Time, Timeouts};
use ring::{Completion, Operation, Ring, Wire};
use std::net::TcpListener;
use std::time::Instant;

/// Is told every event of every connection, and answers the requests among them.
pub type Handle<'a> = dyn FnMut(ServerEvent<'_, '_>, &mut Conn<Server>, &mut Vec<u8>) -> Result + 'a;

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
