//! [`Draft`]: what was set for a head that was not sent yet, and for the trailers after it. Plain data.

use h1wire_proto::{Headers, SendError};

/// What an answer is to say. The next answer has another draft, in the same memory.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) headers: Headers,
    pub(crate) trailers: Headers,
    pub(crate) status: u16,
    pub(crate) reason: Option<Vec<u8>>,
    pub(crate) length: Option<u64>,
    /// Whether it carries `Date`, if the server's answers do.
    pub(crate) date: bool,
    /// The first thing that could not be set.
    pub(crate) error: Option<SendError>,
}

impl Draft {
    pub(crate) fn new() -> Self {
        Self::within(Headers::new(), Headers::new())
    }

    /// One with nothing set, in the memory of the last.
    #[inline]
    pub(crate) fn renew(&mut self) {
        self.headers.clear();
        self.trailers.clear();
        *self = Self::within(std::mem::take(&mut self.headers), std::mem::take(&mut self.trailers));
    }

    #[inline]
    fn within(headers: Headers, trailers: Headers) -> Self {
        Self { headers, trailers, status: 200, reason: None, length: None, date: true, error: None }
    }
}
