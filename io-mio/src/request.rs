//! [`Request`]: a head, and where it came from.

use std::net::SocketAddr;

use h1wire_proto::RequestHead;

/// The other end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Peer {
    /// A TCP peer.
    Tcp(SocketAddr),
    /// A peer on a unix socket, or on a stream of the user's own.
    Local,
}

/// A request as the handler sees it: the [head](RequestHead), and the connection it came on.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub(crate) head: RequestHead<'a, 'a>,
    pub(crate) number: u32,
}

impl Request<'_> {
    /// The how-manieth request of its connection this is, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl<'a> std::ops::Deref for Request<'a> {
    type Target = RequestHead<'a, 'a>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.head
    }
}
