//! What can be set for a server. Plain data; each option is obeyed where its subject is.

use std::time::Duration;

use crate::client;
use h1wire_proto::{Lifetime, Prepared, SendError, ServerConfig, Timeouts};

/// The options of a server. Start from the default and change what you need.
///
/// ```
/// use std::time::Duration;
/// use h1wire_mio::{Options, proto::Timeouts};
///
/// let mut options = Options::default();
/// options.timeouts = Timeouts { headers: Some(Duration::from_secs(10)), ..Timeouts::MODERN_SERVER };
/// options.protocol.limits.content_bytes = Some(1 << 20);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How requests are read: sizes of heads and content, leniencies, whether `Host` is required.
    pub protocol: ServerConfig,
    /// The time limits of connections. Default [`Timeouts::SERVER`], those of Node.
    pub timeouts: Timeouts,
    /// Whether answers tell how long the connection is kept, with `Keep-Alive: timeout=`. Default true, as in newer
    /// Node; nginx and hyper do not.
    pub advertise_keep_alive: bool,
    /// How many requests a connection may have; the answer to the last says `Connection: close`. 0 for no limit, the
    /// default. nginx has 1,000.
    ///
    /// Requests that were pipelined after the last are not looked at (RFC 9112 section 9.6: a server that said `close`
    /// must not process further requests), and their client, which was told to send none, may repeat them elsewhere.
    /// [`Handler::drop_request`](crate::Handler::drop_request) is told once that there was something. Node answers each
    /// of them with 503.
    pub max_requests: u32,
    /// How many connections the server may have, over all its event loops. Default none. nginx has 512 for each process.
    pub max_connections: Option<usize>,
    /// How many connections one peer may have, over all event loops of the server. An IPv6 network of 64 bits is one peer.
    /// What is beyond is closed at once, after [`Handler::drop_connection`](crate::Handler::drop_connection). Default
    /// none. Of streams that are not TCP no peer is known.
    pub max_connections_per_peer: Option<usize>,
    /// How many connections may wait to be accepted by a listener that [`Server::bind`](crate::Server::bind) made. The
    /// system may have a lower limit. Default 1,024; Node and nginx have 511.
    pub backlog: u32,
    /// Whether a client that says that it will send nothing more has gone: its exchange is then aborted, unless it is
    /// answered at once. Default false, for HTTP lets it wait for its answer; true notices at once who closed.
    pub abort_on_end: bool,
    /// How old a connection may get: its next answer is then the last, and idle it is closed. To the second. Default none. Useful
    /// behind load balancers, to spread connections anew.
    pub max_age: Option<Duration>,
    /// By how many percent, up to 100, the age of each connection may be less, so that they do not all end together.
    /// Default 10.
    pub max_age_jitter: u8,
    /// How many bytes an event loop reads at once, and so the most content a handler sees in one piece or has waiting
    /// while it [pauses](crate::Response::pause). At least 1,024, default 65,536; Node has 65,536.
    pub read_buffer: usize,
    /// How many bytes of output, those of files included, may wait for one connection before writers are told to wait,
    /// and its requests are left in the socket; so they are while two pieces of files wait, each with a descriptor. At
    /// least 1, default 65,536; Node has 16,384.
    pub write_high_water: usize,
    /// How many bytes of content are read and discarded when a request was answered before it was complete, in the hope
    /// of keeping the connection. Default 262,144, as in Go.
    pub discard_limit: u64,
    /// How many bytes are read and discarded after the last answer, until the client closes. Default 1,048,576.
    pub linger_limit: u64,
    /// Whether small writes are sent at once (`TCP_NODELAY`). Default true, as in newer Node.
    pub no_delay: bool,
    /// Has the system probe TCP connections that were silent for so long, in whole seconds from 1 to 32,767; what is
    /// beyond is taken for the nearest of them. Default none, as in Node.
    pub tcp_keep_alive: Option<Duration>,
    /// Whether bytes and age are counted for each connection, for [`Response::connection`](crate::Response::connection)
    /// and [`Handler::closed`](crate::Handler::closed). Costs 32 bytes for each. Default false.
    pub count_connections: bool,
    /// The options of a client for each event loop, by which handlers make requests of other servers:
    /// [`Response::upstream`](crate::Response::upstream). It stays when options are set anew. Default none.
    pub client: Option<client::Options>,
    /// Whether answers carry `Date`. Default true.
    pub send_date: bool,
    /// The value of `Server` in answers that have none of their own. Default none.
    pub server: Option<String>,
}

impl Options {
    /// The fields every answer has unless it has its own.
    pub(crate) fn own_fields(&self) -> Result<Option<Prepared>, SendError> {
        self.server.as_ref().map(|server| Prepared::new(&[("Server", server)])).transpose()
    }

    /// At no bytes an empty queue would be full.
    #[inline]
    pub(crate) fn high_water(&self) -> usize {
        self.write_high_water.max(1)
    }

    /// When a connection ends.
    #[inline]
    pub(crate) const fn lifetime(&self) -> Lifetime {
        Lifetime {
            max_requests: if self.max_requests > 0 { Some(self.max_requests) } else { None },
            max_age: self.max_age,
            max_age_jitter: self.max_age_jitter,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            protocol: ServerConfig::default(),
            timeouts: Timeouts::SERVER,
            advertise_keep_alive: true,
            max_requests: 0,
            max_connections: None,
            max_connections_per_peer: None,
            backlog: 1024,
            abort_on_end: false,
            max_age: None,
            max_age_jitter: 10,
            read_buffer: 64 * 1024,
            write_high_water: 64 * 1024,
            discard_limit: 256 * 1024,
            linger_limit: 1024 * 1024,
            no_delay: true,
            tcp_keep_alive: None,
            count_connections: false,
            client: None,
            send_date: true,
            server: None,
        }
    }
}
