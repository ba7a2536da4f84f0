//! What can be set for a server. Plain data; each option is obeyed where its subject is.

use std::time::Duration;

use h1wire_proto::{Lifetime, ServerConfig, Timeouts};

use super::connections::Most;

/// The options of a server. Start from the default and change what you need.
///
/// ```
/// use h1wire_std::server::Options;
/// let mut options = Options::default();
/// options.timeouts.headers = Some(std::time::Duration::from_secs(10));
/// options.max_connections = Some(1_000);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How requests are read: limits, leniencies, whether `Host` is required.
    pub protocol: ServerConfig,
    /// How long what may take. Default: [`Timeouts::SERVER`].
    pub timeouts: Timeouts,
    /// How many connections may wait to be accepted by each listener (`listen(2)`). Default 1,024; the system may have a
    /// limit below (Linux: `net.core.somaxconn`).
    pub backlog: u32,
    /// How many connections with something to read may wait while every thread is busy. One more is answered 503
    /// and closed; without an answer if it is new and [`on_connection`](super::Server::on_connection) is set, for only the
    /// hook knows whether its peer speaks TLS. Default 1,024. That of the start counts.
    pub queue: usize,
    /// The `Retry-After` in that 503, in whole seconds. Default 1 s.
    pub retry_after: Duration,
    /// How long a thread waits at a connection for the next bytes of a head, at least 1 ms, before it leaves it to the
    /// one thread that watches all such connections. Default 10 ms. A quarter of that where no other thread is free and
    /// there are more connections than threads, and nothing where another connection waits.
    pub linger_at_idle: Duration,
    /// Whether answers tell how long the connection is kept, with `Keep-Alive: timeout=`. Default true, as in newer
    /// Node; nginx and hyper do not.
    pub advertise_keep_alive: bool,
    /// How many connections there may be; one more is turned away as with [`queue`](Self::queue). Default: no limit.
    pub max_connections: Option<usize>,
    /// How many connections there may be from one address; one more is turned away likewise. The 2^64 addresses of a
    /// network of IPv6 count as one. Clients after a proxy share its address. Unix sockets have none, and no such limit. Default: no limit.
    pub max_connections_per_peer: Option<usize>,
    /// How many requests a connection may have; the answer to the last says `Connection: close`. What a
    /// client sends after it is not looked at, and told to
    /// [`on_drop_request`](super::Server::on_drop_request). Default: no limit.
    pub max_requests: Option<u32>,
    /// How old a connection may get: its next answer is then the last, and idle it is closed. Default none. Useful
    /// with load balancers in front, to spread connections anew.
    pub max_age: Option<Duration>,
    /// By how many percent, up to 100, the age of each connection may be less, so that they do not all end together.
    /// Default 10.
    pub max_age_jitter: u8,
    /// Whether a client that ended its half of the connection counts as gone in
    /// [`Request::is_aborted`](super::Request::is_aborted). Browsers and most libraries close both halves when they give
    /// up, which looks the same at first; but a client may end its half and wait for the answer. Default false.
    pub abort_on_end: bool,
    /// How many bytes are read from the socket at once. Default 16,384. Each thread has two buffers of that size.
    pub read_buffer: usize,
    /// How many bytes of content are gathered before they are sent. A response that ends before then has a
    /// `Content-Length` and leaves in one write. Default 16,384, as in Node.
    pub write_buffer: usize,
    /// How many bytes of a request are read and discarded after its answer is complete, in the hope of keeping the
    /// connection. Default 262,144, as in Go.
    pub discard_limit: u64,
    /// How many bytes are read and discarded after the last answer, until the client closes. Default 1,048,576.
    pub linger_limit: u64,
    /// Sets `TCP_NODELAY`. Default true, as in newer Node.
    pub no_delay: bool,
    /// Has the system probe silent connections (TCP keep-alive) after so long, in whole seconds from 1 to 32,767; what
    /// is beyond is taken for the nearest of them. Default none.
    pub tcp_keep_alive: Option<Duration>,
    /// Whether responses carry `Date`. Default true.
    pub send_date: bool,
    /// The value of `Server` in responses, unless they have one. Default none.
    pub server: Option<String>,
    /// Whether requests that arrive together are answered with one write, after the last of them. Faster, but an
    /// answer then waits for the handlers of later requests. Default false.
    pub batch_pipelined: bool,
}

impl Options {
    /// When a connection ends.
    pub(crate) const fn lifetime(&self) -> Lifetime {
        Lifetime {
            max_requests: self.max_requests,
            max_age: self.max_age,
            max_age_jitter: self.max_age_jitter,
        }
    }

    pub(crate) const fn most(&self) -> Most {
        Most { all: self.max_connections, each: self.max_connections_per_peer }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            protocol: ServerConfig::default(),
            timeouts: Timeouts::SERVER,
            backlog: 1024,
            queue: 1024,
            retry_after: Duration::from_secs(1),
            linger_at_idle: Duration::from_millis(10),
            advertise_keep_alive: true,
            max_connections: None,
            max_connections_per_peer: None,
            max_requests: None,
            max_age: None,
            max_age_jitter: 10,
            abort_on_end: false,
            read_buffer: 16 * 1024,
            write_buffer: 16 * 1024,
            discard_limit: 256 * 1024,
            linger_limit: 1024 * 1024,
            no_delay: true,
            tcp_keep_alive: None,
            send_date: true,
            server: None,
            batch_pipelined: false,
        }
    }
}
