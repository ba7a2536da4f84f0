//! [`Socks5`]: the client's half of a SOCKS5 handshake (RFC 1928), with or without a user and password (RFC 1929).
//!
//! Bytes in, bytes out. When it is done the stream leads to the server, and what is left of the input is the server's.

use core::fmt;
use core::net::IpAddr;

use super::credentials::Credentials;
use crate::out::Out;

/// A handshake under way: [`start`](Self::start), then [`recv`](Self::recv) with what the proxy sent until it is done.
///
/// ```
/// use h1wire_proto::calling::Socks5;
/// let mut out = Vec::new();
/// let mut socks = Socks5::start("example.org", 443, None, &mut out)?;
/// assert_eq!(out, b"\x05\x01\x00");
/// out.clear();
/// assert_eq!(socks.recv(&mut &b"\x05\x00"[..], &mut out), Ok(false));
/// assert_eq!(out, b"\x05\x01\x00\x03\x0bexample.org\x01\xbb");
/// let mut input = &b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00server"[..];
/// assert_eq!(socks.recv(&mut input, &mut out), Ok(true));
/// assert_eq!(input, b"server");
/// # Ok::<(), h1wire_proto::calling::SocksError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Socks5<'a> {
    host: &'a str,
    port: u16,
    credentials: Option<&'a Credentials>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Method,
    User,
    Reply,
    Done,
    Failed(SocksError),
}

/// Why a SOCKS5 proxy gave no connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SocksError {
    /// It does not speak SOCKS5.
    NotSocks,
    /// It takes none of the ways to authenticate that we have.
    NoMethod,
    /// It refused user and password.
    Refused,
    /// The host, the user or the password is empty or longer than 255 bytes.
    TooLong,
    /// It could not connect, for this reason (RFC 1928 section 6).
    Reply(u8),
}

impl fmt::Display for SocksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSocks => "the proxy does not speak SOCKS5",
            Self::NoMethod => "the SOCKS5 proxy wants another authentication",
            Self::Refused => "the SOCKS5 proxy refused user and password",
            Self::TooLong => "host, user or password does not fit into SOCKS5",
            Self::Reply(1) => "the SOCKS5 proxy failed",
            Self::Reply(2) => "the SOCKS5 proxy does not allow the connection",
            Self::Reply(3) => "the SOCKS5 proxy cannot reach the network",
            Self::Reply(4) => "the SOCKS5 proxy cannot reach the host",
            Self::Reply(5) => "the SOCKS5 proxy was refused the connection",
            Self::Reply(6) => "the SOCKS5 proxy got no answer in time",
            Self::Reply(7) => "the SOCKS5 proxy does not know the command",
            Self::Reply(8) => "the SOCKS5 proxy does not know this kind of address",
            Self::Reply(code) => return write!(f, "the SOCKS5 proxy failed with code {code}"),
        })
    }
}
impl core::error::Error for SocksError {}

impl<'a> Socks5<'a> {
    /// The most bytes of the proxy that can wait for more of them: a reply with the longest name.
    pub const MOST_INPUT: usize = 4 + 1 + 255 + 2;

    /// Begins to ask for a connection to `host`, a name or an address without brackets.
    ///
    /// # Errors
    /// [`TooLong`](SocksError::TooLong).
    pub fn start<O: Out + ?Sized>(
        host: &'a str,
        port: u16,
        credentials: Option<&'a Credentials>,
        out: &mut O,
    ) -> Result<Self, SocksError> {
        let fits = |text: &str| (1..=255).contains(&text.len());
        if !fits(host) || credentials.is_some_and(|of| !fits(of.user()) || of.password().len() > 255) {
            return Err(SocksError::TooLong);
        }
        out.put_static(if credentials.is_some() { b"\x05\x02\x00\x02" } else { b"\x05\x01\x00" });
        Ok(Self { host, port, credentials, stage: Stage::Method })
    }

    /// Takes what the proxy said from the front of `input`, and appends what is to be said next. `true`: the stream leads
    /// to the server now. `false`: more input is needed.
    ///
    /// # Errors
    /// [`SocksError`], the same for ever.
    pub fn recv<O: Out + ?Sized>(&mut self, input: &mut &[u8], out: &mut O) -> Result<bool, SocksError> {
        while let Some(next) = match self.step(input, out) {
            Ok(next) => next,
            Err(error) => {
                self.stage = Stage::Failed(error);
                return Err(error);
            }
        } {
            self.stage = next;
        }
        Ok(self.stage == Stage::Done)
    }

    fn step<O: Out + ?Sized>(&self, input: &mut &[u8], out: &mut O) -> Result<Option<Stage>, SocksError> {
        match self.stage {
            Stage::Done => Ok(None),
            Stage::Failed(error) => Err(error),
            Stage::Method => {
                let Some((method, rest)) = pair(input, 5)? else { return Ok(None) };
                *input = rest;
                match (method, self.credentials) {
                    (0, _) => {
                        self.put_request(out);
                        Ok(Some(Stage::Reply))
                    }
                    (2, Some(credentials)) => {
                        out.put_static(b"\x01");
                        put_short(credentials.user().as_bytes(), out);
                        put_short(credentials.password().as_bytes(), out);
                        Ok(Some(Stage::User))
                    }
                    _ => Err(SocksError::NoMethod),
                }
            }
            Stage::User => {
                let Some((status, rest)) = pair(input, 1)? else { return Ok(None) };
                if status != 0 {
                    return Err(SocksError::Refused);
                }
                *input = rest;
                self.put_request(out);
                Ok(Some(Stage::Reply))
            }
            Stage::Reply => {
                let Some((code, _)) = pair(input, 5)? else { return Ok(None) };
                if code != 0 {
                    return Err(SocksError::Reply(code));
                }
                let address = match input.get(3) {
                    None => return Ok(None),
                    Some(1) => 4,
                    Some(4) => 16,
                    Some(3) => match input.get(4) {
                        None => return Ok(None),
                        Some(len) => 1 + usize::from(*len),
                    },
                    Some(_) => return Err(SocksError::NotSocks),
                };
                let Some(rest) = input.get(4 + address + 2..) else { return Ok(None) };
                *input = rest;
                Ok(Some(Stage::Done))
            }
        }
    }

