//! # rustls by hand: TLS between the machine and the socket
//!
//! Two machines without IO, one on the other: records come from the socket, plain text goes to the machine, and back. All
//! that TLS changes for HTTP is how a stream ends. Content that lasts until then is only complete if the peer said so in
//! TLS (`close_notify`); the end of the TCP stream can be anybody's work (RFC 9112 section 9.8). So that end is an error,
//! and only the other one is told to the machine. Time limits are those of `own_io`, and left out.

use crate::Result;
use h1wire_proto::{
    Advice, BodyLen, Client, ClientEvent, Conn, InBuf, Limits, Method, Recv, Server, ServerConfig,
    ServerEvent, Slots,
};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

const READ: usize = 16 * 1024;

/// A socket with a TLS session on it, of either side.
pub struct Tls {
    session: rustls::Connection,
    stream: TcpStream,
    /// Plain text that was read and not consumed.
    input: InBuf,
}

impl Tls {
    /// Agrees on keys. The configuration of the session should offer `http/1.1` by ALPN, and nothing else.
    pub fn agree(session: impl Into<rustls::Connection>, mut stream: TcpStream) -> io::Result<Self> {
        let mut session = session.into();
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        Ok(Self { session, stream, input: InBuf::new() })
    }

    /// Reads more plain text. `0`: the peer said that there is no more.
    pub fn fill(&mut self) -> io::Result<usize> {
        loop {
            let room = self.input.spare(READ, Limits::DEFAULT.max_contiguous() + READ);
            match self.session.reader().read(room) {
                // If the stream ends without a word, this fails with `UnexpectedEof`.
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                done => return done.inspect(|n| self.input.filled(*n)),
            }
            self.flush()?;
            self.session.read_tls(&mut self.stream)?;
            if let Err(error) = self.session.process_new_packets() {
                // The alert tells the peer why.
                let _ = self.flush();
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }

    /// Writes all of `plain`.
    pub fn write(&mut self, mut plain: &[u8]) -> io::Result<()> {
        while !plain.is_empty() {
            // The session holds so much and no more.
            plain = &plain[self.session.writer().write(plain)?..];
            self.flush()?;
        }
        Ok(())
    }

    /// Says that nothing more will be written.
    pub fn finish(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        self.flush()?;
        self.stream.shutdown(Shutdown::Write)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.stream)?;
        }
        Ok(())
    }
}

/// Serves one connection until it ends. `handle` is told every event and answers the requests among them.
pub fn serve_connection(
    mut tls: Tls,
    mut handle: impl FnMut(ServerEvent<'_, '_>, &mut Conn<Server>, &mut Vec<u8>) -> Result,
) -> Result {
    let mut conn = Conn::<Server>::new(&ServerConfig::default());
    let (mut slots, mut out) = (Slots::new(), Vec::new());
    loop {
        let mut rest = tls.input.bytes();
        let over = loop {
            match conn.recv(&mut rest, &mut slots) {
                Ok(Recv::Event(event)) => handle(event, &mut conn, &mut out)?,
                Ok(Recv::NeedInput(_)) if conn.send_continue_if_wanted(&mut out) => {}
                Ok(Recv::NeedInput(_)) => break false,
                Ok(Recv::Paused(_)) => conn.respond(404, &(), BodyLen::None, &mut out)?,
                Ok(Recv::Closed) => break true,
                Err(error) => {
                    let _ = conn.respond_error(&error, None, &mut out);
                    break true;
                }
            }
        };
        let left = rest.len();
        tls.input.consume(tls.input.len() - left);
        tls.write(&out)?;
        out.clear();
        if over || !matches!(conn.advice(), Advice::Continue | Advice::Reuse) {
            // What the client still sends is read, or a reset could take the answer back.
            tls.finish()?;
            io::copy(&mut tls.stream.take(256 * 1024), &mut io::sink())?;
            return Ok(());
        }
        if tls.fill()? == 0 {
            conn.recv_eof();
        }
    }
}

/// Gets `target`: the status and the content.
pub fn get(tls: &mut Tls, conn: &mut Conn<Client>, host: &str, target: &str) -> Result<(u16, Vec<u8>)> {
    let (mut slots, mut out) = (Slots::new(), Vec::new());
    conn.request(Method::Get, target.as_bytes(), &[("Host", host)], BodyLen::None, &mut out)?;
    tls.write(&out)?;
    let (mut status, mut content) = (0, Vec::new());
    loop {
        let mut rest = tls.input.bytes();
        let complete = loop {
            match conn.recv(&mut rest, &mut slots)? {
                Recv::Event(ClientEvent::Informational(_)) => {}
                Recv::Event(ClientEvent::Response(head)) => {
                    status = head.status;
                    if head.body.is_empty() {
                        break true;
                    }
                }
                Recv::Event(ClientEvent::Data(data)) => content.extend_from_slice(data),
                Recv::Event(ClientEvent::End(_)) => break true,
                Recv::NeedInput(_) => break false,
                Recv::Paused(_) | Recv::Closed => return Err("the server ended before its answer".into()),
            }
        };
        let left = rest.len();
        tls.input.consume(tls.input.len() - left);
        if complete {
            return Ok((status, content));
        }
        if tls.fill()? == 0 {
            conn.recv_eof();
        }
    }
}
