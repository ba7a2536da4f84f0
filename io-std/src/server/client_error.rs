//! [`ClientError`]: what a client did wrong, for the hook that may answer it.

use std::io;
use std::net::SocketAddr;

use h1wire_proto::{Expired, RecvError};

use super::exchange::Failure;

/// A request that could not be received, and how far it came.
#[derive(Debug)]
pub struct ClientError<'a> {
    pub(crate) failure: &'a Failure,
    pub(crate) bytes_parsed: u64,
    pub(crate) raw: Vec<u8>,
    pub(crate) peer: Option<SocketAddr>,
}

impl ClientError<'_> {
    /// How the client broke the protocol, if it did.
    pub fn protocol(&self) -> Option<RecvError> {
        match self.failure {
            Failure::Protocol(error) => Some(*error),
            _ => None,
        }
    }

    /// The time limit that passed, if one did.
    pub fn expired(&self) -> Option<Expired> {
        match self.failure {
            Failure::Expired(expired) => Some(*expired),
            _ => None,
        }
    }

    /// How the stream failed in the middle of a request, if it did. Nothing can be answered then.
    pub fn stream(&self) -> Option<&io::Error> {
        match self.failure {
            Failure::Stream(error) => Some(error),
            _ => None,
        }
    }

    /// The status the client is answered with unless the hook answers; `None` where the connection is closed
    /// without a word.
    pub fn status(&self) -> Option<u16> {
        match self.failure {
            Failure::Protocol(error) => Some(error.status()),
            Failure::Expired(expired) => expired.status(),
            Failure::Stream(_) => None,
        }
    }

    /// How many bytes of the connection were understood.
    pub fn bytes_parsed(&self) -> u64 {
        self.bytes_parsed
    }

    /// The bytes in hand that were not understood, from the start of the head or of the piece of framing with the
    /// error. The peer's, to be escaped before they are shown.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The address of the client, if it has one.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }
}
