//! What a user who runs the loop, or brings streams, may do that a server of its own never does.

mod common;
#[path = "common/own_loop.rs"]
mod own_loop;

use std::net::SocketAddr;

use common::{Raw, options};
use h1wire_mio::{Handler, Request, Response};
use mio::net::TcpListener;
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

fn listen(own: &mut OwnLoop<Hello>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap();
    own.server.listen(listener).unwrap();
    addr
}

#[test]
fn an_event_of_a_connection_that_is_gone_does_not_end_the_one_that_has_its_place() {
    for several in [1, 3] {
        let mut own = OwnLoop::new(options(|o| o.timeouts.keep_alive = 60_000), Hello);
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
