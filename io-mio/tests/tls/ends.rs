//! How sessions end: in order, or cut off.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::mpsc::channel;
use std::time::Duration;

use h1wire_mio::proto::Timeouts;
use h1wire_mio::rustls;
use h1wire_mio::{Handler, Options, Request, Response, Stream, TlsStream};

use crate::Authority;
use crate::common::{PATIENCE, ms, options, stop, wait_until};
use crate::log::Told;

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_connection_that_ends_in_order_says_so() {
    let authority = Authority::new();
    let (server, told) = authority.log(Options::default());
    // `rest` fails at an end without `close_notify`.
    let mut client = authority.client(&server);
    assert!(client.send(GET.replace("1.1", "1.0")).rest().ends_with("done"));
    told.expect(&["request /x", "end", "finished /x"]);
    // An error is answered, and arrives with its end.
    let got = authority.client(&server).send("nonsense\r\n\r\n").rest();
    assert!(got.starts_with("HTTP/1.1 400 "), "{got}");
    // Idle ones say it as well.
    let mut idle = authority.client(&server);
    idle.send(GET).until("done");
    wait_until("its idleness", || server.handle().counters().requests == 2);
    server.handle().close_idle();
    assert_eq!(idle.rest(), "");
    stop(server);
}

#[test]
fn a_kept_session_ends_in_order_when_its_time_is_over() {
    let authority = Authority::new();
    let timeouts = Timeouts { keep_alive: ms(100), keep_alive_buffer: Duration::ZERO, ..Timeouts::SERVER };
    let (server, told) = authority.log(options(|o| o.policy.timeouts = timeouts));
    let mut client = authority.client(&server);
    for _ in 0..2 {
        client.send(GET).until("done");
        told.expect(&["request /x", "end", "finished /x"]);
    }
    assert_eq!(client.rest(), "");
    told.expect(&["timeout KeepAlive"]);
    stop(server);
}

#[test]
fn content_until_close_ends_in_order_however_late_its_reader_is() {
    let authority = Authority::new();
    const SIZE: usize = 8 << 20;
    let server = authority
        .server()
        .start(|_: &Request<'_>, res: &mut Response<'_>| {
            res.write_shared(vec![b'x'; SIZE].into())?;
            res.finish()
        })
        .unwrap();
    let mut client = authority.client(&server);
    client.send("GET / HTTP/1.0\r\n\r\n");
    wait_until("full buffers", || server.handle().counters().bytes_sent > 100_000);
    let got = client.rest();
    assert!(!got.contains("Content-Length") && got.matches('x').count() == SIZE);
    stop(server);
}

