//! [`Upgraded`]: a connection that left the event loop, with the bytes that were read too many.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::stream::Stream;

/// A connection that belongs to another protocol, or to a tunnel.
///
/// It is the caller's, non-blocking, and in no registry. Reading gives first what came after the request's last byte.
/// Dropping it closes the connection.
#[derive(Debug)]
pub struct Upgraded {
    stream: Stream,
    leftover: Vec<u8>,
    read: usize,
}

impl Upgraded {
    pub(crate) fn new(stream: Stream, leftover: Vec<u8>) -> Self {
        Self { stream, leftover, read: 0 }
    }

    /// The first bytes of the new protocol, as far as they were received and not read yet.
    pub fn leftover(&self) -> &[u8] {
        self.leftover.get(self.read..).unwrap_or_default()
    }

    /// The stream, and the [`leftover`](Self::leftover) that must be used before it is read.
    pub fn into_parts(mut self) -> (Stream, Vec<u8>) {
        self.leftover.drain(..self.read);
        (self.stream, self.leftover)
    }

    /// A blocking socket of `std`, and the [`leftover`](Self::leftover) that must be used before it is read.
    ///
    /// # Errors
    /// Those of the system, and [`Unsupported`](io::ErrorKind::Unsupported) if it is not TCP.
    pub fn into_tcp(self) -> io::Result<(std::net::TcpStream, Vec<u8>)> {
        match self.into_parts() {
            (Stream::Tcp(stream), leftover) => {
                let stream = std::net::TcpStream::from(stream);
                stream.set_nonblocking(false)?;
                Ok((stream, leftover))
            }
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl Read for Upgraded {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.leftover().is_empty() {
            return self.stream.read(buf);
        }
        let n = self.leftover().read(buf)?;
        self.read += n;
        Ok(n)
    }
}

impl Write for Upgraded {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Who takes a connection over when it leaves the loop.
pub(crate) struct Taker(Option<Box<dyn FnOnce(Upgraded)>>);

impl Taker {
    pub(crate) fn new(taker: impl FnOnce(Upgraded) + 'static) -> Self {
        Self(Some(Box::new(taker)))
    }

    pub(crate) fn take_over(mut self, upgraded: Upgraded) {
        if let Some(taker) = self.0.take() {
            taker(upgraded);
        }
    }
}

/// Never called, it goes with what the user put into it, and a panic of that is not to go further.
impl Drop for Taker {
    fn drop(&mut self) {
        let taker = self.0.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(taker)));
    }
}
