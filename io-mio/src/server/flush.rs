//! Writing what is queued: one `write` or `writev` for as much as is there.

use std::io::{self, ErrorKind, IoSlice, Write};

use crate::server::answer::Answer;
use crate::server::connection::Link;

/// How many slices one `writev` takes.
const SLICES: usize = 32;

/// Writes until the queue is empty, the socket is full, or `budget` bytes were written, which is counted down.
#[inline]
pub(crate) fn flush(link: &mut Link, answer: &mut Answer, budget: &mut u64) -> io::Result<()> {
    while link.writable && *budget > 0 && !answer.out.is_empty() {
        let before = answer.sent;
        step(link, answer)?;
        *budget = budget.saturating_sub(answer.sent - before);
    }
    if link.writable && link.stream.wants_flush() {
        push(link)?;
    }
    Ok(())
}

/// Has the stream send what it took.
#[cold]
fn push(link: &mut Link) -> io::Result<()> {
    match link.stream.flush() {
        Err(e) if e.kind() == ErrorKind::WouldBlock => link.writable = false,
        Err(e) if e.kind() == ErrorKind::Interrupted => {}
        done => return done,
    }
    Ok(())
}

/// One system call.
#[inline]
fn step(link: &mut Link, answer: &mut Answer) -> io::Result<()> {
    let (offered, written) = match answer.out.only_slice() {
        Some(slice) => (slice.len(), link.stream.write(slice)),
        None => {
            if let Some((_, len)) = answer.out.front_external() {
                return send_file(link, answer, len);
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = answer.out.fill(&mut slices, IoSlice::new);
            let slices = slices.get(..filled).unwrap_or_default();
            let offered = slices.iter().map(|s| s.len()).sum();
            // What else is queued, a file or more slices, is the very next to be written.
            let more = (offered as u64) < answer.out.len();
            (offered, link.stream.write_slices(slices, more))
        }
    };
    match written {
        Ok(0) => return Err(ErrorKind::WriteZero.into()),
        Ok(n) => {
            answer.out.advance(n);
            answer.sent += n as u64;
            // What did not fit now would not fit in a second call; an event tells when it does.
            link.writable = n == offered || !link.stream.short_write_is_last();
        }
        Err(e) if e.kind() == ErrorKind::WouldBlock => link.writable = false,
        Err(e) if e.kind() == ErrorKind::Interrupted => {}
        Err(e) => return Err(e),
    }
    Ok(())
}

/// Moves some of the file whose turn it is.
fn send_file(link: &mut Link, answer: &mut Answer, len: u64) -> io::Result<()> {
    match answer.files.send(&mut link.stream, len) {
        Ok(moved) => {
            answer.sent += moved;
            if answer.out.advance_external(moved) {
                answer.files.pop();
            }
            Ok(())
        }
        Err(e) if e.kind() == ErrorKind::WouldBlock => {
            link.writable = false;
            Ok(())
        }
        Err(e) if e.kind() == ErrorKind::Interrupted => Ok(()),
        Err(e) => Err(e),
    }
}
