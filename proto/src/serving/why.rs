//! [`Why`]: why a server's connection ends. Plain data; the first cause that is found wins, unless a graver one follows.

use core::fmt;

use crate::error::RecvErrorKind;
use crate::expired::Expired;

/// Why a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Why {
    /// The answer said so, on the server's own account: its fields, or its framing for an old client.
    Asked,
    /// The client said so, or speaks HTTP/1.0.
    PeerAsked,
    /// The client ended its stream between two requests.
    PeerLeft,
    /// It had as many requests as [`Lifetime::max_requests`](crate::Lifetime::max_requests) allows.
    Requests,
    /// It is as old as [`Lifetime::max_age`](crate::Lifetime::max_age) allows.
    Age,
    /// The server is being [shut down](super::Session::wind_up).
    WoundUp,
    /// The request was answered before it was complete, and the rest is more than is discarded
    /// ([`Policy::discard_limit`](super::Policy::discard_limit)).
    Refused,
    /// The client broke the protocol.
    Protocol(RecvErrorKind),
    /// A time limit passed.
    Expired(Expired),
    /// The server's owner [wants it gone](super::Session::abort).
    Aborted,
    /// The stream failed, or the client reset it.
    Gone,
}

impl Why {
    /// One name for each variant, in the order of [`index`](Self::index).
    pub const NAMES: &'static [&'static str] = &[
        "asked",
        "peer asked",
        "peer left",
        "requests",
        "age",
        "wound up",
        "refused",
        "protocol",
        "expired",
        "aborted",
        "gone",
    ];

    /// The place of the variant among all, for tables.
    pub const fn index(self) -> usize {
        match self {
            Self::Asked => 0,
            Self::PeerAsked => 1,
            Self::PeerLeft => 2,
            Self::Requests => 3,
            Self::Age => 4,
            Self::WoundUp => 5,
            Self::Refused => 6,
            Self::Protocol(_) => 7,
            Self::Expired(_) => 8,
            Self::Aborted => 9,
            Self::Gone => 10,
        }
    }

    /// Whether it broke off what was under way: not a plan of either side, but a fault, a limit, or a loss.
    pub const fn is_failure(self) -> bool {
        match self {
            Self::Protocol(_) | Self::Aborted | Self::Gone => true,
            Self::Expired(limit) => !matches!(limit, Expired::KeepAlive | Expired::Linger),
            _ => false,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("the answer said that it is the last"),
            Self::PeerAsked => f.write_str("the client asked for it"),
            Self::PeerLeft => f.write_str("the client left"),
            Self::Requests => f.write_str("it had its last request"),
            Self::Age => f.write_str("it is old enough"),
            Self::WoundUp => f.write_str("the server is shut down"),
            Self::Refused => f.write_str("the request was answered before it was complete"),
            Self::Protocol(kind) => write!(f, "the client broke the protocol: {}", kind.name()),
            Self::Expired(limit) => write!(f, "a time limit passed: {limit}"),
            Self::Aborted => f.write_str("it was aborted"),
            Self::Gone => f.write_str("the client is gone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_place_a_name_and_a_sentence_of_its_own() {
        let all = [
            Why::Asked,
            Why::PeerAsked,
            Why::PeerLeft,
            Why::Requests,
            Why::Age,
            Why::WoundUp,
            Why::Refused,
            Why::Protocol(RecvErrorKind::BadMethod),
            Why::Expired(Expired::Head),
            Why::Aborted,
            Why::Gone,
        ];
        assert_eq!(all.len(), Why::NAMES.len());
        let mut said = std::collections::BTreeSet::new();
        for (n, why) in all.into_iter().enumerate() {
            assert_eq!(why.index(), n);
            assert!(said.insert(why.to_string()), "{why}");
        }
        assert_eq!(size_of::<Option<Why>>(), 2, "it lies beside the timers");
    }
}
