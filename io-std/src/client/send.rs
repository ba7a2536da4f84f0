//! Sending a request whose content is at hand, with the automatic retry of RFC 9110 section 9.2.2.
//!
//! Whether to retry is decided by `h1wire_proto::retry`.

use std::io::{self, Read};
use std::sync::Arc;

use h1wire_proto::retry::Attempt;
use h1wire_proto::{BodyLen, Method, OwnedResponse, Time};

use super::event::Event;
use super::exchange::{Exchange, Failure};
use super::request::Request;
use super::response::Response;
use super::spec::Spec;
use super::upload::Upload;
use crate::agent::Lease;
use crate::clock;
use crate::error::{Error, ErrorKind};

/// The first attempt for a request, and when it is to be over.
pub(crate) fn first(spec: &Spec) -> (Attempt, Option<Time>) {
    let mut attempt = Attempt::new(Method::from_bytes(spec.method.as_bytes()), false);
    attempt.idempotent = spec.idempotent.unwrap_or(attempt.idempotent);
    (attempt, spec.total.map(|total| clock::now().after(clock::millis(total))))
}

/// Opens an exchange for a request with content of this length, and encodes its head.
pub(crate) fn open(
    mut spec: Box<Spec>,
    length: BodyLen,
    attempt: Attempt,
    deadline: Option<Time>,
) -> Result<Exchange, Failure> {
    let fault = spec.fault.take();
    let origin = match fault.map_or_else(|| spec.origin(), Err) {
        Ok(origin) => Arc::new(origin),
        Err(kind) => return Err(Failure { kind, attempt, spec }),
    };
    let mut exchange = Exchange::open(spec, length, origin, attempt, deadline)?;
    match exchange.begin(length) {
        Ok(()) => Ok(exchange),
        Err(kind) => Err(exchange.give_back(kind)),
    }
}

/// Sends a request with `content`, and waits for the response.
pub(crate) fn send(mut spec: Box<Spec>, content: Option<&[u8]>) -> Result<Response, Error> {
    let length = content.map_or(BodyLen::None, |content| BodyLen::Exact(content.len() as u64));
    let (mut attempt, deadline) = first(&spec);
    spec.drop_framing();
    loop {
        let mut exchange = open(spec, length, attempt, deadline).map_err(Failure::into_error)?;
        match whole(&mut exchange, content.unwrap_or_default()) {
            Ok(head) => return Ok(Response::new(head, exchange)),
            Err(kind) => {
                let dead = matches!(kind, ErrorKind::Socket(_) | ErrorKind::HangUp(_));
                if !(dead && exchange.spec.retries && exchange.attempt.retries_by_itself()) {
                    return Err(exchange.fail(kind).into_error());
                }
                let (driver, origin) = (exchange.spec.agent().0.clone(), exchange.origin.clone());
                attempt = exchange.attempt.again(false);
                spec = exchange.into_spec();
                spec.tell(&Event::Retry);
                Lease::doubt_others(&driver, &origin);
            }
        }
    }
}

fn whole(exchange: &mut Exchange, content: &[u8]) -> Result<OwnedResponse, ErrorKind> {
    if exchange.wire()?.conn.awaits_continue() && !(exchange.flush(&[])? && exchange.await_continue()?) {
        return exchange.await_head();
    }
    let wire = exchange.wire()?;
    let mut payload = content;
    if let Some(mut body) = wire.conn.body() {
        if content.len() < COPIED {
            body.data(content, &mut wire.out).map_err(ErrorKind::Refused)?;
            payload = &[];
        } else {
            // Of a declared length, so that the frame is empty.
            body.frame(content.len() as u64).map_err(ErrorKind::Refused)?;
        }
    }
    if exchange.flush(payload)? {
        exchange.sent_all();
    }
    exchange.await_head()
}

/// Up to here content is copied behind the head, so that both are one piece.
const COPIED: usize = 4 * 1024;

/// Sends a request with content from a reader.
pub(crate) fn send_reader(
    spec: Box<Spec>,
    length: BodyLen,
    reader: &mut dyn Read,
) -> Result<Response, Error> {
    let mut upload = Upload::start(spec, length)?;
    let mut buf = vec![0; 64 * 1024];
    loop {
        let n = match reader.read(&mut buf) {
            Ok(0) => return upload.finish(),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(upload.fail(ErrorKind::Content(error))),
        };
        if !upload.push(buf.get(..n).unwrap_or_default())? {
            return upload.finish();
        }
    }
}

impl Failure {
    /// The error for the user. Before anything was sent, with the request in it.
    pub(crate) fn into_error(mut self) -> Error {
        if matches!(self.kind, ErrorKind::Aborted) {
            self.spec.tell(&Event::Abort);
        }
        self.spec.tell(&Event::Error(&self.kind));
        self.spec.tell(&Event::Close);
        let unsent = self.attempt.sent == h1wire_proto::retry::Sent::Nothing && self.attempt.replayable;
        let request = unsent.then(|| Request::of(self.spec));
        Error::new(self.kind, &self.attempt, request)
    }
}
