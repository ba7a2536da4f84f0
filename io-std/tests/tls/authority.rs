//! Who is trusted, by a certificate of its own, and a server that plays a part in a session.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use h1wire_std::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use h1wire_std::rustls::{RootCertStore, ServerConfig, ServerConnection, Stream as TlsPipe};
use h1wire_std::server::Options;
use h1wire_std::{Agent, AgentBuilder};

/// No test waits longer than this for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);
pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A certificate for `localhost`, and who trusts it.
pub struct Authority {
    pub server: Arc<ServerConfig>,
    pub roots: RootCertStore,
    #[cfg(feature = "tls-platform")]
    pub pem: String,
}

/// The default options, changed.
pub fn with<T>(change: impl FnOnce(&mut Options) -> T) -> Options {
    let mut options = Options::default();
    change(&mut options);
    options
}

impl Authority {
    pub fn new() -> Self {
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned(), "other.test".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let server = h1wire_std::server_tls_config(vec![certificate], key).unwrap();
        Self {
            server: Arc::new(server),
            roots,
            #[cfg(feature = "tls-platform")]
            pem: made.cert.pem(),
        }
    }

    pub fn agent(&self) -> AgentBuilder {
        Agent::builder().keep_alive(true).tls_config(Arc::new(h1wire_std::tls_config(self.roots.clone())))
    }

    /// Accepts one connection and plays `part` in its session.
    pub fn serve(
        &self,
        part: impl FnOnce(&mut TlsPipe<'_, ServerConnection, TcpStream>) + Send + 'static,
    ) -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (addr, config) = (listener.local_addr().unwrap(), self.server.clone());
        let thread = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut session = ServerConnection::new(config).unwrap();
            part(&mut TlsPipe::new(&mut session, &mut socket));
        });
        (addr, thread)
    }
}

pub fn url(addr: SocketAddr) -> String {
    format!("https://localhost:{}/", addr.port())
}

/// Reads a head.
pub fn request(pipe: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        pipe.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}
