//! How connections end: with an answer to what the client did wrong, in silence, or read until the client has read.

use std::cell::RefCell;
use std::io;
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};

use h1wire_proto::{Advice, Expired};

use super::Response;
use super::client_error::ClientError;
use super::exchange::{Exchange, Sending};
use super::fault::Fault;
use super::guard::guarded;
use super::link::{After, Got, Link};
use super::queue::Queue;
use super::report::Failed;
use super::response::Draft;
use super::serve::Worker;
use crate::clock;

impl Worker {
    /// Answers a client that was wrong or late where no handler has its request, and ends the connection.
    pub(super) fn give_up(&mut self, exchange: &mut RefCell<Exchange>, fault: &Fault) -> After {
        let x = exchange.get_mut();
        if matches!(fault, Fault::Expired(Expired::KeepAlive)) {
            return close(x);
        }
        x.failed = Some(Failed::from(fault));
        self.answer_fault(exchange, fault);
        let x = exchange.get_mut();
        x.report(None);
        self.last(x)
    }

    /// Ends a connection whose client was wrong or late, and was answered.
    pub(super) fn last(&self, x: &mut Exchange) -> After {
        x.link.conn.keep_reading(false);
        if x.aborted { abandon(x) } else { leave(x, &self.core.queue).unwrap_or(After::End) }
    }

    /// Answers a client that was wrong or late, unless an answer is under way, by the user's hook or as the machine and
    /// the timers say. What comes after that is nobody's.
    pub(super) fn answer_fault(&mut self, exchange: &RefCell<Exchange>, fault: &Fault) {
        {
            let x = &mut *exchange.borrow_mut();
            x.sending = Sending::Head;
            x.received = true;
            x.buffers.gathered.clear();
            x.link.conn.close_after_response();
        }
        let asked = self.ask_about(exchange, fault);
        let x = &mut *exchange.borrow_mut();
        x.aborted |= !asked;
        let is_unanswered = !x.aborted && x.sending == Sending::Head;
        if is_unanswered && !answer_as_machine(x, fault) || x.flush_out().is_err() {
            x.aborted = true;
        }
    }

    /// Lets the user's hook answer. `false`: it ended the connection, or failed after it had begun an answer.
    fn ask_about(&mut self, exchange: &RefCell<Exchange>, fault: &Fault) -> bool {
        self.headers.clear();
        self.response_trailers.clear();
        let peer = exchange.borrow().peer();
        let raw = {
            let x = exchange.borrow();
            let raw = if self.first.is_empty() { x.buffers.more.bytes() } else { self.first.bytes() };
            raw.to_vec()
        };
        let mut response = Response {
            exchange,
            headers: &mut self.headers,
            trailers: &mut self.response_trailers,
            draft: Draft::default(),
            rest: &[],
        };
        let asked = match (fault, &self.handlers.client_error, &self.handlers.timeout) {
            (Fault::Protocol(error), Some(hook), _) => {
                let bytes_parsed = exchange.borrow().link.conn.recv_offset();
                let error = ClientError { error: *error, raw: &raw, bytes_parsed };
                catch_unwind(AssertUnwindSafe(|| hook(&error, &mut response)))
            }
            (Fault::Expired(expired), _, Some(hook)) if *expired != Expired::Idle => {
                // What is idle was asked about before, and nothing else is kept.
                let asked = AssertUnwindSafe(|| hook(*expired, peer, Some(&mut response)));
                catch_unwind(asked).map(|_kept| Ok(()))
            }
            (Fault::Stream(error), ..) => {
                if let Some(hook) = &self.core.settings.hooks.stream_error {
                    let told = guarded(|| hook(error, peer));
                    self.counters.panics.add(told.is_none().into());
                }
                return true;
            }
            _ => return true,
        };
        self.counters.panics.add(asked.is_err().into());
        if exchange.borrow().aborted {
            return false;
        }
        if !response.is_head_sent() && exchange.borrow().buffers.gathered.is_empty() {
            return true;
        }
        let outcome: io::Result<()> = asked.unwrap_or_else(|_panic| Err(io::ErrorKind::Other.into()));
        outcome.is_ok() && response.finish().is_ok()
    }
}

/// Answers as the machine and the timers say. `false`: there is nothing to say, or an answer is under way already.
fn answer_as_machine(x: &mut Exchange, fault: &Fault) -> bool {
    let date = x.link.rules.options.send_date.then(|| *x.buffers.date.now());
    let (conn, out) = (&mut x.link.conn, &mut x.buffers.out);
    let answered = match fault {
        Fault::Protocol(error) => conn.respond_error(error, date.as_ref(), out),
        Fault::Expired(expired) => conn.respond_expired(*expired, date.as_ref(), out),
        Fault::Stream(_) => return false,
    };
    if answered.is_ok() {
        x.status = fault.status().unwrap_or_default();
        x.sending = Sending::Ended;
    }
    answered.is_ok()
}

/// Follows the machine's advice when an exchange is over. `None`: there may be another.
#[inline]
pub(crate) fn leave(x: &mut Exchange, others: &Queue<Box<Link>>) -> Option<After> {
    match x.link.conn.advice() {
        Advice::Reuse | Advice::Continue => None,
        Advice::Drain => {
            if x.flush_out().is_ok() && x.discard_content(Some(others)) {
                leave(x, others)
            } else {
                Some(linger(x))
            }
        }
        Advice::Linger => Some(linger(x)),
        Advice::Close => Some(close(x)),
        Advice::Switched => Some(After::End),
    }
}

/// Ends a connection whose client has nothing on the way, as far as the machine knows. What has come since, and nobody
/// has read, is the socket's to know.
pub(crate) fn close(x: &mut Exchange) -> After {
    if x.flush_out().is_ok()
        && let Some(stream) = &mut x.link.stream
    {
        if stream.is_readable() {
            return linger(x);
        }
        // Whether it fails does not matter: it is over.
        let _ = stream.shutdown(Shutdown::Both);
    }
    After::End
}

/// Ends a connection whose handler does.
pub(crate) fn abandon(x: &mut Exchange) -> After {
    if x.sending == Sending::Content {
        x.link.cut_off();
    }
    After::End
}

/// Ends a connection whose client may still be sending: closed at once, it would lose the last response to a reset
/// (RFC 9112 section 9.6).
fn linger(x: &mut Exchange) -> After {
    if x.flush_out().is_err() {
        return After::End;
    }
    let Some(stream) = &mut x.link.stream else { return After::End };
    if stream.shutdown(Shutdown::Write).is_err() {
        return After::End;
    }
    if x.link.can_park() {
        return After::Linger;
    }
    read_out(x);
    After::End
}

/// Reads until the client closes, where nobody else can, by the rules of `front`. The time of the machine's own linger
/// may be over before.
fn read_out(x: &mut Exchange) {
    let limit = x.link.rules.options.timeouts.linger;
    let due = limit.map(|limit| clock::now() + limit);
    let mut left = x.link.rules.options.linger_limit;
    let mut scrap = [0; 4096];
    loop {
        let ms = due.map_or(u64::from(u32::MAX), |at| at.since(clock::now()));
        if ms == 0 {
            return x.counters.time_limit(Expired::Linger);
        }
        match x.link.read_within(u32::try_from(ms).unwrap_or(u32::MAX), &mut scrap, &x.counters) {
            Got::Bytes(n) if n as u64 <= left => left -= n as u64,
            Got::Nothing => {}
            Got::Expired(expired) => return x.counters.time_limit(expired),
            Got::Bytes(_) | Got::Eof | Got::Failed(_) => return,
        }
    }
}
