//! The last answer of a connection arrives whole, whatever its client sends meanwhile: a socket that is closed with bytes
//! nobody read is reset, and what was on its way is lost.

mod common;
#[path = "common/own_loop.rs"]
mod own_loop;

use common::{Raw, options, stop, wait_until};
use h1wire_mio::{Handler, Request, Responder, Response, Server};
use own_loop::OwnLoop;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// What the kernel's buffers take although nobody reads.
const LARGE: usize = 256 << 10;

/// Has its answers made elsewhere.
#[derive(Default)]
struct Later(Option<Responder>);

impl Handler for Later {
    type Exchange = ();

    fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        self.0 = Some(res.responder());
        None
    }
}

#[test]
fn what_is_pipelined_behind_the_last_request_while_it_is_answered_loses_no_answer() {
    let mut own = OwnLoop::new(options(|o| o.policy.lifetime.max_requests = Some(1)), Later::default());
    let listener = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap();
    own.server.listen(listener).unwrap();
    let mut client = Raw::at(addr);
    client.send(GET);
    own.until("the request", |server| server.handler().0.is_some());
    client.send(GET.repeat(3));
    // The loop is told of them, and leaves them where they are.
    own.turn();
    let responder = own.server.handler().0.take().unwrap();
    responder.run(|res| res.end(vec![b'x'; LARGE]).unwrap());
    let handle = own.server.handle();
    own.until("the end of the answers", |_| handle.counters().dropped == 1 || handle.counters().closed == 1);
    let reader = std::thread::spawn(move || client.rest());
    own.until("the client", |_| reader.is_finished());
    assert_eq!(reader.join().unwrap().matches('x').count(), LARGE);
}

#[test]
fn what_is_sent_behind_the_last_answer_before_it_was_read_does_not_lose_it() {
    let mut own = OwnLoop::new(options(|o| o.policy.lifetime.max_requests = Some(1)), Later::default());
    let listener = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap();
    own.server.listen(listener).unwrap();
    let mut client = Raw::at(addr);
    // Most of the answer stays with the server until it is read, and that is lost if the connection is reset.
    socket2::SockRef::from(&client.0).set_recv_buffer_size(32 << 10).unwrap();
    client.send(GET);
    own.until("the request", |server| server.handler().0.is_some());
    let responder = own.server.handler().0.take().unwrap();
    responder.run(|res| res.end(vec![b'x'; LARGE]).unwrap());
    let handle = own.server.handle();
    own.until("the answer", |_| handle.counters().bytes_sent > LARGE as u64);
    // Nothing is left to be done for it.
    own.turn();
    own.turn();
    for _ in 0..2 {
        client.send(GET);
        own.turn();
    }
    let reader = std::thread::spawn(move || client.rest());
    own.until("the client", |_| reader.is_finished());
    assert_eq!(reader.join().unwrap().matches('x').count(), LARGE);
    own.until("its end", |_| handle.counters().closed == 1);
    assert_eq!(handle.counters().dropped, 1, "told once");
}

#[test]
fn what_breaks_the_protocol_behind_an_answered_head_cuts_no_answer_off() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let server = server.start(|_: &Request<'_>, res: &mut Response<'_>| res.end(vec![b'x'; LARGE])).unwrap();
    let mut client = Raw::to(&server);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    wait_until("the answer", || server.handle().counters().bytes_sent > 0);
    client.send("no chunk\r\n");
    wait_until("the error", || server.handle().counters().protocol_errors == 1);
    client.send("what follows");
    assert_eq!(client.rest().matches('x').count(), LARGE);
    stop(server);
}

#[test]
fn who_has_everything_may_go_as_it_likes() {
    let server =
        Server::bind("127.0.0.1:0").unwrap().options(options(|o| o.policy.lifetime.max_requests = Some(1)));
    let server = server.start(|_: &Request<'_>, res: &mut Response<'_>| res.end("hello")).unwrap();
    let mut client = Raw::to(&server);
    client.send(GET).rest();
    socket2::SockRef::from(&client.0).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(client);
    wait_until("its end", || server.handle().counters().closed == 1);
    assert_eq!(server.handle().counters().io_errors, 0);
    stop(server);
}
