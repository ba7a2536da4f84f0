//! Fields that are the same in many messages, checked and written once.

use alloc::vec::Vec;

use super::checked::Checked;
use super::encode;
use super::source::Encoder;
use super::source::FieldSource;
use crate::error::SendError;
use crate::headers::Headers;
use crate::out::Out;

/// Fields checked and encoded in advance. Sending them costs one copy.
///
/// They are an ordinary [`FieldSource`], alone or in a tuple with others:
///
/// ```
/// use h1wire_proto::{Conn, Prepared, Server, ServerConfig, Slots};
/// let common = Prepared::new(&[("Server", "s"), ("X-Frame-Options", "DENY")])?;
/// # let mut conn = Conn::<Server>::new(&ServerConfig::default());
/// # let _ = conn.recv(&mut &b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"[..], &mut Slots::new()).unwrap();
/// let mut out = Vec::new();
/// conn.respond_with(200, &(&common, [("ETag", "\"1\"")]), b"hi", &mut out)?;
/// assert_eq!(
///     out,
///     b"HTTP/1.1 200 OK\r\nServer: s\r\nX-Frame-Options: DENY\r\nETag: \"1\"\r\nContent-Length: 2\r\n\r\nhi"
/// );
/// # Ok::<(), h1wire_proto::SendError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Prepared {
    fields: Headers,
    checked: Checked,
    wire: Vec<u8>,
}

impl Prepared {
    /// Checks and encodes `fields`.
    ///
    /// # Errors
    /// What sending them would be refused for: a bad name or value, or a field the machine writes itself.
    pub fn new<F: FieldSource + ?Sized>(fields: &F) -> Result<Self, SendError> {
        let checked = encode::check_fields(fields)?;
        let mut kept = Headers::with_strictness(fields.strictness());
        kept.append_all(fields)?;
        let mut wire = Vec::with_capacity(checked.len);
        encode::put_fields(&kept, &mut wire);
        Ok(Self { fields: kept, checked, wire })
    }
}

impl FieldSource for Prepared {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.fields()
    }
    #[inline]
    fn check(&self, checked: &mut Checked) -> Result<(), SendError> {
        checked.join(&self.checked);
        Ok(())
    }
    #[inline]
    fn put<O: Out + ?Sized>(&self, out: &mut O, _: Encoder) {
        out.put(&self.wire);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_sent_cannot_be_prepared() {
        assert_eq!(
            Prepared::new(&[("Content-Length", "1")]).err(),
            Some(SendError::ReservedField("Content-Length".into()))
        );
        assert_eq!(Prepared::new(&[("X", "a\nb")]).err(), Some(SendError::BadFieldValue("X".into())));
        assert_eq!(Prepared::new(&[("", "a")]).err(), Some(SendError::BadFieldName("".into())));
    }

    #[test]
    fn a_prepared_field_counts_like_any_other() {
        use crate::{Conn, Server, ServerConfig, Slots};
        let fields = [("Keep-Alive", "timeout=1"), ("Connection", "close"), ("Date", "now")];
        let prepared = Prepared::new(&fields).unwrap();
        let answer = |prepare: bool| {
            let mut conn = Conn::<Server>::new(&ServerConfig::default());
            conn.advertise_keep_alive(9);
            let _ = conn.recv(&mut &b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"[..], &mut Slots::new()).unwrap();
            let mut out = Vec::new();
            if prepare {
                conn.respond_with(200, &prepared, b"", &mut out).unwrap();
            } else {
                conn.respond_with(200, &fields, b"", &mut out).unwrap();
            }
            (out, conn.advice())
        };
        assert_eq!(answer(true), answer(false));
    }

    #[test]
    fn the_machine_reads_prepared_fields_as_it_reads_others() {
        use crate::{BodyLen, Client, ClientConfig, Conn, Method};
        let mut conn = Conn::<Client>::new(&ClientConfig::default());
        let host = Prepared::new(&[("Host", "h"), ("TE", "trailers")]).unwrap();
        let mut out = Vec::new();
        let twice = conn.request(Method::Get, b"/", &(&host, &host), BodyLen::None, &mut out);
        assert_eq!(twice, Err(SendError::ReservedField("Host".into())), "two Hosts");
        conn.request(Method::Get, b"/", &host, BodyLen::None, &mut out).unwrap();
        assert_eq!(out, b"GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
    }
}
