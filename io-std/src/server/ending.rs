//! How connections end: with an answer to what the client did wrong, in silence, or read until the client has read.

use std::cell::RefCell;
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};

use h1wire_proto::{Advice, Expired};

use super::Response;
use super::client_error::ClientError;
use super::exchange::{Exchange, Failure, Sending};
use super::link::Got;
use super::response::Draft;
use super::serve::{After, Worker};
use crate::clock;

impl Worker {
    /// Answers a client that was wrong or late, unless an answer is under way, and ends the connection.
    pub(super) fn give_up(&mut self, exchange: &mut RefCell<Exchange>, failure: &Failure) -> After {
        let x = exchange.get_mut();
        if matches!(failure, Failure::Expired(Expired::KeepAlive)) {
            return close(x);
        }
        x.sending = Sending::Head;
        x.received = true;
        x.buffers.gathered.clear();
        x.link.conn.close_after_response();
        if !self.ask_about(exchange, failure) {
            return abandon(exchange.get_mut());
        }
        let x = exchange.get_mut();
        if x.sending == Sending::Head && !answer_failure(x, failure) {
            return After::End;
        }
        if x.flush_out().is_err() { After::End } else { leave(x).unwrap_or(After::End) }
    }

    /// Lets the user's hook answer. `false`: it ended the connection, or failed after it had begun an answer.
    fn ask_about(&mut self, exchange: &RefCell<Exchange>, failure: &Failure) -> bool {
        let Some(hook) = &self.core.hooks.client_error else { return true };
        let error = {
            let x = exchange.borrow();
            let raw = if self.first.is_empty() { x.buffers.more.bytes() } else { self.first.bytes() };
            let bytes_parsed = x.link.conn.recv_offset();
            ClientError { failure, bytes_parsed, raw: raw.to_vec(), peer: x.link.peer }
        };
        self.headers.clear();
        self.response_trailers.clear();
        let mut response = Response {
            exchange,
            headers: &mut self.headers,
            trailers: &mut self.response_trailers,
            draft: Draft::default(),
            rest: &[],
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| hook(&error, &mut response)));
        if outcome.is_err() {
            self.counters.panics.add(1);
        }
        if exchange.borrow().aborted {
            return false;
        }
        if !response.is_head_sent() && exchange.borrow().buffers.gathered.is_empty() {
            return true;
        }
        matches!(outcome, Ok(Ok(()))) && response.finish().is_ok()
    }
}

/// Answers as the machine and the timers say. `false`: there is nothing to say, or an answer is under way already.
fn answer_failure(x: &mut Exchange, failure: &Failure) -> bool {
    let date = x.core.options.send_date.then(|| *x.buffers.date.now());
    let (conn, out) = (&mut x.link.conn, &mut x.buffers.out);
    let answered = match failure {
        Failure::Protocol(error) => conn.respond_error(error, date.as_ref(), out),
        Failure::Expired(expired) => conn.respond_expired(*expired, date.as_ref(), out),
        Failure::Stream(_) => return false,
    };
    answered.is_ok()
}

/// Follows the machine's advice when an exchange is over. `None`: there may be another.
#[inline]
pub(crate) fn leave(x: &mut Exchange) -> Option<After> {
    match x.link.conn.advice() {
        Advice::Reuse | Advice::Continue => None,
        Advice::Drain => {
            if x.flush_out().is_ok() && x.discard_content(true) {
                leave(x)
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
    if super::serve::can_park(&x.link) {
        return After::Linger;
    }
    read_out(x);
    After::End
}

/// Reads until the client closes, where nobody else can, by the rules of `front`. The time of the machine's own linger
/// may be over before.
fn read_out(x: &mut Exchange) {
    let limit = x.link.limits.linger;
    let due = limit.map(|limit| clock::now() + limit);
    let mut left = x.core.options.linger_limit;
    let mut scrap = [0; 4096];
    loop {
        let ms = due.map_or(u64::from(u32::MAX), |at| at.since(clock::now()));
        if ms == 0 {
            return x.counters.count_expired(Expired::Linger);
        }
        match x.link.read_within(u32::try_from(ms).unwrap_or(u32::MAX), &mut scrap, &x.counters) {
            Got::Bytes(n) if n as u64 <= left => left -= n as u64,
            Got::Nothing => {}
            Got::Expired(expired) => return x.counters.count_expired(expired),
            Got::Bytes(_) | Got::Eof | Got::Failed(_) => return,
        }
    }
}
