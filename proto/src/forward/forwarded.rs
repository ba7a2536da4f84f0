//! [`ForwardedFields`]: what an intermediary tells the next server about the client, in `Forwarded` (RFC 7239) or in the
//! `X-Forwarded-*` fields that came before it.
//!
//! Who may be believed about earlier hops is the user's decision; how it is written is decided here.

use crate::class::is_token;
use crate::message::RequestHead;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::net::IpAddr;

/// Which fields tell of the client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ForwardedForm {
    /// `Forwarded: for=192.0.2.43;host=example.com;proto=http` (RFC 7239). The default.
    #[default]
    Forwarded,
    /// `X-Forwarded-For`, `X-Forwarded-Host` and `X-Forwarded-Proto`, which most servers read.
    XForwarded,
}

/// What an intermediary tells the next server about the client of one request: its address, the `Host` and the scheme
/// it used. Its memory is used again for the next request.
///
/// A client can write these fields as well as a proxy can. So what a request brings of them, in either form, is not sent
/// on, unless the peer is [trusted](Self::trust), as another proxy of the same owner is: then ours is added to a list,
/// and its word about host and scheme stands.
///
/// ```
/// use h1wire_proto::{Conn, ForwardedFields, ForwardedForm, Forwarding, Recv, Server, ServerConfig, ServerEvent, Slots};
/// # use h1wire_proto::FieldSource;
/// let edge = Forwarding::new("edge")?;
/// let mut forwarded = ForwardedFields::new(ForwardedForm::Forwarded);
/// let (mut conn, mut slots) = (Conn::<Server>::new(&ServerConfig::default()), Slots::new());
/// let mut input = &b"GET / HTTP/1.1\r\nHost: a:80\r\nForwarded: for=forged\r\n\r\n"[..];
/// if let Ok(Recv::Event(ServerEvent::Request(head))) = conn.recv(&mut input, &mut slots) {
///     forwarded.describe(&head, Some([192, 0, 2, 43].into()), "http");
///     let sent = edge.request(&head).unwrap().with_forwarded(&forwarded);
///     assert!(sent.fields().any(|f| f == (b"Forwarded", br#"for=192.0.2.43;host="a:80";proto=http"#)));
/// #   assert_eq!(sent.fields().count(), 3);
/// }
/// # Ok::<(), h1wire_proto::SendError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ForwardedFields {
    form: ForwardedForm,
    trusted: bool,
    /// The value of `Forwarded` or `X-Forwarded-For`.
    client: Vec<u8>,
    /// Those of `X-Forwarded-Host` and `-Proto`.
    host: Vec<u8>,
    scheme: Vec<u8>,
}

impl ForwardedFields {
    /// Tells in this form. Nothing is told before [`describe`](Self::describe).
    pub fn new(form: ForwardedForm) -> Self {
        Self { form, trusted: false, client: Vec::new(), host: Vec::new(), scheme: Vec::new() }
    }

    /// Whether what the peer says about earlier hops is believed and sent on. Default `false`.
    #[must_use]
    pub fn trust(self, trusted: bool) -> Self {
        Self { trusted, ..self }
    }

    /// Takes what there is to tell of a request that came from `peer`, by `scheme`. Without an address, of a unix socket
    /// for one, the client is `unknown` (RFC 7239 section 6.2).
    pub fn describe(&mut self, head: &RequestHead<'_, '_>, peer: Option<IpAddr>, scheme: &str) {
        let host = head.fields.get("host").unwrap_or_default();
        for value in [&mut self.client, &mut self.host, &mut self.scheme] {
            value.clear();
        }
        let name = match self.form {
            ForwardedForm::Forwarded => "forwarded",
            ForwardedForm::XForwarded => "x-forwarded-for",
        };
        if self.trusted {
            for earlier in head.fields.get_all(name).filter(|value| !value.is_empty()) {
                self.client.extend_from_slice(earlier);
                self.client.extend_from_slice(b", ");
            }
        }
        match self.form {
            ForwardedForm::Forwarded => self.add_element(peer, host, scheme),
            ForwardedForm::XForwarded => {
                put_address(&mut self.client, peer, Brackets::Never);
                let told = |name| head.fields.get(name).filter(|_| self.trusted);
                let (earlier_host, earlier_scheme) = (told("x-forwarded-host"), told("x-forwarded-proto"));
                self.host.extend_from_slice(earlier_host.unwrap_or(host));
                self.scheme.extend_from_slice(earlier_scheme.unwrap_or(scheme.as_bytes()));
            }
        }
    }

    /// One hop (RFC 7239 section 4).
    fn add_element(&mut self, peer: Option<IpAddr>, host: &[u8], scheme: &str) {
        let out = &mut self.client;
        out.extend_from_slice(b"for=");
        put_address(out, peer, Brackets::Quoted);
        if !host.is_empty() {
            out.extend_from_slice(b";host=");
            put_word(out, host);
        }
        out.extend_from_slice(b";proto=");
        put_word(out, scheme.as_bytes());
    }

    /// The fields in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let names: [&[u8]; 3] = match self.form {
            ForwardedForm::Forwarded => [b"Forwarded", b"", b""],
            ForwardedForm::XForwarded => [b"X-Forwarded-For", b"X-Forwarded-Host", b"X-Forwarded-Proto"],
        };
        let values = [&self.client[..], &self.host, &self.scheme];
        names.into_iter().zip(values).filter(|(name, value)| !name.is_empty() && !value.is_empty())
    }

    /// Whether a received field is not sent on, because it is told anew or not believed.
    pub(super) fn replaces(&self, name: &[u8]) -> bool {
        const PREFIX: &[u8] = b"x-forwarded-";
        let is_x = name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
        if !is_x && !name.eq_ignore_ascii_case(b"forwarded") {
            return false;
        }
        !self.trusted || self.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    }
}

/// How an address of version 6 is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Brackets {
    /// As it is.
    Never,
    /// In brackets, in quotes (RFC 7239 section 6).
    Quoted,
}

fn put_address(out: &mut Vec<u8>, peer: Option<IpAddr>, brackets: Brackets) {
    let mut out = Text(out);
    // Nothing that is written to memory fails.
    let _ = match (peer.map(|ip| ip.to_canonical()), brackets) {
        (None, _) => out.write_str("unknown"),
        (Some(IpAddr::V6(ip)), Brackets::Quoted) => write!(out, "\"[{ip}]\""),
        (Some(ip), _) => write!(out, "{ip}"),
    };
}

struct Text<'a>(&'a mut Vec<u8>);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// A token, or the same as a quoted string (RFC 7239 section 4).
fn put_word(out: &mut Vec<u8>, word: &[u8]) {
    if is_token(word) {
        out.extend_from_slice(word);
        return;
    }
    out.push(b'"');
    for byte in word {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
