//! Heads and field sections that outlive their input: copied into reusable memory, or sharing the chunk they came in.
//!
//! Only storage. An owned head lends the borrowed one again, and everything else is asked of that.

mod fields;

pub use fields::OwnedFields;

use crate::fields::Fields;
use crate::message::{BodyKind, Expect, Method, RequestHead, ResponseHead, Version};
use bytes::Bytes;
use core::fmt;
use core::ops::Range;

/// A request head that owns its bytes. Made from a [`RequestHead`] by copying ([`From`]) or by
/// [sharing](RequestHead::share); refilled with [`copy_from`](Self::copy_from).
#[derive(Clone)]
pub struct OwnedRequest {
    fields: OwnedFields,
    /// `None` for a method without a variant of its own, which lies at `method_at`.
    method: Option<Method<'static>>,
    method_at: Range<usize>,
    target_at: Range<usize>,
    version: Version,
    minor: u8,
    body: BodyKind,
    expect: Expect,
    keep_alive: bool,
    upgrade: bool,
}

impl OwnedRequest {
    /// The head, as it was received.
    #[inline]
    pub fn head(&self) -> RequestHead<'_, '_> {
        RequestHead {
            method: self.method(),
            target: self.target(),
            version: self.version,
            minor: self.minor,
            fields: self.fields(),
            body: self.body,
            expect: self.expect,
            keep_alive: self.keep_alive,
            upgrade: self.upgrade,
        }
    }

    /// The method.
    #[inline]
    pub fn method(&self) -> Method<'_> {
        self.method.unwrap_or_else(|| Method::from_bytes(self.fields.slice(&self.method_at)))
    }

    /// The request target as received.
    #[inline]
    pub fn target(&self) -> &[u8] {
        self.fields.slice(&self.target_at)
    }

    /// The field lines.
    #[inline]
    pub fn fields(&self) -> Fields<'_, '_> {
        self.fields.as_fields()
    }

    /// Whether the bytes are shared with the chunk they came in.
    pub fn is_shared(&self) -> bool {
        self.fields.is_shared()
    }

    /// Takes a copy of `head`, in the memory of the request that was kept here before.
    pub fn copy_from(&mut self, head: &RequestHead<'_, '_>) {
        self.keep(head, None);
    }

    fn keep(&mut self, head: &RequestHead<'_, '_>, chunk: Option<&Bytes>) {
        let method = KNOWN.into_iter().find(|known| *known == head.method);
        let name = if method.is_some() { b"" } else { head.method.as_bytes() };
        let [method_at, target_at] = self.fields.keep(&head.fields, chunk, [name, head.target]);
        *self = Self {
            fields: core::mem::take(&mut self.fields),
            method,
            method_at,
            target_at,
            version: head.version,
            minor: head.minor,
            body: head.body,
            expect: head.expect,
            keep_alive: head.keep_alive,
            upgrade: head.upgrade,
        };
    }

    const EMPTY: Self = Self {
        fields: OwnedFields::new(),
        method: None,
        method_at: 0..0,
        target_at: 0..0,
        version: Version::Http11,
        minor: 1,
        body: BodyKind::None,
        expect: Expect::None,
        keep_alive: false,
        upgrade: false,
    };
}

const KNOWN: [Method<'static>; 9] = [
    Method::Get,
    Method::Head,
    Method::Post,
    Method::Put,
    Method::Delete,
    Method::Connect,
    Method::Options,
    Method::Trace,
    Method::Patch,
];

impl RequestHead<'_, '_> {
    /// This head with its bytes shared: only the table of fields is copied if the head lies in `chunk`, which is then
    /// kept alive. Otherwise the head is copied.
    ///
    /// Freeze the chunk before the machine sees it:
    ///
    /// ```
    /// use bytes::Bytes;
    /// use h1wire_proto::{Conn, Recv, Server, ServerConfig, ServerEvent, Slots};
    /// let chunk = Bytes::from_static(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    /// let (mut conn, mut slots) = (Conn::<Server>::new(&ServerConfig::default()), Slots::new());
    /// let mut input = &chunk[..];
    /// let Ok(Recv::Event(ServerEvent::Request(head))) = conn.recv(&mut input, &mut slots) else { panic!() };
    /// let owned = head.share(&chunk);
    /// drop(slots);
    /// assert!(owned.is_shared());
    /// assert_eq!(owned.target().as_ptr(), chunk[4..].as_ptr());
    /// assert_eq!(owned.fields().get("host"), Some(&b"h"[..]));
    /// ```
    pub fn share(&self, chunk: &Bytes) -> OwnedRequest {
        let mut owned = OwnedRequest::EMPTY;
        owned.keep(self, Some(chunk));
        owned
    }
}

