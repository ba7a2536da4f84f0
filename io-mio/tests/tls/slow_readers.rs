//! Clients that read slowly are waited for as long as they read.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use h1wire_mio::proto::{Expired, Timeouts};
use h1wire_mio::rustls::pki_types::ServerName;
use h1wire_mio::rustls::{ClientConnection, StreamOwned};
use h1wire_mio::{Request, Response, TlsStream};

use crate::Authority;
use crate::common::{PATIENCE, ms, options, stop};

const LARGE: usize = 150_000;

/// A unix socket with a small buffer takes small pieces, and TCP over the loopback none of less than 32 KiB.
#[test]
fn a_slow_reader_has_its_answer_whole_as_long_as_it_reads() {
    let authority = Authority::new();
    let timeouts = Timeouts { write: ms(400), idle: ms(400), ..Timeouts::SERVER };
    let server = authority.server().options(options(|o| o.policy.timeouts = timeouts));
    let server = server.start(|_: &Request<'_>, res: &mut Response<'_>| res.end(vec![b'x'; LARGE])).unwrap();
    let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    socket2::SockRef::from(&far).set_send_buffer_size(4096).unwrap();
    far.set_nonblocking(true).unwrap();
    let far = mio::net::UnixStream::from_std(far);
    server.handle().inject(TlsStream::new(authority.server.clone(), far).unwrap());
    near.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::new(authority.client_config(&[])), name).unwrap();
    let mut client = StreamOwned::new(session, near);
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let (mut got, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let n = client.sock.read(&mut piece).unwrap();
        assert_ne!(n, 0, "cut off after {} bytes", got.len());
        let mut fresh = &piece[..n];
        while !fresh.is_empty() {
            client.conn.read_tls(&mut fresh).unwrap();
            client.conn.process_new_packets().unwrap();
        }
        match client.conn.reader().read_to_end(&mut got) {
            Ok(_) => break,
            Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
        }
        // Slow on purpose: what a session keeps takes longer than the time there is for the next byte.
        std::thread::sleep(Duration::from_millis(40));
    }
    assert_eq!(got.iter().filter(|byte| **byte == b'x').count(), LARGE);
    stop(server);
}

#[test]
fn a_reader_that_stops_is_cut_off() {
    let authority = Authority::new();
    let (server, told) = authority.log(options(|o| o.policy.timeouts.write = ms(200)));
    let mut client = authority.client(&server);
    client.send("GET /flood HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut last = String::new();
    while last != "aborted /flood" {
        last = told.next();
        assert_ne!(last, "finished /flood");
    }
    assert_eq!(server.handle().counters().expired(Expired::Write), 1);
    stop(server);
}
