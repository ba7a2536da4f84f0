//! [`Timeouts`]: how long a connection may take for what. What is measured from when is in `timers`.

/// The time limits of one connection, in milliseconds; 0 turns one off.
///
/// Start from [`SERVER`](Self::SERVER), [`MODERN_SERVER`](Self::MODERN_SERVER) or [`CLIENT`](Self::CLIENT) and change
/// what you need. A connection keeps the limits it was made with if its owner keeps passing the same value.
///
/// ```
/// use h1wire_proto::Timeouts;
/// let mine = Timeouts { headers: 10_000, ..Timeouts::SERVER };
/// assert_eq!(mine.keep_alive_hint(), Some(5));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Timeouts {
    /// Server: for a head, from its first byte, or from the connection's beginning for the first one, however slowly
    /// bytes come. Default 60,000, the reference's `headersTimeout`; nginx has 60 s too.
    ///
    /// Client: for the head of the response, from the last byte sent. Off by default.
    pub headers: u32,
    /// For a connection on which nothing moves in either direction and no phase ends. Server default 120,000,
    /// the reference's `timeout`; off in the newer Node and by default in clients.
    pub idle: u32,
    /// For the next request after a response was sent, in place of `idle`. Default 5,000, the reference's
    /// `keepAliveTimeout`; nginx has 75 s, Apache 5 s. Off in clients, where the pool decides.
    pub keep_alive: u32,
    /// How long the connection outlives `keep_alive`, so that a client which trusts the advertised time does not
    /// write into a closing connection. Default 1,000.
    pub keep_alive_buffer: u32,
    /// Server: for a whole request, head and content. Default 300,000, the newer Node's `requestTimeout`. With a
    /// `body_rate` it is not the end of an upload that moves.
    ///
    /// Client: for a whole exchange, until the response is complete. Off by default.
    pub request: u32,
    /// For the next byte of content, while its reader wants more. Default 120,000; nginx has 60 s.
    pub body: u32,
    /// Bytes a second at which content must arrive to go on after `request`: on average until then, and in each
    /// `body_window` from then on. Default 240, as in Kestrel; 0 ends every message at `request`.
    pub body_rate: u32,
    /// How long the rate is measured for. Default 10,000, at least 1,000.
    pub body_window: u32,
    /// Client: how long content is held back for `100 Continue` before it is sent all the same
    /// (RFC 9110 section 10.1.1). Default 1,000, as in curl.
    pub continue_wait: u32,
    /// For the peer to take the next byte that waits to be sent. Default 120,000. A slow reader with a large socket
    /// buffer takes its bytes in few large steps, so that nginx's 60 s cut off readers that are alive.
    pub write: u32,
    /// For the peer to close after the last response, while the rest of its bytes is discarded
    /// (RFC 9112 section 9.6). Only where the peer could not know that it would be the last. Default 5,000, nginx's
    /// `lingering_timeout`. 0 waits for as long as the peer likes.
    pub linger: u32,
}

impl Timeouts {
    /// A server with the defaults of the reference.
    pub const SERVER: Self = Self {
        headers: 60_000,
        idle: 120_000,
        keep_alive: 5_000,
        keep_alive_buffer: 1_000,
        request: 300_000,
        body: 120_000,
        body_rate: 240,
        body_window: 10_000,
        continue_wait: 1_000,
        write: 120_000,
        linger: 5_000,
    };

    /// A server with the defaults of newer Node versions: 65 s of keep-alive, more than the 60 s of common load
    /// balancers, and no idle limit. Silent content and readers that stopped still end after 120 s.
    pub const MODERN_SERVER: Self = Self { idle: 0, keep_alive: 65_000, ..Self::SERVER };

    /// A client with the defaults of the reference: no limits but on waiting for `100 Continue`.
    pub const CLIENT: Self = Self {
        headers: 0,
        idle: 0,
        keep_alive: 0,
        keep_alive_buffer: 0,
        request: 0,
        body: 0,
        body_rate: 0,
        write: 0,
        ..Self::SERVER
    };

    /// The whole seconds to [advertise](crate::Conn::advertise_keep_alive) as `Keep-Alive: timeout=`, at most 65,535;
    /// `None` when keep-alive has no limit or less than a second.
    pub const fn keep_alive_hint(&self) -> Option<u16> {
        match self.keep_alive / 1000 {
            0 => None,
            seconds if seconds > u16::MAX as u32 => Some(u16::MAX),
            seconds => Some(seconds as u16),
        }
    }
}