impl From<&RequestHead<'_, '_>> for OwnedRequest {
    fn from(head: &RequestHead<'_, '_>) -> Self {
        let mut owned = Self::EMPTY;
        owned.keep(head, None);
        owned
    }
}

impl fmt::Debug for OwnedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head().fmt(f)
    }
}

/// A response head that owns its bytes. Made from a [`ResponseHead`] by copying ([`From`]) or by
/// [sharing](ResponseHead::share); refilled with [`copy_from`](Self::copy_from).
#[derive(Clone)]
pub struct OwnedResponse {
    fields: OwnedFields,
    status: u16,
    reason_at: Range<usize>,
    version: Version,
    minor: u8,
    body: BodyKind,
    keep_alive: bool,
    switched: bool,
}

impl OwnedResponse {
    /// The head, as it was received.
    #[inline]
    pub fn head(&self) -> ResponseHead<'_, '_> {
        ResponseHead {
            status: self.status,
            reason: self.fields.slice(&self.reason_at),
            version: self.version,
            minor: self.minor,
            fields: self.fields(),
            body: self.body,
            keep_alive: self.keep_alive,
            switched: self.switched,
        }
    }

    /// The status code.
    #[inline]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The field lines.
    #[inline]
    pub fn fields(&self) -> Fields<'_, '_> {
        self.fields.as_fields()
    }

    /// Whether the bytes are shared with the chunk they came in.
    pub fn is_shared(&self) -> bool {
        self.fields.is_shared()
    }

    /// Takes a copy of `head`, in the memory of the response that was kept here before.
    pub fn copy_from(&mut self, head: &ResponseHead<'_, '_>) {
        self.keep(head, None);
    }

    fn keep(&mut self, head: &ResponseHead<'_, '_>, chunk: Option<&Bytes>) {
        let [reason_at, _] = self.fields.keep(&head.fields, chunk, [head.reason, b""]);
        *self = Self {
            fields: core::mem::take(&mut self.fields),
            status: head.status,
            reason_at,
            version: head.version,
            minor: head.minor,
            body: head.body,
            keep_alive: head.keep_alive,
            switched: head.switched,
        };
    }

    const EMPTY: Self = Self {
        fields: OwnedFields::new(),
        status: 0,
        reason_at: 0..0,
        version: Version::Http11,
        minor: 1,
        body: BodyKind::None,
        keep_alive: false,
        switched: false,
    };
}

impl ResponseHead<'_, '_> {
    /// This head with its bytes shared: only the table of fields is copied if the head lies in `chunk`, which is then
    /// kept alive. Otherwise the head is copied. See [`RequestHead::share`].
    pub fn share(&self, chunk: &Bytes) -> OwnedResponse {
        let mut owned = OwnedResponse::EMPTY;
        owned.keep(self, Some(chunk));
        owned
    }
}

impl From<&ResponseHead<'_, '_>> for OwnedResponse {
    fn from(head: &ResponseHead<'_, '_>) -> Self {
        let mut owned = Self::EMPTY;
        owned.keep(head, None);
        owned
    }
}

