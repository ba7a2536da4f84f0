//! [`Error`]: everything that can go wrong with a request, told apart, with the verdict on repeating it.
//!
//! Whether a request may be repeated is decided by `h1wire_proto::retry`; here it is only carried along.

use std::error::Error as StdError;
use std::sync::{Mutex, PoisonError};
use std::{fmt, io};

use h1wire_proto::calling::SocksError;
use h1wire_proto::pool::PoolError;
use h1wire_proto::retry::{Attempt, Retry};
use h1wire_proto::{RecvError, SendError};

use crate::client::Request;

/// Any error, boxed, as hooks return it.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a request failed, and whether it may be sent again.
///
/// A failed read of a [`Response`](crate::Response) or write of an [`Upload`](crate::Upload) has it as the inner
/// error of the `io::Error`: see [`Error::of`].
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    retry: Retry,
    /// What was asked for.
    what: String,
    /// Its hooks may be called by one thread at a time, and the lock makes that so. It is never taken.
    request: Option<Mutex<Request>>,
}

/// What went wrong. An error itself, for those who need no more than that.
///
/// It says all there is to say, the words of the error inside with it; so that is not its
/// [`source`](StdError::source), but that error's source is.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The URL cannot be requested, or an option contradicts another. The text says which.
    Invalid(String),
    /// The machine refuses the request: a bad method, target or field.
    Refused(SendError),
    /// The name of the host could not be resolved.
    Dns(io::Error),
    /// No address could be connected to, or the local one could not be used. The error is the last one, and says which
    /// address.
    Connect(io::Error),
    /// TLS could not be agreed on, or the certificate is not trusted.
    Tls(BoxError),
    /// The `create_connection` hook failed.
    Hook(BoxError),
    /// The proxy refused the tunnel with this status.
    Proxy(u16),
    /// The SOCKS5 proxy gave no connection.
    Socks(SocksError),
    /// Reading or writing the socket failed.
    Socket(io::Error),
    /// The connection ended before the response was complete ("socket hang up" in Node).
    HangUp(RecvError),
    /// The server broke the protocol.
    Parse(RecvError),
    /// It took too long.
    Timeout(Timeout),
    /// It was [aborted](crate::AbortHandle::abort).
    Aborted,
    /// The agent gave it no connection.
    Agent(PoolError),
    /// The content to send could not be read, or is not as long as was said.
    Content(io::Error),
}

pub use h1wire_proto::calling::Late as Timeout;

impl Error {
    pub(crate) fn new(kind: ErrorKind, attempt: &Attempt, what: String, request: Option<Request>) -> Self {
        Self(Box::new(Inner { kind, retry: attempt.verdict(), what, request: request.map(Mutex::new) }))
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What was asked for: method and URL, without credentials and without the query, where secrets are found as well.
    pub fn request_line(&self) -> &str {
        &self.0.what
    }

    pub(crate) fn into_kind(self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the request may be sent again without harm, and why (not) (RFC 9110 section 9.2.2). What could be
    /// repeated automatically was repeated already.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// The request, with its hooks and options, if not a byte of it was sent. Content was not taken from it either.
    pub fn into_request(self) -> Option<Request> {
        self.0.request.map(|request| request.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The error inside an `io::Error` that a read or write of this crate returned.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Whether a time limit passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Timeout(_))
    }

    /// Whether the request was aborted.
    pub fn is_aborted(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Aborted)
    }
}

impl ErrorKind {
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }

    fn io_kind(&self) -> io::ErrorKind {
        match self {
            Self::Invalid(_) | Self::Refused(_) => io::ErrorKind::InvalidInput,
            Self::Parse(_) => io::ErrorKind::InvalidData,
            Self::Dns(e) | Self::Connect(e) | Self::Socket(e) | Self::Content(e) => e.kind(),
            Self::HangUp(_) => io::ErrorKind::UnexpectedEof,
            Self::Timeout(_) => io::ErrorKind::TimedOut,
            // As "socket hang up" in Node.
            Self::Aborted => io::ErrorKind::ConnectionReset,
            Self::Tls(_) | Self::Hook(_) | Self::Proxy(_) | Self::Socks(_) | Self::Agent(_) => {
                io::ErrorKind::Other
            }
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.0.kind.io_kind(), error)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(text) => f.write_str(text),
            Self::Refused(error) => write!(f, "the request cannot be sent: {error}"),
            Self::Dns(error) => write!(f, "could not resolve {error}"),
            Self::Connect(error) => write!(f, "could not connect to {error}"),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Hook(error) => write!(f, "no connection from the hook: {error}"),
            Self::Socks(error) => write!(f, "{error}"),
            Self::Proxy(status) => write!(f, "the proxy refused the tunnel with status {status}"),
            Self::Socket(error) => write!(f, "the connection failed: {error}"),
            Self::HangUp(error) => write!(f, "the server hung up (socket hang up): {error}"),
            Self::Parse(error) => write!(f, "the server sent no valid response: {error}"),
            Self::Timeout(timeout) => write!(f, "{timeout}"),
            Self::Aborted => f.write_str("the request was aborted (socket hang up)"),
            Self::Agent(error) => write!(f, "{error}"),
            Self::Content(error) => write!(f, "the content could not be sent: {error}"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.what.is_empty() {
            return self.0.kind.fmt(f);
        }
        write!(f, "{}: {}", self.0.what, self.0.kind)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.0.kind).field("retry", &self.0.retry).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.kind.source()
    }
}

impl StdError for ErrorKind {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Refused(error) => error.source(),
            Self::Dns(e) | Self::Connect(e) | Self::Socket(e) | Self::Content(e) => e.source(),
            Self::Tls(error) | Self::Hook(error) => error.source(),
            Self::HangUp(error) | Self::Parse(error) => error.source(),
            Self::Agent(error) => error.source(),
            Self::Socks(error) => error.source(),
            Self::Invalid(_) | Self::Proxy(_) | Self::Timeout(_) | Self::Aborted => None,
        }
    }
}
