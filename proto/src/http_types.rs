//! Heads from and to the types of the crate `http`, for programs whose other halves speak those.
//!
//! With the feature `http`. Only shapes are changed here: what may be sent is checked by the encoder as ever, and what
//! was received was checked by the machine.

use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};

use crate::conn::{Client, Conn, Server};
use crate::digits;
use crate::error::SendError;
use crate::fields::Fields;
use crate::message::{Method, RequestHead, ResponseHead, Version};
use crate::out::Out;
use crate::send::{BodyLen, FieldSource};

/// The fields in the order of the map, those of one name together, names in lower case. `Content-Length` and
/// `Transfer-Encoding` are left out, for the machine writes them: see [`BodyLen::declared`].
impl FieldSource for HeaderMap {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let sent = self.iter().filter(|(name, _)| *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING);
        sent.map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
    }
}

impl BodyLen {
    /// How long the content is, as the fields of a message to be sent declare it: by `Content-Length`, or else unknown.
    ///
    /// # Errors
    /// [`ReservedField`](SendError::ReservedField) if that is no number, or there are two that differ.
    pub fn declared(headers: &HeaderMap) -> Result<Self, SendError> {
        let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
        let Some(first) = lengths.next() else { return Ok(Self::Unknown) };
        let length =
            digits::number(first.as_bytes()).filter(|n| *n < u64::MAX && lengths.all(|l| l == first));
        length.map(Self::Exact).ok_or_else(|| SendError::ReservedField("Content-Length".into()))
    }
}

impl<'m> From<&'m http::Method> for Method<'m> {
    fn from(method: &'m http::Method) -> Self {
        Self::from(method.as_str())
    }
}

impl From<Version> for http::Version {
    fn from(version: Version) -> Self {
        match version {
            Version::Http10 => Self::HTTP_10,
            Version::Http11 => Self::HTTP_11,
        }
    }
}

impl RequestHead<'_, '_> {
    /// The same head in the types of `http`.
    ///
    /// # Errors
    /// What those cannot hold: a target that is no URI, such as `/<a>`, or more fields than a `HeaderMap` has room for.
    ///
    /// ```
    /// use h1wire_proto::{Conn, Recv, Server, ServerConfig, ServerEvent, Slots};
    /// let (mut conn, mut slots) = (Conn::<Server>::new(&ServerConfig::default()), Slots::new());
    /// let mut input = &b"PUT /a?b HTTP/1.1\r\nHost: h\r\nX: 1\r\nx: 2\r\n\r\n"[..];
    /// let Recv::Event(ServerEvent::Request(head)) = conn.recv(&mut input, &mut slots)? else { return Ok(()) };
    /// let parts = head.to_http()?;
    /// assert_eq!((parts.method, parts.uri.query()), (http::Method::PUT, Some("b")));
    /// assert_eq!(parts.headers.get_all("x").iter().count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_http(&self) -> Result<http::request::Parts, http::Error> {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = http::Method::from_bytes(self.method.as_bytes())?;
        parts.uri = http::Uri::try_from(self.target)?;
        parts.version = self.version.into();
        parts.headers = header_map(self.fields)?;
        Ok(parts)
    }
}

impl ResponseHead<'_, '_> {
    /// The same head in the types of `http`, which have no room for the reason phrase.
    ///
    /// # Errors
    /// More fields than a `HeaderMap` has room for.
    pub fn to_http(&self) -> Result<http::response::Parts, http::Error> {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = http::StatusCode::from_u16(self.status)?;
        parts.version = self.version.into();
        parts.headers = header_map(self.fields)?;
        Ok(parts)
    }
}

impl Conn<Client> {
    /// Sends a request head of the types of `http`. The target is the path and query of the URI, for `CONNECT` its
    /// authority; without a field `Host` the authority is also that. The version is not looked at.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    ///
    /// ```
    /// use h1wire_proto::{BodyLen, Client, ClientConfig, Conn};
    /// let (parts, content) = http::Request::post("http://example.org/a?b").header("X", "y").body("hi")?.into_parts();
    /// let (mut conn, mut out) = (Conn::<Client>::new(&ClientConfig::default()), Vec::new());
    /// conn.request_http(&parts, BodyLen::Exact(content.len() as u64), &mut out)?;
    /// assert_eq!(out, b"POST /a?b HTTP/1.1\r\nHost: example.org\r\nx: y\r\nContent-Length: 2\r\n\r\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn request_http<O: Out + ?Sized>(
        &mut self,
        parts: &http::request::Parts,
        body: BodyLen,
        out: &mut O,
    ) -> Result<(), SendError> {
        let authority = parts.uri.authority().map_or("", |authority| authority.as_str());
        let target = match parts.method {
            http::Method::CONNECT => authority,
            _ => parts.uri.path_and_query().map_or("/", |target| target.as_str()),
        };
        // RFC 9110 section 4.2.4: user and password are not sent.
        let host = authority.rsplit('@').next().unwrap_or_default();
        let own = (!parts.headers.contains_key(http::header::HOST)).then_some([("Host", host)]);
        self.request((&parts.method).into(), target.as_bytes(), &(own, &parts.headers), body, out)
    }
}

