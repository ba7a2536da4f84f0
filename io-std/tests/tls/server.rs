//! The server: sessions that are kept, clients that do not agree, clients that do not read.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use h1wire_std::Server;
use h1wire_std::rustls::{ClientConnection, Stream as TlsPipe};

use crate::authority::{Authority, PATIENCE, url};

#[test]
fn our_server_speaks_tls_on_kept_connections_and_gives_up_who_does_not() {
    let authority = Authority::new();
    let acceptor = h1wire_std::tls_acceptor(authority.server.clone(), Duration::from_millis(300));
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .options(|options| options.linger_at_idle = 1)
        .on_connection(acceptor)
        .start(|request, response| std::io::copy(request, response).map(drop))
        .unwrap();
    let addr = server.local_addr().unwrap();
    let agent = authority.agent().build();
    let content: Vec<u8> = (0..300_000u32).map(|i| i as u8).collect();
    for round in 0..3 {
        let mut response = agent.request("POST", url(addr)).send_bytes(&content).unwrap();
        assert_eq!(response.reused_socket(), round > 0);
        let mut back = Vec::new();
        response.read_to_end(&mut back).unwrap();
        assert!(back == content);
        // Idle, it is watched without a thread.
        let deadline = std::time::Instant::now() + PATIENCE;
        while server.stats().parked <= round {
            assert!(std::time::Instant::now() < deadline);
            thread::yield_now();
        }
    }
    for hello in [&b""[..], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut plain = TcpStream::connect(addr).unwrap();
        plain.set_read_timeout(Some(PATIENCE)).unwrap();
        plain.write_all(hello).unwrap();
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    agent.destroy();
    assert_eq!(server.close(PATIENCE).forced, 0);
}

/// What it sends meanwhile stays where it is: in the socket, and not in the memory of the session, which is bounded.
#[test]
fn a_client_that_sends_before_it_reads_gets_its_whole_answer() {
    const ANSWER: usize = 32 << 20;
    const CONTENT: usize = 200_000;
    let authority = Authority::new();
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .on_connection(h1wire_std::tls_acceptor(authority.server.clone(), PATIENCE))
        .start(|request, response| {
            response.content_length(ANSWER as u64 + 1);
            response.write_all(&vec![b'x'; ANSWER])?;
            let n = std::io::copy(request, &mut std::io::sink())?;
            response.end(if n == CONTENT as u64 { "y" } else { "n" })
        })
        .unwrap();
    let mut socket = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let config = Arc::new(h1wire_std::tls_config(authority.roots));
    let mut session = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let mut pipe = TlsPipe::new(&mut session, &mut socket);
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {CONTENT}\r\n\r\n"
    );
    pipe.write_all(head.as_bytes()).unwrap();
    pipe.write_all(&vec![b'z'; CONTENT]).unwrap();
    pipe.flush().unwrap();
    let mut answer = Vec::new();
    pipe.read_to_end(&mut answer).unwrap();
    assert!(answer.len() > ANSWER && answer.ends_with(b"xy"), "{}", answer.len());
    server.close(Duration::from_secs(1));
}
