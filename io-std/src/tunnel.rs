//! The way through a proxy: a tunnel by `CONNECT` (RFC 9110 section 9.3.6), or SOCKS5 (RFC 1928).
//!
//! What is said and what an answer means is decided by `h1wire_proto::calling`; here bytes are moved, within a time.

use std::io;
use std::time::Duration;

use h1wire_proto::calling::{Credentials, Next, Patience, Socks5, Terms, Url, Why};
use h1wire_proto::{Activity, ClientConfig, ClientEvent, Recv, Time};

use crate::client::{Flushed, Upgraded, Wire, is_timeout};
use crate::clock;
use crate::error::{ErrorKind, Timeout};
use crate::stream::Transport;

/// Asks the proxy at the other end of `stream` for a tunnel to the server of `url`, within `limit`.
pub(crate) fn connect(
    stream: Box<dyn Transport>,
    url: &Url<'_>,
    credentials: Option<&Credentials>,
    limit: Option<Duration>,
) -> Result<Box<dyn Transport>, ErrorKind> {
    let mut way = Way::new(stream, limit);
    let terms = Terms { patience: Patience::NONE, ends_at: way.ends_at, ..Terms::default() };
    let wire = &mut way.wire;
    let begun = wire.call.begin_connect(clock::now(), url, credentials, &terms, &mut wire.out);
    begun.map_err(ErrorKind::Refused)?;
    loop {
        if let Some(status) = way.answer()? {
            return Err(ErrorKind::Proxy(status));
        }
        if way.wire.call.next() == Next::HandOver {
            return Ok(Box::new(Upgraded::new(way.wire)));
        }
        way.move_bytes()?;
    }
}

/// Asks the SOCKS5 proxy at the other end of `stream` for a connection to a host, within `limit`.
pub(crate) fn socks(
    stream: Box<dyn Transport>,
    host: &str,
    port: u16,
    credentials: Option<&Credentials>,
    limit: Option<Duration>,
) -> Result<Box<dyn Transport>, ErrorKind> {
    let mut way = Way::new(stream, limit);
    let mut socks = Socks5::start(host, port, credentials, &mut way.wire.out).map_err(ErrorKind::Socks)?;
    loop {
        let wire = &mut way.wire;
        let mut rest = wire.input.bytes();
        let before = rest.len();
        let done = socks.recv(&mut rest, &mut wire.out).map_err(ErrorKind::Socks)?;
        let used = before - rest.len();
        wire.input.consume(used);
        if done {
            return Ok(Box::new(Upgraded::new(way.wire)));
        }
        if way.move_bytes()? == 0 {
            return Err(ErrorKind::Connect(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

/// A connection to a proxy, until it leads to the server.
struct Way {
    wire: Wire,
    ends_at: Option<Time>,
}

impl Way {
    fn new(stream: Box<dyn Transport>, limit: Option<Duration>) -> Self {
        let ends_at = limit.map(|limit| clock::now() + limit);
        Self { wire: Wire::new(stream, &ClientConfig::default()), ends_at }
    }

    /// Writes what is to be written, and reads once. None: the proxy has ended its half.
    fn move_bytes(&mut self) -> Result<usize, ErrorKind> {
        loop {
            let left = self.ends_at.map(clock::until);
            if left == Some(Duration::ZERO) {
                return Err(ErrorKind::Timeout(Timeout::Connect));
            }
            let wire = &mut self.wire;
            let limited = wire.limit_read(left).and_then(|()| wire.limit_write(left));
            let mut sent = 0;
            let moved = limited.and_then(|()| match wire.flush(&mut &[][..], &mut sent)? {
                Flushed::All => wire.fill().map(Some),
                Flushed::Part => Ok(None),
                Flushed::Heard(n) => Ok(Some(n)),
            });
            let unsent = wire.has_unsent();
            let received = if let Ok(Some(n)) = moved { n } else { 0 };
            let activity = Activity { sent, received, unsent, ..Activity::default() };
            let _ = wire.call.observe(clock::now(), activity);
            match moved {
                Ok(Some(n)) => return Ok(n),
                Ok(None) => {}
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(ErrorKind::Connect(error)),
            }
        }
    }

    /// The status of a final response that refuses the tunnel.
    fn answer(&mut self) -> Result<Option<u16>, ErrorKind> {
        loop {
            let Wire { call, input, slots, .. } = &mut self.wire;
            let mut rest = input.bytes();
            let before = rest.len();
            let status = match call.recv(&mut rest, slots) {
                Ok(Recv::Event(ClientEvent::Response(head))) if !head.switched => Some(head.status),
                Ok(Recv::Event(_)) => None,
                Ok(Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed) => {
                    let used = before - rest.len();
                    input.consume(used);
                    return Ok(None);
                }
                Err(Why::Protocol(error)) => return Err(ErrorKind::Parse(error)),
                Err(Why::HangUp(error)) => return Err(ErrorKind::HangUp(error)),
                Err(_) => return Err(ErrorKind::Connect(io::ErrorKind::BrokenPipe.into())),
            };
            let used = before - rest.len();
            input.consume(used);
            if status.is_some() {
                return Ok(status);
            }
        }
    }
}
