//! A stream below that gives little at once. Most reads of the session then have nothing to show, and no event tells that
//! there is more.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use h1wire_mio::rustls::pki_types::ServerName;
use h1wire_mio::rustls::{ClientConnection, StreamOwned};
use h1wire_mio::{Request, Response, TlsStream, Transport};
use mio::event::Source;
use mio::{Interest, Registry, Token};

use crate::Authority;
use crate::common::{PATIENCE, stop};

/// Gives one byte for each read.
struct ByteByByte(mio::net::UnixStream);

impl Read for ByteByByte {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(&mut buf[..1])
    }
}

impl Write for ByteByByte {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for ByteByByte {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.0.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.0.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.0.deregister(registry)
    }
}

impl Transport for ByteByByte {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.shutdown(std::net::Shutdown::Write)
    }
}

#[test]
fn a_read_without_anything_to_show_is_tried_again_without_an_event() {
    let authority = Authority::new();
    let server =
        authority.server().start(|_: &Request<'_>, res: &mut Response<'_>| res.end("hello")).unwrap();
    let (near, far) = UnixStream::pair().unwrap();
    far.set_nonblocking(true).unwrap();
    let far: Box<dyn Transport> = Box::new(ByteByByte(mio::net::UnixStream::from_std(far)));
    server.handle().inject(TlsStream::new(authority.server.clone(), far).unwrap());
    near.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::new(authority.client_config(&[b"http/1.1"])), name).unwrap();
    let mut client = StreamOwned::new(session, near);
    // A record of which no byte can be shown before the last one came.
    let padding = "x".repeat(4000);
    write!(client, "GET / HTTP/1.1\r\nHost: a\r\nX: {padding}\r\nConnection: close\r\n\r\n").unwrap();
    let mut got = String::new();
    client.read_to_string(&mut got).unwrap();
    assert!(got.ends_with("hello"), "{got}");
    stop(server);
}
