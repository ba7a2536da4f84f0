//! A tunnel through a proxy: `CONNECT`, and the stream behind it (RFC 9110 section 9.3.6).

use std::io;
use std::time::{Duration, Instant};

use h1wire_proto::{BodyLen, ClientConfig, ClientEvent, Method, Recv};

use crate::client::{Flushed, Upgraded, Wire, basic, is_timeout};
use crate::error::{ErrorKind, Timeout};
use crate::proxy::Proxy;
use crate::stream::Stream;

/// Asks the proxy at the other end of `stream` for a tunnel to `authority`, a host with a port, within `limit`.
pub(crate) fn open(
    stream: Box<dyn Stream>,
    proxy: &Proxy,
    authority: &str,
    limit: Option<Duration>,
) -> Result<Box<dyn Stream>, ErrorKind> {
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let mut wire = Wire::new(stream, &ClientConfig::default());
    let mut fields = vec![("Host", authority.to_owned())];
    if let Some(auth) = &proxy.auth {
        fields.push(("Proxy-Authorization", basic(auth)));
    }
    let method = Method::Connect;
    let begun = wire.conn.request(method, authority.as_bytes(), &fields, BodyLen::None, &mut wire.out);
    begun.map_err(ErrorKind::Refused)?;
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Err(ErrorKind::Timeout(Timeout::Connect));
        }
        let limited = wire.limit_read(left).and_then(|()| wire.limit_write(left));
        let moved = limited.and_then(|()| match wire.flush(&mut &[][..], &mut 0)? {
            Flushed::All => wire.fill(),
            Flushed::Part => Ok(0),
            Flushed::Heard(n) => Ok(n),
        });
        match moved {
            Ok(_) => {}
            Err(error) if is_timeout(&error) => continue,
            Err(error) => return Err(ErrorKind::Connect(error)),
        }
        if let Some(status) = answer(&mut wire)? {
            return match status {
                200..=299 => Ok(Box::new(Upgraded::new(wire))),
                status => Err(ErrorKind::Proxy(status)),
            };
        }
    }
}

/// The status of the final response, if it is there.
fn answer(wire: &mut Wire) -> Result<Option<u16>, ErrorKind> {
    loop {
        let mut rest = wire.input.bytes();
        let before = rest.len();
        let event = wire.conn.recv(&mut rest, &mut wire.slots);
        let used = before - rest.len();
        let status = match event {
            Ok(Recv::Event(ClientEvent::Response(head))) => Some(head.status),
            Ok(Recv::Event(_)) => None,
            Ok(Recv::NeedInput(_)) => {
                wire.input.consume(used);
                return Ok(None);
            }
            Ok(Recv::Paused(_) | Recv::Closed) => {
                return Err(ErrorKind::Connect(io::ErrorKind::UnexpectedEof.into()));
            }
            Err(error) => return Err(ErrorKind::of_recv(error)),
        };
        wire.input.consume(used);
        if status.is_some() {
            return Ok(status);
        }
    }
}
