//! [`AccessLine`]: one exchange as a line of an access log, in the common or the combined format.
//!
//! Only text is made here. Where lines go, when a file is opened anew, and which exchanges are worth a line is the
//! user's business.

use crate::date::HttpDate;
use crate::message::Version;
use core::fmt::{self, Write};
use core::net::IpAddr;

/// What an access log says of one exchange.
///
/// Whatever a client sent stays inside its place in the line: quotes, backslashes, control characters and bytes outside
/// ASCII are written as `\"`, `\\` and `\xHH`, as nginx and Apache do.
///
/// ```
/// use h1wire_proto::{AccessLine, Version};
/// let line = AccessLine {
///     peer: Some([127, 0, 0, 1].into()),
///     unix_secs: 971_186_136,
///     method: b"GET",
///     target: b"/apache_pb.gif",
///     status: Some(200),
///     sent: 2326,
///     user_agent: Some(b"curl/8.5"),
///     ..AccessLine::default()
/// };
/// let common = r#"127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET /apache_pb.gif HTTP/1.1" 200 2326"#;
/// assert_eq!(line.common().to_string(), common);
/// assert_eq!(line.combined().to_string(), format!(r#"{common} "-" "curl/8.5""#));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccessLine<'a> {
    /// The client. `None`, a unix socket for one, is written `-`.
    pub peer: Option<IpAddr>,
    /// Who the client said it was, if the server asked.
    pub user: Option<&'a [u8]>,
    /// When the request began, in seconds since 1970.
    pub unix_secs: u64,
    /// The method, as received.
    pub method: &'a [u8],
    /// The target, as received.
    pub target: &'a [u8],
    /// The version.
    pub version: Version,
    /// The status of the final response. `None`, if none was sent, is written `-`.
    pub status: Option<u16>,
    /// Bytes of the response; 0 is written `-`. Apache counts the content here, which is what most readers expect.
    pub sent: u64,
    /// The request's `Referer`.
    pub referer: Option<&'a [u8]>,
    /// The request's `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
}

/// Of nobody, at the beginning of 1970, with HTTP/1.1.
impl Default for AccessLine<'_> {
    fn default() -> Self {
        Self {
            peer: None,
            user: None,
            unix_secs: 0,
            method: b"",
            target: b"",
            version: Version::Http11,
            status: None,
            sent: 0,
            referer: None,
            user_agent: None,
        }
    }
}

impl<'a> AccessLine<'a> {
    /// The line in the common log format, without an end of line.
    pub fn common(self) -> impl fmt::Display + 'a {
        Text { line: self, combined: false }
    }

    /// The line in the combined log format, without an end of line: the common one, `Referer` and `User-Agent`.
    pub fn combined(self) -> impl fmt::Display + 'a {
        Text { line: self, combined: true }
    }
}

struct Text<'a> {
    line: AccessLine<'a>,
    combined: bool,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = &self.line;
        match line.peer {
            Some(peer) => write!(f, "{} - ", peer.to_canonical())?,
            None => f.write_str("- - ")?,
        }
        match line.user {
            // Blanks would end the place.
            Some(user) if !user.is_empty() => write_escaped(f, user, b' ')?,
            _ => f.write_char('-')?,
        }
        write_moment(f, line.unix_secs)?;
        f.write_char('"')?;
        write_escaped(f, line.method, b'"')?;
        f.write_char(' ')?;
        write_escaped(f, line.target, b'"')?;
        let version = match line.version {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        };
        write!(f, " {version}\" ")?;
        match line.status {
            Some(status) => write!(f, "{status} ")?,
            None => f.write_str("- ")?,
        }
        match line.sent {
            0 => f.write_char('-')?,
            sent => write!(f, "{sent}")?,
        }
        if self.combined {
            write_quoted(f, line.referer)?;
            write_quoted(f, line.user_agent)?;
        }
        Ok(())
    }
}

/// ` [10/Oct/2000:13:55:36 +0000] `, from the same parts of `Tue, 10 Oct 2000 13:55:36 GMT`.
fn write_moment(f: &mut fmt::Formatter<'_>, unix_secs: u64) -> fmt::Result {
    let date = HttpDate::from_unix(unix_secs);
    let part = |range| date.as_str().get(range).unwrap_or_default();
    write!(f, " [{}/{}/{}:{} +0000] ", part(5..7), part(8..11), part(12..16), part(17..25))
}

fn write_quoted(f: &mut fmt::Formatter<'_>, value: Option<&[u8]>) -> fmt::Result {
    f.write_str(" \"")?;
    write_escaped(f, value.unwrap_or(b"-"), b'"')?;
    f.write_char('"')
}

/// Writes `bytes` so that they neither end the place they stand in, at `end`, nor the line.
fn write_escaped(f: &mut fmt::Formatter<'_>, bytes: &[u8], end: u8) -> fmt::Result {
    for byte in bytes {
        match *byte {
            b'"' => f.write_str("\\\"")?,
            b'\\' => f.write_str("\\\\")?,
            byte if byte == end || !(b' '..=b'~').contains(&byte) => write!(f, "\\x{byte:02X}")?,
            byte => f.write_char(char::from(byte))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_client_sends_leaves_its_place_in_the_line() {
        let hostile = b"/\" 200 1\r\n127.0.0.1 - \\ \xff\x1b";
        let line = AccessLine {
            user: Some(b"eve \n"),
            method: b"GET",
            target: hostile,
            referer: Some(hostile),
            user_agent: Some(b""),
            ..AccessLine::default()
        };
        let escaped = r#"/\" 200 1\x0D\x0A127.0.0.1 - \\ \xFF\x1B"#;
        assert_eq!(
            std::format!("{}", line.combined()),
            std::format!(
                r#"- - eve\x20\x0A [01/Jan/1970:00:00:00 +0000] "GET {escaped} HTTP/1.1" - - "{escaped}" """#
            )
        );
    }

    #[test]
    fn an_address_of_version_4_inside_version_6_is_written_as_what_it_is() {
        let peer = Some("::ffff:10.0.0.1".parse().unwrap());
        let line = AccessLine {
            peer,
            version: Version::Http10,
            method: b"GET",
            target: b"/",
            ..AccessLine::default()
        };
        assert!(std::format!("{}", line.common()).starts_with("10.0.0.1 - - ["));
        assert!(std::format!("{}", line.common()).ends_with("\"GET / HTTP/1.0\" - -"));
    }
}
