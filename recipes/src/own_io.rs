//! # Own IO: the smallest correct server loop
//!
//! Blocking sockets, one thread for each connection, nothing but the machine. It decides everything about the protocol;
//! what is left to the owner of the socket are four steps, round and round: show it what was read, write what it said,
//! obey its advice about the socket, read again within the time its timers allow. Every other way of doing IO is this
//! loop with other calls in steps two and four.

use crate::Result;
use h1wire_proto::{
    Activity, Advice, BodyLen, Conn, HttpDate, InBuf, Pause, Recv, Server, ServerConfig, ServerEvent, Slots,
    Status, Time, Timeouts, Timers,
};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant, SystemTime};

/// How much is read at once, and how much output gathers before it is written.
const READ: usize = 16 * 1024;
/// How much of a peer's input is read only to be thrown away.
const DISCARD: usize = 256 * 1024;

/// What a handler answers with. The machine says what is legal and how it is framed; the bytes gather in `out`.
pub struct Answer<'a> {
    /// The machine.
    pub conn: &'a mut Conn<Server>,
    /// What was said and not written yet.
    pub out: &'a mut Vec<u8>,
    stream: &'a TcpStream,
}

impl Answer<'_> {
    /// Writes what was said so far, instead of when the handler returns. Blocks while the client does not read.
    pub fn flush(&mut self) -> Result {
        self.stream.write_all(self.out)?;
        self.out.clear();
        Ok(())
    }
}

/// A connection that another protocol took over, without time limits, and the first bytes of that protocol.
pub type Switched = (TcpStream, Vec<u8>);

/// Serves one connection until it ends, or until `limits` end it. `handle` is told every event and answers the requests among them.
pub fn serve_connection(
    stream: TcpStream,
    limits: &Timeouts,
    mut handle: impl FnMut(ServerEvent<'_, '_>, &mut Answer<'_>) -> Result,
) -> Result<Option<Switched>> {
    let (config, began) = (ServerConfig::default(), Instant::now());
    let time = || Time(began.elapsed().as_millis() as u64);
    let mut conn = Conn::<Server>::new(&config);
    let mut timers = Timers::server(time(), limits);
    let (mut slots, mut input, mut out) = (Slots::new(), InBuf::new(), Vec::new());
    let (mut received, mut discarded) = (0, 0);
    stream.set_write_timeout(limits.write)?;
    loop {
        // 1. What is complete in the input becomes events, and events become answers.
        let mut rest = input.bytes();
        let mut heads = 0;
        let over = loop {
            match conn.recv(&mut rest, &mut slots) {
                Ok(Recv::Event(event)) => {
                    heads += u32::from(matches!(event, ServerEvent::Request(_)));
                    let mut answer = Answer { conn: &mut conn, out: &mut out, stream: &stream };
                    handle(event, &mut answer)?;
                    if answer.out.len() >= READ {
                        answer.flush()?;
                    }
                }
                // Nobody refused the content that the client would rather ask about first.
                Ok(Recv::NeedInput(_)) if conn.send_continue_if_wanted(&mut out) => {}
                Ok(Recv::NeedInput(_)) => break false,
                Ok(Recv::Paused(Pause::Switched)) => break false,
                // The handler left an answer unfinished: it must not look complete.
                Ok(Recv::Paused(Pause::FinishResponse)) => return Ok(None),
                // The request is complete, and the handler left it unanswered.
                Ok(Recv::Paused(_)) => conn.respond(404, &(), BodyLen::None, &mut out)?,
                Ok(Recv::Closed) => break true,
                Err(error) => {
                    // Refused if an answer is under way already, which then ends where it is.
                    let _ = conn.respond_error(&error, Some(&date()), &mut out);
                    break true;
                }
            }
        };
        let left = rest.len();
        input.consume(input.len() - left);

        // 2. What was said is written.
        let sent = out.len();
        Answer { conn: &mut conn, out: &mut out, stream: &stream }.flush()?;

        // 3. What becomes of the socket.
        match conn.advice() {
            Advice::Continue | Advice::Reuse if !over => {}
            Advice::Switched => {
                stream.set_read_timeout(None)?;
                stream.set_write_timeout(None)?;
                return Ok(Some((stream, input.bytes().to_vec())));
            }
            Advice::Drain if discarded < DISCARD => discarded += received,
            Advice::Linger if discarded < DISCARD => {
                // Closing now could take back the answer with a reset (RFC 9112 section 9.6).
                let _ = stream.shutdown(Shutdown::Write);
                discarded += received;
                input.consume(left);
            }
            _ => return Ok(None),
        }

        // 4. More is read, or the time is up.
        let activity = Activity { received, sent, heads, ..Activity::default() };
        let _ = timers.observe(time(), conn.phase(), activity);
        received = loop {
            let wait = timers.next(limits).map(|at| Duration::from_millis(at.since(time()).max(1)));
            stream.set_read_timeout(wait)?;
            match (&stream).read(input.spare(READ, config.limits.max_contiguous() + READ)) {
                Ok(0) => {
                    conn.recv_eof();
                    break 0;
                }
                Ok(n) => break n,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    let Some(expired) = timers.poll(time(), limits) else { continue };
                    let Some(status) = expired.status() else { return Ok(None) };
                    let (date, close) = (date(), [("Connection", "close")]);
                    match conn.respond(Status::new(status).date(&date), &close, BodyLen::None, &mut out) {
                        Ok(()) => break 0,
                        Err(_begun) => return Ok(None),
                    }
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        };
        input.filled(received);
    }
}

/// The time, as `Date` says it (RFC 9110 section 6.6.1).
pub fn date() -> HttpDate {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    HttpDate::from_unix(now.as_secs())
}
