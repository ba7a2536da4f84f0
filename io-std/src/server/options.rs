//! What can be set for a server. Plain data; each option is obeyed where its subject is.

use std::time::Duration;

use h1wire_proto::serving::Policy;

use super::connections::Most;

/// The options of a server. Start from the default and change what you need.
///
/// ```
/// use h1wire_std::server::Options;
/// let mut options = Options::default();
/// options.policy.timeouts.headers = Some(std::time::Duration::from_secs(10));
/// options.policy.set_server("mine/1.0")?;
/// options.max_connections = Some(1_000);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How connections are treated, whoever moves their bytes: limits, times, ages, `Date` and `Server`.
    pub policy: Policy,
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
    /// How many connections there may be; one more is turned away as with [`queue`](Self::queue). Default: no limit.
    pub max_connections: Option<usize>,
    /// How many connections there may be from one address; one more is turned away likewise. The 2^64 addresses of a
    /// network of IPv6 count as one. Clients after a proxy share its address. Unix sockets have none, and no such limit. Default: no limit.
    pub max_connections_per_peer: Option<usize>,
    /// Whether a client that ended its half of the connection counts as gone in
    /// [`Request::is_aborted`](super::Request::is_aborted). Browsers and most libraries close both halves when they give
    /// up, which looks the same at first; but a client may end its half and wait for the answer. Default false.
    pub abort_on_end: bool,
    /// How many bytes are read from the socket at once. Default 16,384. Each thread has two buffers of that size.
    pub read_buffer: usize,
    /// How many bytes of content are gathered before they are sent. A response that ends before then has a
    /// `Content-Length` and leaves in one write. Default 16,384, as in Node.
    pub write_buffer: usize,
    /// Sets `TCP_NODELAY`. Default true, as in newer Node.
    pub no_delay: bool,
    /// Has the system probe silent connections (TCP keep-alive) after so long, in whole seconds from 1 to 32,767; what
    /// is beyond is taken for the nearest of them. Default none.
    pub tcp_keep_alive: Option<Duration>,
    /// Whether requests that arrive together are answered with one write, after the last of them. Faster, but an
    /// answer then waits for the handlers of later requests. Default false.
    pub batch_pipelined: bool,
}

impl Options {
    pub(crate) const fn most(&self) -> Most {
        Most { all: self.max_connections, each: self.max_connections_per_peer }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            backlog: 1024,
            queue: 1024,
            retry_after: Duration::from_secs(1),
            linger_at_idle: Duration::from_millis(10),
            max_connections: None,
            max_connections_per_peer: None,
            abort_on_end: false,
            read_buffer: 16 * 1024,
            write_buffer: 16 * 1024,
            no_delay: true,
            tcp_keep_alive: None,
            batch_pipelined: false,
        }
    }
}