    fn put_request<O: Out + ?Sized>(&self, out: &mut O) {
        out.put_static(b"\x05\x01\x00");
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => {
                out.put_static(b"\x01");
                out.put(&address.octets());
            }
            Ok(IpAddr::V6(address)) => {
                out.put_static(b"\x04");
                out.put(&address.octets());
            }
            Err(_) => {
                out.put_static(b"\x03");
                put_short(self.host.as_bytes(), out);
            }
        }
        out.put(&self.port.to_be_bytes());
    }
}

/// The second of two bytes, the first of which is `version`.
fn pair<'i>(input: &&'i [u8], version: u8) -> Result<Option<(u8, &'i [u8])>, SocksError> {
    match **input {
        [first, ..] if first != version => Err(SocksError::NotSocks),
        [_, second, ref rest @ ..] => Ok(Some((second, rest))),
        _ => Ok(None),
    }
}

/// Bytes after their number, which was checked to fit.
fn put_short<O: Out + ?Sized>(bytes: &[u8], out: &mut O) {
    out.put(&[bytes.len() as u8]);
    out.put(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    /// Feeds `input` a byte at a time; what was sent, and what came of it.
    fn run(mut socks: Socks5<'_>, mut out: Vec<u8>, input: &[u8]) -> (Vec<u8>, Result<usize, SocksError>) {
        let mut held: Vec<u8> = Vec::new();
        for (at, b) in input.iter().enumerate() {
            held.push(*b);
            assert!(held.len() <= Socks5::MOST_INPUT);
            let mut rest = &held[..];
            match socks.recv(&mut rest, &mut out) {
                Ok(true) => return (out, Ok(at + 1)),
                Ok(false) => held = rest.to_vec(),
                Err(error) => {
                    assert_eq!(socks.recv(&mut &b""[..], &mut out), Err(error), "it stays");
                    return (out, Err(error));
                }
            }
        }
        (out, Ok(0))
    }

    #[test]
    fn a_user_and_password_are_given_where_they_are_wanted_and_only_there() {
        let user = Credentials::new("u", "pw");
        let begin = || {
            let mut out = Vec::new();
            let socks = Socks5::start("10.0.0.1", 80, Some(&user), &mut out).unwrap();
            (socks, out)
        };
        let request = b"\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50";
        let done = b"\x05\x00\x00\x04................\x00\x50";
        let ((socks, out), asked) = (begin(), [b"\x05\x02\x00\x02\x01\x01u\x02pw", &request[..]].concat());
        let answers = [b"\x05\x02\x01\x00", &done[..]].concat();
        assert_eq!(run(socks, out, &answers), (asked, Ok(answers.len())));
        let ((socks, out), asked) = (begin(), [b"\x05\x02\x00\x02", &request[..]].concat());
        let answers = [b"\x05\x00", &done[..]].concat();
        assert_eq!(run(socks, out, &answers), (asked, Ok(answers.len())));
        let (socks, out) = begin();
        assert_eq!(run(socks, out, b"\x05\x02\x01\x01").1, Err(SocksError::Refused));
    }

    #[test]
    fn an_address_is_sent_as_one_and_a_reply_may_have_a_name() {
        let mut out = Vec::new();
        let socks = Socks5::start("::1", 1, None, &mut out).unwrap();
        let answers = b"\x05\x00\x05\x00\x00\x03\x03abc\x00\x01";
        let (out, came) = run(socks, out, answers);
        assert_eq!(came, Ok(answers.len()));
        let mut wanted = b"\x05\x01\x00\x05\x01\x00\x04".to_vec();
        wanted.extend(core::net::Ipv6Addr::LOCALHOST.octets());
        wanted.extend(b"\x00\x01");
        assert_eq!(out, wanted);
    }

    #[test]
    fn a_refusal_says_why_as_soon_as_it_can_be_known() {
        for (answers, error) in [
            (&b"HTTP/1.1 400"[..], SocksError::NotSocks),
            (b"\x05\xff", SocksError::NoMethod),
            (b"\x05\x02", SocksError::NoMethod),
            (b"\x05\x00\x05\x05", SocksError::Reply(5)),
            (b"\x05\x00\x05\x00\x00\x09", SocksError::NotSocks),
            (b"\x05\x00\x04", SocksError::NotSocks),
        ] {
            let mut out = Vec::new();
            let socks = Socks5::start("h", 80, None, &mut out).unwrap();
            assert_eq!(run(socks, out, answers).1, Err(error));
            assert!(error.to_string().contains("SOCKS5"));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_before_anything_is_sent() {
        let long = "h".repeat(256);
        let mut out = Vec::new();
        for (host, user) in [("", None), (&*long, None), ("h", Some(("", "p"))), ("h", Some((&*long, "")))] {
            let user = user.map(|(user, password)| Credentials::new(user, password));
            assert_eq!(Socks5::start(host, 1, user.as_ref(), &mut out).unwrap_err(), SocksError::TooLong);
        }
        assert!(out.is_empty());
    }
}
