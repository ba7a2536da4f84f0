//! The named leniencies: what a machine may be told to tolerate, one flag for each, all off by default.
//!
//! A leniency only ever adds accepted inputs; it never changes what a strictly valid message means. Some
//! tolerances of other engines are not offered at all: a bare CR is never a line end nor a space, and a NUL is
//! never anything, because every known use of them is an attack.

macro_rules! leniency {
    ($(#[$type_doc:meta])* $name:ident { $($(#[$doc:meta])* $flag:ident = $value:ident,)* }) => {
        $(#[$type_doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
        pub struct $name(pub(crate) Flags);

        impl $name {
            /// Nothing is tolerated: the default.
            pub const STRICT: Self = Self(Flags::NONE);
            /// Every leniency of this role, by name.
            pub const NAMES: &'static [(&'static str, Self)] =
                &[$((stringify!($flag), Self(Flags::$value)),)*];

            $($(#[$doc])*
            #[must_use]
            pub const fn $flag(self) -> Self {
                Self(self.0.with(Flags::$value))
            })*

            /// Both sets together.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0.with(other.0))
            }
        }
    };
}

/// The flags of both roles in one set, for the code that both share.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Flags(u16);

impl Flags {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const BARE_LF: Self = Self(1 << 0);
    pub(crate) const OBS_FOLD: Self = Self(1 << 1);
    pub(crate) const CONTROLS: Self = Self(1 << 2);
    pub(crate) const SPACE_BEFORE_COLON: Self = Self(1 << 3);
    pub(crate) const LENGTH_AND_ENCODING: Self = Self(1 << 4);
    pub(crate) const ENCODING_IN_HTTP10: Self = Self(1 << 5);
    pub(crate) const REPEATED_LENGTH: Self = Self(1 << 6);
    pub(crate) const UNKNOWN_CODING: Self = Self(1 << 7);
    pub(crate) const TARGET_BYTES: Self = Self(1 << 8);
    pub(crate) const TARGET_FORM: Self = Self(1 << 9);
    pub(crate) const CHUNK_EXTENSION: Self = Self(1 << 10);
    pub(crate) const CHUNK_SPACE: Self = Self(1 << 11);
    pub(crate) const LEADING_CRLF: Self = Self(1 << 12);
    pub(crate) const CONNECT_CONTENT: Self = Self(1 << 13);
    pub(crate) const EMPTY_MEMBERS: Self = Self(1 << 14);
    pub(crate) const USERINFO: Self = Self(1 << 15);

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// Whether any of `flags` is set.
    #[inline]
    pub(crate) const fn any(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }
}

leniency! {
    /// What a server tolerates from clients. See each flag for its danger.
    ServerLeniency {
        /// An LF alone ends a start line or field line (RFC 9112 section 2.2 permits it). Danger: a hop in front
        /// that does not agree sees another message. Never applies to chunk framing.
        bare_lf = BARE_LF,
        /// A folded field value is accepted and unfolded with one SP (RFC 9112 section 5.2). Danger: a hop in
        /// front may see the continuation as a field of its own.
        obs_fold = OBS_FOLD,
        /// Control characters other than CR, LF and NUL are kept in field values (RFC 9110 section 5.5). Danger:
        /// they reach logs, terminals and other protocols.
        controls_in_values = CONTROLS,
        /// `Content-Length` beside `Transfer-Encoding: chunked`: the chunks frame the content and the connection
        /// closes after the answer (RFC 9112 section 6.3). Danger: the classic request smuggling shape.
        length_and_encoding = LENGTH_AND_ENCODING,
        /// `Transfer-Encoding` in an HTTP/1.0 request is processed once, then the connection closes (RFC 9112
        /// section 6.1). Danger: an HTTP/1.0 hop in front did not understand it.
        encoding_in_http10 = ENCODING_IN_HTTP10,
        /// Identical `Content-Length` values count as one (RFC 9112 section 6.3). Danger: small, if every hop
        /// collapses them too.
        repeated_length = REPEATED_LENGTH,
        /// Codings that are not registered are accepted below `chunked`. Danger: the content handed up is coded in
        /// a way nobody here can undo.
        unknown_codings = UNKNOWN_CODING,
        /// Bytes of 0x80 and more and `#` are accepted in the target. Danger: what they mean is up to whoever
        /// decodes them next.
        any_target_bytes = TARGET_BYTES,
        /// The form of the target is not checked against the method. Danger: routing code that expects a path
        /// meets something else.
        any_target_form = TARGET_FORM,
        /// An absolute target of `http` or `https` may name user and password (RFC 9110 section 4.2.4). Danger: whoever
        /// shows such a target, or reads it carelessly, takes the user for the host.
        userinfo_in_target = USERINFO,
        /// Chunk extensions may be any text without control characters. Danger: small; they are ignored.
        any_chunk_extension = CHUNK_EXTENSION,
        /// SP and HTAB may follow a chunk size. Danger: hops differ on what ends the size.
        space_after_chunk_size = CHUNK_SPACE,
        /// Framing fields of a `CONNECT` request frame content that is read before the tunnel. Danger: a hop in
        /// front may tunnel at once.
        connect_with_content = CONNECT_CONTENT,
        /// Empty members of the lists in `Transfer-Encoding` and `Content-Length` are ignored. Danger: hops that
        /// compare the whole value see something else.
        empty_list_members = EMPTY_MEMBERS,
    }
}

