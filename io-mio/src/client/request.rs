//! [`Request`]: putting a request together. Its header section and content are here, its options in `settings`.

use std::fmt;

use bytes::Bytes;
use h1wire_proto::{FieldSource, Headers, SendError};

use super::error::ErrorKind;
use super::spec::{Content, Spec};
use super::url::{Place, place};

/// A request to be sent.
///
/// What is wrong with an option is told by the call that starts it, before anything goes out.
///
/// | kind | methods |
/// |---|---|
/// | making | [`new`](Self::new), [`get`](Self::get), [`renew`](Self::renew) |
/// | header section | [`header`](Self::header), [`append_header`](Self::append_header), [`fields`](Self::fields), [`headers`](Self::headers), [`headers_mut`](Self::headers_mut) |
/// | content | [`content`](Self::content), [`streamed`](Self::streamed) |
/// | where to | [`host`](Self::host), [`port`](Self::port), [`socket_path`](Self::socket_path), [`proxies`](Self::proxies), [`local_address`](Self::local_address), … |
/// | time | [`timeout`](Self::timeout), [`connect_timeout`](Self::connect_timeout), [`total_timeout`](Self::total_timeout), … |
/// | what is tolerated, and repeated | [`insecure_http_parser`](Self::insecure_http_parser), [`limits`](Self::limits), [`idempotent`](Self::idempotent), … |
///
/// ```
/// use h1wire_mio::client::Request;
/// let request = Request::new("PUT", "http://localhost:8080/notes/1")
///     .header("Content-Type", "text/plain")
///     .content("remember the milk");
/// assert_eq!((request.method(), request.target()), ("PUT", "/notes/1"));
/// ```
#[must_use = "a request does nothing until it is started"]
pub struct Request(pub(crate) Box<Spec>);

impl Request {
    /// A request with this method for a URL with the scheme `http`, or `https` with the feature `tls`. Any token is a
    /// method; methods are case-sensitive.
    pub fn new(method: &str, url: impl AsRef<str>) -> Self {
        let (place, fault) = match place(url.as_ref()) {
            Ok(place) => (place, None),
            Err(kind) => (Place::default(), Some(kind)),
        };
        Self(Box::new(Spec::new(method, place, fault)))
    }

    /// A `GET` request.
    pub fn get(url: impl AsRef<str>) -> Self {
        Self::new("GET", url)
    }

    /// No request at all, but a connection to the host and port of a URL as it is, for a tunnel or another protocol: made
    /// as those of requests are, with the same options and limits, through the same proxies (by `CONNECT`, or SOCKS5), and
    /// never shared. Over `https`, TLS is spoken on it.
    ///
    /// [`Event::Switched`](super::Event::Switched) comes right after [`Event::Connected`](super::Event::Connected), and the
    /// connection [stays](super::Call::stay) by itself. A header section or content is not sent.
    pub fn raw(url: impl AsRef<str>) -> Self {
        let mut request = Self::new("CONNECT", url).unshared().tunnel(true);
        request.0.raw = true;
        request
    }

    /// The same again, with another method and target: without the fields and the content it had, and with all of its
    /// options. Nothing is asked of the allocator for that, and what is known of the way is known again; together with
    /// [`Call::take_request`](super::Call::take_request) a client in steady state needs no memory for a request.
    pub fn renew(mut self, method: &str, target: &str) -> Self {
        let spec = &mut *self.0;
        method.clone_into(&mut spec.method);
        target.clone_into(&mut spec.place.target);
        spec.headers.clear();
        spec.content = Content::None;
        spec.fault = None;
        self
    }

    /// Sets a field, in place of all lines with this name. The name is sent in the case given here.
    pub fn header(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.change(|headers| headers.set(name, value))
    }

    /// Adds a field line, beside those with the same name.
    pub fn append_header(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.change(|headers| headers.append(name, value))
    }

    /// Adds field lines, as [`append_header`](Self::append_header) does.
    pub fn fields<F: FieldSource + ?Sized>(self, fields: &F) -> Self {
        self.change(|headers| headers.append_all(fields))
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

    /// Sends this content, announced with `Content-Length`. It can be sent again where that is safe.
    ///
    /// With a field `Expect: 100-continue`, it waits for 100, a final response, or
    /// [`continue_timeout`](Self::continue_timeout). If the final response comes first, it is not sent.
    pub fn content(mut self, content: impl Into<Bytes>) -> Self {
        self.0.content = Content::Whole(content.into());
        self
    }

    /// The content is written to the [`Call`](super::Call), which also says when there is room. If a field
    /// `Content-Length` says how long it is, it is sent as such, otherwise in chunks.
    pub fn streamed(mut self) -> Self {
        self.0.content = Content::Streamed;
        self
    }

    pub(crate) fn is_streamed(&self) -> bool {
        matches!(self.0.content, Content::Streamed)
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
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.0.method)
            .field("place", &self.0.place)
            .field("headers", &self.0.headers)
            .finish_non_exhaustive()
    }
}
