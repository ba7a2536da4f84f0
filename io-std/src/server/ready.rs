//! Reading a request without waiting for it: for a handler that has somebody else to listen to meanwhile, as a proxy has.

use std::io;

use super::request::Request;
use crate::socket::PollFd;

impl Request<'_> {
    /// Reads content that is there, and does not wait for more; 0 at its end. Unlike a read it does not ask a client for
    /// its content that waits for `100 Continue`: that is for [`send_continue`](super::Response::send_continue) to do.
    ///
    /// # Errors
    /// `WouldBlock` if there is none yet: then [`with_poll_fd`](Self::with_poll_fd) has what to wait for. Else as reading.
    pub fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.exchange.borrow_mut().read_content(buf, self.trailers, false)
    }

    /// Lends the descriptor on which content comes, to be waited for beside others once [`try_read`](Self::try_read) would
    /// block. `None` for streams without one, and where the connection is lost. Reading or writing it breaks the
    /// connection.
    pub fn with_poll_fd<T>(&self, wait: impl FnOnce(Option<PollFd<'_>>) -> T) -> T {
        let exchange = self.exchange.borrow();
        wait(exchange.link.stream.as_ref().and_then(|stream| stream.poll_fd()))
    }
}
