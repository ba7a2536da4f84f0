//! # io_uring: a connection lies in the ring while the kernel works for it
//!
//! Completion IO wants buffers that stay where they are until the kernel is done. A machine that keeps none leaves them
//! to whoever can promise that: here each operation owns its connection, buffers included, until its completion gives it
//! back. What is received comes to lie after what is left from before. One thread, one system call for all that is due.

mod ring;

use crate::Result;
use crate::own_io::date;
use h1wire_proto::{
    Activity, Advice, BodyLen, Conn, InBuf, Recv, Server, ServerConfig, ServerEvent, Slots, Time, Timeouts,
    Timers,
};
use ring::{Completion, Operation, Ring, Wire};
use std::net::{Shutdown, TcpListener};
use std::time::Instant;

const READ: usize = 16 * 1024;
const DISCARD: usize = 256 * 1024;

/// Is told every event of every connection, and answers the requests among them.
pub type Handle<'a> = dyn FnMut(ServerEvent<'_, '_>, &mut Conn<Server>, &mut Vec<u8>) -> Result + 'a;

/// What is kept of a connection beside its socket and buffers.
struct Kept {
    conn: Conn<Server>,
    timers: Timers,
    /// The status to tell a client that is late.
    late: Option<u16>,
    over: bool,
    discarded: usize,
}

/// Serves so many connections, at once or one after another, each until it ends or `limits` end it.
pub fn serve(
    listener: TcpListener,
    connections: usize,
    limits: &Timeouts,
    handle: &mut Handle<'_>,
) -> Result {
    let (config, began) = (ServerConfig::default(), Instant::now());
    let time = || Time(began.elapsed().as_millis() as u64);
    let mut ring = Ring::<Kept>::new()?;
    let (mut slots, mut accepted) = (Slots::new(), 0);
    ring.submit(Operation::Accept(listener))?;
    while !ring.is_idle() {
        // Time: shutting a socket down completes what is under way for it. For many connections there is `Wheel`.
        let (now, mut next) = (time(), Time(u64::MAX));
        for (stream, kept) in ring.under_way() {
            if let Some(expired) = kept.timers.poll(now, limits) {
                kept.late = expired.status();
                let _ = stream.shutdown(kept.late.map_or(Shutdown::Both, |_| Shutdown::Read));
            }
            next = next.min(kept.timers.next(limits).unwrap_or(next));
        }
        for completion in ring.wait(next.since(now).clamp(1, 60_000))? {
            let next = match completion {
                Completion::Accepted(listener, stream) => {
                    accepted += usize::from(stream.is_ok());
                    if accepted < connections {
                        ring.submit(Operation::Accept(listener))?;
                    }
                    let Ok(stream) = stream else { continue };
                    let (conn, timers) = (Conn::<Server>::new(&config), Timers::server(time(), limits));
                    let wire = Wire { stream, input: InBuf::new(), out: Vec::new() };
                    let kept = Kept { conn, timers, late: None, over: false, discarded: 0 };
                    Some(Operation::Receive { wire, kept, room: READ })
                }
                Completion::Received(mut wire, mut kept, Ok(received)) => {
                    // What fails here ends this connection alone.
                    let Ok(heads) = kept.turn(received, &mut wire, &mut slots, handle) else { continue };
                    kept.next(wire, time(), Activity { received, heads, ..Activity::default() })
                }
                Completion::Sent(wire, kept, Ok(sent)) => {
                    kept.next(wire, time(), Activity { sent, ..Activity::default() })
                }
                // The connection is lost.
                Completion::Received(_, _, Err(_)) | Completion::Sent(_, _, Err(_)) => None,
            };
            if let Some(operation) = next {
                ring.submit(operation)?;
            }
        }
    }
    Ok(())
}

impl Kept {
    /// Events become answers. Says how many heads there were.
    fn turn(
        &mut self,
        received: usize,
        wire: &mut Wire,
        slots: &mut Slots,
        handle: &mut Handle<'_>,
    ) -> Result<u32> {
        match (received, self.late.take()) {
            (0, Some(status)) => {
                self.conn.respond(status, &[("Connection", "close")], BodyLen::None, &mut wire.out)?;
            }
            (0, None) => self.conn.recv_eof(),
            _ => {}
        }
        let (mut rest, mut heads) = (wire.input.bytes(), 0);
        self.over = loop {
            match self.conn.recv(&mut rest, slots) {
                Ok(Recv::Event(event)) => {
                    heads += u32::from(matches!(event, ServerEvent::Request(_)));
                    handle(event, &mut self.conn, &mut wire.out)?;
                }
                Ok(Recv::NeedInput(_)) if self.conn.send_continue_if_wanted(&mut wire.out) => {}
                Ok(Recv::NeedInput(_)) => break false,
                Ok(Recv::Paused(_)) => self.conn.respond(404, &(), BodyLen::None, &mut wire.out)?,
                Ok(Recv::Closed) => break true,
                Err(error) => {
                    let _ = self.conn.respond_error(&error, Some(&date()), &mut wire.out);
                    break true;
                }
            }
        };
        let left = rest.len();
        wire.input.consume(wire.input.len() - left);
        Ok(heads)
    }

    /// What the kernel is to do next; `None` closes the socket. Nothing is read while something is to be sent.
    fn next(mut self, mut wire: Wire, now: Time, activity: Activity) -> Option<Operation<Self>> {
        let unsent = !wire.out.is_empty();
        let activity = Activity { unsent, paused: unsent, ..activity };
        let _ = self.timers.observe(now, self.conn.phase(), activity);
        if unsent {
            return Some(Operation::Send { wire, kept: self });
        }
        match self.conn.advice() {
            Advice::Continue | Advice::Reuse if !self.over => {}
            Advice::Drain | Advice::Linger if self.discarded < DISCARD => self.discarded += activity.received,
            _ => return None,
        }
        if self.conn.advice() == Advice::Linger {
            let _ = wire.stream.shutdown(Shutdown::Write);
            wire.input.consume(usize::MAX);
        }
        Some(Operation::Receive { wire, kept: self, room: READ })
    }
}