#[test]
fn content_until_close_that_is_cut_off_does_not_end_in_order() {
    let authority = Authority::new();
    let server = authority
        .server()
        .start(|_: &Request<'_>, res: &mut Response<'_>| {
            res.write("all of it?").unwrap();
            res.abort();
        })
        .unwrap();
    let mut client = authority.client(&server);
    client.send("GET / HTTP/1.0\r\n\r\n").until("all of it?");
    let error = client.0.read(&mut [0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{error}");
    stop(server);
}

/// What is told of an exchange that is cut off. The half-close is, if an event came before the loop read that far.
fn cut_off(told: &Told, aborted: &str) {
    let mut next = told.next();
    if next == "half closed" {
        next = told.next();
    }
    assert_eq!(next, "stream error UnexpectedEof");
    told.expect(&[aborted]);
}

#[test]
fn a_client_that_is_cut_off_is_not_one_that_ends_in_order() {
    let authority = Authority::new();
    let (server, told) = authority.log(Options::default());
    for in_order in [true, false] {
        let mut client = authority.client(&server);
        client.send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nearly");
        assert!(client.until("early").starts_with("HTTP/1.1 200 OK\r\n"));
        told.expect(&["connect a:1", "data early"]);
        if in_order {
            assert_eq!(client.goodbye().rest(), "");
            told.expect(&["end", "finished a:1"]);
        } else {
            client.0.sock.shutdown(Shutdown::Write).unwrap();
            cut_off(&told, "aborted a:1");
        }
    }
    // Content of a request that is cut off.
    let mut client = authority.client(&server);
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    told.expect(&["request /x", "data abc"]);
    client.0.sock.shutdown(Shutdown::Write).unwrap();
    cut_off(&told, "aborted /x");
    // Where nothing is missing, nothing was cut off: before the handshake, between requests, after the last answer.
    let errors = server.handle().counters().io_errors;
    crate::common::Raw::to(&server).half_close().rest();
    let mut client = authority.client(&server);
    client.send(GET).until("done");
    client.0.sock.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest(), "");
    let mut client = authority.client(&server);
    client.send("nonsense\r\n\r\n").rest();
    drop(client);
    wait_until("the end of all", || server.handle().counters().closed == 6);
    assert_eq!((errors, server.handle().counters().io_errors), (2, 2));
    // One that says goodbye and waits has its answer.
    let mut client = authority.client(&server);
    let got = client.send(GET).goodbye().rest();
    assert!(got.ends_with("done"), "{got}");
    stop(server);
}

#[test]
fn a_session_that_was_taken_goes_on_elsewhere() {
    let authority = Authority::new();
    let server = authority
        .server()
        .start(|_: &Request<'_>, res: &mut Response<'_>| {
            res.switch_to(&[("Upgrade", "raw")], |upgraded| {
                std::thread::spawn(move || {
                    let (stream, leftover) = upgraded.into_parts();
                    let tls = stream.downcast::<TlsStream>().unwrap();
                    let (rustls::Connection::Server(mut session), under) = tls.into_parts() else { panic!() };
                    let Stream::Tcp(tcp) = under else { panic!("{under:?}") };
                    let mut tcp = std::net::TcpStream::from(tcp);
                    tcp.set_nonblocking(false).unwrap();
                    let mut stream = rustls::Stream::new(&mut session, &mut tcp);
                    stream.write_all(&leftover).unwrap();
                    let mut ping = [0; 4];
                    stream.read_exact(&mut ping).unwrap();
                    stream.write_all(&ping).unwrap();
                    session.send_close_notify();
                    session.complete_io(&mut tcp).unwrap();
                });
            })
        })
        .unwrap();
    let mut client = authority.client(&server);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\nfirst ");
    assert!(client.until("first ").starts_with("HTTP/1.1 101 "));
    assert_eq!(client.send("ping").rest(), "ping");
    stop(server);
}

/// Switches, stays in the loop, and echoes.
struct Here;

impl Handler for Here {
    type Exchange = ();

    fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        res.switch_here(&[("Upgrade", "raw")]).unwrap();
        Some(())
    }

    fn data(&mut self, _: &mut (), data: &[u8], res: &mut Response<'_>) {
        res.write(data).unwrap();
        if data.ends_with(b".") {
            res.finish().unwrap();
        }
    }
}

#[test]
fn a_switched_session_that_stays_ends_in_order_when_its_handler_does() {
    let authority = Authority::new();
    let server = authority.server().start_with(|_| Here).unwrap();
    let mut client = authority.client(&server);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\nfirst");
    client.until("first");
    assert_eq!(client.send("last.").rest(), "last.");
    stop(server);
}

#[test]
fn a_stream_that_is_not_of_the_type_asked_for_comes_back() {
    let (tell, told) = channel();
    let tell = std::sync::Mutex::new(tell);
    let server = h1wire_mio::Server::bind("127.0.0.1:0").unwrap();
    let server = server
        .start(move |_: &Request<'_>, res: &mut Response<'_>| {
            let tell = tell.lock().unwrap().clone();
            res.switch_to(&[("Upgrade", "raw")], move |upgraded| {
                let (stream, _) = upgraded.into_parts();
                assert!(stream.downcast_ref::<TlsStream>().is_none());
                let same = stream.downcast::<TlsStream>().unwrap_err();
                tell.send(matches!(same, Stream::Tcp(_))).unwrap();
            })
        })
        .unwrap();
    let mut client = crate::common::Raw::to(&server);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n");
    assert!(told.recv_timeout(PATIENCE).unwrap());
    stop(server);
}
