//! What can be set for a server. Plain data; each option is obeyed where its subject is.

use std::num::NonZero;
use std::time::Duration;

use h1wire_proto::{Lifetime, ServerConfig, Timeouts};

/// The options of a server. Start from the default and change what you need.
///
/// ```
/// use h1wire_std::server::Options;
/// let mut options = Options::default();
/// options.timeouts.headers = Some(std::time::Duration::from_secs(10));
/// options.max_connections = 1_000;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How requests are read: limits, leniencies, whether `Host` is required.
    pub protocol: ServerConfig,
    /// How long what may take. Default: [`Timeouts::SERVER`].
    ///
    /// `write` may take up to twice as long here: whether the peer takes the next byte is asked of the system in one call
    /// for many bytes, and a call that moved some of them before it was over tells nothing of when.
    pub timeouts: Timeouts,
    /// How many threads run handlers, and so how many handlers run at once. Default: four for each processor, at
    /// least eight.
    pub threads: usize,
    /// How many connections with something to read may wait while every thread is busy. One more is answered 503
    /// and closed; without an answer if it is new and [`on_connection`](super::Server::on_connection) is set, for only the
    /// hook knows whether its peer speaks TLS. Default 1,024.
    pub queue: usize,
    /// The seconds of `Retry-After` in that 503. Default 1.
    pub retry_after: u32,
    /// How long a thread waits at a connection for the next bytes of a head, in milliseconds, at least 1, before it
    /// leaves it to the one thread that watches all such connections. Default 10. A quarter of that where no other
    /// thread is free and there are more connections than threads, and nothing where another connection waits.
    pub linger_at_idle: u32,
    /// Whether answers tell how long the connection is kept, with `Keep-Alive: timeout=`. Default true, as in newer
    /// Node; nginx and hyper do not.
    pub advertise_keep_alive: bool,
    /// How many connections there may be; one more is turned away as with [`queue`](Self::queue). Default 0: no limit.
    pub max_connections: usize,
    /// How many requests a connection may have; the answer to the last says `Connection: close`. What a
    /// client sends behind it is not looked at, and told to
    /// [`on_dropped_request`](super::Server::on_dropped_request). Default 0: no limit.
    pub max_requests: u32,
    /// How old a connection may get: its next answer is then the last, and idle it is closed. Default none. Useful
    /// behind load balancers, to spread connections anew.
    pub max_age: Option<Duration>,
    /// By how many percent, up to 100, the age of each connection may be less, so that they do not all end together.
    /// Default 10.
    pub max_age_jitter: u8,
    /// How many bytes are read from the socket at once. Default 16,384. Each thread has two buffers of that size.
    pub read_buffer: usize,
    /// How many bytes of content are gathered before they are sent. A response that ends before then has a
    /// `Content-Length` and leaves in one write. Default 16,384, as in Node.
    pub write_buffer: usize,
    /// How many bytes of a request are read and discarded after its answer is complete, in the hope to keep the
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
            max_requests: if self.max_requests > 0 { Some(self.max_requests) } else { None },
            max_age: self.max_age,
            max_age_jitter: self.max_age_jitter,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            protocol: ServerConfig::default(),
            timeouts: Timeouts::SERVER,
            threads: (4 * processors).max(8),
            queue: 1024,
            retry_after: 1,
            linger_at_idle: 10,
            advertise_keep_alive: true,
            max_connections: 0,
            max_requests: 0,
            max_age: None,
            max_age_jitter: 10,
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
