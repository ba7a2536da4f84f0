//! [`Error`]: everything that can go wrong with a request, told apart, with the verdict on repeating it.
//!
//! Whether a request may be repeated is decided by `h1wire_proto::retry`; here it is only carried along.

use std::error::Error as StdError;
use std::{fmt, io};

use h1wire_proto::calling::{Late, ProxyError, SocksError};
use h1wire_proto::pool::PoolError;
use h1wire_proto::retry::{Retry, Safe};
use h1wire_proto::{RecvError, SendError};

use super::options::BoxError;
use super::request::Request;

/// Why a request failed, and whether it may be sent again.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    retry: Retry,
    request: Option<Request>,
}

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The URL cannot be requested, or an option contradicts another. The text says which.
    Invalid(String),
    /// The machine refuses the request: a bad method, target or field; or the content is not as long as was said.
    Refused(SendError),
    /// The name of the host could not be resolved.
    Dns(io::Error),
    /// No address could be connected to, or the local one could not be used. The error is the last one.
    Connect(io::Error),
    /// TLS could not be agreed on, or the certificate is not trusted.
    Tls(BoxError),
    /// The `create_connection` hook failed.
    Hook(BoxError),
    /// The proxy that is set cannot be understood.
    BadProxy(ProxyError),
    /// The proxy refused the tunnel with this status.
    Proxy(u16),
    /// The SOCKS5 proxy gave no connection.
    Socks(SocksError),
    /// Reading or writing failed.
    Socket(io::Error),
    /// The connection ended before the response was complete ("socket hang up" in Node).
    HangUp(RecvError),
    /// The server broke the protocol.
    Parse(RecvError),
    /// It took too long.
    Timeout(Timeout),
    /// It was aborted.
    Aborted,
    /// The agent gave it no connection.
    Agent(PoolError),
}

/// Which time was over.
pub type Timeout = Late;

impl Error {
    pub(crate) fn new(kind: ErrorKind, retry: Retry, request: Option<Request>) -> Self {
        Self(Box::new(Inner { kind, retry, request }))
    }

    /// The loop has no client.
    pub(crate) fn without_client(request: Request) -> Self {
        let kind = ErrorKind::invalid("this server's loop has no client");
        Self::new(kind, Retry::Safe(Safe::NothingSent), Some(request))
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Whether the request may be sent again without harm, and why (not) (RFC 9110 section 9.2.2). What could be
    /// repeated automatically was repeated already.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// The request, with its options and content, if not a byte of it was sent and none of its content was streamed.
    pub fn into_request(self) -> Option<Request> {
        self.0.request
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
            Self::Invalid(_) | Self::Refused(_) | Self::BadProxy(_) => io::ErrorKind::InvalidInput,
            Self::Parse(_) => io::ErrorKind::InvalidData,
            Self::Dns(e) | Self::Connect(e) | Self::Socket(e) => e.kind(),
            Self::HangUp(_) => io::ErrorKind::UnexpectedEof,
            Self::Timeout(_) => io::ErrorKind::TimedOut,
            Self::Aborted => io::ErrorKind::ConnectionAborted,
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
            Self::Dns(error) => write!(f, "the host name could not be resolved: {error}"),
            Self::Connect(error) => write!(f, "could not connect: {error}"),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Hook(error) => write!(f, "no connection from the hook: {error}"),
            Self::BadProxy(error) => write!(f, "{error}"),
            Self::Proxy(status) => write!(f, "the proxy refused the tunnel with status {status}"),
            Self::Socks(error) => write!(f, "{error}"),
            Self::Socket(error) => write!(f, "the connection failed: {error}"),
            Self::HangUp(error) => write!(f, "socket hang up: {error}"),
            Self::Parse(error) => write!(f, "the server sent no valid response: {error}"),
            Self::Timeout(late) => write!(f, "{late}"),
            Self::Aborted => f.write_str("the request was aborted"),
            Self::Agent(error) => write!(f, "{error}"),
        }
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
            ErrorKind::Dns(e) | ErrorKind::Connect(e) | ErrorKind::Socket(e) => Some(e),
            ErrorKind::Tls(error) | ErrorKind::Hook(error) => Some(&**error),
            ErrorKind::BadProxy(error) => Some(error),
            ErrorKind::Socks(error) => Some(error),
            ErrorKind::HangUp(error) | ErrorKind::Parse(error) => Some(error),
            ErrorKind::Agent(error) => Some(error),
            _ => None,
        }
    }
}
