//! Handshakes: those that come to nothing, and those that come in unusual ways.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use h1wire_mio::proto::Timeouts;
use h1wire_mio::rustls::pki_types::ServerName;
use h1wire_mio::rustls::{ClientConnection, StreamOwned};
use h1wire_mio::{Options, Request, Response, TlsStream};

use crate::common::{PATIENCE, Raw, ms, options, stop, wait_until};
use crate::{Authority, Client};

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

/// The first bytes of a real client.
fn client_hello(authority: &Authority) -> Vec<u8> {
    let name = ServerName::try_from("localhost").unwrap();
    let config = authority.client_config(&[b"http/1.1"]);
    let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut hello = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut hello).unwrap();
    }
    hello
}

#[test]
fn a_handshake_has_the_time_of_a_head_however_slowly_its_bytes_come() {
    let authority = Authority::new();
    let (server, told) =
        authority.log(options(|o| o.policy.timeouts = Timeouts { headers: ms(300), ..Timeouts::SERVER }));
    let hello = client_hello(&authority);
    for begun in [0, hello.len() / 2, hello.len()] {
        let (first, rest) = hello.split_at(begun);
        let mut client = Raw::to(&server);
        let start = Instant::now();
        client.send(first);
        client.0.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let (mut got, mut rest) = (Vec::new(), rest.iter());
        // Each byte comes in time, all of them do not.
        while client.0.read_to_end(&mut got).is_err() {
            assert!(start.elapsed() < PATIENCE, "a handshake without an end");
            if let Some(byte) = rest.next() {
                let _ = client.0.write(&[*byte]);
            }
        }
        assert!(start.elapsed() >= Duration::from_millis(290), "{:?}", start.elapsed());
        told.expect(&["timeout KeepAlive"]);
    }
    assert_eq!(server.handle().counters().timeouts, 3);
    stop(server);
}

#[test]
fn what_is_no_handshake_is_refused_and_told() {
    let authority = Authority::new();
    let (server, told) = authority.log(Options::default());
    for nonsense in ["\0".repeat(40).as_str(), GET, "\x16\x03\x01\x00\x05hello", &"x".repeat(100_000)] {
        let mut client = Raw::to(&server);
        // The server may be gone before it has everything.
        let _ = client.0.write_all(nonsense.as_bytes());
        let mut got = Vec::new();
        // An alert, or a reset because there was more than the server read.
        let _ = client.0.read_to_end(&mut got);
        assert!(got.is_empty() || got[0] == 21, "{}", got.escape_ascii());
        told.expect(&["stream error InvalidData"]);
    }
    wait_until("the end of all", || server.handle().counters().closed == 4);
    let counters = server.handle().counters();
    assert_eq!((counters.io_errors, counters.requests, counters.protocol_errors), (4, 0, 0));
    authority.client(&server).send(GET).until("done");
    stop(server);
}

#[test]
fn a_client_that_wants_another_protocol_is_refused() {
    let authority = Authority::new();
    let (server, told) = authority.log(Options::default());
    let mut client = Client::new(authority.client_config(&[b"h2"]), &server);
    let error = client.0.flush().and_then(|()| client.0.write_all(b"PRI")).unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    told.expect(&["stream error InvalidData"]);
    stop(server);
}

#[test]
fn one_server_may_speak_tls_on_one_port_and_not_on_another() {
    let authority = Authority::new();
    let plain = h1wire_mio::Server::bind("127.0.0.1:0").unwrap();
    let plain_addr = plain.local_addr().unwrap();
    let hello = |_: &Request<'_>, res: &mut Response<'_>| res.end("hello");
    let server = authority.server().and(plain).workers(2).start(hello).unwrap();
    for _ in 0..4 {
        authority.client(&server).send(GET).until("hello");
        Raw::at(plain_addr).send(GET).until("hello");
    }
    stop(server);
}

#[test]
fn records_may_come_byte_by_byte() {
    let authority = Authority::new();
    let (server, told) = authority.log(Options::default());
    let name = ServerName::try_from("localhost").unwrap();
    let config = authority.client_config(&[b"http/1.1"]);
    let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = Raw::to(&server);
    session.writer().write_all(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").unwrap();
    let mut got = Vec::new();
    while !got.ends_with(b"0\r\n\r\n") {
        let mut records = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut records).unwrap();
        }
        for byte in records {
            socket.send([byte]);
        }
        assert!(session.read_tls(&mut socket.0).unwrap() > 0, "the end, after {}", got.escape_ascii());
        session.process_new_packets().unwrap();
        let _ = session.reader().read_to_end(&mut got);
    }
    assert!(got.windows(3).any(|piece| piece == b"abc"), "{}", got.escape_ascii());
    told.expect(&["request /echo", "data abc", "end"]);
    stop(server);
}

#[cfg(unix)]
#[test]
fn tls_is_spoken_over_any_listener_and_any_stream() {
    use std::os::unix::net::UnixStream;
    let authority = Authority::new();
    let path = std::env::temp_dir().join(format!("h1wire-mio-tls-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let server = h1wire_mio::Server::bind_unix(&path).unwrap().tls(authority.server.clone());
    let server = server.start(|_: &Request<'_>, res: &mut Response<'_>| res.end("hello")).unwrap();
    let (near, far) = UnixStream::pair().unwrap();
    far.set_nonblocking(true).unwrap();
    let far = mio::net::UnixStream::from_std(far);
    server.handle().inject(TlsStream::new(authority.server.clone(), far).unwrap());
    for socket in [near, UnixStream::connect(&path).unwrap()] {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let config = authority.client_config(&[b"http/1.1"]);
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut client = StreamOwned::new(session, socket);
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut got = String::new();
        client.read_to_string(&mut got).unwrap();
        assert!(got.ends_with("hello"), "{got}");
    }
    stop(server);
    assert!(!path.exists(), "the file goes with the server");
}

/// Processor time of one thread of this process.
#[cfg(target_os = "linux")]
fn cpu(thread: rustix::process::Pid) -> Duration {
    let path = format!("/proc/self/task/{}/schedstat", thread.as_raw_nonzero());
    let stat = std::fs::read_to_string(path).unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn connections_that_wait_for_something_cost_no_processor_time() {
    let authority = Authority::new();
    let (make, told) = crate::log::log_handler();
    let (tell, thread) = std::sync::mpsc::channel();
    let make = move |number| {
        tell.send(rustix::thread::gettid()).unwrap();
        make(number)
    };
    let server = authority.server().start_with(make).unwrap();
    let thread = thread.recv().unwrap();
    let hello = client_hello(&authority);
    let mut waiting = Vec::new();
    for part in [&hello[..0], &hello[..9], &hello[..]] {
        let mut client = Raw::to(&server);
        client.send(part);
        waiting.push(client);
    }
    let mut not_read = authority.client(&server);
    not_read.send("GET /flood HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut not_taken = authority.client(&server);
    not_taken.send("POST /pause HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n").send([0; 100_000]);
    let mut unanswered = authority.client(&server);
    unanswered.send(["GET /wait HTTP/1.1\r\nHost: a\r\n\r\n", &GET.repeat(100)].concat());
    let mut requests = 0;
    while requests < 3 {
        requests += u32::from(told.next().starts_with("request"));
    }
    wait_until("all connections", || server.handle().counters().accepted == 6);
    // The time itself is what is measured here: nothing is waited for.
    std::thread::sleep(Duration::from_millis(100));
    let before = cpu(thread);
    std::thread::sleep(Duration::from_millis(300));
    let used = cpu(thread) - before;
    assert!(used < Duration::from_millis(30), "{used:?} of processor time");
    stop(server);
}
