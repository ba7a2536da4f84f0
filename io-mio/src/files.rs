//! Pieces of files on their way to a socket, moved by the system where it can.
//!
//! The queue of output says when it is a file's turn. This file moves the bytes.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;

use crate::stream::Stream;

/// The most one call moves.
const AT_ONCE: u64 = 1 << 20;

struct Piece {
    file: Arc<File>,
    offset: u64,
}

/// The pieces that were queued, in order.
#[derive(Default)]
pub(crate) struct Files(VecDeque<Piece>);

impl Files {
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(crate) fn push(&mut self, file: Arc<File>, offset: u64, len: u64) {
        // The queue of output has no empty pieces either.
        if len > 0 {
            self.0.push_back(Piece { file, offset });
        }
    }

    /// How many pieces wait, each with a descriptor.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop_front();
    }

    /// Moves up to `len` bytes of the first piece to the stream.
    pub(crate) fn send(&mut self, stream: &mut Stream, len: u64) -> io::Result<u64> {
        let Some(piece) = self.0.front_mut() else { return Err(io::ErrorKind::NotFound.into()) };
        let moved = send(stream, &piece.file, piece.offset, len.min(AT_ONCE))?;
        if moved == 0 {
            // The file has become shorter than was announced.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        piece.offset += moved;
        Ok(moved)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn send(stream: &mut Stream, file: &File, offset: u64, len: u64) -> io::Result<u64> {
    use std::os::fd::AsFd;
    let socket = match &*stream {
        Stream::Tcp(s) => s.as_fd(),
        Stream::Unix(s) => s.as_fd(),
        Stream::Other(_) => return copy(stream, file, offset, len),
    };
    let mut at = offset;
    let moved = crate::sigpipe::without(|| {
        let moved = rustix::fs::sendfile(socket, file.as_fd(), Some(&mut at), len as usize);
        // It comes with an error, or when some of it was moved before.
        (moved, moved != Ok(len as usize))
    })?;
    Ok(moved as u64)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn send(stream: &mut Stream, file: &File, offset: u64, len: u64) -> io::Result<u64> {
    copy(stream, file, offset, len)
}

/// For streams the system cannot move files to. What the stream did not take is read again.
fn copy(stream: &mut Stream, file: &File, offset: u64, len: u64) -> io::Result<u64> {
    use std::io::Write;
    // Before anything is read only to be refused.
    stream.flush()?;
    let mut piece = [0; 16 * 1024];
    let want = piece.len().min(len.try_into().unwrap_or(usize::MAX));
    let got = read_at(file, piece.get_mut(..want).unwrap_or_default(), offset)?;
    match piece.get(..got) {
        None | Some([]) => Ok(0),
        Some(got) => stream.write(got).map(|n| n as u64),
    }
}

#[cfg(unix)]
fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buf, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buf, offset)
}
