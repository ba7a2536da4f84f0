//! [`Wiring`]: what is agreed on over a socket before it can be used: TLS, and tunnels through proxies.
//!
//! What a proxy is sent and what its answer means is decided by the machine and by `h1wire_proto::calling`.

use std::io::{self, ErrorKind as IoKind, Read, Write};
use std::net::IpAddr;

use h1wire_proto::calling::{Socks5, encode_connect};
use h1wire_proto::{Client, ClientConfig, ClientEvent, Conn, Recv, RecvErrorKind, Slots};

use super::engine::Engine;
use super::error::ErrorKind;
use super::link::Source;
use super::making::{Making, Step};
use super::plan::{Hop, Leads, Plan};
use crate::stream::Stream;

/// How far it is.
pub(crate) struct Wiring {
    /// The source of the socket.
    pub(crate) at: usize,
    /// Which of the plan's hops is under way.
    hop: usize,
    talk: Option<Talk>,
}

/// What is said to a proxy, and heard from it.
struct Talk {
    conn: Option<Conn<Client>>,
    out: Vec<u8>,
    sent: usize,
    input: Vec<u8>,
    /// The proxy's stream is at its end.
    ended: bool,
}

/// More than a proxy may say before the tunnel is there, in bytes.
const MOST: usize = 64 * 1024;

impl Plan {
    /// The host behind a SOCKS5 proxy has this address.
    pub(crate) fn lead_to(&mut self, address: IpAddr) {
        for hop in &mut self.hops {
            if let Hop::Socks(leads, here @ true) = hop {
                (leads.host, *here) = (address.to_string(), false);
            }
        }
    }
}

impl Engine {
    /// The socket is there, as the source `at`.
    pub(crate) fn wire_over(&mut self, key: usize, at: usize) {
        if let Some(making) = self.makings.get_mut(key) {
            making.step = Step::Wiring(Wiring { at, hop: 0, talk: None });
        }
        self.wire(key);
    }

    /// Goes on with what is to be agreed on, as far as the socket lets.
    pub(crate) fn wire(&mut self, key: usize) {
        loop {
            let Some(making) = self.makings.get_mut(key) else { return };
            let Making { plan, step: Step::Wiring(wiring), .. } = &mut **making else { return };
            let at = wiring.at;
            let Some(hop) = plan.hops.get(wiring.hop) else { return self.made(key, at) };
            #[cfg(feature = "tls")]
            if let Hop::Tls(name) = hop
                && wiring.talk.is_none()
            {
                wiring.talk = Some(Talk::new());
                let name = name.clone();
                if let Err(kind) = self.begin_tls(at, &name) {
                    return self.fail_making(key, kind);
                }
                continue;
            }
            let Some(Source::Wiring { stream, .. }) = self.sources.get_mut(at) else { return };
            let done = match hop {
                #[cfg(feature = "tls")]
                Hop::Tls(_) => secure(stream),
                #[cfg(not(feature = "tls"))]
                Hop::Tls(_) => Err(ErrorKind::invalid("https needs the feature `tls`")),
                Hop::Tunnel(leads) => tunnel(stream, leads, &mut wiring.talk),
                Hop::Socks(leads, _) => socks(stream, leads, &mut wiring.talk),
            };
            match done {
                Ok(true) => {
                    wiring.hop += 1;
                    wiring.talk = None;
                }
                Ok(false) => return,
                Err(kind) => return self.fail_making(key, kind),
            }
        }
    }

    /// Has the stream of a source speak TLS from now on.
    #[cfg(feature = "tls")]
    fn begin_tls(&mut self, at: usize, name: &str) -> Result<(), ErrorKind> {
        let Some(config) = self.options.tls.clone() else {
            return Err(ErrorKind::invalid("https needs the option `tls`"));
        };
        let Some(Source::Wiring { making, stream }) = self.sources.try_remove(at) else { return Ok(()) };
        let session = crate::tls::TlsStream::client(config, name, stream);
        let stream = session.map_err(|error| ErrorKind::Tls(error.into()))?.into();
        // The place that was vacated last is the next to be taken, and so the token stays the same.
        let again = self.sources.insert(Source::Wiring { making, stream });
        debug_assert_eq!(again, at);
        Ok(())
    }
}

/// Goes on with the handshake of TLS.
#[cfg(feature = "tls")]
fn secure(stream: &mut Stream) -> Result<bool, ErrorKind> {
    let done = match stream.downcast_mut::<crate::tls::TlsStream>() {
        Some(session) => session.handshake(),
        None => Err(IoKind::Unsupported.into()),
    };
    done.map_err(|error| ErrorKind::Tls(error.into()))
}

