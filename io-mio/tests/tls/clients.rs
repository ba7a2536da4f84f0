//! The client's side of TLS.

use std::io::Write;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use h1wire_mio::client::{Client, Error, ErrorKind, Event, Options, Request};
use h1wire_mio::proto::Fields;
use h1wire_mio::proto::calling::{Proxies, Proxy};
use h1wire_mio::rustls::server::WebPkiClientVerifier;
use h1wire_mio::rustls::{
    ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto,
};
use h1wire_mio::{Handler, Response, Server, TlsStream, client_tls_config};

use crate::Authority;
use crate::common::{PATIENCE, stop};

impl Authority {
    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }

    fn options(&self) -> Options {
        let mut options = Options::default();
        options.tls = Some(Arc::new(client_tls_config(self.roots()).unwrap()));
        options
    }
}

fn session(res: &Response<'_>) -> String {
    let tls = res.stream().downcast_ref::<TlsStream>().unwrap();
    let alpn = tls.alpn().unwrap_or(b"none").escape_ascii();
    let resumed = tls.session().handshake_kind() == Some(HandshakeKind::Resumed);
    format!("{alpn} {:?} {resumed} {}", tls.server_name(), tls.peer_certificates().map_or(0, <[_]>::len))
}

fn url(server: &h1wire_mio::Running) -> String {
    format!("https://localhost:{}/", server.local_addr().unwrap().port())
}

#[test]
fn https_is_spoken_kept_and_resumed() {
    let authority = Authority::new();
    let server = authority.server().start(|_, res| res.end(session(res))).unwrap();
    let client = Client::new(authority.options()).unwrap();
    let get = || client.get(url(&server)).wait().unwrap().text().wait().unwrap();
    assert_eq!(get(), "http/1.1 Some(\"localhost\") false 0");
    assert_eq!(get(), "http/1.1 Some(\"localhost\") false 0");
    assert_eq!(client.counters().reused, 1, "the tickets of the session are nobody's bytes");
    client.close_idle();
    assert_eq!(get(), "http/1.1 Some(\"localhost\") true 0");
    stop(server);
}

#[test]
fn large_content_goes_both_ways() {
    let authority = Authority::new();
    let server = authority.server();
    let server = server.start_with(|_| Echo).unwrap();
    let client = Client::new(authority.options()).unwrap();
    let content: Vec<u8> = (0..3_000_000).map(|n: u32| (n % 251) as u8).collect();
    let upload = client.upload(Request::new("POST", url(&server)));
    let writer = {
        let content = content.clone();
        std::thread::spawn(move || {
            for piece in content.chunks(10_000) {
                assert!(upload.room().wait());
                upload.write(piece.to_vec());
            }
            upload.finish()
        })
    };
    // It answers while it reads, so that somebody has to read meanwhile.
    let pending = writer.join().unwrap();
    let echoed = pending.wait().unwrap().content(content.len()).wait().unwrap();
    assert!(echoed == content, "other bytes");
    stop(server);
}

struct Echo;

impl Handler for Echo {
    type Exchange = Vec<u8>;

    fn request(&mut self, _: &h1wire_mio::Request<'_>, _: &mut Response<'_>) -> Option<Vec<u8>> {
        Some(Vec::new())
    }

    fn data(&mut self, got: &mut Vec<u8>, data: &[u8], _: &mut Response<'_>) {
        got.extend_from_slice(data);
    }

    fn end(&mut self, got: &mut Vec<u8>, _: Fields<'_, '_>, res: &mut Response<'_>) {
        res.end(got).unwrap();
    }
}

#[test]
fn what_was_agreed_on_can_be_asked() {
    let authority = Authority::new();
    let server = authority.server().start(|_, res| res.end("ok")).unwrap();
    let client = Client::new(authority.options()).unwrap();
    let (tell, told) = channel();
    let certificate = authority.certificate.clone();
    client.call(Request::get(url(&server)), move |event, call| {
        if let Event::Response(_) = event {
            let tls = call.stream().unwrap().downcast_ref::<TlsStream>().unwrap();
            assert_eq!(tls.peer_certificates(), Some(&[certificate.clone()][..]));
            assert_eq!(
                (tls.alpn(), tls.protocol_version()),
                (Some(&b"http/1.1"[..]), Some(ProtocolVersion::TLSv1_3))
            );
            assert!(tls.cipher_suite().is_some() && call.stream().unwrap().peer_addr().is_some());
            tell.send(()).unwrap();
        }
    });
    told.recv_timeout(PATIENCE).unwrap();
    stop(server);
}

