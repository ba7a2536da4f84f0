//! [`TlsStream`]: either side of TLS over any stream, with rustls. A [`Transport`] like the user's own.
//!
//! Records become bytes here, and bytes records. When something is read or written is decided by whoever drives the
//! connection, how long a handshake may take by the timers, and what is trusted and offered by the configuration of rustls.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, Connection, ProtocolVersion, RootCertStore, ServerConfig,
    ServerConnection, SupportedCipherSuite,
};

use crate::stream::{Stream, Transport};

/// How often one read asks the stream below. A record of the largest size needs five.
const READS: u32 = 16;

/// A configuration with this chain of certificates, the server's own first, that speaks HTTP/1.1 and 1.0. That is said
/// by ALPN (RFC 7301) too, which configurations made elsewhere should do as well: `alpn_protocols` is `http/1.1` and
/// `http/1.0`. Clients that offer other protocols by ALPN and neither of these are refused.
///
/// # Errors
/// A key that does not fit the certificate.
pub fn tls_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    Ok(config)
}

/// A configuration for clients that trusts these roots and offers HTTP/1.1 by ALPN (RFC 7301). Sessions are resumed
/// where the server allows that.
///
/// # Errors
/// Those of rustls.
pub fn client_tls_config(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// A TLS session over a stream.
///
/// [`Server::tls`](crate::Server::tls) and [`Listener::tls`](crate::Listener::tls) make one for each connection. One
/// that is made [by hand](Self::new) can be [injected](crate::Handle::inject). A handler finds it with
/// `res.stream().downcast_ref::<TlsStream>()`, a taker of an upgraded connection with
/// [`Stream::downcast`].
///
/// The handshake is part of reading. The end of the stream below without a `close_notify` is
/// [`UnexpectedEof`](ErrorKind::UnexpectedEof): what came before it may have been cut off by anybody. At most 64 KiB of
/// what was written, and one record of what was read, wait here. A read that only brought news of the session, such as
/// a part of the handshake, may fail with [`Interrupted`](ErrorKind::Interrupted): read again.
///
/// Dropped, it says no `close_notify`: what was written may be incomplete. [`Stream::shutdown_write`] says it.
pub struct TlsStream {
    session: Connection,
    under: Stream,
    /// `close_notify` was said.
    said_goodbye: bool,
    /// The stream below is to be shut down when everything was sent.
    closing: bool,
    /// The stream below took something.
    moved: bool,
}

impl TlsStream {
    /// A session that waits for its client's first message. `under` must be non-blocking.
    ///
    /// # Errors
    /// A configuration that rustls refuses.
    pub fn new(config: Arc<ServerConfig>, under: impl Into<Stream>) -> io::Result<Self> {
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self::of(session.into(), under.into()))
    }

    /// A client's session that begins with the first [flush](Write::flush) or read. `name` is asked for (SNI) and
    /// verified. `under` must be non-blocking and connected.
    ///
    /// # Errors
    /// A name that cannot be verified, and a configuration that rustls refuses.
    pub fn client(config: Arc<ClientConfig>, name: &str, under: impl Into<Stream>) -> io::Result<Self> {
        let bare = name.strip_suffix('.').unwrap_or(name);
        let name = ServerName::try_from(bare.to_owned()).map_err(io::Error::other)?;
        let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Ok(Self::of(session.into(), under.into()))
    }

    fn of(session: Connection, under: Stream) -> Self {
        Self { session, under, said_goodbye: false, closing: false, moved: false }
    }

    /// The session. There is nothing to be known of it before the handshake is complete, as it is when there is a
    /// request, or a response.
    pub fn session(&self) -> &Connection {
        &self.session
    }

    /// The certificates of the peer, its own first. None if it was not asked for any, or had none.
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.session.peer_certificates()
    }

    /// The name that the client asked for (SNI). None with a client's own session, where it is known.
    pub fn server_name(&self) -> Option<&str> {
        match &self.session {
            Connection::Server(session) => session.server_name(),
            Connection::Client(_) => None,
        }
    }

    /// The protocol agreed on by ALPN (RFC 7301).
    pub fn alpn(&self) -> Option<&[u8]> {
        self.session.alpn_protocol()
    }

    /// The version of TLS.
    pub fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.session.protocol_version()
    }

    /// The cipher suite.
    pub fn cipher_suite(&self) -> Option<SupportedCipherSuite> {
        self.session.negotiated_cipher_suite()
    }

    /// The stream below.
    pub(crate) fn under(&self) -> &Stream {
        &self.under
    }

    /// The session and the stream below.
    pub fn into_parts(self) -> (Connection, Stream) {
        (self.session, self.under)
    }

    /// Goes on with the handshake, as far as the stream below lets it. `true` once it is complete and all of it was
    /// sent.
    pub(crate) fn handshake(&mut self) -> io::Result<bool> {
        loop {
            self.push_some()?;
            if !self.session.is_handshaking() {
                return Ok(!self.session.wants_write());
            }
            if self.session.wants_write() {
                return Ok(false);
            }
            match self.session.read_tls(&mut self.under) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => self.process()?,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Sends what the session has for the peer.
    fn push(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.under) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => self.moved = true,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        if std::mem::take(&mut self.closing) {
            self.under.shutdown_write()?;
        }
        Ok(())
    }

    /// Sends what the stream below takes now.
    fn push_some(&mut self) -> io::Result<()> {
        match self.push() {
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(()),
            done => done,
        }
    }

    /// Looks at the records that were read, and answers those that are about the session.
    fn process(&mut self) -> io::Result<()> {
        let processed = self.session.process_new_packets();
        let pushed = self.push_some();
        // An alert that tells the peer why was among what was pushed, if it arrived.
        processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        pushed
    }
}

impl Read for TlsStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        for _ in 0..READS {
            match self.session.reader().read(buf) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            self.session.read_tls(&mut self.under)?;
            self.process()?;
        }
        Err(ErrorKind::Interrupted.into())
    }
}

impl Write for TlsStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        // What was taken before goes first, so that there is never more than one call's worth of it.
        self.push()?;
        let taken = self.session.writer().write_vectored(bufs)?;
        if taken == 0 && bufs.iter().any(|buf| !buf.is_empty()) {
            // Before the end of the handshake nothing leaves, and little is kept.
            return Err(ErrorKind::WouldBlock.into());
        }
        self.push_some()?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}

impl Transport for TlsStream {
    fn shutdown_write(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.said_goodbye, true) {
            self.session.send_close_notify();
            self.closing = true;
        }
        self.push_some()
    }

    fn wants_flush(&self) -> bool {
        self.session.wants_write() || self.closing
    }

    fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    fn tcp(&self) -> Option<&TcpStream> {
        self.under.tcp()
    }
}

impl Source for TlsStream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.under.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.under.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.under.deregister(registry)
    }
}

impl From<TlsStream> for Stream {
    fn from(stream: TlsStream) -> Self {
        (Box::new(stream) as Box<dyn Transport>).into()
    }
}

impl std::fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsStream").field("under", &self.under).finish_non_exhaustive()
    }
}
