//! TLS over real sockets: `cargo test -p h1wire-tls-tests --test mio`.
#![cfg(feature = "tls")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/log.rs"]
mod log;

mod answers;
mod clients;
mod ends;
mod handshakes;
mod peers;
#[cfg(unix)]
mod slow_readers;
#[cfg(unix)]
mod small_reads;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use h1wire_mio::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use h1wire_mio::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned, crypto, version,
};
use h1wire_mio::{Options, Running, Server, tls_config};

use common::Raw;
use log::{Told, log_handler};

/// A certificate for `localhost`.
struct Authority {
    server: Arc<ServerConfig>,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let server = Arc::new(tls_config(vec![certificate.clone()], key).unwrap());
        Self { server, certificate, pem: made.cert.pem() }
    }

    /// A server on a free port.
    fn server(&self) -> Server {
        Server::bind("127.0.0.1:0").unwrap().tls(self.server.clone())
    }

    /// A server whose handler tells what it is told.
    fn log(&self, options: Options) -> (Running, Told) {
        let (make, told) = log_handler();
        (self.server().options(options).start_with(make).unwrap(), told)
    }

    fn client_config(&self, alpn: &[&[u8]]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
        config
    }

    /// A client that trusts the server.
    fn client(&self, running: &Running) -> Client {
        Client::new(self.client_config(&[b"http/1.1"]), running)
    }
}

/// A client that writes and reads bytes.
struct Client(StreamOwned<ClientConnection, TcpStream>);

impl Client {
    fn new(config: ClientConfig, running: &Running) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        Self(StreamOwned::new(session, Raw::to(running).0))
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.0.write_all(bytes.as_ref()).unwrap();
        self.0.flush().unwrap();
        self
    }

    /// Says that nothing more will be sent, to the session and then to the socket.
    fn goodbye(&mut self) -> &mut Self {
        self.0.conn.send_close_notify();
        while self.0.conn.wants_write() {
            self.0.conn.write_tls(&mut self.0.sock).unwrap();
        }
        self
    }

    fn until(&mut self, end: &str) -> String {
        let mut got = Vec::new();
        let mut piece = [0; 4096];
        while !got.ends_with(end.as_bytes()) {
            match self.0.read(&mut piece) {
                Ok(0) => panic!("the end, after {}", String::from_utf8_lossy(&got)),
                Ok(n) => got.extend_from_slice(&piece[..n]),
                Err(e) => panic!("{e}, after {}", String::from_utf8_lossy(&got)),
            }
        }
        String::from_utf8(got).unwrap()
    }

    /// Reads everything until the server says goodbye.
    fn rest(&mut self) -> String {
        let mut got = Vec::new();
        if let Err(e) = self.0.read_to_end(&mut got) {
            panic!("{e}, after {} bytes", got.len());
        }
        String::from_utf8(got).unwrap()
    }
}
