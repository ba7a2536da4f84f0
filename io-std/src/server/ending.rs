//! Answering a client that was wrong or late: by the user's hook, or as the session says.

use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Response;
use super::client_error::ClientError;
use super::exchange::{Exchange, Sending};
use super::fault::Fault;
use super::guard::guarded;
use super::report::Failed;
use super::response::Draft;
use super::serve::Worker;

impl Worker {
    /// Answers a client that was wrong or late where no handler has its request. The session knows how the connection
    /// ends.
    pub(super) fn give_up(&mut self, exchange: &mut RefCell<Exchange>, fault: &Fault) {
        let x = exchange.get_mut();
        // The request was answered before it was complete. What is wrong with its rest is nobody's.
        if !x.received {
            return;
        }
        x.failed = Some(Failed::from(fault));
        x.status = 0;
        self.answer_fault(exchange, fault);
        exchange.get_mut().report(None);
    }

    /// Answers a client that was wrong or late, by the user's hook or as the session says.
    pub(super) fn answer_fault(&mut self, exchange: &RefCell<Exchange>, fault: &Fault) {
        {
            let x = &mut *exchange.borrow_mut();
            x.sending = Sending::Head;
            x.received = true;
            x.buffers.gathered.clear();
            x.link.session.conn().keep_reading(false);
            x.link.session.conn().close_after_response();
        }
        let asked = self.ask_about(exchange, fault);
        let x = &mut *exchange.borrow_mut();
        if !asked {
            x.link.session.abort();
        } else if x.sending == Sending::Head {
            answer_as_session(x, fault);
        }
        // Whether it succeeds, the session knows.
        let _ = x.flush_out();
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
                let bytes_parsed = exchange.borrow().link.session.machine().recv_offset();
                let error = ClientError { error: *error, raw: &raw, bytes_parsed };
                catch_unwind(AssertUnwindSafe(|| hook(&error, &mut response)))
            }
            (Fault::Expired(expired), _, Some(hook)) => {
                // What is idle was asked about before, and nothing else can be kept.
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

/// Answers as the session says, unless there is nothing to say.
fn answer_as_session(x: &mut Exchange, fault: &Fault) {
    let policy = &x.link.rules.options.policy;
    let date = policy.date(|| x.buffers.date.now()).copied();
    let (session, out) = (&mut x.link.session, &mut x.buffers.out);
    let answered = match fault {
        Fault::Protocol(error) => session.respond_error(error, date.as_ref(), out),
        Fault::Expired(expired) => session.respond_expired(*expired, date.as_ref(), out),
        Fault::Stream(_) => false,
    };
    if answered {
        x.status = fault.status().unwrap_or_default();
        x.sending = Sending::Ended;
    }
}
