//! What a user who runs the loop, or brings streams, may do that a server of its own never does.

mod common;
#[path = "common/own_loop.rs"]
mod own_loop;

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use common::{PATIENCE, Raw, ms, options};
use h1wire_mio::{Handler, Options, Request, Response, Transport};
use mio::event::Source;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use own_loop::OwnLoop;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

struct Hello;

impl Handler for Hello {
    type Exchange = ();

    fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        res.end("hello").unwrap();
        None
    }
}

fn listen(own: &mut OwnLoop<impl Handler>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap();
    own.server.listen(listener).unwrap();
    addr
}

/// A stream of which somebody read the beginning, as a proxy's address in front of it.
struct Begun(Vec<u8>, TcpStream);

impl Read for Begun {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return self.1.read(buf);
        }
        let n = self.0.as_slice().read(buf)?;
        self.0.drain(..n);
        Ok(n)
    }
}

impl Write for Begun {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.1.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Begun {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.1.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.1.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.1.deregister(registry)
    }
}

impl Transport for Begun {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.1.shutdown(std::net::Shutdown::Write)
    }
}

#[test]
fn what_somebody_read_of_an_injected_stream_is_served_without_an_event() {
    for from_elsewhere in [false, true] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = Raw::at(listener.local_addr().unwrap());
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream: Box<dyn Transport> = Box::new(Begun(GET.into(), TcpStream::from_std(stream)));
        let mut own = OwnLoop::new(Options::default(), Hello);
        let handle = own.server.handle();
        if from_elsewhere {
            handle.inject(stream);
        } else {
            own.server.inject(stream).unwrap();
        }
        own.until("the request", |_| handle.counters().requests == 1);
        client.until("hello");
    }
}

#[test]
fn an_event_of_a_connection_that_is_gone_does_not_end_the_one_that_has_its_place() {
    for several in [1, 3] {
        let mut own = OwnLoop::new(options(|o| o.policy.timeouts.keep_alive = ms(60_000)), Hello);
        let addrs: Vec<_> = (0..several).map(|_| listen(&mut own)).collect();
        let handle = own.server.handle();
        let old: Vec<_> = addrs.iter().map(|addr| Raw::at(*addr)).collect();
        own.until("the first", |server| server.connections() == several);
        // They can be written to, and that is no news any more.
        own.turn();
        // In one batch of events: a new connection, before which all old ones are to be closed, and their own ends.
        let mut new: Vec<_> = addrs.iter().map(|addr| Raw::at(*addr)).collect();
        for client in old {
            socket2::SockRef::from(&client.0).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        }
        handle.close_idle();
        own.until("the second", |server| {
            server.connections() == several && handle.counters().accepted == 2 * several as u64
        });
        for client in &mut new {
            client.send(GET);
        }
        own.until("their requests", |_| handle.counters().requests == several as u64);
        for client in &mut new {
            client.until("hello");
        }
    }
}

#[test]
fn a_client_that_comes_with_the_shutdown_is_answered_and_does_not_hold_it_up() {
    for (with_request, answer) in [(false, ""), (true, "hello")] {
        let mut own = OwnLoop::new(options(|o| o.policy.timeouts.linger = ms(100)), Hello);
        let addr = listen(&mut own);
        let handle = own.server.handle();
        let mut client = Raw::at(addr);
        if with_request {
            client.send(GET);
        }
        handle.shutdown(2 * PATIENCE);
        own.until("the shutdown", |server| server.is_finished());
        let got = client.rest();
        assert!(got.ends_with(answer) && got.is_empty() == answer.is_empty(), "{got}");
    }
}

#[test]
fn whoever_is_closed_with_all_others_during_a_shutdown_did_not_finish() {
    let mut own = OwnLoop::new(Options::default(), Hello);
    let addr = listen(&mut own);
    let handle = own.server.handle();
    let mut half = Raw::at(addr);
    half.send("GET / HTTP/1.1\r\n");
    own.until("the beginning of a request", |_| handle.counters().bytes_received > 0);
    handle.shutdown(PATIENCE);
    own.turn();
    assert_eq!((own.server.connections(), own.server.is_finished()), (1, false));
    handle.close_all();
    own.until("the end", |server| server.is_finished());
    let drained = own.server.drained();
    assert_eq!((drained.finished, drained.cut), (0, 1));
}

/// While it answers, another client sends a request and somebody shuts the server down.
struct Busy(Option<Raw>, Option<h1wire_mio::Handle>);

impl Handler for Busy {
    type Exchange = ();

    fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        if let (Some(other), Some(handle)) = (&mut self.0, self.1.take()) {
            other.send(GET);
            handle.shutdown(PATIENCE);
        }
        res.end("hello").unwrap();
        None
    }
}

#[test]
fn a_request_that_came_before_the_shutdown_was_looked_at_is_answered() {
    for fresh in [true, false] {
        // Clients that do not go are not waited for longer than that.
        let mut own = OwnLoop::new(options(|o| o.policy.timeouts.linger = ms(100)), Busy(None, None));
        let addr = listen(&mut own);
        let handle = own.server.handle();
        let (mut first, mut other, silent) = (Raw::at(addr), Raw::at(addr), Raw::at(addr));
        own.until("all", |server| server.connections() == 3);
        if !fresh {
            other.send(GET);
            own.until("its first request", |_| handle.counters().requests == 1);
            other.until("hello");
        }
        let reader = other.0.try_clone().unwrap();
        *own.server.handler() = Busy(Some(other), Some(handle.clone()));
        first.send(GET);
        own.until("the shutdown", |server| server.is_finished());
        let got = Raw(reader).rest();
        assert!(got.contains("\r\nConnection: close\r\n") && got.ends_with("hello"), "{got}");
        drop(silent);
    }
}
