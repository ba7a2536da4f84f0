//! [`Request`]: putting a request together and sending it.
//!
//! Its header section and the ways to send it are here, its options in `options`.

use std::fmt;
use std::io::Read;

use h1wire_proto::{BodyLen, Headers, SendError};

use super::response::Response;
use super::send;
use super::spec::Spec;
use super::upload::Upload;
use super::url::{IntoUrl, Place};
use crate::error::{Error, ErrorKind};

/// A request to be sent.
///
/// What is wrong with an option is told when it is sent, before anything goes out.
///
/// | kind | methods |
/// |---|---|
/// | making | [`new`](Self::new), [`get`](Self::get) |
/// | header section | [`header`](Self::header), [`append_header`](Self::append_header), [`headers`](Self::headers), [`headers_mut`](Self::headers_mut) |
/// | options | who serves it ([`agent`](Self::agent), [`one_shot`](Self::one_shot)), where it goes ([`host`](Self::host), [`port`](Self::port), [`socket_path`](Self::socket_path), …), how long it may take ([`timeout`](Self::timeout), …), what is tolerated ([`insecure_http_parser`](Self::insecure_http_parser), …) |
/// | hooks | [`on_informational`](Self::on_informational), [`observe`](Self::observe), [`on_report`](Self::on_report), [`abort_handle`](Self::abort_handle) |
/// | sending | [`send`](Self::send), [`send_bytes`](Self::send_bytes), [`send_reader`](Self::send_reader), [`start`](Self::start) |
///
/// ```no_run
/// let mut response = h1wire_std::Request::new("PUT", "http://localhost:8080/notes/1")
///     .header("Content-Type", "text/plain")
///     .send_bytes("remember the milk")?;
/// println!("{} {}", response.status(), response.text()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a request does nothing until it is sent"]
pub struct Request(pub(super) Box<Spec>);

impl Request {
    /// A request with this method for a URL with the scheme `http`, or `https` with the feature `tls`. Any token is a
    /// method; methods are case-sensitive.
    pub fn new(method: &str, url: impl IntoUrl) -> Self {
        let mut fault = None;
        let place = Place::new(url).unwrap_or_else(|kind| {
            fault = Some(kind);
            Place::default()
        });
        let mut spec = Spec::new(method, place);
        spec.fault = fault;
        Self(Box::new(spec))
    }

    /// A `GET` request.
    pub fn get(url: impl IntoUrl) -> Self {
        Self::new("GET", url)
    }

    pub(super) fn of(spec: Box<Spec>) -> Self {
        Self(spec)
    }

    /// Sets a field, in place of all lines with this name. The name is sent in the case given here.
    pub fn header(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.change(|headers| headers.set(name, value))
    }

    /// Adds a field line, beside those with the same name.
    pub fn append_header(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.change(|headers| headers.append(name, value))
    }

    fn change(mut self, change: impl FnOnce(&mut Headers) -> Result<(), SendError>) -> Self {
        if let Err(error) = change(&mut self.0.headers) {
            self.0.fault.get_or_insert(ErrorKind::Refused(error));
        }
        self
    }

    /// The header section so far, without the fields that are added when it is sent.
    pub fn headers(&self) -> &Headers {
        &self.0.headers
    }

    /// The header section, to be changed.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.0.headers
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.0.method
    }

    /// The target: path and query, unless [`path`](Self::path) said otherwise.
    pub fn target(&self) -> &str {
        &self.0.place.target
    }

    /// The host, without brackets if it is an IPv6 address.
    pub fn host_name(&self) -> &str {
        &self.0.place.host
    }

    /// The port to connect to.
    pub fn port_number(&self) -> u16 {
        self.0.place.url().port()
    }

    /// The protocol, `http` or `https`.
    pub fn protocol(&self) -> &'static str {
        self.0.place.url().scheme()
    }

    /// The name of the origin by which the agent shares connections, as of `h1wire_proto::pool::Origin::name`.
    ///
    /// # Errors
    /// If options contradict each other.
    pub fn origin_name(&self) -> Result<String, ErrorKind> {
        Ok(self.0.origin()?.name())
    }

    /// Sends the request without content, and waits for the response to begin.
    ///
    /// On a reused connection that turns out to be dead, it is sent once again by itself if that is safe
    /// (RFC 9110 section 9.2.2).
    ///
    /// # Errors
    /// See [`ErrorKind`]. The error says whether the request may be sent again, and has the request if nothing of it
    /// was sent.
    pub fn send(self) -> Result<Response, Error> {
        send::send(self.0, None)
    }

    /// Sends the request with content, and waits for the response to begin. The content is announced with
    /// `Content-Length`.
    ///
    /// With a field `Expect: 100-continue`, the content waits for 100, a final response, or
    /// [`continue_timeout`](Self::continue_timeout). If the final response comes first, the content is not sent.
    ///
    /// The response is handed out once all the content was sent, or the server wants no more of it. A server that sends
    /// much back while it reads, as an echo does, waits for its reader before that: this ends with
    /// [`Timeout::Stall`](crate::Timeout::Stall), after [`stall_timeout`](Self::stall_timeout). To read meanwhile, use
    /// [`start`](Self::start).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_bytes(self, content: impl AsRef<[u8]>) -> Result<Response, Error> {
        send::send(self.0, Some(content.as_ref()))
    }

    /// Sends the request with content from a reader, and waits for the response to begin. If a field
    /// `Content-Length` says how long the content is, it is sent as such, otherwise in chunks. A server that sends much
    /// back while it reads ends it as with [`send_bytes`](Self::send_bytes).
    ///
    /// # Errors
    /// As [`send`](Self::send); [`ErrorKind::Content`] if the reader fails, or does not have what was announced.
    pub fn send_reader(mut self, mut reader: impl Read) -> Result<Response, Error> {
        let length = self.declared_length()?;
        send::send_reader(self.0, length, &mut reader)
    }

    /// Begins the request; its content is written to what is returned. If a field `Content-Length` says how long the
    /// content is, it is sent as such, otherwise in chunks. The head leaves with the first content, or on `flush`.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn start(mut self) -> Result<Upload, Error> {
        let length = self.declared_length()?;
        Upload::start(self.0, length)
    }

    fn declared_length(&mut self) -> Result<BodyLen, Error> {
        Ok(match self.0.declared_length() {
            Ok(length) => length,
            Err(kind) => {
                self.0.fault.get_or_insert(kind);
                BodyLen::None
            }
        })
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.0.method)
            .field("url", &format_args!("{}", self.0.place))
            .field("fields", &self.0.headers.names())
            .finish_non_exhaustive()
    }
}
