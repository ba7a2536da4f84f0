//! # Upload to disk: content that goes past the machine
//!
//! The machine need not see content to count it. It says how much comes next (`recv_bypass`), the kernel moves that from
//! the socket to the file with `splice`, and the machine is told (`recv_bypassed`). The socket is only read when the
//! disk has taken what was read before, so a fast client waits for a slow disk, and memory is a pipe of 64 KiB.
//!
//! Beyond silence, time limits are those of `own_io`, and left out.

mod upload;

use crate::Result;
use crate::own_io::date;
use h1wire_proto::{
    Advice, BodyLen, Conn, InBuf, Limits, Recv, RequestHead, Server, ServerConfig, ServerEvent, Slots, Status,
};
use rustix::pipe::{SpliceFlags, pipe, splice};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;
pub use upload::Upload;

const READ: usize = 16 * 1024;
/// What a pipe holds.
const PIECE: u64 = 64 * 1024;
/// How long the client may say nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// Serves one connection with uploads of at most `most` bytes each. `begin` says where one goes, or refuses it with a
/// status.
pub fn serve_connection(
    mut stream: TcpStream,
    most: u64,
    begin: impl Fn(&RequestHead<'_, '_>) -> std::result::Result<Upload, u16>,
) -> Result {
    let limits = Limits { content_bytes: Some(most), ..Limits::DEFAULT };
    let mut conn = Conn::<Server>::new(&ServerConfig { limits, ..ServerConfig::default() });
    let (mut slots, mut input, mut out) = (Slots::new(), InBuf::new(), Vec::new());
    let (pipe_out, pipe_in) = pipe()?;
    let mut upload: Option<Upload> = None;
    stream.set_read_timeout(Some(SILENCE))?;
    loop {
        // Heads, and the pieces of content that came with them.
        let mut rest = input.bytes();
        let over = loop {
            let status = match conn.recv(&mut rest, &mut slots) {
                Ok(Recv::Event(ServerEvent::Request(head))) => match begin(&head) {
                    Ok(begun) if head.body.is_empty() => finish(begun),
                    Ok(begun) => {
                        upload = Some(begun);
                        continue;
                    }
                    Err(status) => status,
                },
                Ok(Recv::Event(ServerEvent::Data(data))) => match &upload {
                    Some(upload) if upload.store(data).is_err() => 500,
                    _ => continue,
                },
                Ok(Recv::Event(ServerEvent::End(_))) => match upload.take() {
                    Some(upload) => finish(upload),
                    None => continue,
                },
                // It was not refused, so it is wanted.
                Ok(Recv::NeedInput(_)) if conn.send_continue_if_wanted(&mut out) => continue,
                Ok(Recv::NeedInput(_)) => break false,
                Ok(Recv::Paused(_) | Recv::Closed) => break true,
                Err(error) => {
                    let _ = conn.respond_error(&error, Some(&date()), &mut out);
                    break true;
                }
            };
            upload = None;
            conn.respond(Status::new(status).date(&date()), &(), BodyLen::None, &mut out)?;
        };
        let left = rest.len();
        input.consume(input.len() - left);
        stream.write_all(&out)?;
        out.clear();
        if over || !matches!(conn.advice(), Advice::Continue | Advice::Reuse) {
            // What a refused client still sends is read for a while, or a reset could take the answer back.
            stream.shutdown(Shutdown::Write)?;
            io::copy(&mut stream.take(256 * 1024), &mut io::sink())?;
            return Ok(());
        }

        // Large content goes from the socket to the file without us.
        let content = conn.recv_bypass().min(PIECE) as usize;
        let read = match &upload {
            Some(to) if content > READ && input.is_empty() => {
                let n = splice(&stream, None, &pipe_in, None, content, SpliceFlags::MOVE)?;
                conn.recv_bypassed(n as u64);
                let mut left = n;
                while left > 0 {
                    match splice(&pipe_out, None, to.file(), None, left, SpliceFlags::MOVE) {
                        Ok(n) => left -= n,
                        Err(_) => {
                            upload = None;
                            conn.respond(500, &(), BodyLen::None, &mut out)?;
                            break;
                        }
                    }
                }
                n
            }
            _ => {
                let n = stream.read(input.spare(READ, limits.max_contiguous() + READ))?;
                input.filled(n);
                n
            }
        };
        if read == 0 {
            conn.recv_eof();
        }
    }
}

fn finish(upload: Upload) -> u16 {
    upload.finish().map_or(500, |()| 201)
}
