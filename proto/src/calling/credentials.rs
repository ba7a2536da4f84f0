//! [`Credentials`]: a user and a password, for Basic authentication (RFC 7617) and for SOCKS5 (RFC 1929).
//!
//! Nothing here shows them but the methods that say so: what is printed of them is a placeholder.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::out::Out;

/// A user and a password. [`Debug`] shows neither.
///
/// ```
/// use h1wire_proto::calling::Credentials;
/// let credentials = Credentials::new("Aladdin", "open sesame");
/// let mut field = Vec::new();
/// credentials.put_basic(&mut field);
/// assert_eq!(field, b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
/// assert!(!format!("{credentials:?}").contains("sesame"));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credentials {
    /// `user:password`
    text: Box<str>,
    user: usize,
}

impl Credentials {
    /// A user and a password as they are. A colon in the user is for Basic the end of it (RFC 7617 section 2).
    pub fn new(user: &str, password: &str) -> Self {
        let mut text = String::with_capacity(user.len() + 1 + password.len());
        text.push_str(user);
        text.push(':');
        text.push_str(password);
        Self { text: text.into(), user: user.len() }
    }

    /// The user and password of a URL, percent-decoded (RFC 3986 section 2.1). Bytes that are not UTF-8 become U+FFFD.
    pub fn of_url(user: &str, password: &str) -> Self {
        Self::new(&decode(user), &decode(password))
    }

    /// The user.
    pub fn user(&self) -> &str {
        self.text.get(..self.user).unwrap_or_default()
    }

    /// The password.
    pub fn password(&self) -> &str {
        self.text.get(self.user + 1..).unwrap_or_default()
    }

    /// Appends the value of a field `Authorization` or `Proxy-Authorization` (RFC 7617 section 2).
    pub fn put_basic<O: Out + ?Sized>(&self, out: &mut O) {
        out.reserve(6 + self.text.len().div_ceil(3) * 4);
        out.put_static(b"Basic ");
        base64(self.text.as_bytes(), out);
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Base 64 (RFC 4648 section 4).
fn base64<O: Out + ?Sized>(bytes: &[u8], out: &mut O) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for three in bytes.chunks(3) {
        let group = three.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        let mut four = [b'='; 4];
        for (at, digit) in four.iter_mut().enumerate().take(three.len() + 1) {
            *digit = DIGITS[(group >> (18 - 6 * at) & 63) as usize];
        }
        out.put(&four);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_that_of_the_rfc() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = Vec::new();
            base64(plain.as_bytes(), &mut out);
            assert_eq!(out, coded.as_bytes());
        }
    }

    #[test]
    fn credentials_of_a_url_are_decoded_and_never_shown() {
        let credentials = Credentials::of_url("u%40x", "p%3a%zz%");
        assert_eq!((credentials.user(), credentials.password()), ("u@x", "p:%zz%"));
        assert_eq!(alloc::format!("{credentials:?}"), "Credentials(..)");
        assert_ne!(Credentials::new("a", "b:c"), Credentials::new("a:b", "c"));
    }
}
