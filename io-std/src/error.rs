//! [`Error`]: everything that can go wrong with a request, told apart, with the verdict on repeating it.
//!
//! Whether a request may be repeated is decided by `h1wire_proto::retry`; here it is only carried along.

use std::error::Error as StdError;
use std::sync::{Mutex, PoisonError};
use std::{fmt, io};

use h1wire_proto::pool::PoolError;
use h1wire_proto::retry::{Attempt, Retry};
use h1wire_proto::{RecvError, RecvErrorKind, SendError};

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
    /// Its hooks may be called by one thread at a time, and the lock makes that so. It is never taken.
    request: Option<Mutex<Request>>,
}

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The URL cannot be requested, or an option contradicts another. The text says which.
    Invalid(String),
    /// The machine refuses the request: a bad method, target or field.
    Refused(SendError),
    /// The name of the host could not be resolved.
    Dns(io::Error),
    /// No address could be connected to, or the local one could not be used. The error is the last one.
    Connect(io::Error),
    /// TLS could not be agreed on, or the certificate is not trusted.
    Tls(BoxError),
    /// The `create_connection` hook failed.
    Hook(BoxError),
    /// The proxy refused the tunnel with this status.
    Proxy(u16),
    /// Reading or writing the socket failed.
    Socket(io::Error),
    /// The connection ended before the response was complete (the reference's "socket hang up").
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

/// Which time was over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timeout {
    /// Until the connection was made.
    Connect,
    /// In which nothing moved on the connection.
    Idle,
    /// Until the response began, once the request was sent.
    Head,
    /// Until more content of the response came.
    Content,
    /// Until the server took more of the request.
    Write,
    /// Until the server took more of the request, after it began to answer and nobody read that. An
    /// [`Upload`](crate::Upload) can be read from while it is written.
    Stall,
    /// For everything together.
    Total,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, attempt: &Attempt, request: Option<Request>) -> Self {
        Self(Box::new(Inner { kind, retry: attempt.verdict(), request: request.map(Mutex::new) }))
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
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
    /// An error of the machine: an early end is told apart from a broken rule.
    pub(crate) fn of_recv(error: RecvError) -> Self {
        if error.kind() == RecvErrorKind::UnexpectedEof { Self::HangUp(error) } else { Self::Parse(error) }
    }

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
            Self::Aborted => io::ErrorKind::ConnectionAborted,
            Self::Tls(_) | Self::Hook(_) | Self::Proxy(_) | Self::Agent(_) => io::ErrorKind::Other,
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
            Self::Dns(error) => write!(f, "the host name could not be resolved: {error}"),
            Self::Connect(error) => write!(f, "could not connect: {error}"),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Hook(error) => write!(f, "no connection from the hook: {error}"),
            Self::Proxy(status) => write!(f, "the proxy refused the tunnel with status {status}"),
            Self::Socket(error) => write!(f, "the connection failed: {error}"),
            Self::HangUp(error) => write!(f, "the server hung up: {error}"),
            Self::Parse(error) => write!(f, "the server sent no valid response: {error}"),
            Self::Timeout(timeout) => write!(f, "{timeout}"),
            Self::Aborted => f.write_str("the request was aborted"),
            Self::Agent(error) => write!(f, "{error}"),
            Self::Content(error) => write!(f, "the content could not be sent: {error}"),
        }
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting took too long",
            Self::Idle => "nothing moved on the connection for too long",
            Self::Head => "the response took too long to begin",
            Self::Content => "the rest of the response took too long",
            Self::Write => "the server took too long to take the request",
            Self::Stall => "the server answers, takes no more of the request, and nobody reads meanwhile",
            Self::Total => "the exchange took too long",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.kind)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.0.kind).field("retry", &self.0.retry).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.kind {
            ErrorKind::Refused(error) => Some(error),
            ErrorKind::Dns(e) | ErrorKind::Connect(e) | ErrorKind::Socket(e) | ErrorKind::Content(e) => {
                Some(e)
            }
            ErrorKind::Tls(error) | ErrorKind::Hook(error) => Some(&**error),
            ErrorKind::HangUp(error) | ErrorKind::Parse(error) => Some(error),
            ErrorKind::Agent(error) => Some(error),
            _ => None,
        }
    }
}