leniency! {
    /// What a client tolerates from servers. See each flag for its danger.
    ClientLeniency {
        /// An LF alone ends a status line or field line (RFC 9112 section 2.2 permits it). Danger: hops that do
        /// not agree see another message. Never applies to chunk framing.
        bare_lf = BARE_LF,
        /// Control characters other than CR, LF and NUL are kept in field values and the reason phrase (RFC 9110
        /// section 5.5). Danger: they reach logs, terminals and other protocols.
        controls_in_values = CONTROLS,
        /// White space between a field name and its colon is dropped (what RFC 9112 section 5.1 asks of proxies).
        /// Danger: hops differ on the name.
        space_before_colon = SPACE_BEFORE_COLON,
        /// `Content-Length` beside `Transfer-Encoding`: the coding frames the content and the connection closes
        /// (RFC 9112 section 6.3). Danger: response splitting through a hop that took the length.
        length_and_encoding = LENGTH_AND_ENCODING,
        /// `Transfer-Encoding` in an HTTP/1.0 response is processed once, then the connection closes (RFC 9112
        /// section 6.1).
        encoding_in_http10 = ENCODING_IN_HTTP10,
        /// Identical `Content-Length` values count as one (RFC 9112 section 6.3).
        repeated_length = REPEATED_LENGTH,
        /// Codings that are not registered are accepted below `chunked`. Danger: the content handed up is coded in
        /// a way nobody here can undo.
        unknown_codings = UNKNOWN_CODING,
        /// Chunk extensions may be any text without control characters. Danger: small; they are ignored.
        any_chunk_extension = CHUNK_EXTENSION,
        /// SP and HTAB may follow a chunk size, as some old servers pad it.
        space_after_chunk_size = CHUNK_SPACE,
        /// CRLFs before a status line are skipped. Danger: a length that was two too short goes unnoticed.
        leading_crlf = LEADING_CRLF,
        /// Empty members of the lists in `Transfer-Encoding` and `Content-Length` are ignored.
        empty_list_members = EMPTY_MEMBERS,
    }
}

impl ServerLeniency {
    /// What Node's `insecureHTTPParser` (llhttp 2.1.4) tolerates and this engine offers: control
    /// characters in values, folded values, `Content-Length` beside `Transfer-Encoding`, `Transfer-Encoding` in
    /// HTTP/1.0, unregistered codings, any target bytes and forms, user and password in targets, and loose chunk extensions. What it also
    /// tolerates and this engine never does: NUL in values, several spaces in a start line, white space before a
    /// colon in requests, and requests whose last coding is not `chunked`.
    pub const INSECURE: Self = Self::STRICT
        .bare_lf()
        .obs_fold()
        .controls_in_values()
        .length_and_encoding()
        .encoding_in_http10()
        .unknown_codings()
        .any_target_bytes()
        .any_target_form()
        .userinfo_in_target()
        .any_chunk_extension()
        .space_after_chunk_size()
        .connect_with_content()
        .empty_list_members();
}

impl ClientLeniency {
    /// What Node's `insecureHTTPParser` (llhttp 2.1.4) tolerates and this engine offers, for responses.
    pub const INSECURE: Self = Self::STRICT
        .bare_lf()
        .controls_in_values()
        .length_and_encoding()
        .encoding_in_http10()
        .unknown_codings()
        .any_chunk_extension()
        .space_after_chunk_size()
        .leading_crlf()
        .space_before_colon()
        .empty_list_members();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conn, Recv, RecvErrorKind, Server, ServerConfig, ServerEvent, Slots};

    /// The `Host` that is seen, or the error and its offset.
    fn host(leniency: ServerLeniency, mut input: &[u8]) -> Result<Vec<u8>, (RecvErrorKind, u64)> {
        let mut conn = Conn::<Server>::new(&ServerConfig { leniency, ..ServerConfig::default() });
        match conn.recv(&mut input, &mut Slots::new()).map_err(|e| (e.kind(), e.offset()))? {
            Recv::Event(ServerEvent::Request(head)) => Ok(head.fields.get("host").unwrap().to_vec()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_tolerated_head_is_held_to_the_same_rules_at_the_same_offsets() {
        let (lf, fold) = (ServerLeniency::STRICT.bare_lf(), ServerLeniency::STRICT.obs_fold());
        assert_eq!(host(lf, b"GET / HTTP/1.1\nHost: a\n\n"), Ok(b"a".to_vec()));
        assert_eq!(host(lf, b"GET / HTTP/1.1\nHost:  /\n\n"), Err((RecvErrorKind::BadHost, 22)));
        assert_eq!(host(fold, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"), Ok(b"a".to_vec()));
        let folded = b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n";
        assert_eq!(host(fold, folded), Err((RecvErrorKind::BadHost, 21)));
        let bad = |end: &str| format!("GET / HTTP/1.1{end}Host: a{end}Content-Length:  5x{end}{end}");
        let kind = RecvErrorKind::BadContentLength;
        assert_eq!(host(lf, bad("\r\n").as_bytes()), Err((kind, 42)));
        assert_eq!(host(lf, bad("\n").as_bytes()), Err((kind, 40)));
    }
}
