//! [`TlsStream`]: TLS over any stream, with rustls.
//!
//! What is trusted is decided by the `rustls::ClientConfig`; see [`AgentBuilder::tls_config`](crate::AgentBuilder).

use std::io::{self, BufRead, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustls::client::WantsClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ConfigBuilder, Connection, RootCertStore, ServerConfig, ServerConnection,
    WantsVerifier,
};

use crate::error::{ErrorKind, Timeout};
use crate::socket::PollFd;
use crate::stream::{Closer, Transport, Wrote};

/// The configuration of agents that were given none: the roots that Mozilla trusts, HTTP/1.1 by ALPN.
pub(crate) fn default_config() -> Arc<ClientConfig> {
    static DEFAULT: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    DEFAULT.get_or_init(|| Arc::new(config(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()))).clone()
}

/// A configuration that trusts these roots, and asks for HTTP/1.1 by ALPN (RFC 7301).
pub(crate) fn config(roots: RootCertStore) -> ClientConfig {
    finish(builder().with_root_certificates(roots))
}

/// A configuration for servers that speaks HTTP/1.1 and 1.0, and says so by ALPN.
pub(crate) fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    Ok(config)
}

/// As [`config`], but trusts whom the system trusts.
#[cfg(feature = "tls-platform")]
pub(crate) fn platform_config() -> Result<ClientConfig, rustls::Error> {
    use rustls_platform_verifier::BuilderVerifierExt;
    Ok(finish(builder().with_platform_verifier()?))
}

fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_protocol_versions(rustls::DEFAULT_VERSIONS);
    // The provider of this crate's choice has suites for both versions.
    #[allow(clippy::expect_used)]
    versions.expect("ring supports TLS 1.2 and 1.3")
}

fn finish(verifying: ConfigBuilder<ClientConfig, WantsClientCert>) -> ClientConfig {
    let mut config = verifying.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// How many reads may bring nobody's bytes to a stream that is idle.
const NOBODYS: u32 = 16;

/// A TLS session over a stream.
pub(crate) struct TlsStream {
    session: Connection,
    under: Box<dyn Transport>,
    read_limit: Option<Duration>,
    write_limit: Option<Duration>,
    /// It is to end without its goodbye.
    is_aborted: bool,
}

impl TlsStream {
    /// Agrees on TLS with `name`, within `limit`.
    pub(crate) fn connect(
        config: Arc<ClientConfig>,
        name: &str,
        mut under: Box<dyn Transport>,
        limit: Option<Duration>,
    ) -> Result<Self, ErrorKind> {
        let name = ServerName::try_from(name.to_owned()).map_err(|e| ErrorKind::Tls(e.into()))?;
        let session = ClientConnection::new(config, name).map_err(|e| ErrorKind::Tls(e.into()))?;
        let mut session: Connection = session.into();
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        while session.is_handshaking() {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(ErrorKind::Timeout(Timeout::Connect));
            }
            let limited = under.set_read_timeout(left).and_then(|()| under.set_write_timeout(left));
            limited.map_err(ErrorKind::Socket)?;
            step(&mut session, &mut *under).map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ErrorKind::Timeout(Timeout::Connect),
                _ => ErrorKind::Tls(error.into()),
            })?;
        }
        under
            .set_read_timeout(None)
            .and_then(|()| under.set_write_timeout(None))
            .map_err(ErrorKind::Socket)?;
        let mut stream = Self { session, under, read_limit: None, write_limit: None, is_aborted: false };
        // The server waits for the last of it, and a request may be far.
        stream.send_pending().map_err(ErrorKind::Socket)?;
        Ok(stream)
    }

    /// Agrees on TLS with a client, while whoever has the stream reads from it.
    pub(crate) fn accept(
        config: Arc<ServerConfig>,
        under: Box<dyn Transport>,
    ) -> Result<Self, rustls::Error> {
        let session = ServerConnection::new(config)?.into();
        Ok(Self { session, under, read_limit: None, write_limit: None, is_aborted: false })
    }

    /// Sends what the session has for the peer. `false`: not all of it yet, and a read would return at once.
    fn send_or_hear(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            // What the peer has sent may be about the session, and nobody's bytes. More than that waits in the socket for
            // its reader: a session keeps little, and fails beyond. Of what the session keeps no socket tells, so that is
            // asked before there is anything to wait for.
            if self.has_plain() {
                return Ok(false);
            }
            if !self.send_pending()? {
                self.receive()?;
            }
        }
        Ok(true)
    }

    /// Sends what the session has for the peer. `false`: the peer takes nothing now, and has sent something.
    fn send_pending(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            let mut under = Listening { under: &mut *self.under, heard: false };
            match self.session.write_tls(&mut under) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(_) if under.heard => return Ok(false),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// [`send_pending`](Self::send_pending) before a read, for no longer than the read may take.
    fn send_before_read(&mut self) -> io::Result<()> {
        if self.session.wants_write() {
            self.under.set_write_timeout(self.read_limit)?;
            let sent = self.send_pending();
            self.under.set_write_timeout(self.write_limit)?;
            sent?;
        }
        Ok(())
    }

    /// Waits until the peer takes something, whatever it sends.
    fn make_way(&mut self) -> io::Result<()> {
        match self.session.write_tls(&mut self.under)? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            _ => Ok(()),
        }
    }

    /// Whether there are bytes for the reader, or an end.
    fn has_plain(&mut self) -> bool {
        !matches!(self.session.reader().fill_buf(), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
    }

    /// Reads records once.
    fn receive(&mut self) -> io::Result<()> {
        self.session.read_tls(&mut self.under)?;
        self.session.process_new_packets().map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
        Ok(())
    }
}

