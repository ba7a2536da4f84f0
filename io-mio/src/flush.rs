//! Writing what is queued: one `write` or `writev` for as much as is there.

use std::io::{self, ErrorKind, IoSlice, Write};

use crate::connection::Connection;
use crate::response::Answer;

/// How many slices one `writev` takes.
const SLICES: usize = 32;

/// Writes until the queue is empty or the socket is full.
#[inline]
pub(crate) fn flush<E>(c: &mut Connection<E>, answer: &mut Answer) -> io::Result<()> {
    while c.writable && !answer.out.is_empty() {
        let (offered, written) = match answer.out.only_slice() {
            Some(slice) => (slice.len(), c.stream.write(slice)),
            None => {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let filled = answer.out.fill(&mut slices, IoSlice::new);
                let slices = slices.get(..filled).unwrap_or_default();
                (slices.iter().map(|s| s.len()).sum(), c.stream.write_vectored(slices))
            }
        };
        match written {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => {
                answer.out.advance(n);
                answer.sent += n as u64;
                // What did not fit now would not fit in a second call; an event tells when it does.
                c.writable = n == offered || !c.stream.short_write_is_last();
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => c.writable = false,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
