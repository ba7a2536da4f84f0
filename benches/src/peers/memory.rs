//! A transport in memory whose other side sends the next messages as soon as the last ones were answered.
//!
//! It never waits for anything, so a future over it can be driven by polling alone.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use crate::Input;

/// The transport: gives so many messages of an input, then the end of the stream. What is written is dropped.
pub(super) struct Memory {
    input: &'static Input,
    /// Messages not yet started.
    left: u64,
    /// The next message to start.
    next: usize,
    /// What is left of the messages under way.
    at: usize,
    until: usize,
    /// Messages we owe to the other side, which waits for all of them before it sends again.
    owed: usize,
    /// How each of them begins.
    expected: &'static [u8],
}

impl Memory {
    /// A client that sends `messages` requests.
    pub(super) fn client(input: &'static Input, messages: u64) -> Self {
        Self { input, left: messages, next: 0, at: 0, until: 0, owed: 0, expected: b"HTTP/1.1 200 OK\r\n" }
    }

    /// A server that sends `messages` responses, each after it has seen a request.
    pub(super) fn server(input: &'static Input, messages: u64) -> Self {
        Self { owed: 1, expected: b"GET / HTTP/1.1\r\n", ..Self::client(input, messages) }
    }

    /// The bytes a read into `space` bytes would give; empty at the end of the stream.
    fn read(&mut self, space: usize) -> Poll<&'static [u8]> {
        if self.at == self.until {
            if self.owed > 0 {
                return Poll::Pending;
            }
            if self.left == 0 {
                return Poll::Ready(&[]);
            }
            let messages = &self.input.messages;
            let batch = self.input.batch.min(messages.len() - self.next).min(self.left as usize);
            let last = self.next + batch - 1;
            (self.at, self.until) = (messages[self.next].start, messages[last].end);
            self.next = (last + 1) % messages.len();
            self.left -= batch as u64;
            self.owed = batch;
        }
        let start = self.at;
        self.at = self.until.min(start + space);
        Poll::Ready(&self.input.bytes[start..self.at])
    }

    /// Takes note of what is written. Content does not look like the beginning of a message.
    fn write(&mut self, bytes: &[u8]) -> usize {
        let messages = match self.owed {
            0 => 0,
            1 => usize::from(bytes.starts_with(self.expected)),
            _ => memchr::memmem::find_iter(bytes, self.expected).count(),
        };
        self.owed -= messages;
        bytes.len()
    }
}

impl hyper::rt::Read for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut space: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.read(space.remaining()).map(|bytes| {
            space.put_slice(bytes);
            Ok(())
        })
    }
}

impl hyper::rt::Write for Memory {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.write(bytes)))
    }
    fn is_write_vectored(&self) -> bool {
        true
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(slices.iter().map(|slice| self.write(slice)).sum()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncRead for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        space: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.read(space.remaining()).map(|bytes| {
            space.put_slice(bytes);
            Ok(())
        })
    }
}

impl tokio::io::AsyncWrite for Memory {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.write(bytes)))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Polls until the future is ready. The cheapest executor there is, so that a peer is charged for none.
pub(super) fn drive<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
