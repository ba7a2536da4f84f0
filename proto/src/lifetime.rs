//! [`Lifetime`] and [`Tenure`]: how long a server keeps a connection in use, in requests and in time, and how far one
//! connection is.
//!
//! Which answer is the last is decided here and said by the machine. No clock is read; a connection that nothing is said
//! on is the owner's to close.

use crate::advice::Phase;
use crate::conn::{Conn, Server};
use crate::time::{Time, millis};
use core::time::Duration;

/// When a connection of a server is to end, so that its clients spread anew over the servers behind a balancer.
///
/// ```
/// use h1wire_proto::{Lifetime, Time};
/// use core::time::Duration;
/// let lifetime = Lifetime { max_requests: Some(2), max_age: Some(Duration::from_secs(10)), max_age_jitter: 10 };
/// assert!(!lifetime.is_last(1) && lifetime.is_last(2));
/// assert_eq!(lifetime.end(Time(500), 0), Some(Time(10_500)));
/// assert_eq!(lifetime.end(Time(500), u64::MAX), Some(Time(9_501)));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Lifetime {
    /// The most requests; 0 counts as 1, for a connection that was accepted gets an answer. Default none.
    pub max_requests: Option<u32>,
    /// The age after which there is no further request. Default none.
    pub max_age: Option<Duration>,
    /// By how many percent of `max_age`, at most, a connection ends earlier, so that connections made together do not
    /// end together. More than 100 counts as 100. Default 0.
    pub max_age_jitter: u8,
}

impl Lifetime {
    /// Whether the `number`th request, counted from 1, is the last one.
    #[inline]
    pub const fn is_last(&self, number: u32) -> bool {
        match self.max_requests {
            Some(most) => number >= most,
            None => false,
        }
    }

    /// The time from which on a connection that begins at `begin` is too old for another request. `random` should be
    /// another number for each connection, from the whole range.
    pub fn end(&self, begin: Time, random: u64) -> Option<Time> {
        let age = millis(self.max_age?);
        let most = u128::from(age) * u128::from(self.max_age_jitter.min(100)) / 100;
        // Never more than `age`, for `most` is not.
        let earlier = ((most * u128::from(random)) >> 64) as u64;
        Some(begin.after(age.saturating_sub(earlier)))
    }
}

/// How far one connection is through its [`Lifetime`]: 8 bytes beside the machine, which is told when the end is near.
///
/// | kind | methods, in order |
/// |---|---|
/// | once | [`new`](Self::new) |
/// | with each request head | [`request`](Self::request) |
/// | when [`next`](Self::next) is due | [`poll`](Self::poll) |
///
/// ```
/// use h1wire_proto::{Advice, Conn, Lifetime, Server, ServerConfig, Slots, Tenure, Time};
/// let lifetime = Lifetime { max_requests: Some(1), ..Lifetime::default() };
/// let mut conn = Conn::<Server>::new(&ServerConfig::default());
/// let mut tenure = Tenure::new(&lifetime, Time(0), 0);
/// let (mut input, mut out) = (&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], Vec::new());
/// let _head = conn.recv(&mut input, &mut Slots::new())?;
/// tenure.request(&lifetime, &mut conn);
/// conn.respond_with(204, &(), b"", &mut out).unwrap();
/// assert_eq!(out, b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
/// assert_eq!(conn.advice(), Advice::Linger);
/// # Ok::<(), h1wire_proto::RecvError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tenure {
    requests: u32,
    /// The first second from which on it is too old, or [`NEVER`](Self::NEVER).
    end: u32,
}

impl Tenure {
    const NEVER: u32 = u32::MAX;

    /// Of a connection that begins at `begin`. `random` is as for [`Lifetime::end`].
    ///
    /// The age is exact to a second and never too short; of no age at all, it is too old from the beginning. A clock
    /// that counts from more than 2^32 seconds ago is not for it: its connections never get too old.
    pub fn new(lifetime: &Lifetime, begin: Time, random: u64) -> Self {
        let second = |end: Time| {
            let end = if end <= begin { end.0 / 1000 } else { end.0.div_ceil(1000) };
            u32::try_from(end).unwrap_or(Self::NEVER)
        };
        Self { requests: 0, end: lifetime.end(begin, random).map_or(Self::NEVER, second) }
    }

    /// Counts a request whose head was just received, and has the machine make its answer the last one if the lifetime
    /// has no more.
    #[inline]
    pub fn request(&mut self, lifetime: &Lifetime, conn: &mut Conn<Server>) {
        self.requests = self.requests.saturating_add(1);
        if self.is_used_up(lifetime) {
            conn.close_after_response();
        }
    }

    /// How many requests there were.
    #[inline]
    pub const fn requests(&self) -> u32 {
        self.requests
    }

    /// Whether the connection has had its last request by their number. What the client sends after that is not looked
    /// at (RFC 9112 section 9.6).
    #[inline]
    pub const fn is_used_up(&self, lifetime: &Lifetime) -> bool {
        lifetime.is_last(self.requests)
    }

    /// When the connection will be too old for another request. `None`: never, or the machine was told.
    #[inline]
    pub fn next(&self) -> Option<Time> {
        (self.end != Self::NEVER).then(|| Time(u64::from(self.end) * 1000))
    }

