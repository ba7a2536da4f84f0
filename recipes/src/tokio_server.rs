//! # tokio: heads and content shared, not copied
//!
//! The loop of `own_io` as a task. What was read is frozen before the machine sees it, so that whatever is worth keeping
//! (a head, pieces of content) is a reference to the chunk it came in, may go to other tasks, and is sent back by
//! reference in a vectored write. The unconsumed rest becomes the beginning of the next chunk.

use crate::Result;
use crate::own_io::date;
use bytes::{Buf, Bytes, BytesMut};
use h1wire_proto::{
    Activity, Advice, BodyLen, Conn, Limits, OutQueue, OwnedRequest, Recv, Server, ServerConfig, ServerEvent,
    Slots, Status, Time, Timeouts, Timers,
};
use std::io::IoSlice;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A request with its content.
pub struct Request {
    /// The head.
    pub head: OwnedRequest,
    /// The content.
    pub content: Vec<Bytes>,
    small: BytesMut,
}

impl Request {
    /// Keeps a large piece by reference, and copies small ones together: every reference holds its whole chunk.
    fn keep(&mut self, data: &[u8], chunk: &Bytes) {
        if data.len() < 1024 {
            return self.small.extend_from_slice(data);
        }
        self.content.extend([self.small.split().freeze(), chunk.slice_ref(data)]);
    }
}

const READ: usize = 16 * 1024;
const DISCARD: usize = 256 * 1024;

/// Serves one connection until it ends. `answer` is given whole requests, content of at most 1 MiB, and gives a status
/// and content.
pub async fn serve_connection<F>(mut stream: TcpStream, answer: impl Fn(Request) -> F) -> Result
where
    F: Future<Output = (u16, Vec<Bytes>)>,
{
    let limits = Timeouts::SERVER;
    let began = Instant::now();
    let time = || Time(began.elapsed().as_millis() as u64);
    let config = ServerConfig {
        limits: Limits { content_bytes: Some(1 << 20), ..Limits::DEFAULT },
        ..ServerConfig::default()
    };
    let mut conn = Conn::<Server>::new(&config);
    let mut timers = Timers::server(time(), &limits);
    let (mut slots, mut buffer, mut out) = (Slots::new(), BytesMut::new(), OutQueue::<Bytes>::new());
    let mut request: Option<Request> = None;
    let (mut received, mut discarded) = (0, 0);
    loop {
        // 1. Events. None of them lives across an `await`; what is kept of them does.
        let mut chunk = buffer.split().freeze();
        let (mut rest, mut heads) = (&chunk[..], 0);
        let over = loop {
            let complete = match conn.recv(&mut rest, &mut slots) {
                Ok(Recv::Event(ServerEvent::Request(head))) => {
                    heads += 1;
                    let (content, small) = (Vec::new(), BytesMut::new());
                    request = Some(Request { head: head.share(&chunk), content, small });
                    head.body.is_empty()
                }
                Ok(Recv::Event(ServerEvent::Data(data))) => {
                    request.iter_mut().for_each(|request| request.keep(data, &chunk));
                    false
                }
                Ok(Recv::Event(ServerEvent::End(_))) => true,
                Ok(Recv::NeedInput(_)) if conn.send_continue_if_wanted(&mut out) => false,
                Ok(Recv::NeedInput(_)) => break false,
                // Every request is answered when it is complete, and none with a switch.
                Ok(Recv::Paused(_) | Recv::Closed) => break true,
                Err(error) => {
                    let _ = conn.respond_error(&error, Some(&date()), &mut out);
                    break true;
                }
            };
            if let Some(mut request) = request.take_if(|_| complete) {
                request.content.push(request.small.split().freeze());
                let (code, content) = answer(request).await;
                let len = content.iter().map(|piece| piece.len() as u64).sum();
                conn.respond(Status::new(code).date(&date()), &(), BodyLen::Exact(len), &mut out)?;
                for piece in content {
                    if let Some(mut body) = conn.body() {
                        out.put_shared_framed(&body.frame(piece.len() as u64)?, piece);
                    }
                }
            }
        };
        // What is left begins the next chunk: the same memory, if nobody kept a piece of it.
        let used = chunk.len() - rest.len();
        drop(buffer);
        chunk.advance(used);
        buffer = chunk.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));

        // 2. Everything is written before more is read: that is the back pressure.
        let sent = out.buffered();
        while !out.is_empty() {
            let mut slices = [IoSlice::new(&[]); 16];
            let n = out.fill(&mut slices, IoSlice::new);
            let limit = limits.write.unwrap_or(Duration::MAX);
            let written = timeout(limit, stream.write_vectored(&slices[..n])).await??;
            out.advance(written);
        }

        // 3. What becomes of the socket.
        match conn.advice() {
            Advice::Continue | Advice::Reuse if !over => {}
            Advice::Drain if discarded < DISCARD => discarded += received,
            Advice::Linger if discarded < DISCARD => {
                let _ = stream.shutdown().await;
                discarded += received;
                buffer.clear();
            }
            _ => return Ok(()),
        }

        // 4. More is read, or the time is up.
        let activity = Activity { received, sent, heads, ..Activity::default() };
        let _ = timers.observe(time(), conn.phase(), activity);
        buffer.reserve(READ);
        received = loop {
            let wait = timers.next(&limits).map_or(u64::MAX, |at| at.since(time()));
            let Ok(read) = timeout(Duration::from_millis(wait), stream.read_buf(&mut buffer)).await else {
                let Some(expired) = timers.poll(time(), &limits) else { continue };
                let Some(status) = expired.status() else { return Ok(()) };
                let (date, close) = (date(), [("Connection", "close")]);
                conn.respond(Status::new(status).date(&date), &close, BodyLen::None, &mut out)?;
                break 0;
            };
            let n = read?;
            if n == 0 {
                conn.recv_eof();
            }
            break n;
        };
    }
}
