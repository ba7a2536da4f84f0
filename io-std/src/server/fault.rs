//! [`Fault`]: why a request is not complete, as its client's doing. What follows from it is in `ending`.

use std::io;

use h1wire_proto::{Expired, RecvError, RecvErrorKind};

/// Why the rest of a request will not come.
#[derive(Debug)]
pub(crate) enum Fault {
    Protocol(RecvError),
    Expired(Expired),
    Stream(io::Error),
}

impl Fault {
    /// As the error of a read.
    pub(crate) fn to_io(&self) -> io::Error {
        match self {
            Self::Protocol(error) if error.kind() == RecvErrorKind::UnexpectedEof => {
                io::Error::new(io::ErrorKind::UnexpectedEof, *error)
            }
            Self::Protocol(error) => io::Error::new(io::ErrorKind::InvalidData, *error),
            Self::Expired(_) => io::ErrorKind::TimedOut.into(),
            Self::Stream(error) => error.kind().into(),
        }
    }

    /// The status that the machine answers with.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Protocol(error) => Some(error.status()),
            Self::Expired(expired) => expired.status(),
            Self::Stream(_) => None,
        }
    }
}