    /// Tells the machine once that the connection is too old, if it is so at `now`: its next answer is its last. Answers
    /// whether it became too old [between](Phase::Idle) two requests, so that the owner is to close it. Before the first
    /// one it is not closed: a connection that was accepted gets an answer, and [`Timeouts::headers`] ends its wait.
    ///
    /// [`Timeouts::headers`]: crate::Timeouts::headers
    pub fn poll(&mut self, now: Time, conn: &mut Conn<Server>) -> bool {
        if self.next().is_none_or(|end| end > now) {
            return false;
        }
        self.end = Self::NEVER;
        // Asked first: to a machine that was told, a connection at rest is over.
        let at_rest = self.requests > 0 && conn.phase() == Phase::Idle;
        conn.close_after_response();
        at_rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::Advice;
    use crate::{Recv, ServerConfig, Slots};

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    fn receive(conn: &mut Conn<Server>, mut input: &[u8]) {
        while let Recv::Event(_) = conn.recv(&mut input, &mut Slots::new()).unwrap() {}
        assert!(input.is_empty());
    }

    /// Whether the answer says that it is the last.
    fn answer(conn: &mut Conn<Server>) -> bool {
        let mut out = Vec::new();
        conn.respond_with(200, &(), b"x", &mut out).unwrap();
        out.windows(19).any(|line| line == b"Connection: close\r\n")
    }

    #[test]
    fn the_answer_to_the_last_request_says_so_and_none_before_it() {
        let lifetime = Lifetime { max_requests: Some(3), ..Lifetime::default() };
        let mut tenure = Tenure::new(&lifetime, Time(0), 0);
        let mut conn = Conn::<Server>::new(&ServerConfig::default());
        for number in 1..=3 {
            receive(&mut conn, GET);
            tenure.request(&lifetime, &mut conn);
            assert_eq!(tenure.requests(), number);
            assert_eq!((answer(&mut conn), tenure.is_used_up(&lifetime)), (number == 3, number == 3));
        }
        let mut more = GET;
        assert!(matches!(conn.recv(&mut more, &mut Slots::new()), Ok(Recv::Closed)));
        assert_eq!((tenure.next(), conn.advice()), (None, Advice::Linger));
    }

    #[test]
    fn a_connection_that_is_too_old_is_closed_at_rest_and_else_with_its_next_answer() {
        let lifetime = Lifetime { max_age: Some(Duration::from_millis(1500)), ..Lifetime::default() };
        for (sent, answered, at_rest) in
            [(&GET[..0], false, false), (GET, true, true), (&GET[..3], false, false), (GET, false, false)]
        {
            let mut conn = Conn::<Server>::new(&ServerConfig::default());
            let mut tenure = Tenure::new(&lifetime, Time(200), 0);
            assert_eq!(tenure.next(), Some(Time(2000)), "not before a second and a half are over");
            let _ = conn.recv(&mut { sent }, &mut Slots::new()).unwrap();
            if sent == GET {
                tenure.request(&lifetime, &mut conn);
            }
            if answered {
                assert!(!answer(&mut conn));
                receive(&mut conn, b"");
            }

            assert!(!tenure.poll(Time(1999), &mut conn));
            assert_eq!(tenure.poll(Time(2000), &mut conn), at_rest, "{}", sent.escape_ascii());
            assert!(tenure.next().is_none() && !tenure.poll(Time(9000), &mut conn), "told once");

            if sent != GET {
                receive(&mut conn, GET);
            }
            if !at_rest {
                assert!(answer(&mut conn));
            }
            assert_eq!(conn.advice(), if at_rest { Advice::Close } else { Advice::Linger });
        }
    }

    #[test]
    fn an_end_beyond_what_is_counted_never_comes() {
        let lifetime = Lifetime { max_age: Some(Duration::MAX), ..Lifetime::default() };
        assert_eq!(Tenure::new(&lifetime, Time(7), 0).next(), None);
        let soon = Lifetime { max_age: Some(Duration::ZERO), ..Lifetime::default() };
        assert_eq!(Tenure::new(&soon, Time(u64::MAX), 0).next(), None);
        assert_eq!(Tenure::new(&soon, Time(1900), 0).next(), Some(Time(1000)), "and none is over at once");
    }

    #[test]
    fn a_lifetime_without_limits_never_ends() {
        let none = Lifetime::default();
        assert!(!none.is_last(0) && !none.is_last(1) && !none.is_last(u32::MAX));
        assert_eq!(none.end(Time(7), 7), None);
    }

    #[test]
    fn an_end_is_at_most_its_percentage_early_and_never_overflows() {
        let end = |age: u64, jitter, random| {
            let max_age = Some(Duration::from_millis(age));
            Lifetime { max_age, max_age_jitter: jitter, ..Lifetime::default() }.end(Time(100), random)
        };
        for random in [0, 1, u64::MAX / 2, u64::MAX] {
            assert_eq!(end(1000, 0, random), Some(Time(1100)));
            assert_eq!(end(0, 10, random), Some(Time(100)));
            assert!((1000..=1100).contains(&end(1000, 10, random).unwrap().0));
            assert_eq!(end(1000, 255, random), end(1000, 100, random));
            assert!(end(u64::MAX, 100, random).is_some());
        }
        assert_ne!(end(1000, 10, 0), end(1000, 10, u64::MAX));
        assert_eq!(end(u64::MAX, 0, 0), Some(Time(u64::MAX)));
    }
}
