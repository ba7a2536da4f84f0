//! TLS by hand.

use crate::pair;
use h1wire_proto::{Advice, Client, ClientConfig, Conn, Server, ServerEvent};
use h1wire_recipes::Result;
use h1wire_recipes::rustls_by_hand::{Tls, get, serve_connection};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConnection, RootCertStore, ServerConnection};
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

/// Both sides' sessions, of which the client trusts the server's own certificate.
fn sessions() -> (ClientConnection, ServerConnection) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let mut client = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    (ClientConnection::new(Arc::new(client), name).unwrap(), ServerConnection::new(Arc::new(server)).unwrap())
}

/// What `client` gets from `server`, which has a thread of its own.
fn between<T>(
    server: impl FnOnce(ServerConnection, TcpStream) -> Result + Send,
    client: impl FnOnce(&mut Tls) -> T,
) -> T {
    let (near, far) = pair();
    let (client_session, server_session) = sessions();
    std::thread::scope(|scope| {
        let served = scope.spawn(move || server(server_session, far));
        let mut tls = Tls::agree(client_session, near).unwrap();
        let got = client(&mut tls);
        drop(tls);
        served.join().unwrap().unwrap();
        got
    })
}

fn greet(event: ServerEvent<'_, '_>, conn: &mut Conn<Server>, out: &mut Vec<u8>) -> Result {
    if let ServerEvent::Request(head) = event {
        match head.target {
            b"/large" => conn.respond_with(200, &(), &[b'x'; 300_000], out)?,
            b"/last" => conn.respond_with(200, &[("Connection", "close")], b"bye", out)?,
            target => conn.respond_with(200, &(), target, out)?,
        }
    }
    Ok(())
}

#[test]
fn exchanges_follow_one_another_over_tls_and_the_last_one_ends_in_order() {
    let serve = |session, stream| serve_connection(Tls::agree(session, stream)?, greet);
    between(serve, |tls| {
        let mut conn = Conn::<Client>::new(&ClientConfig::default());
        assert_eq!(get(tls, &mut conn, "localhost", "/a").unwrap(), (200, b"/a".to_vec()));
        let (status, content) = get(tls, &mut conn, "localhost", "/large").unwrap();
        assert!(status == 200 && content == [b'x'; 300_000]);
        assert_eq!(conn.advice(), Advice::Reuse);
        assert_eq!(get(tls, &mut conn, "localhost", "/last").unwrap(), (200, b"bye".to_vec()));
        assert_eq!(conn.advice(), Advice::Close);
        assert_eq!(tls.fill().unwrap(), 0);
        tls.finish().unwrap();
    });
}

/// A server that sends content until it closes, with or without saying so in TLS.
fn until_close(says_so: bool) -> Result<(u16, Vec<u8>)> {
    let serve = move |mut session: ServerConnection, mut stream: TcpStream| {
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        session.writer().write_all(b"HTTP/1.0 200 OK\r\n\r\nall of it?")?;
        if says_so {
            session.send_close_notify();
        }
        while session.wants_write() {
            session.write_tls(&mut stream)?;
        }
        stream.shutdown(Shutdown::Write)?;
        // The request and the client's own end.
        std::io::copy(&mut stream, &mut std::io::sink())?;
        Ok(())
    };
    between(serve, |tls| {
        let got = get(tls, &mut Conn::<Client>::new(&ClientConfig::default()), "localhost", "/");
        tls.finish().unwrap();
        got
    })
}

#[test]
fn content_until_close_is_complete_only_if_tls_says_that_it_ended() {
    assert_eq!(until_close(true).unwrap(), (200, b"all of it?".to_vec()));
    let error = until_close(false).unwrap_err();
    let error = error.downcast_ref::<std::io::Error>().expect("an error of the stream");
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}
