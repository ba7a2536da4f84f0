//! Whether a request that failed may be sent again: what is known of the attempt, and the verdict.
//!
//! One total function over plain values. Who keeps the request, and who sends it again, is not here.
//!
//! A server may close an idle connection at any moment, so a client that reuses one will now and then send a
//! request into a connection that is already gone (RFC 9112 section 9.3.1). It sees no answer and cannot tell
//! whether the request was processed. What it may do then is the subject of RFC 9110 section 9.2.2: repeat the
//! request if it knows that it was not processed, or if its method is idempotent, and in either case not twice.

use crate::message::Method;
use core::fmt;

/// How much of a request was handed to the connection. Bytes in a buffer of our own were not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Sent {
    /// Not a byte, or there was no connection at all.
    #[default]
    Nothing,
    /// Some bytes of the head or the content.
    Part,
    /// The whole request.
    All,
}

/// What is known of one attempt at an exchange when it fails. Kept by the owner of the request.
///
/// ```
/// use h1wire_proto::{Method, retry::*};
/// let mut attempt = Attempt::new(Method::Get, true);
/// attempt.sent = Sent::All;
/// assert_eq!(attempt.verdict(), Retry::Safe(Safe::Idempotent));
/// attempt.answered = true;
/// assert_eq!(attempt.verdict(), Retry::Unsafe(Unsafe::Answered));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Attempt {
    /// How much of the request was sent.
    pub sent: Sent,
    /// Whether any byte of a response was received, also of an interim one.
    pub answered: bool,
    /// Whether the connection was [assigned](crate::pool::Action::Assign) as a reused one. `false` if there was
    /// none.
    pub reused: bool,
    /// Whether the method is idempotent (RFC 9110 section 9.2.2), or the user knows that repeating this request
    /// does no harm.
    pub idempotent: bool,
    /// Whether all of the content can be had again: there is none, it is in memory, it can be rewound, or none of
    /// it was taken from the user yet.
    pub replayable: bool,
    /// Whether this attempt is an automatic retry itself.
    pub is_retry: bool,
}

/// Whether a failed request may be sent again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Retry {
    /// It may.
    Safe(Safe),
    /// Nobody can tell without knowing what the request does. The user may.
    Unsafe(Unsafe),
}

/// Why a request may be sent again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Safe {
    /// Nothing of it was sent.
    NothingSent,
    /// It is idempotent, and its reused connection ended without a byte of a response: most likely the peer had
    /// closed it before.
    Idempotent,
}

/// Why a request may not be sent again. The first reason that applies, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Unsafe {
    /// Some of its content is gone.
    ContentGone,
    /// A response had begun, so the request was received and may have taken effect.
    Answered,
    /// Its method is not idempotent.
    NotIdempotent,
    /// The connection was a fresh one, so that an innocent close does not explain the failure.
    FreshConnection,
}

impl Attempt {
    /// A first attempt of which nothing was sent yet, with content that can be had again.
    pub fn new(method: Method<'_>, reused: bool) -> Self {
        Self {
            sent: Sent::Nothing,
            answered: false,
            reused,
            idempotent: method.is_idempotent(),
            replayable: true,
            is_retry: false,
        }
    }

    /// Whether the request may be sent again, and why (not).
    pub const fn verdict(&self) -> Retry {
        if !self.replayable {
            return Retry::Unsafe(Unsafe::ContentGone);
        }
        match self.sent {
            // Also if something was received: bytes that came before the request are no answer to it.
            Sent::Nothing => Retry::Safe(Safe::NothingSent),
            Sent::Part | Sent::All if self.answered => Retry::Unsafe(Unsafe::Answered),
            Sent::Part | Sent::All if !self.idempotent => Retry::Unsafe(Unsafe::NotIdempotent),
            Sent::Part | Sent::All if !self.reused => Retry::Unsafe(Unsafe::FreshConnection),
            Sent::Part | Sent::All => Retry::Safe(Safe::Idempotent),
        }
    }

    /// Whether an adapter sends the request again without being asked: it is safe, the connection was a reused
    /// one, and it has not done so before.
    ///
    /// A failed automatic retry is not retried (RFC 9110 section 9.2.2), and where no connection could be made, a
    /// second try is the user's business.
    pub const fn retries_by_itself(&self) -> bool {
        self.reused && !self.is_retry && self.verdict().is_safe()
    }

    /// The automatic retry of this attempt, on a connection that is `reused` or not.
    #[must_use]
    pub const fn again(self, reused: bool) -> Self {
        Self { sent: Sent::Nothing, answered: false, reused, is_retry: true, ..self }
    }
}

