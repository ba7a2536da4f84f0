//! The TLS of the two adapters, at each other.

use std::io::{Read, Write};
use std::sync::Arc;

use h1wire_mio::rustls::RootCertStore;
use h1wire_mio::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use h1wire_mio::{Handler, Request, Response, Running, Server};
use h1wire_proto::Fields;
use h1wire_std::Agent;

/// Echoes content as fast as it is read; without any, ends with the connection.
struct Echo;

impl Handler for Echo {
    type Exchange = ();

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        if req.body.is_empty() {
            res.end("hello").unwrap();
            return None;
        }
        res.send_head().unwrap();
        Some(())
    }

    fn data(&mut self, _: &mut (), data: &[u8], res: &mut Response<'_>) {
        if !res.write(data).unwrap() {
            res.pause();
        }
    }

    fn drain(&mut self, _: &mut (), res: &mut Response<'_>) {
        res.resume();
    }

    fn end(&mut self, _: &mut (), _: Fields<'_, '_>, res: &mut Response<'_>) {
        res.finish().unwrap();
    }
}

fn server_and_client() -> (Running, Agent) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let config = h1wire_mio::tls_config(vec![certificate], key).unwrap();
    let server = Server::bind("127.0.0.1:0").unwrap().tls(Arc::new(config)).start_with(|_| Echo).unwrap();
    let trusting = Arc::new(h1wire_std::tls_config(roots));
    (server, Agent::builder().keep_alive(true).tls_config(trusting).build())
}

#[test]
fn the_client_keeps_its_session_with_the_event_loop() {
    let (server, agent) = server_and_client();
    let url = format!("https://localhost:{}/", server.local_addr().unwrap().port());
    for reused in [false, true, true] {
        let mut response = agent.get(&url).send().unwrap();
        assert_eq!((response.is_reused(), response.text().unwrap().as_str()), (reused, "hello"));
    }
    // Many records.
    let content: Vec<u8> = (0..1_000_000u32).map(|i| (i % 239) as u8).collect();
    let mut upload = agent.request("PUT", &url).start().unwrap();
    upload.write_all(&content).unwrap();
    let (mut response, mut got) = (upload.finish().unwrap(), Vec::new());
    response.read_to_end(&mut got).unwrap();
    assert!(got == content);
    drop((response, agent));
    server.handle().shutdown(crate::WAIT);
    let drained = server.join().unwrap();
    assert_eq!(drained.cut, 0);
}
