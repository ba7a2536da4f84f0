//! [`Request`] and [`ClientError`]: what came from a client, as the handler sees it. Plain data.

use std::ops::Deref;

use h1wire_proto::{RecvError, RequestHead};

/// A request: its [head](RequestHead), and which of its connection it is.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub(crate) head: RequestHead<'a, 'a>,
    pub(crate) number: u32,
}

impl Request<'_> {
    /// Which request of its connection this is, counted from 1.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl<'a> Deref for Request<'a> {
    type Target = RequestHead<'a, 'a>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.head
    }
}

/// What a client did wrong.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ClientError<'a> {
    /// What it is, and where in the stream.
    pub error: RecvError,
    /// The bytes that were not accepted, as far as they were received.
    pub raw: &'a [u8],
    /// How many bytes of the connection were accepted before.
    pub bytes_parsed: u64,
}