impl Retry {
    /// Whether the request may be sent again.
    pub const fn is_safe(&self) -> bool {
        matches!(self, Self::Safe(_))
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safe(Safe::NothingSent) => "safe to repeat: nothing was sent",
            Self::Safe(Safe::Idempotent) => {
                "safe to repeat: idempotent, and the reused connection gave no answer"
            }
            Self::Unsafe(Unsafe::ContentGone) => "not repeatable: some of the content is gone",
            Self::Unsafe(Unsafe::Answered) => "not safe to repeat: a response had begun",
            Self::Unsafe(Unsafe::NotIdempotent) => "not safe to repeat: the method is not idempotent",
            Self::Unsafe(Unsafe::FreshConnection) => {
                "not safe to repeat: the connection was not a reused one"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// Every attempt there can be.
    fn all() -> impl Iterator<Item = Attempt> {
        [Sent::Nothing, Sent::Part, Sent::All].into_iter().flat_map(|sent| {
            (0..32u8).map(move |bits| Attempt {
                sent,
                answered: bits & 1 != 0,
                reused: bits & 2 != 0,
                idempotent: bits & 4 != 0,
                replayable: bits & 8 != 0,
                is_retry: bits & 16 != 0,
            })
        })
    }

    #[test]
    fn a_request_of_which_nothing_was_sent_may_be_repeated_whatever_its_method() {
        for method in [Method::Get, Method::Post] {
            for reused in [false, true] {
                assert_eq!(Attempt::new(method, reused).verdict(), Retry::Safe(Safe::NothingSent));
            }
        }
    }

    #[test]
    fn an_idempotent_request_may_be_repeated_if_its_reused_connection_gave_no_byte() {
        for sent in [Sent::Part, Sent::All] {
            let attempt = |method, reused| Attempt { sent, ..Attempt::new(method, reused) };
            assert_eq!(attempt(Method::Put, true).verdict(), Retry::Safe(Safe::Idempotent));
            assert_eq!(attempt(Method::Put, false).verdict(), Retry::Unsafe(Unsafe::FreshConnection));
            assert_eq!(attempt(Method::Post, true).verdict(), Retry::Unsafe(Unsafe::NotIdempotent));
            assert_eq!(
                attempt(Method::from_bytes(b"BREW"), true).verdict(),
                Retry::Unsafe(Unsafe::NotIdempotent)
            );
        }
    }

    #[test]
    fn nothing_is_safe_once_an_answer_began_or_content_is_gone() {
        for attempt in all().filter(|attempt| attempt.answered && attempt.sent != Sent::Nothing) {
            assert!(!attempt.verdict().is_safe(), "{attempt:?}");
        }
        for attempt in all().filter(|attempt| !attempt.replayable) {
            assert_eq!(attempt.verdict(), Retry::Unsafe(Unsafe::ContentGone), "{attempt:?}");
        }
    }

    #[test]
    fn bytes_that_came_before_the_request_are_no_answer_to_it() {
        let attempt = Attempt { answered: true, ..Attempt::new(Method::Post, true) };
        assert_eq!(attempt.verdict(), Retry::Safe(Safe::NothingSent));
    }

    #[test]
    fn what_was_sent_and_is_not_idempotent_is_never_repeated() {
        for attempt in all().filter(|attempt| attempt.sent != Sent::Nothing && !attempt.idempotent) {
            assert!(!attempt.verdict().is_safe() && !attempt.retries_by_itself(), "{attempt:?}");
        }
    }

    #[test]
    fn there_is_at_most_one_automatic_retry() {
        let mut automatic = 0;
        for attempt in all().filter(Attempt::retries_by_itself) {
            automatic += 1;
            assert!(attempt.reused && attempt.verdict().is_safe() && !attempt.is_retry);
            for reused in [false, true] {
                let again = attempt.again(reused);
                assert_eq!((again.sent, again.answered, again.reused), (Sent::Nothing, false, reused));
                for sent in [Sent::Nothing, Sent::Part, Sent::All] {
                    assert!(!Attempt { sent, ..again }.retries_by_itself());
                }
            }
        }
        // Reused, replayable, the first: nothing sent (answered or not, idempotent or not), or part or all of it
        // sent, idempotent and unanswered.
        assert_eq!(automatic, 4 + 2);
    }

    #[test]
    fn knowing_more_that_is_bad_never_makes_a_retry_safe() {
        for attempt in all().filter(|attempt| !attempt.verdict().is_safe()) {
            for worse in [
                Attempt { answered: true, ..attempt },
                Attempt { idempotent: false, ..attempt },
                Attempt { replayable: false, ..attempt },
                Attempt { reused: false, ..attempt },
                Attempt { sent: attempt.sent.max(Sent::Part), ..attempt },
            ] {
                assert!(!worse.verdict().is_safe(), "{attempt:?} {worse:?}");
            }
        }
    }

    #[test]
    fn every_verdict_says_in_words_what_it_is() {
        for attempt in all() {
            let (verdict, text) = (attempt.verdict(), attempt.verdict().to_string());
            assert_eq!(text.starts_with("safe"), verdict.is_safe(), "{text}");
        }
    }
}
