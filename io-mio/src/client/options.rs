//! What can be set for a client as a whole, and the hooks of its user. Plain data; each option is obeyed where its
//! subject is.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::calling::{Patience, Proxies};
use h1wire_proto::pool::{Family, Origin, PoolConfig};
use h1wire_proto::{ClientConfig, Headers};

use crate::stream::Stream;

/// Any error, boxed, as hooks return it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Resolves a host name, given with the port. Called in a thread of its own, and may block.
pub type Lookup = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Makes the connection to an origin: any stream that does not block. Called in a thread of its own, and may block.
pub type CreateConnection = dyn Fn(&Origin) -> Result<Stream, BoxError> + Send + Sync;

/// Looks at a connection that becomes idle, in the thread of the loop. `false` closes it.
pub type KeepConnection = dyn Fn(&Stream) -> bool + Send + Sync;

/// Looks at a used connection that is given to the next request, in the thread of the loop.
pub type ReuseConnection = dyn Fn(&Stream) + Send + Sync;

/// The options of a client: those of its agent, and what its requests have unless they say otherwise.
///
/// ```
/// use h1wire_mio::client::Options;
/// use h1wire_mio::proto::pool::PoolConfig;
///
/// let mut options = Options::default();
/// options.pool = PoolConfig { max_connections: Some(8), ..PoolConfig::DEFAULT };
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// How many connections there may be, which are kept, and which is used next. Default [`PoolConfig::DEFAULT`].
    pub pool: PoolConfig,
    /// The time limits of requests. Default [`Patience::DEFAULT`].
    pub patience: Patience,
    /// How responses are read: sizes of heads and content, leniencies.
    pub protocol: ClientConfig,
    /// Fields of all requests, each sent unless the request has one of its name. Default none.
    pub fields: Headers,
    /// The proxies requests go through. Default none; see [`Proxies::from_variables`] for those of the environment.
    pub proxies: Proxies,
    /// The only address family to use. Default both, taking turns.
    pub family: Option<Family>,
    /// The address to connect from. Default the system's choice.
    pub local_address: Option<IpAddr>,
    /// How long an address may be silent before the next one is tried as well (RFC 8305 section 5). Default 250 ms.
    pub attempt_delay: Duration,
    /// Resolves names, in place of the system.
    pub lookup: Option<Arc<Lookup>>,
    /// How many threads may resolve names, and make connections by the hook, at the same time. They are there only while
    /// they have something to do. Default 4.
    pub threads: usize,
    /// Makes the connections. For `https` the hook's stream is used as it is.
    pub create_connection: Option<Arc<CreateConnection>>,
    /// Called with a connection that becomes idle; `false` closes it.
    pub keep_connection: Option<Arc<KeepConnection>>,
    /// Called with a used connection that is given to the next request.
    pub reuse_connection: Option<Arc<ReuseConnection>>,
    /// Whether small writes leave at once (`TCP_NODELAY`). Default true.
    pub no_delay: bool,
    /// After how long a silence the system probes the peer of a connection, in whole seconds from 1 to 32,767. Default
    /// 1 s, as in Node, where connections are kept; none where they are not.
    pub tcp_keep_alive: Option<Duration>,
    /// How many bytes a loop reads at once, and so the most content a caller sees in one piece or has waiting while it
    /// pauses. At least 1,024, default 65,536.
    pub read_buffer: usize,
    /// How many bytes of one request may wait in memory before writers are told to wait. At least 1, default 65,536.
    pub write_high_water: usize,
    /// How many bytes of a response that nobody wants any more are read and discarded to keep its connection; beyond, it
    /// is closed. Default 65,536.
    pub discard_limit: u64,
    /// How TLS is spoken, and whom it trusts. Without one, `https` fails.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pool: PoolConfig::DEFAULT,
            patience: Patience::DEFAULT,
            protocol: ClientConfig::default(),
            fields: Headers::new(),
            proxies: Proxies::none(),
            family: None,
            local_address: None,
            attempt_delay: Duration::from_millis(250),
            lookup: None,
            threads: 4,
            create_connection: None,
            keep_connection: None,
            reuse_connection: None,
            no_delay: true,
            tcp_keep_alive: None,
            read_buffer: 64 * 1024,
            write_high_water: 64 * 1024,
            discard_limit: 64 * 1024,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl Options {
    /// At no bytes an empty queue would be full.
    pub(crate) fn high_water(&self) -> usize {
        self.write_high_water.max(1)
    }

    /// The silence after which connections are probed.
    pub(crate) fn probe_after(&self) -> Option<Duration> {
        self.tcp_keep_alive.or(self.pool.keep_alive.then_some(Duration::from_secs(1)))
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("pool", &self.pool)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
