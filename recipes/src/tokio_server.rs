//! # tokio: heads and content shared, not copied
//!
//! The loop of `own_io` as a task. What was read is frozen before the machine sees it, so that whatever is worth keeping
//! (a head, pieces of content) is a reference to the chunk it came in, may go to other tasks, and is sent back by
//! reference in a vectored write. The unconsumed rest becomes the beginning of the next chunk.

use crate::Result;
use crate::own_io::date;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use h1wire_proto::serving::{Io, Lapse, Next, Policy, Session};
use h1wire_proto::{Activity, BodyLen, OutQueue, OwnedRequest, Recv, ServerEvent, Slots, Status, Time};
use socket2::SockRef;
use std::future::pending;
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

/// Serves one connection until it ends. `answer` is given whole requests, content of at most 1 MiB, and gives a status
/// and content.
pub async fn serve_connection<F>(mut stream: TcpStream, answer: impl Fn(Request) -> F) -> Result
where
    F: Future<Output = (u16, Vec<Bytes>)>,
{
    let mut policy = Policy::default();
    (policy.protocol.limits.content_bytes, policy.advertise_keep_alive) = (Some(1 << 20), false);
    let began = Instant::now();
    let now = || Time(began.elapsed().as_millis() as u64);
    let mut session = Session::new(&policy, now(), 0);
    let (mut slots, mut buffer, mut out) = (Slots::new(), BytesMut::new(), OutQueue::<Bytes>::new());
    let (mut request, mut moved) = (None::<Request>, Activity::default());
    loop {
        // 1. Events. None of them lives across an `await`; what is kept of them does.
        let mut chunk = buffer.split().freeze();
        let mut rest = &chunk[..];
        loop {
            let complete = match session.recv(&policy, &mut rest, &mut slots) {
                Ok(Recv::Event(ServerEvent::Request(head))) => {
                    let (content, small) = (Vec::new(), BytesMut::new());
                    request = Some(Request { head: head.share(&chunk), content, small });
                    false
                }
                Ok(Recv::Event(ServerEvent::Data(data))) => {
                    request.iter_mut().for_each(|request| request.keep(data, &chunk));
                    false
                }
                Ok(Recv::Event(ServerEvent::End(_))) => true,
                Ok(Recv::NeedInput(_)) if session.conn().send_continue_if_wanted(&mut out) => false,
                // Every request is answered when it is complete, and none with a switch.
                Ok(Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed) => break,
                Err(error) => {
                    session.respond_error(&error, Some(&date()), &mut out);
                    false
                }
            };
            if let Some(mut request) = request.take_if(|_| complete) {
                request.content.push(request.small.split().freeze());
                let (code, content) = answer(request).await;
                let len = content.iter().map(|piece| piece.len() as u64).sum();
                let (conn, date) = (session.conn(), date());
                conn.respond(Status::new(code).date(&date), &(), BodyLen::Exact(len), &mut out)?;
                for piece in content {
                    if let Some(mut body) = conn.body() {
                        out.put_shared_framed(&body.frame(piece.len() as u64)?, piece);
                    }
                }
            }
        }
        // What is left begins the next chunk: the same memory, if nobody kept a piece of it.
        let used = chunk.len() - rest.len();
        drop(buffer);
        chunk.advance(used);
        buffer = chunk.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));

        // 2. Everything is written before more is read: that is the back pressure.
        while !out.is_empty() {
            let mut slices = [IoSlice::new(&[]); 16];
            let n = out.fill(&mut slices, IoSlice::new);
            let limit = policy.timeouts.write.unwrap_or(Duration::MAX);
            let written = timeout(limit, stream.write_vectored(&slices[..n])).await??;
            out.advance(written);
            moved.sent += written;
        }

        // 3. What moved, and what follows. What lies in the socket at the end is known when nothing else is to be done.
        let _ = session.observe(&policy, now(), std::mem::take(&mut moved));
        let mut next = session.next(&policy, now(), Io::default());
        if matches!(next, Next::Close(_)) {
            let unread = matches!(timeout(Duration::ZERO, stream.peek(&mut [0])).await, Ok(Ok(1..)));
            next = session.next(&policy, now(), Io { unread, ended: false });
        }
        let most = match next {
            Next::Read => READ,
            Next::Discard { most } => READ.min(most.try_into().unwrap_or(READ)),
            Next::ShutdownWrite => {
                let _ = stream.shutdown().await;
                continue;
            }
            Next::Recv => continue,
            Next::Write | Next::Wait => 0,
            Next::Reset(_why) => return Ok(SockRef::from(&stream).set_linger(Some(Duration::ZERO))?),
            Next::Close(_) | Next::HandOver => return Ok(()),
        };

        // 4. More is read, or the time is up.
        buffer.reserve(READ);
        let wait = session.deadline(&policy).map_or(u64::MAX, |at| at.since(now()));
        let read = async {
            if most > 0 { stream.read_buf(&mut (&mut buffer).limit(most)).await } else { pending().await }
        };
        match timeout(Duration::from_millis(wait), read).await {
            Ok(Ok(0)) => session.recv_eof(),
            Ok(Ok(n)) => moved.received = n,
            Ok(Err(_)) => _ = session.gone(),
            Err(_elapsed) => {
                while let Some(lapse) = session.expire(&policy, now(), false) {
                    match lapse {
                        Lapse::Idle => session.give_up(),
                        Lapse::Late(limit) => _ = session.respond_expired(limit, Some(&date()), &mut out),
                        Lapse::Read | Lapse::Over(_) => {}
                    }
                }
            }
        }
    }
}
