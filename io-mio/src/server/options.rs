//! What can be set for a server. Plain data; each option is obeyed where its subject is.

use std::time::Duration;

use crate::client;
use h1wire_proto::serving::Policy;

/// The options of a server. Start from the default and change what you need.
///
/// ```
/// use std::time::Duration;
/// use h1wire_mio::{Options, proto::Timeouts};
///
/// let mut options = Options::default();
/// options.policy.timeouts = Timeouts { headers: Some(Duration::from_secs(10)), ..Timeouts::MODERN_SERVER };
/// options.policy.protocol.limits.content_bytes = Some(1 << 20);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How connections are treated: limits of what is received and of time, how long they are kept, how they end. What is
    /// not about sockets, threads and memory is here.
    pub policy: Policy,
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
    /// How many bytes an event loop reads at once, and so the most content a handler sees in one piece or has waiting
    /// while it [pauses](crate::Response::pause). At least 1,024, default 65,536; Node has 65,536.
    pub read_buffer: usize,
    /// How many bytes of output, those of files included, may wait for one connection before writers are told to wait,
    /// and its requests are left in the socket; so they are while two pieces of files wait, each with a descriptor. At
    /// least 1, default 65,536; Node has 16,384.
    pub write_high_water: usize,
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
}

impl Options {
    /// At no bytes an empty queue would be full.
    #[inline]
    pub(crate) fn high_water(&self) -> usize {
        self.write_high_water.max(1)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            max_connections: None,
            max_connections_per_peer: None,
            backlog: 1024,
            abort_on_end: false,
            read_buffer: 64 * 1024,
            write_high_water: 64 * 1024,
            no_delay: true,
            tcp_keep_alive: None,
            count_connections: false,
            client: None,
        }
    }
}
