//! [`Patience`]: how long a client waits for what, and [`Wait`]: the clock of a request that has no connection yet.
//!
//! The clocks of an exchange are in `call`.

use core::time::Duration;

use super::why::Late;
use crate::time::Time;
use crate::timeouts::Timeouts;

/// The time limits of a client's exchange; `None` is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// For making the connection, with resolving, proxies and TLS. Default 30 s.
    pub connect: Option<Duration>,
    /// In which nothing moves on the connection, from when it is begun. Default 120 s.
    pub idle: Option<Duration>,
    /// Until the response begins, once the last byte was sent. Default none.
    pub response: Option<Duration>,
    /// Until the next piece of the response comes, while it is waited for. Default none.
    pub content: Option<Duration>,
    /// In which the server takes no more of the request. Default none.
    pub write: Option<Duration>,
    /// In which the server takes no more of the request while it sends an answer that nobody reads: it may be waiting for
    /// its reader, and would wait for ever. Default 30 s.
    pub stall: Option<Duration>,
    /// How long content is held back for `100 Continue` (RFC 9110 section 10.1.1). Default 1 s.
    pub continue_wait: Option<Duration>,
    /// For everything together, from the request on. Default none. Whoever draws the ticket makes
    /// [`Terms::ends_at`](super::Terms::ends_at) of it.
    pub total: Option<Duration>,
}

impl Patience {
    /// The limits a client has by default: a server that is silent does not keep it for ever.
    pub const DEFAULT: Self = Self {
        connect: Some(Duration::from_secs(30)),
        idle: Some(Duration::from_secs(120)),
        stall: Some(Duration::from_secs(30)),
        continue_wait: Some(Duration::from_secs(1)),
        ..Self::NONE
    };

    /// No limits at all, as in Node.
    pub const NONE: Self = Self {
        connect: None,
        idle: None,
        response: None,
        content: None,
        write: None,
        stall: None,
        continue_wait: None,
        total: None,
    };

    /// As limits for the machine's timers.
    pub(super) fn timeouts(&self) -> Timeouts {
        Timeouts {
            headers: self.response,
            idle: self.idle,
            body: self.content,
            write: self.write,
            continue_wait: self.continue_wait,
            ..Timeouts::CLIENT
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A time limit that passed, and what it means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lapse {
    /// `100 Continue` did not come. The content is to be sent without.
    Continue,
    /// Nothing happened for too long, which the owner wanted to be told and nothing else.
    Notice(Late),
    /// The request is over.
    Over(Late),
}

/// The clock of a request that waits for a connection.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    ends_at: Option<Time>,
    connect: Option<Duration>,
    idle: Option<Duration>,
    notifies: bool,
    connect_at: Option<Time>,
    idle_at: Option<Time>,
    began: bool,
}

impl Wait {
    /// A request that is to be over at `ends_at`. With `notifies`, the idle limit is only told.
    pub const fn new(patience: &Patience, ends_at: Option<Time>, notifies: bool) -> Self {
        Self {
            ends_at,
            connect: patience.connect,
            idle: patience.idle,
            notifies,
            connect_at: None,
            idle_at: None,
            began: false,
        }
    }

    /// From now on a connection is being made for it. `true` the first time.
    pub fn connecting(&mut self, now: Time) -> bool {
        if self.began {
            return false;
        }
        self.began = true;
        self.connect_at = self.connect.map(|limit| now + limit);
        self.idle_at = self.idle.map(|limit| now + limit);
        true
    }

    /// When to call [`expire`](Self::expire).
    pub fn deadline(&self) -> Option<Time> {
        [self.ends_at, self.connect_at, self.idle_at].into_iter().flatten().min()
    }

    /// A limit that passed by `now`. [`Lapse::Over`]: give up, and [cancel](crate::pool::Pool::cancel) the ticket.
    pub fn expire(&mut self, now: Time) -> Option<Lapse> {
        let past = |at: Option<Time>| at.is_some_and(|at| at <= now);
        if past(self.ends_at) {
            return Some(Lapse::Over(Late::Total));
        }
        if past(self.connect_at) {
            return Some(Lapse::Over(Late::Connect));
        }
        if past(self.idle_at) {
            self.idle_at = None;
            return Some(if self.notifies { Lapse::Notice(Late::Idle) } else { Lapse::Over(Late::Idle) });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_of_connecting_begin_with_it_and_the_whole_one_before() {
        let patience = Patience {
            connect: Some(Duration::from_millis(50)),
            idle: Some(Duration::from_millis(20)),
            ..Patience::NONE
        };
        let mut wait = Wait::new(&patience, Some(Time(200)), true);
        assert_eq!((wait.deadline(), wait.expire(Time(199))), (Some(Time(200)), None));
        assert!(wait.connecting(Time(100)) && !wait.connecting(Time(110)));
        assert_eq!(wait.deadline(), Some(Time(120)));
        assert_eq!(wait.expire(Time(120)), Some(Lapse::Notice(Late::Idle)));
        assert_eq!((wait.expire(Time(121)), wait.deadline()), (None, Some(Time(150))));
        assert_eq!(wait.expire(Time(150)), Some(Lapse::Over(Late::Connect)));
        assert_eq!(wait.expire(Time(200)), Some(Lapse::Over(Late::Total)));

        let mut wait = Wait::new(&patience, None, false);
        assert_eq!(wait.deadline(), None);
        wait.connecting(Time(0));
        assert_eq!(wait.expire(Time(30)), Some(Lapse::Over(Late::Idle)));
    }
}