#[test]
fn a_client_shows_its_certificate_where_the_server_asks() {
    let authority = Authority::new();
    let own = rcgen::generate_simple_self_signed(["client.test".to_owned()]).unwrap();
    let (certificate, key) = (own.cert.der().clone(), own.signing_key.serialize_der());
    let provider = Arc::new(crypto::ring::default_provider());
    let mut clients = RootCertStore::empty();
    clients.add(certificate.clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(clients), provider.clone()).build().unwrap();
    let server_side = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![server_side.cert.der().clone()],
            server_side.signing_key.serialize_der().try_into().unwrap(),
        )
        .unwrap();
    let server = Server::bind("127.0.0.1:0").unwrap().tls(Arc::new(config));
    let server = server.start(|_, res| res.end(session(res))).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(server_side.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots.clone());
    let config = config.with_client_auth_cert(vec![certificate], key.try_into().unwrap()).unwrap();
    let mut options = authority.options();
    options.tls = Some(Arc::new(config));
    let client = Client::new(options.clone()).unwrap();
    let text = client.get(url(&server)).wait().unwrap().text().wait().unwrap();
    assert_eq!(text, "none Some(\"localhost\") false 1");
    options.tls = Some(Arc::new(client_tls_config(roots).unwrap()));
    let error = Client::new(options).unwrap().get(url(&server)).wait().unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Tls(_) | ErrorKind::Socket(_) | ErrorKind::HangUp(_)),
        "{error:?}"
    );
    stop(server);
}

fn is_tls(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Tls(_))
}

#[test]
fn who_is_not_trusted_or_not_the_one_asked_for_is_an_error_of_tls() {
    let authority = Authority::new();
    let server = authority.server().start(|_, res| res.end("ok")).unwrap();
    let stranger = Client::new(Authority::new().options()).unwrap();
    let error = stranger.get(url(&server)).wait().unwrap_err();
    assert!(is_tls(&error), "{error:?}");
    assert!(error.into_request().is_some(), "nothing was sent");
    let client = Client::new(authority.options()).unwrap();
    let by_address = format!("https://{}/", server.local_addr().unwrap());
    let error = client.get(&by_address).wait().unwrap_err();
    assert!(is_tls(&error), "{error:?}");
    let named = Request::get(&by_address).server_name("localhost");
    assert_eq!(client.send(named).wait().unwrap().status(), 200);
    let none = Client::new(Options::default()).unwrap();
    let error = none.get(url(&server)).wait().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error:?}");
    stop(server);
}

/// A proxy that speaks TLS, and what it was asked for. Behind every tunnel there is a server that says ok.
struct Relay(std::sync::mpsc::Sender<String>);

impl Handler for Relay {
    type Exchange = ();

    fn request(&mut self, req: &h1wire_mio::Request<'_>, res: &mut Response<'_>) -> Option<()> {
        self.0.send(format!("{:?} {}", req.method, String::from_utf8_lossy(req.target))).unwrap();
        res.end("ok").unwrap();
        None
    }

    fn connect(&mut self, req: &h1wire_mio::Request<'_>, res: &mut Response<'_>) -> Option<()> {
        self.0.send(format!("{:?} {}", req.method, String::from_utf8_lossy(req.target))).unwrap();
        res.tunnel_here(&()).unwrap();
        Some(())
    }

    fn data(&mut self, (): &mut (), data: &[u8], res: &mut Response<'_>) {
        assert!(data.starts_with(b"GET /x HTTP/1.1\r\n"), "{}", data.escape_ascii());
        res.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    }
}

fn relay(authority: &Authority) -> (h1wire_mio::Running, Receiver<String>) {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    (authority.server().start_with(move |_| Relay(tell.lock().unwrap().clone())).unwrap(), told)
}

#[test]
fn a_proxy_can_be_spoken_to_by_tls_for_forwarding_and_for_tunnels() {
    let authority = Authority::new();
    let (proxy, told) = relay(&authority);
    let mut options = authority.options();
    let at = format!("https://localhost:{}", proxy.local_addr().unwrap().port());
    options.proxies = Proxies::all(Proxy::parse(&at).unwrap());
    let client = Client::new(options).unwrap();
    for (tunnel, asked) in [(false, "GET http://one.invalid/x"), (true, "CONNECT one.invalid:80")] {
        let request = Request::get("http://one.invalid/x").tunnel(tunnel);
        assert_eq!(client.send(request).wait().unwrap().text().wait().unwrap(), "ok");
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), asked);
    }
    stop(proxy);
}

#[test]
fn content_until_close_that_ends_without_goodbye_was_cut_off() {
    let authority = Authority::new();
    for polite in [true, false] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (addr, config) = (listener.local_addr().unwrap(), authority.server.clone());
        let thread = std::thread::spawn(move || {
            let (socket, _) = listener.accept().unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
            let mut buf = [0; 1024];
            let _ = std::io::Read::read(&mut stream, &mut buf).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nall?").unwrap();
            if polite {
                stream.conn.send_close_notify();
            }
            stream.flush().unwrap();
            // The client may still be writing its part of the handshake.
            let _ = stream.sock.shutdown(std::net::Shutdown::Write);
            let _ = std::io::Read::read_to_end(&mut stream.sock, &mut Vec::new());
        });
        let client = Client::new(authority.options()).unwrap();
        let response = client.get(format!("https://localhost:{}/", addr.port())).wait().unwrap();
        let text = response.text().wait();
        if polite {
            assert_eq!(text.unwrap(), "all?");
        } else {
            let error = text.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Socket(_) | ErrorKind::HangUp(_)), "{error:?}");
        }
        thread.join().unwrap();
    }
}
