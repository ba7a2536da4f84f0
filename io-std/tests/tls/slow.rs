//! TLS with peers that do not read for a while: nothing is sent twice, and nothing stays behind.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use h1wire_std::rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, Stream as TlsPipe};
use h1wire_std::server::Running;
use h1wire_std::{Agent, Event, Server, Transport, Wrote};

use crate::authority::{Authority, PATIENCE, request, with};

/// More than all buffers on the way hold.
const MUCH: usize = 24 << 20;

/// A server for `localhost`, and clients that trust it.
fn parties() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let authority = Authority::new();
    (authority.server, Arc::new(h1wire_std::tls_config(authority.roots)))
}

/// Bytes that say where they belong.
fn content() -> Vec<u8> {
    (0..MUCH as u32 / 4).flat_map(u32::to_be_bytes).collect()
}

fn connect(server: &Running, config: Arc<ClientConfig>) -> (ClientConnection, TcpStream) {
    let socket = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    (ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap(), socket)
}

#[test]
fn an_upload_goes_on_where_it_was_after_a_limit_that_only_notifies() {
    let (server, client) = parties();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let (late, wait) = channel();
    let thread = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut session = ServerConnection::new(server).unwrap();
        let mut pipe = TlsPipe::new(&mut session, &mut socket);
        request(&mut pipe);
        let mut got = vec![0; MUCH];
        for part in got.chunks_mut(MUCH / 2) {
            wait.recv_timeout(PATIENCE).unwrap();
            pipe.read_exact(part).unwrap();
        }
        pipe.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        got
    });
    let agent = Agent::builder().tls_config(client).build();
    let put = agent.request("PUT", url).timeout(Duration::from_millis(50)).timeout_notifies(true);
    let put = put.observe(move |event| {
        if matches!(event, Event::Timeout(_)) {
            let _ = late.send(());
        }
    });
    let mut response = put.send_bytes(content()).unwrap();
    assert_eq!(response.text().unwrap(), "ok");
    assert!(thread.join().unwrap() == content());
}

#[test]
fn an_answer_goes_on_where_it_was_after_a_limit_that_only_asks() {
    let (config, client) = parties();
    let (late, wait) = channel();
    let late = std::sync::Mutex::new(late);
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .options(with(|options| options.policy.timeouts.idle = Some(Duration::from_millis(50))))
        .on_timeout(move |_, _, _| late.lock().unwrap().send(()).is_ok())
        .on_connection(h1wire_std::tls_acceptor(config))
        .start(|_, response| {
            response.content_length(MUCH as u64);
            content().chunks(1 << 20).try_for_each(|piece| response.write_all(piece))
        })
        .unwrap();
    let (mut session, mut socket) = connect(&server, client);
    let mut pipe = TlsPipe::new(&mut session, &mut socket);
    pipe.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    wait.recv_timeout(PATIENCE).unwrap();
    let mut answer = Vec::new();
    pipe.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(&content()), "{}", answer.len());
    server.shutdown(Duration::from_secs(1));
}

/// New keys and tickets are nobody's bytes: whoever has content to send does not wait for others.
#[test]
fn an_upload_goes_on_behind_records_that_are_about_the_session() {
    let (server, client) = parties();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let thread = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut session = ServerConnection::new(server).unwrap();
        let mut pipe = TlsPipe::new(&mut session, &mut socket);
        request(&mut pipe);
        let mut got = vec![0; MUCH];
        for part in got.chunks_mut(1 << 21) {
            pipe.read_exact(part).unwrap();
            pipe.conn.refresh_traffic_keys().unwrap();
            pipe.flush().unwrap();
        }
        pipe.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        got
    });
    let agent = Agent::builder().tls_config(client).build();
    let mut response = agent.request("PUT", url).send_bytes(content()).unwrap();
    assert_eq!(response.text().unwrap(), "ok");
    assert!(thread.join().unwrap() == content());
}

/// A socket that never has room while there is something to read, or never.
struct Clogged(Box<dyn Transport>, bool);

impl Read for Clogged {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}
impl Write for Clogged {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.1 { Ok(0) } else { self.0.write(buf) }
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
impl Transport for Clogged {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.0.set_read_timeout(limit)
    }
    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.0.set_write_timeout(limit)
    }
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }
    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.poll_fd()
    }
    fn write_or_readable(&mut self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
        if self.1 {
            return Ok(Wrote::Bytes(0));
        }
        if self.0.is_readable() { Ok(Wrote::Readable) } else { self.0.write_or_readable(slices) }
    }
}

#[test]
fn a_client_that_still_sends_gets_its_whole_answer_and_a_goodbye() {
    let (config, client) = parties();
    let acceptor = h1wire_std::tls_acceptor(config);
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .on_connection(move |stream| acceptor(Box::new(Clogged(stream, false))))
        .start(|_, response| response.end("whole"))
        .unwrap();
    let (mut session, mut socket) = connect(&server, client);
    let mut pipe = TlsPipe::new(&mut session, &mut socket);
    // More is announced than anybody would discard.
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n";
    pipe.conn.complete_io(pipe.sock).unwrap();
    let mut hello = Vec::new();
    pipe.conn.writer().write_all(head.as_bytes()).unwrap();
    while pipe.conn.wants_write() {
        pipe.conn.write_tls(&mut hello).unwrap();
    }
    for _ in 0..3 {
        pipe.conn.writer().write_all(&[b'z'; 10_000]).unwrap();
        pipe.conn.write_tls(&mut hello).unwrap();
    }
    pipe.sock.write_all(&hello).unwrap();
    let mut answer = Vec::new();
    let end = pipe.read_to_end(&mut answer);
    assert!(answer.ends_with(b"whole"), "{} {end:?}", answer.escape_ascii());
    end.unwrap();
    server.shutdown(Duration::from_secs(1));
}

#[test]
fn a_stream_that_takes_nothing_at_all_is_an_error_and_not_asked_for_ever() {
    let (config, client) = parties();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut session = ClientConnection::new(client, "localhost".try_into().unwrap()).unwrap();
    session.write_tls(&mut &theirs).unwrap();
    let stream: Box<dyn Transport> = Box::new(ours);
    let mut accepted = h1wire_std::tls_acceptor(config)(Box::new(Clogged(stream, true))).unwrap();
    assert_eq!(accepted.read(&mut [0; 9]).unwrap_err().kind(), io::ErrorKind::WriteZero);
}
