//! Sending a request whose content is at hand, with the automatic retry of RFC 9110 section 9.2.2.
//!
//! Whether to retry is decided by `h1wire_proto::calling`, over a connection that is fresh.

use std::io::{self, Read};

use h1wire_proto::calling::{Happened, Upload as Stand};
use h1wire_proto::retry::Attempt;
use h1wire_proto::{BodyLen, Method, OwnedResponse, Time};

use super::event::With;
use super::exchange::{Exchange, Failure};
use super::response::Response;
use super::spec::Spec;
use super::upload::Upload;
use crate::error::{Error, ErrorKind};

/// The first attempt for a request, and when it is to be over.
pub(crate) fn first(spec: &mut Spec) -> (Attempt, Option<Time>) {
    spec.restart();
    let mut attempt = Attempt::new(Method::from_bytes(spec.method.as_bytes()), false);
    attempt.idempotent = spec.idempotent.unwrap_or(attempt.idempotent);
    (attempt, spec.ends_at())
}

/// Sends a request with `content`, and waits for the response.
pub(crate) fn send(mut spec: Box<Spec>, content: Option<&[u8]>) -> Result<Response, Error> {
    let length = content.map_or(BodyLen::None, |content| BodyLen::Exact(content.len() as u64));
    let (mut attempt, ends_at) = first(&mut spec);
    loop {
        let mut exchange = Exchange::open(spec, length, attempt, ends_at).map_err(Failure::into_error)?;
        match whole(&mut exchange, content.unwrap_or_default()) {
            Ok(head) => return Ok(Response::new(head, exchange)),
            Err(kind) => {
                let Some(again) = exchange.retry() else { return Err(exchange.fail(kind).into_error()) };
                exchange.spec.agent().0.count_retry();
                attempt = again;
                (_, spec) = exchange.into_parts();
                spec.tell(Happened::Retry, With::Nothing);
            }
        }
    }
}

fn whole(exchange: &mut Exchange, content: &[u8]) -> Result<OwnedResponse, ErrorKind> {
    let held = exchange.wire()?.call.upload() == Stand::Hold;
    if held && !(exchange.flush(&[])? && exchange.await_continue()?) {
        return exchange.await_head();
    }
    let wire = exchange.wire()?;
    let mut payload = content;
    if let Some(mut body) = wire.call.body() {
        if content.len() < COPIED {
            body.data(content, &mut wire.out).map_err(ErrorKind::Refused)?;
            payload = &[];
        } else {
            // Of a declared length, so that the frame is empty.
            body.frame(content.len() as u64).map_err(ErrorKind::Refused)?;
        }
    }
    exchange.flush(payload)?;
    exchange.await_head()
}

/// Up to here content is copied after the head, so that both are one piece.
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
