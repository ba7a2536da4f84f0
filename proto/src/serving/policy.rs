//! [`Policy`]: what can be set for the connections of a server, whoever moves their bytes.
//!
//! Plain data, obeyed in `session` and `next`. What is about sockets, threads and buffers is an adapter's own.

use crate::conn::ServerConfig;
use crate::date::HttpDate;
use crate::error::SendError;
use crate::headers::Headers;
use crate::lifetime::Lifetime;
use crate::send::Prepared;
use crate::timeouts::Timeouts;

/// How a server treats its connections. Start from the default and change what you need; a minor version may add a field.
///
/// ```
/// use core::time::Duration;
/// use h1wire_proto::{Timeouts, serving::Policy};
/// let mut policy = Policy::default();
/// policy.timeouts = Timeouts { headers: Some(Duration::from_secs(10)), ..Timeouts::MODERN_SERVER };
/// policy.set_server("mine/1.0")?;
/// # Ok::<(), h1wire_proto::SendError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// How requests are read: limits, leniencies, whether `Host` is required.
    pub protocol: ServerConfig,
    /// How long what may take. Default [`Timeouts::SERVER`].
    pub timeouts: Timeouts,
    /// How many requests a connection may have, and how old it may get. Default no limits, and ages that end up to 10
    /// percent earlier. A client that sends more than the last request was told that it is the last: what came after it is
    /// not looked at (RFC 9112 section 9.6), and [told of](super::Session::dropped) once.
    pub lifetime: Lifetime,
    /// Whether answers tell how long the connection is kept, with `Keep-Alive: timeout=`. Default true, as in newer
    /// Node; nginx and hyper do not.
    pub advertise_keep_alive: bool,
    /// How many bytes of content are read and discarded when a request was answered before it was complete, in the hope
    /// to keep the connection. `None` is no limit. Default 262,144, as in Go.
    pub discard_limit: Option<u64>,
    /// How many bytes are read and discarded after the last answer, until the client closes. After that nothing is read,
    /// and the connection stays until the client closes or [`Timeouts::linger`] is over: the client's own window then
    /// stops it, and the answer is not taken back by a reset. `None` is no limit. Default 1,048,576.
    pub linger_limit: Option<u64>,
    /// Whether answers carry `Date`. Default true.
    pub send_date: bool,
    /// Fields that answers have unless their handler named `Server` itself. Default none.
    pub server: Option<Prepared>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            protocol: ServerConfig::default(),
            timeouts: Timeouts::SERVER,
            lifetime: Lifetime { max_age_jitter: 10, ..Lifetime::default() },
            advertise_keep_alive: true,
            discard_limit: Some(256 * 1024),
            linger_limit: Some(1024 * 1024),
            send_date: true,
            server: None,
        }
    }
}

impl Policy {
    /// Has answers say `Server: value`.
    ///
    /// # Errors
    /// [`BadFieldValue`](SendError::BadFieldValue), and then nothing changes.
    pub fn set_server(&mut self, value: &str) -> Result<(), SendError> {
        self.server = Some(Prepared::new(&[("Server", value)])?);
        Ok(())
    }

    /// The server's own fields for an answer with these of its handler. Send both, as a pair.
    #[inline]
    pub fn own_fields(&self, named: &Headers) -> Option<&Prepared> {
        self.server.as_ref().filter(|_| !named.has("server"))
    }

    /// The `Date` for an answer, if they carry one (RFC 9110 section 6.6.1); a handler's own wins. `now` is only asked
    /// then.
    #[inline]
    pub fn date<'d>(&self, now: impl FnOnce() -> &'d HttpDate) -> Option<&'d HttpDate> {
        self.send_date.then(now)
    }
}
