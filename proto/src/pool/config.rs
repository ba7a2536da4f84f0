//! The options of a pool, and the one rule of the message that follows from them. No decisions over connections.

use core::time::Duration;

/// The options of a [`Pool`](super::Pool). `None` is no limit, and zero is zero. A minor version may add an option: start
/// from [`DEFAULT`](Self::DEFAULT), or from [`NODE`](Self::NODE).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PoolConfig {
    /// Whether a connection nobody waits for is kept for later requests. Default on. Off, it is closed. Either way a
    /// connection serves those who wait for its origin first.
    pub keep_alive: bool,
    /// The most connections for one origin: being made, in use and idle together. Default `None`. With zero every
    /// request fails with [`PoolError::NoneAllowed`](super::PoolError::NoneAllowed).
    pub max_connections: Option<u32>,
    /// The most connections over all origins: being made, in use and idle together. Default `None`; zero as above.
    pub max_total_connections: Option<u32>,
    /// The most idle connections for one origin. Default 256. 0 keeps none.
    pub max_idle: Option<u32>,
    /// Which idle connection serves the next request. Default [`Scheduling::Fifo`].
    pub scheduling: Scheduling,
    /// The most tickets, over all origins, that wait with no connection being made for them. The next one fails
    /// with [`PoolError::QueueFull`](super::PoolError::QueueFull). Default `None`. 0: a request that would have to wait
    /// for another to finish fails.
    pub max_queued: Option<u32>,
    /// How long a connection may be idle before it is closed. Default 90 s. With zero none is kept.
    pub idle_timeout: Option<Duration>,
    /// By how much a connection is closed before the peer said it would close it
    /// ([`KeepAlive::timeout`](crate::KeepAlive::timeout)), so that no request crosses the peer's
    /// close on the way. Default 1 s. A connection is not kept at all for a hint that is not longer than this.
    pub hint_buffer: Duration,
    /// How long a ticket of [`Pool::acquire`](super::Pool::acquire) waits before it fails with
    /// [`PoolError::Timeout`](super::PoolError::Timeout). Default `None`.
    pub acquire_timeout: Option<Duration>,
}

/// Which of several idle connections serves the next request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Scheduling {
    /// The one that has been idle longest. Keeps many connections in use.
    #[default]
    Fifo,
    /// The one used last. Keeps few in use, and rarely meets one that the peer is about to close.
    Lifo,
}

impl PoolConfig {
    /// Connections are kept, each for 90 s.
    pub const DEFAULT: Self =
        Self { keep_alive: true, idle_timeout: Some(Duration::from_secs(90)), ..Self::NODE };

    /// The defaults of Node 12: no connection is kept for later.
    pub const NODE: Self = Self {
        keep_alive: false,
        max_connections: None,
        max_total_connections: None,
        max_idle: Some(256),
        scheduling: Scheduling::Fifo,
        max_queued: None,
        idle_timeout: None,
        hint_buffer: Duration::from_secs(1),
        acquire_timeout: None,
    };

    /// The value of the `Connection` field a request is sent with; `None` if the user set the field.
    ///
    /// `close` where no connection of this pool could be used again (RFC 9112 section 9.6): none is kept, and with
    /// no limit for the origin nobody ever waits for one. Else `keep-alive`.
    pub const fn connection_field(&self, set_by_user: bool) -> Option<&'static str> {
        if set_by_user {
            None
        } else if self.keep_alive || limit(self.max_connections) != usize::MAX {
            Some("keep-alive")
        } else {
            Some("close")
        }
    }

    /// How many idle connections an origin may have.
    pub(super) const fn idle_room(&self) -> usize {
        if self.keep_alive { limit(self.max_idle) } else { 0 }
    }
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A limit for which none means that there is none.
pub(super) const fn limit(most: Option<u32>) -> usize {
    match most {
        None => usize::MAX,
        Some(most) => most as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_close_only_if_its_connection_could_never_be_used_again() {
        let field = |keep_alive, max_connections, set_by_user| {
            PoolConfig { keep_alive, max_connections, ..PoolConfig::DEFAULT }.connection_field(set_by_user)
        };
        assert_eq!(field(false, None, false), Some("close"));
        assert_eq!(field(false, Some(1), false), Some("keep-alive"));
        assert_eq!(field(true, None, false), Some("keep-alive"));
        assert_eq!(field(true, Some(1), false), Some("keep-alive"));
    }

    #[test]
    fn a_connection_field_of_the_user_stands() {
        for keep_alive in [false, true] {
            let config = PoolConfig { keep_alive, ..PoolConfig::DEFAULT };
            assert_eq!(config.connection_field(true), None);
        }
    }

    #[test]
    fn connections_are_kept_by_default_and_none_as_in_node() {
        let config = PoolConfig::default();
        assert_eq!(
            (config.keep_alive, config.max_idle, config.scheduling),
            (true, Some(256), Scheduling::Fifo)
        );
        assert_eq!((config.max_connections, config.max_total_connections), (None, None));
        assert_eq!(config.idle_timeout, Some(Duration::from_secs(90)));
        assert_eq!((PoolConfig::NODE.keep_alive, PoolConfig::NODE.idle_timeout), (false, None));
    }
}