/// One step of the handshake.
fn step(session: &mut Connection, under: &mut dyn Transport) -> io::Result<()> {
    if session.wants_write() {
        return match session.write_tls(&mut &mut *under)? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            _ => Ok(()),
        };
    }
    if session.read_tls(&mut &mut *under)? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the peer closed during the TLS handshake"));
    }
    if let Err(error) = session.process_new_packets() {
        // The alert tells the peer why.
        let _ = session.write_tls(&mut &mut *under);
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    Ok(())
}

/// Writes with [`Transport::write_or_readable`], and remembers that it heard something.
struct Listening<'u> {
    under: &'u mut dyn Transport,
    heard: bool,
}

impl Write for Listening<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.under.write_or_readable(slices)? {
            Wrote::Bytes(n) => Ok(n),
            Wrote::Readable => {
                self.heard = true;
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TlsStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut began = None;
        loop {
            match self.session.reader().read(buf) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            // First, because the peer may say nothing before it has that.
            self.send_before_read()?;
            if let Some(limit) = self.read_limit
                && began.get_or_insert_with(Instant::now).elapsed() >= limit
            {
                // Records that come in drops, or are nobody's bytes, do not extend it.
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.receive()?;
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            match self.write_or_readable(slices)? {
                Wrote::Bytes(n) => return Ok(n),
                Wrote::Readable => self.make_way()?,
            }
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        while !self.send_or_hear()? {
            self.make_way()?;
        }
        Ok(())
    }
}

impl Transport for TlsStream {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.under.set_read_timeout(limit)?;
        self.read_limit = limit;
        Ok(())
    }
    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.under.set_write_timeout(limit)?;
        self.write_limit = limit;
        Ok(())
    }
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Read {
            self.session.send_close_notify();
            self.flush()?;
        }
        self.under.shutdown(how)
    }
    fn abort(&mut self) -> io::Result<()> {
        self.is_aborted = true;
        self.under.abort()
    }
    fn closer(&self) -> Option<Closer> {
        self.under.closer()
    }
    fn local_addr(&self) -> Option<SocketAddr> {
        self.under.local_addr()
    }
    fn peer_addr(&self) -> Option<SocketAddr> {
        self.under.peer_addr()
    }
    fn poll_fd(&self) -> Option<PollFd<'_>> {
        self.under.poll_fd()
    }
    /// Session tickets and the like come at any time and are nobody's bytes.
    fn is_readable(&mut self) -> bool {
        for _ in 0..NOBODYS {
            // In the handshake, a read answers the client as well.
            if self.has_plain() || self.session.is_handshaking() && self.session.wants_write() {
                return true;
            }
            if !self.under.is_readable() {
                return false;
            }
            if self.receive().is_err() {
                return true;
            }
        }
        // Somebody with so much to say is not idle, and whoever asks has a lock.
        true
    }
    fn write_or_readable(&mut self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
        // What was taken before goes first; what is taken now is sent as far as possible.
        if !self.send_or_hear()? {
            return Ok(Wrote::Readable);
        }
        let n = self.session.writer().write_vectored(slices)?;
        match self.send_or_hear() {
            // They are taken and would be sent twice if this failed. Whoever writes or flushes next waits for them.
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        Ok(Wrote::Bytes(n))
    }
    fn set_no_delay(&mut self, on: bool) -> io::Result<()> {
        self.under.set_no_delay(on)
    }
    fn set_keep_alive(&mut self, initial_delay: Option<Duration>) -> io::Result<()> {
        self.under.set_keep_alive(initial_delay)
    }
}

impl Drop for TlsStream {
    /// Says that this is the end (RFC 8446 section 6.1), if that can be said at once.
    fn drop(&mut self) {
        if self.is_aborted {
            return;
        }
        self.session.send_close_notify();
        if self.under.set_write_timeout(Some(Duration::from_millis(1))).is_ok() {
            let _ = self.send_pending();
        }
    }
}
