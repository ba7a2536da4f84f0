//! What can be set for a server. Plain data; each option is obeyed where its subject is.

use h1wire_proto::ServerConfig;

/// The options of a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How requests are read: limits, leniencies, whether `Host` is required.
    pub protocol: ServerConfig,
    /// How many bytes an event loop reads at once. Default 65,536.
    pub read_buffer: usize,
    /// How many bytes of output may wait in memory for one connection before writers are told to wait, and pipelined
    /// requests are left in the socket. Default 65,536; Node has 16,384.
    pub write_high_water: usize,
    /// How many bytes of a request are read and discarded after its answer is complete, in the hope to keep the
    /// connection. Default 262,144, as in Go.
    pub discard_limit: u64,
    /// How many bytes are read and discarded after the last answer, until the client closes. Default 1,048,576.
    pub linger_limit: u64,
    /// Sets `TCP_NODELAY`. Default true, as in newer Node.
    pub no_delay: bool,
    /// Whether responses carry `Date`. Default true.
    pub send_date: bool,
    /// The value of `Server` in responses. Default none.
    pub server: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            protocol: ServerConfig::default(),
            read_buffer: 64 * 1024,
            write_high_water: 64 * 1024,
            discard_limit: 256 * 1024,
            linger_limit: 1024 * 1024,
            no_delay: true,
            send_date: true,
            server: None,
        }
    }
}
