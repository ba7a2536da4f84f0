//! [`Request`] and [`ClientError`]: what came from a client, as the handler sees it. Plain data.

use std::ops::Deref;

use h1wire_proto::{Fields, Method, RecvError, RequestHead, Version};

/// A request: its [head](RequestHead), and which of its connection it is.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub(crate) head: RequestHead<'a, 'a>,
    pub(crate) number: u32,
    pub(crate) is_shutting_down: bool,
}

impl<'a> Request<'a> {
    /// The head, as it was received.
    #[inline]
    pub fn head(&self) -> &RequestHead<'a, 'a> {
        &self.head
    }

    /// The method.
    #[inline]
    pub fn method(&self) -> Method<'a> {
        self.head.method
    }

    /// The target as received.
    #[inline]
    pub fn target(&self) -> &'a [u8] {
        self.head.target
    }

    /// The field section.
    #[inline]
    pub fn fields(&self) -> Fields<'a, 'a> {
        self.head.fields
    }

    /// The version.
    #[inline]
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// Whether the server shuts down, so that the answer is the last of its connection.
    pub fn is_shutting_down(&self) -> bool {
        self.is_shutting_down
    }

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
