//! [`Why`]: the reason an exchange of a client is over, and [`Late`]: which of its time limits passed.

use core::fmt;

use crate::error::RecvError;

/// Why an exchange, or the connection that carried it, is over. Its `Display` is a line for a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The response is complete, and the server keeps no connection after it.
    PeerCloses,
    /// The response is complete, and the request said `Connection: close`.
    WeClose,
    /// The response is complete, and the server took no more of the request (RFC 9112 section 9.5).
    Unfinished,
    /// Bytes came that answer nothing. What came before them stands, and the connection is not used again (RFC 9112
    /// section 9.2).
    Spoiled,
    /// The owner ended it.
    Aborted,
    /// The owner did not want the rest of the response, and that was too much to discard.
    Dropped,
    /// A time limit passed.
    Late(Late),
    /// The server ended the connection within the response, or before it ("socket hang up" in Node).
    HangUp(RecvError),
    /// The server broke the protocol.
    Protocol(RecvError),
    /// Reading or writing failed. The owner has the error.
    Broken,
}

/// A time limit of a client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Late {
    /// Until the connection was made.
    Connect,
    /// In which nothing moved on the connection.
    Idle,
    /// Until the response began, once the request was sent.
    Response,
    /// Until more content of the response came.
    Content,
    /// Until the server took more of the request.
    Write,
    /// Until the server took more of the request, after it began to answer and nobody read that.
    Stall,
    /// For everything together.
    Total,
}

impl Why {
    /// Whether the whole response was received.
    pub const fn is_complete(&self) -> bool {
        matches!(self, Self::PeerCloses | Self::WeClose | Self::Unfinished | Self::Spoiled)
    }

    /// Whether the connection turned out to be dead: what happens to a reused one that the server has closed meanwhile
    /// (RFC 9112 section 9.3.1), and so may be worth a [retry](crate::retry).
    pub const fn is_dead(&self) -> bool {
        matches!(self, Self::HangUp(_) | Self::Broken)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerCloses => f.write_str("the server keeps no connection"),
            Self::WeClose => f.write_str("the request was to be the last"),
            Self::Unfinished => f.write_str("the server answered and took no more of the request"),
            Self::Spoiled => f.write_str("bytes came that answer no request"),
            Self::Aborted => f.write_str("the request was aborted"),
            Self::Dropped => f.write_str("the rest of the response was not wanted"),
            Self::Late(late) => late.fmt(f),
            Self::HangUp(error) => write!(f, "the server hung up: {error}"),
            Self::Protocol(error) => write!(f, "the server sent no valid response: {error}"),
            Self::Broken => f.write_str("the connection failed"),
        }
    }
}

impl Late {
    /// Every limit, in the order of the type.
    pub const ALL: [Self; 7] =
        [Self::Connect, Self::Idle, Self::Response, Self::Content, Self::Write, Self::Stall, Self::Total];
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting took too long",
            Self::Idle => "nothing moved on the connection for too long",
            Self::Response => "the response took too long to begin",
            Self::Content => "the rest of the response took too long",
            Self::Write => "the server took too long to take the request",
            Self::Stall => "the server stopped reading the request while its response went unread",
            Self::Total => "the exchange took too long",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::RecvErrorKind;
    use alloc::collections::BTreeSet;
    use alloc::string::ToString;

    #[test]
    fn every_limit_is_in_all_at_its_place() {
        for (at, late) in Late::ALL.into_iter().enumerate() {
            assert_eq!(late as usize, at);
        }
        assert_eq!(Late::ALL.map(|late| late.to_string()).into_iter().collect::<BTreeSet<_>>().len(), 7);
    }

    #[test]
    fn only_a_connection_that_ended_by_itself_counts_as_dead() {
        let error = |kind| RecvError::new(kind, 0);
        assert!(Why::Broken.is_dead() && Why::HangUp(error(RecvErrorKind::UnexpectedEof)).is_dead());
        for why in [
            Why::PeerCloses,
            Why::Spoiled,
            Why::Aborted,
            Why::Dropped,
            Why::Late(Late::Idle),
            Why::Protocol(error(RecvErrorKind::TooManyInformational)),
        ] {
            assert!(!why.is_dead(), "{why}");
        }
    }
}