impl fmt::Debug for OwnedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{FOLDED, FieldSpan};

    const REQUEST: &[u8] = b"PURGE /a?b HTTP/1.1\r\nHost: h\r\nX:  y \r\n\r\n";

    fn request<'i>(wire: &'i [u8], method: Method<'i>, spans: &'i [FieldSpan]) -> RequestHead<'i, 'i> {
        RequestHead {
            method,
            target: &wire[6..10],
            version: Version::Http10,
            minor: 0,
            fields: Fields { section: wire, spans, unfolded: b"un folded" },
            body: BodyKind::Length(3),
            expect: Expect::Other,
            keep_alive: true,
            upgrade: true,
        }
    }

    const SPANS: [FieldSpan; 3] = [
        FieldSpan { name_start: 21, name_end: 25, value_start: 27, value_end: 28 },
        FieldSpan { name_start: 30, name_end: 31, value_start: 34, value_end: 35 },
        FieldSpan { name_start: 30, name_end: 31, value_start: 0, value_end: FOLDED | 9 },
    ];

    fn same(owned: &OwnedRequest, head: &RequestHead<'_, '_>) {
        assert_eq!(format!("{owned:?}"), format!("{head:?}"));
        assert!(owned.fields().iter().eq(head.fields.iter()));
        assert_eq!((owned.method(), owned.target()), (head.method, head.target));
    }

    #[test]
    fn a_shared_head_is_the_same_head_in_the_same_memory() {
        let chunk = Bytes::from([b"rest of an older message", REQUEST].concat());
        let wire = &chunk[24..];
        let head = request(wire, Method::from_bytes(&wire[..5]), &SPANS);
        let owned = head.share(&chunk);
        same(&owned, &head);
        assert!(owned.is_shared());
        assert_eq!(owned.target().as_ptr(), head.target.as_ptr());
        assert_eq!(owned.method().as_bytes().as_ptr(), wire.as_ptr());
        assert_eq!(owned.fields().get("host").unwrap().as_ptr(), wire[27..].as_ptr());
        assert_eq!(owned.fields().nth(2), Some((&b"X"[..], &b"un folded"[..])));
    }

    #[test]
    fn a_head_that_does_not_lie_in_the_chunk_is_copied() {
        let wire = REQUEST.to_vec();
        let head = request(&wire, Method::from_bytes(b"PURGE"), &SPANS);
        for chunk in
            [Bytes::new(), Bytes::from_static(b"something else that is long enough to hold the head")]
        {
            let owned = head.share(&chunk);
            assert!(!owned.is_shared());
            same(&owned, &head);
        }
        let chunk = Bytes::from(wire.clone());
        let outside = RequestHead { target: &wire[6..8], ..request(&chunk, Method::Get, &SPANS) };
        let owned = outside.share(&chunk);
        assert!(!owned.is_shared());
        same(&owned, &outside);
    }

    #[test]
    fn every_method_survives() {
        for method in KNOWN.into_iter().chain([Method::from_bytes(b"M-SEARCH")]) {
            same(&OwnedRequest::from(&request(REQUEST, method, &SPANS)), &request(REQUEST, method, &SPANS));
        }
    }

    #[test]
    fn a_copy_is_refilled_in_the_same_memory_and_gives_a_shared_chunk_back() {
        let head = request(REQUEST, Method::Post, &SPANS);
        let mut owned = OwnedRequest::from(&head);
        let at = owned.target().as_ptr();
        let small = RequestHead { fields: Fields::EMPTY, target: b"/", ..head };
        owned.copy_from(&small);
        same(&owned, &small);
        owned.copy_from(&head);
        same(&owned, &head);
        assert_eq!(owned.target().as_ptr(), at);

        let chunk = Bytes::from(REQUEST.to_vec());
        let mut owned = request(&chunk, Method::Get, &SPANS).share(&chunk);
        owned.copy_from(&head);
        assert!(!owned.is_shared() && chunk.is_unique());
    }

    #[test]
    fn a_response_head_is_kept_whole() {
        let wire = b"HTTP/1.1 200 Fine\r\nA: b\r\n\r\n";
        let chunk = Bytes::from_static(wire);
        let spans = [FieldSpan { name_start: 19, name_end: 20, value_start: 22, value_end: 23 }];
        let head = ResponseHead {
            status: 200,
            reason: &chunk[13..17],
            version: Version::Http11,
            minor: 1,
            fields: Fields { section: &chunk, spans: &spans, unfolded: b"" },
            body: BodyKind::UntilClose,
            keep_alive: true,
            switched: true,
        };
        let mut copied = OwnedResponse::from(&ResponseHead { status: 500, reason: b"", ..head });
        copied.copy_from(&head);
        for owned in [head.share(&chunk), copied] {
            assert_eq!(format!("{owned:?}"), format!("{head:?}"));
            assert_eq!((owned.status(), owned.fields().get("a")), (200, Some(&b"b"[..])));
        }
        assert!(head.share(&chunk).is_shared());
    }
}
