//! What a handler of `own_io` has in its hands. It knows no protocol.

use crate::Result;
use h1wire_proto::{Conn, HttpDate, Server};
use std::io::Write;
use std::net::TcpStream;
use std::time::SystemTime;

/// What a handler answers with: the machine says what is legal, and the bytes gather in `out`.
pub struct Answer<'a> {
    /// The machine.
    pub conn: &'a mut Conn<Server>,
    /// What was said and not written yet.
    pub out: &'a mut Vec<u8>,
    pub(super) stream: &'a TcpStream,
    pub(super) sent: &'a mut usize,
}

impl Answer<'_> {
    /// Writes what was said so far, instead of when the handler returns. Blocks while the client does not read.
    pub fn flush(&mut self) -> Result {
        self.stream.write_all(self.out)?;
        *self.sent += self.out.len();
        self.out.clear();
        Ok(())
    }
}

/// The time, as `Date` says it (RFC 9110 section 6.6.1).
pub fn date() -> HttpDate {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    HttpDate::from_unix(now.as_secs())
}
