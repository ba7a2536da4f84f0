//! The PROXY protocol: a proxy in front tells whose connection it is.

use h1wire_std::Server;

use crate::peer::{GET, Peer, server, wait_until, with};

const ALICE: &str = "PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\n";
const BOB: &str = "PROXY TCP6 2001:db8::1 2001:db8::2 1234 80\r\n";

fn announced() -> Server {
    server().proxy_protocol()
}

#[test]
fn a_client_has_the_address_that_the_proxy_tells_however_its_word_is_split() {
    let server = announced()
        .start(|req, res| {
            assert_eq!(req.peer_addr(), res.peer_addr());
            res.end(format!("{:?} {:?}", req.peer_addr(), req.local_addr()))
        })
        .unwrap();
    let mut alice = Peer::to(&server);
    let told = "Some(192.0.2.7:1234) Some(192.0.2.8:80)";
    assert_eq!(alice.send(ALICE.to_owned() + GET).response().1, told);
    assert_eq!(alice.send(GET).response().1, told);
    let mut bob = Peer::to(&server);
    for piece in (BOB.to_owned() + GET).as_bytes().chunks(7) {
        bob.send(piece);
    }
    assert_eq!(bob.response().1, "Some([2001:db8::1]:1234) Some([2001:db8::2]:80)");
    // The proxy looks whether all is well: the connection is its own.
    let own = Peer::to(&server).send("PROXY UNKNOWN\r\n".to_owned() + GET).response().1;
    assert!(own.starts_with("Some(127.0.0.1:"), "{own}");
}

#[test]
fn who_comes_without_such_a_word_is_closed_without_one() {
    let server = announced().start(|_, res| res.end("never")).unwrap();
    Peer::to(&server).send(GET).assert_closed();
    Peer::to(&server).send("PROXY TCP4 here there\r\n").assert_closed();
    Peer::to(&server).send(&ALICE[..20]).end().assert_closed();
    assert_eq!(server.handle().counters().requests, 0);
}

#[test]
fn connections_are_counted_for_the_client_and_not_for_the_proxy() {
    let server = announced()
        .options(with(|o| o.max_connections_per_peer = Some(1)))
        .start(|_, res| res.end("x"))
        .unwrap();
    let mut alice = Peer::to(&server);
    alice.send(ALICE.to_owned() + GET).response();
    Peer::to(&server).send(ALICE.to_owned() + GET).assert_closed();
    let mut bob = Peer::to(&server);
    bob.send(BOB.to_owned() + GET).response();
    drop(alice);
    wait_until("she has gone", || server.handle().connections() == 1);
    Peer::to(&server).send(ALICE.to_owned() + GET).response();
}
