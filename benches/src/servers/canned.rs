//! The limit of `mio`: finds the blank line and writes a constant. It checks nothing and is no HTTP server.
//!
//! Reads once, answers everything that is complete, writes once, stops reading on a short read.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use memchr::memmem;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(usize::MAX);
const READ: usize = 64 << 10;

pub(super) fn serve(address: SocketAddr) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(address)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (answers, mut buffer) = (Answers::new(), vec![0; READ]);
    let mut links: Vec<Option<Link>> = Vec::new();
    let mut free = Vec::new();
    let mut events = Events::with_capacity(1024);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut socket, _)) = listener.accept() {
                    socket.set_nodelay(true)?;
                    let at = free.pop().unwrap_or(links.len());
                    let both = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut socket, Token(at), both)?;
                    let link =
                        Some(Link { socket, inbound: Inbound::default(), out: Cow::Borrowed(&[]), sent: 0 });
                    match links.get_mut(at) {
                        Some(place) => *place = link,
                        None => links.push(link),
                    }
                }
                continue;
            }
            let at = event.token().0;
            let Some(link) = links.get_mut(at).and_then(Option::as_mut) else { continue };
            if link.ready(answers, &mut buffer, event.is_read_closed()).is_err() {
                links[at] = None;
                free.push(at);
            }
        }
    }
}

/// The constants.
pub(super) struct Answers {
    small: Vec<u8>,
    medium: Vec<u8>,
    large: Vec<u8>,
}

impl Answers {
    /// Lives as long as the program.
    pub(super) fn new() -> &'static Self {
        let render = |target: &[u8]| {
            let content = super::content(target);
            format!(
                "HTTP/1.1 200 OK\r\nServer: {}\r\nDate: Sat, 22 Nov 2025 22:10:00 GMT\r\nContent-Type: {}\r\n\
                 Content-Length: {}\r\n\r\n{content}",
                super::SERVER,
                super::CONTENT_TYPE,
                content.len()
            )
            .into_bytes()
        };
        Box::leak(Box::new(Self { small: render(b"/"), medium: render(b"/64k"), large: render(b"/1m") }))
    }

    fn to(&'static self, head: &[u8]) -> &'static [u8] {
        if head.starts_with(b"GET /64k ") {
            &self.medium
        } else if head.starts_with(b"GET /1m ") {
            &self.large
        } else {
            &self.small
        }
    }
}

/// What is known of the bytes that came.
#[derive(Default)]
pub(super) struct Inbound {
    /// The beginning of a head.
    partial: Vec<u8>,
    content: Content,
    close: bool,
}

#[derive(Default)]
enum Content {
    #[default]
    None,
    Length(usize),
    /// The last bytes seen.
    Chunked([u8; END.len()]),
}

/// How chunked content ends, when nothing is sent behind it.
const END: &[u8; 7] = b"\r\n0\r\n\r\n";

impl Inbound {
    /// Takes `bytes` and gives the answers to what is complete: one constant, or copies of several.
    pub(super) fn take(&mut self, bytes: &[u8], answers: &'static Answers) -> Cow<'static, [u8]> {
        let kept;
        let mut rest = bytes;
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(bytes);
            kept = std::mem::take(&mut self.partial);
            rest = &kept;
        }
        let mut out: Cow<'static, [u8]> = Cow::Borrowed(&[]);
        while !rest.is_empty() {
            let answer = match self.content {
                Content::Length(left) => {
                    let taken = left.min(rest.len());
                    rest = &rest[taken..];
                    self.content = if taken == left { Content::None } else { Content::Length(left - taken) };
                    (taken == left).then_some(&answers.small[..])
                }
                Content::Chunked(last) => {
                    let seen = &rest[rest.len().saturating_sub(END.len())..];
                    let (old, new) = (&last[seen.len()..], seen);
                    let mut last = *END;
                    last[..old.len()].copy_from_slice(old);
                    last[old.len()..].copy_from_slice(new);
                    rest = &[];
                    self.content = if last == *END { Content::None } else { Content::Chunked(last) };
                    (last == *END).then_some(&answers.small[..])
                }
                Content::None => {
                    let Some(blank) = memmem::find(rest, b"\r\n\r\n") else {
                        self.partial = rest.to_vec();
                        break;
                    };
                    let head;
                    (head, rest) = rest.split_at(blank + 4);
                    self.head(head).then(|| answers.to(head))
                }
            };
            match answer {
                Some(answer) if out.is_empty() => out = Cow::Borrowed(answer),
                Some(answer) => out.to_mut().extend_from_slice(answer),
                None => {}
            }
        }
        out
    }

    /// Whether the request is complete with its head.
    fn head(&mut self, head: &[u8]) -> bool {
        if !head.starts_with(b"POST") {
            self.close |= head.ends_with(b"Connection: close\r\n\r\n");
            return true;
        }
        const LENGTH: &[u8] = b"\r\nContent-Length: ";
        self.content = match memmem::find(head, LENGTH) {
            None => Content::Chunked([0; END.len()]),
            Some(at) => {
                let digits = head[at + LENGTH.len()..].iter().take_while(|byte| byte.is_ascii_digit());
                Content::Length(digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0')))
            }
        };
        false
    }

    /// Whether the connection ends with what was answered.
    pub(super) fn closes(&self) -> bool {
        self.close
    }
}

struct Link {
    socket: TcpStream,
    inbound: Inbound,
    out: Cow<'static, [u8]>,
    sent: usize,
}

impl Link {
    /// Reads, answers, writes, until a short read or a full socket. With `ended`, no event will tell of the end of
    /// the stream, so it is read up to that. An error ends the connection.
    fn ready(&mut self, answers: &'static Answers, buffer: &mut [u8], ended: bool) -> io::Result<()> {
        let mut more = self.flush()?;
        while more {
            let read = match self.socket.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            self.out = self.inbound.take(&buffer[..read], answers);
            more = self.flush()? && (ended || read == buffer.len());
        }
        Ok(())
    }

    /// Whether everything is written.
    fn flush(&mut self) -> io::Result<bool> {
        while self.sent < self.out.len() {
            match self.socket.write(&self.out[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        if self.sent > 0 {
            self.out = Cow::Borrowed(&[]);
            self.sent = 0;
            if self.inbound.closes() {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many small answers are given to `bytes` in pieces of `step`.
    fn answers(bytes: &[u8], step: usize) -> usize {
        let (answers, mut inbound) = (Answers::new(), Inbound::default());
        let out: Vec<u8> =
            bytes.chunks(step).flat_map(|piece| inbound.take(piece, answers).into_owned()).collect();
        assert_eq!(out.len() % answers.small.len(), 0);
        out.len() / answers.small.len()
    }

    #[test]
    fn each_request_is_answered_once_however_it_is_cut() {
        use crate::inputs;
        let requests: [(&[u8], usize); 4] = [
            (&inputs::pipelined(16), 16),
            (&inputs::mixed(inputs::MIXED_N), inputs::MIXED_N),
            (&inputs::cl_request().repeat(2), 2),
            (&inputs::chunked_request(65536), 1),
        ];
        for (bytes, expected) in requests {
            for step in [3, 1000, 65536, bytes.len()] {
                assert_eq!(answers(bytes, step), expected, "in pieces of {step}");
            }
        }
    }
}
