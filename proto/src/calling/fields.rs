//! [`Fields`]: the fields a request is sent with, those of its user and those that are added.

use smallvec::SmallVec;

use super::credentials::Credentials;
use super::proxies::Route;
use super::request::Request;
use crate::headers::Headers;
use crate::out::Out;
use crate::send::FieldSource;
use crate::validate::Strictness;

/// A line that is put together for one request, in place while it is short.
#[derive(Clone, Debug)]
pub(super) struct Line(pub(super) SmallVec<[u8; 64]>);

impl Line {
    pub(super) fn new() -> Self {
        Self(SmallVec::new())
    }
}

impl Out for Line {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
    fn reserve(&mut self, n: usize) {
        self.0.reserve(n);
    }
}

/// The fields of a [`Request`].
pub struct Fields<'a> {
    host: Option<Line>,
    headers: &'a Headers,
    common: Option<&'a Headers>,
    authorization: Option<Line>,
    proxy_authorization: Option<Line>,
    connection: Option<&'static str>,
}

impl<'a> Fields<'a> {
    /// Those of `request`.
    pub(super) fn of(request: &Request<'a>) -> Self {
        let given = |name: &str| request.has(name);
        let line = |put: &dyn Fn(&mut Line)| {
            let mut line = Line::new();
            put(&mut line);
            line
        };
        let basic = |name: &str, credentials: Option<&Credentials>| {
            let credentials = credentials.filter(|_| !given(name))?;
            Some(line(&|line| credentials.put_basic(line)))
        };
        let proxy = match request.route {
            Route::Forward(proxy) => proxy.credentials(),
            _ => None,
        };
        Self {
            host: (request.host && request.default_fields && !given("host"))
                .then(|| line(&|line| request.url.put_host(line))),
            headers: request.headers,
            common: request.common,
            authorization: basic("authorization", request.url.credentials),
            proxy_authorization: basic("proxy-authorization", proxy),
            connection: request.persistence.filter(|_| request.default_fields && !given("connection")),
        }
    }
}

impl FieldSource for Fields<'_> {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        fn added<'l>(
            name: &'static [u8],
            line: &'l Option<Line>,
        ) -> impl Iterator<Item = (&'l [u8], &'l [u8])> {
            line.as_ref().map(|line| (name, &line.0[..])).into_iter()
        }
        let own = |name: &[u8]| self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let common = self.common.into_iter().flat_map(Headers::iter).filter(move |(name, _)| !own(name));
        added(b"Host", &self.host)
            .chain(self.headers.iter().chain(common).filter(|(name, value)| !frames(name, value)))
            .chain(added(b"Authorization", &self.authorization))
            .chain(added(b"Proxy-Authorization", &self.proxy_authorization))
            .chain(self.connection.map(|value| (&b"Connection"[..], value.as_bytes())))
    }
    fn strictness(&self) -> Strictness {
        self.headers.strictness()
    }
}

/// Whether a field says how the content is framed, which the machine does by itself.
fn frames(name: &[u8], value: &[u8]) -> bool {
    match name.len() {
        14 => name.eq_ignore_ascii_case(b"content-length"),
        17 => name.eq_ignore_ascii_case(b"transfer-encoding") && value.eq_ignore_ascii_case(b"chunked"),
        _ => false,
    }
}