/// Asks for a tunnel by `CONNECT`.
fn tunnel(stream: &mut Stream, leads: &Leads, talk: &mut Option<Talk>) -> Result<bool, ErrorKind> {
    if talk.is_none() {
        let (mut conn, mut begun) = (Conn::<Client>::new(&ClientConfig::default()), Talk::new());
        encode_connect(&mut conn, &leads.url(), leads.credentials.as_ref(), &mut begun.out)
            .map_err(ErrorKind::Refused)?;
        begun.conn = Some(conn);
        *talk = Some(begun);
    }
    let Some(talk) = talk else { return Ok(false) };
    talk.exchange(stream)?;
    let Some(conn) = &mut talk.conn else { return Ok(false) };
    let (mut slots, mut input) = (Slots::new(), &talk.input[..]);
    loop {
        match conn.recv(&mut input, &mut slots) {
            Ok(Recv::Event(ClientEvent::Response(head))) if head.switched => break,
            Ok(Recv::Event(ClientEvent::Response(head))) => return Err(ErrorKind::Proxy(head.status)),
            Ok(Recv::Event(_)) => {}
            Ok(Recv::NeedInput(_) | Recv::Paused(_) | Recv::Closed) => {
                let used = talk.input.len() - input.len();
                talk.input.drain(..used);
                return Ok(false);
            }
            Err(error) if error.kind() == RecvErrorKind::UnexpectedEof => {
                return Err(ErrorKind::HangUp(error));
            }
            Err(error) => return Err(ErrorKind::Parse(error)),
        }
    }
    if input.is_empty() { Ok(true) } else { Err(too_much()) }
}

/// Asks for a tunnel by SOCKS5.
fn socks(stream: &mut Stream, leads: &Leads, talk: &mut Option<Talk>) -> Result<bool, ErrorKind> {
    let talk = talk.get_or_insert_with(Talk::new);
    loop {
        // The machine borrows what it is about, so that it is shown everything again: a few bytes.
        let mut said = Vec::new();
        let mut machine = Socks5::start(&leads.host, leads.port, leads.credentials.as_ref(), &mut said)
            .map_err(ErrorKind::Socks)?;
        let mut input = &talk.input[..];
        let done = machine.recv(&mut input, &mut said).map_err(ErrorKind::Socks)?;
        if done {
            return if input.is_empty() { Ok(true) } else { Err(too_much()) };
        }
        talk.out = said;
        if !talk.exchange(stream)? {
            return Ok(false);
        }
    }
}

fn too_much() -> ErrorKind {
    let text = "the proxy sent bytes that nobody asked for";
    ErrorKind::Connect(io::Error::new(IoKind::InvalidData, text))
}

impl Talk {
    fn new() -> Self {
        Self { conn: None, out: Vec::new(), sent: 0, input: Vec::new(), ended: false }
    }

    /// Sends what is to be said, and reads what there is. Whether something came.
    fn exchange(&mut self, stream: &mut Stream) -> Result<bool, ErrorKind> {
        while let Some(left) = self.out.get(self.sent..).filter(|left| !left.is_empty()) {
            match stream.write(left) {
                Ok(0) => return Err(ErrorKind::Socket(IoKind::WriteZero.into())),
                Ok(n) => self.sent += n,
                Err(e) if e.kind() == IoKind::WouldBlock => break,
                Err(e) if e.kind() == IoKind::Interrupted => {}
                Err(e) => return Err(ErrorKind::Socket(e)),
            }
        }
        if stream.wants_flush() {
            match stream.flush() {
                Err(e) if matches!(e.kind(), IoKind::WouldBlock | IoKind::Interrupted) => {}
                done => done.map_err(ErrorKind::Socket)?,
            }
        }
        let (before, mut buffer) = (self.input.len(), [0; 4096]);
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => {
                    match &mut self.conn {
                        Some(conn) => conn.recv_eof(),
                        // What it said before is looked at first.
                        None if self.ended => return Err(ErrorKind::Socket(IoKind::UnexpectedEof.into())),
                        None => {}
                    }
                    self.ended = true;
                    return Ok(true);
                }
                Ok(n) => self.input.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                Err(e) if e.kind() == IoKind::WouldBlock => return Ok(self.input.len() > before),
                Err(e) if e.kind() == IoKind::Interrupted => {}
                Err(e) => return Err(ErrorKind::Socket(e)),
            }
            if self.input.len() > MOST {
                return Err(too_much());
            }
        }
    }
}
