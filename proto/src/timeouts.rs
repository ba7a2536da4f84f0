//! [`Timeouts`]: how long a connection may take for what. What is measured from when is in `timers`.

use core::time::Duration;

/// The time limits of one connection. `None` is no limit; a limit of zero has passed when it begins.
///
/// Start from [`SERVER`](Self::SERVER), [`MODERN_SERVER`](Self::MODERN_SERVER) or [`CLIENT`](Self::CLIENT) and change
/// what you need; a minor version may add a limit. Times are exact to a millisecond, rounded up. A connection keeps the limits it was made with if its owner keeps passing the same value.
///
/// ```
/// use core::time::Duration;
/// use h1wire_proto::Timeouts;
/// let mine = Timeouts { headers: Some(Duration::from_secs(10)), ..Timeouts::SERVER };
/// assert_eq!(mine.keep_alive_hint(), Some(5));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Timeouts {
    /// Server: for a head, from its first byte, or from the connection's beginning for the first one, however slowly
    /// bytes come. Default 60 s, Node's `headersTimeout`; nginx has 60 s too.
    ///
    /// Client: for the head of the response, from the last byte sent. Off by default.
    pub headers: Option<Duration>,
    /// How long a connection may go without a byte in either direction or a change of phase. Server default 120 s, the
    /// `timeout` of Node 12; off in newer Node and by default in clients.
    pub idle: Option<Duration>,
    /// For the next request after a response was sent, in place of `idle`. Default 5 s, Node's `keepAliveTimeout`;
    /// nginx has 75 s, Apache 5 s. Off in clients, where the pool decides.
    pub keep_alive: Option<Duration>,
    /// How long the connection outlives `keep_alive`, so that a client which trusts the advertised time does not
    /// write into a closing connection. Default 1 s.
    pub keep_alive_buffer: Duration,
    /// Server: for a whole request, head and content. Default 300 s, newer Node's `requestTimeout`. With a
    /// `body_rate` it is not the end of an upload that moves.
    ///
    /// Client: for a whole exchange, until the response is complete. Off by default.
    pub request: Option<Duration>,
    /// For the next byte of content, while its reader wants more. Default 120 s; nginx has 60 s.
    pub body: Option<Duration>,
    /// Bytes a second at which content must arrive to go on after `request`: on average until then, and in each
    /// `body_window` from then on. Default 240, as in Kestrel; `None` ends every message at `request`.
    pub body_rate: Option<u32>,
    /// How long the rate is measured for. Default 10 s; less than a second counts as a second.
    pub body_window: Duration,
    /// Client: how long content is held back for `100 Continue` before it is sent all the same
    /// (RFC 9110 section 10.1.1). Default 1 s, as in curl.
    pub continue_wait: Option<Duration>,
    /// For the peer to take the next byte that waits to be sent. Default 120 s. A slow reader with a large socket
    /// buffer takes its bytes in few large steps, so that nginx's 60 s cut off readers that are alive.
    pub write: Option<Duration>,
    /// For the peer to close after the last response, while the rest of its bytes is discarded
    /// (RFC 9112 section 9.6). Only where the peer could not know that it would be the last. Default 5 s, nginx's
    /// `lingering_timeout`. `None` waits for as long as the peer likes.
    pub linger: Option<Duration>,
}

impl Timeouts {
    /// A server with the defaults of Node 12.
    pub const SERVER: Self = Self {
        headers: secs(60),
        idle: secs(120),
        keep_alive: secs(5),
        keep_alive_buffer: Duration::from_secs(1),
        request: secs(300),
        body: secs(120),
        body_rate: Some(240),
        body_window: Duration::from_secs(10),
        continue_wait: secs(1),
        write: secs(120),
        linger: secs(5),
    };

    /// A server with the defaults of newer Node versions: 65 s of keep-alive, more than the 60 s of common load
    /// balancers, and no idle limit. Silent content and readers that stopped still end after 120 s.
    pub const MODERN_SERVER: Self = Self { idle: None, keep_alive: secs(65), ..Self::SERVER };

    /// A client with the defaults of Node: no limits but on waiting for `100 Continue`.
    pub const CLIENT: Self = Self {
        headers: None,
        idle: None,
        keep_alive: None,
        keep_alive_buffer: Duration::ZERO,
        request: None,
        body: None,
        body_rate: None,
        write: None,
        ..Self::SERVER
    };

    /// The whole seconds to [advertise](crate::Conn::advertise_keep_alive) as `Keep-Alive: timeout=`, at most 65,535;
    /// `None` when keep-alive has no limit or less than a second.
    pub const fn keep_alive_hint(&self) -> Option<u16> {
        match self.keep_alive {
            None => None,
            Some(limit) => match limit.as_secs() {
                0 => None,
                seconds if seconds > u16::MAX as u64 => Some(u16::MAX),
                seconds => Some(seconds as u16),
            },
        }
    }
}

const fn secs(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}