impl Conn<Server> {
    /// Sends a final response head of the types of `http`. The version is not looked at.
    ///
    /// # Errors
    /// As [`respond`](Self::respond).
    pub fn respond_http<O: Out + ?Sized>(
        &mut self,
        parts: &http::response::Parts,
        body: BodyLen,
        out: &mut O,
    ) -> Result<(), SendError> {
        self.respond(parts.status.as_u16(), &parts.headers, body, out)
    }
}

fn header_map(fields: Fields<'_, '_>) -> Result<HeaderMap, http::Error> {
    let mut map = HeaderMap::try_with_capacity(fields.len())?;
    for (name, value) in fields {
        map.try_append(HeaderName::from_bytes(name)?, HeaderValue::from_bytes(value)?)?;
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientConfig, ClientEvent, Recv, ServerConfig, ServerEvent, Slots};
    use http::{Request, Response};

    /// A request is sent, received, answered, and the answer received: all in the types of `http`.
    #[test]
    fn what_one_side_sends_in_these_types_the_other_receives_in_them() {
        let (mut client, mut server) =
            (Conn::<Client>::new(&ClientConfig::default()), Conn::<Server>::new(&ServerConfig::default()));
        let (mut slots, mut wire) = (Slots::new(), Vec::new());
        let request = Request::get("http://u:p@h:8080/a?b").header("Accept", "x").header("Accept", "y");
        let (asked, ()) = request.body(()).unwrap().into_parts();
        client.request_http(&asked, BodyLen::None, &mut wire).unwrap();
        let mut input = &wire[..];
        let Ok(Recv::Event(ServerEvent::Request(head))) = server.recv(&mut input, &mut slots) else {
            panic!("{}", wire.escape_ascii());
        };
        let heard = head.to_http().unwrap();
        assert_eq!(
            (heard.uri.to_string().as_str(), heard.headers["host"].as_bytes()),
            ("/a?b", &b"h:8080"[..])
        );
        assert_eq!(heard.headers.get_all("accept"), asked.headers.get_all("accept"));
        assert_eq!((heard.method, heard.version), (asked.method, http::Version::HTTP_11));

        let response = Response::builder().status(404).header("Content-Length", "2").header("X", "\u{e9}");
        let (said, content) = response.body("no").unwrap().into_parts();
        let length = BodyLen::declared(&said.headers).unwrap();
        let mut wire = Vec::new();
        server.respond_http(&said, length, &mut wire).unwrap();
        server.body().unwrap().data(content.as_bytes(), &mut wire).unwrap();
        let mut input = &wire[..];
        let Ok(Recv::Event(ClientEvent::Response(head))) = client.recv(&mut input, &mut slots) else {
            panic!("{}", wire.escape_ascii());
        };
        let heard = head.to_http().unwrap();
        assert_eq!((heard.status, heard.headers), (said.status, said.headers));
    }

    #[test]
    fn the_target_has_the_form_of_its_method_and_the_host_of_its_uri() {
        for (method, uri, host, line) in [
            ("CONNECT", "h:443", None, "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"),
            ("OPTIONS", "*", Some("h"), "OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n"),
            ("GET", "http://h", None, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
            ("GET", "http://h", Some("other"), "GET / HTTP/1.1\r\nhost: other\r\n\r\n"),
        ] {
            let mut request = Request::builder().method(method).uri(uri);
            if let Some(host) = host {
                request = request.header("Host", host);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let mut out = Vec::new();
            Conn::<Client>::new(&ClientConfig::default())
                .request_http(&parts, BodyLen::None, &mut out)
                .unwrap();
            assert_eq!(out.escape_ascii().to_string(), line.as_bytes().escape_ascii().to_string());
        }
    }

    #[test]
    fn a_declared_length_is_one_number() {
        let declared = |lengths: &[&str]| {
            let mut headers = HeaderMap::new();
            for length in lengths {
                headers.append(CONTENT_LENGTH, length.parse().unwrap());
            }
            BodyLen::declared(&headers)
        };
        assert_eq!(declared(&[]), Ok(BodyLen::Unknown));
        assert_eq!((declared(&["5"]), declared(&["5", "5"])), (Ok(BodyLen::Exact(5)), Ok(BodyLen::Exact(5))));
        for bad in [&["+5"][..], &[""], &["5", "6"], &["99999999999999999999"]] {
            assert!(matches!(declared(bad), Err(SendError::ReservedField(_))), "{bad:?}");
        }
    }

    #[test]
    fn framing_fields_are_the_machines_and_a_target_that_is_no_uri_is_an_error() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, "7".parse().unwrap());
        headers.insert(TRANSFER_ENCODING, "chunked".parse().unwrap());
        assert_eq!(headers.fields().count(), 0);
        let (mut conn, mut slots) = (Conn::<Server>::new(&ServerConfig::default()), Slots::new());
        let mut input = &b"GET /<a> HTTP/1.1\r\nHost: h\r\n\r\n"[..];
        let Ok(Recv::Event(ServerEvent::Request(head))) = conn.recv(&mut input, &mut slots) else { panic!() };
        assert!(head.to_http().is_err());
    }
}
