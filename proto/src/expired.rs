//! [`Expired`]: the time limits by name, as something that passed. When one does is known to `timers`.

use core::fmt;

#[cfg(doc)]
use crate::Timeouts;

/// A time limit that passed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Expired {
    /// Nothing moved on the socket: [`Timeouts::idle`]. The owner tells the user, and closes if nobody objects.
    Idle,
    /// A head is not complete: [`Timeouts::headers`].
    Head,
    /// There was no next request: [`Timeouts::keep_alive`], or [`Timeouts::headers`] on a new connection without a
    /// request. Line ends before a request (RFC 9112 section 2.2) are none. Close without a word.
    KeepAlive,
    /// Content stopped coming: [`Timeouts::body`].
    Body,
    /// A message is not complete and not fast enough to go on: [`Timeouts::request`].
    Request,
    /// `100 Continue` did not come: [`Timeouts::continue_wait`]. Send the content.
    Continue,
    /// The peer stopped reading: [`Timeouts::write`]. What is queued will not arrive, close.
    Write,
    /// The peer did not close: [`Timeouts::linger`]. Close.
    Linger,
}

impl Expired {
    /// The status a server answers with before it closes, if it has not begun an answer: 408 where the client is
    /// late with a request it began (RFC 9110 section 15.5.9). [`Conn::respond_expired`](crate::Conn::respond_expired)
    /// sends it.
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::Head | Self::Body | Self::Request => Some(408),
            _ => None,
        }
    }

    /// Every limit, each at the place of its number.
    pub const ALL: &'static [Self] = &[
        Self::Idle,
        Self::Head,
        Self::KeepAlive,
        Self::Body,
        Self::Request,
        Self::Continue,
        Self::Write,
        Self::Linger,
    ];

    pub(crate) const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A word or two, for logs.
impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Head => "head",
            Self::KeepAlive => "keep-alive",
            Self::Body => "content",
            Self::Request => "request",
            Self::Continue => "continue",
            Self::Write => "write",
            Self::Linger => "linger",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_listed_at_the_place_of_its_number_and_has_a_bit_of_its_own() {
        let mut all = 0;
        for (n, limit) in Expired::ALL.iter().enumerate() {
            assert_eq!(*limit as usize, n);
            assert_eq!(all & limit.bit(), 0);
            all |= limit.bit();
        }
    }
}
