//! Connections that go over to another protocol.

use crate::rig::{Gateway, Origin, field, peer};

const OFFER: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn an_upgrade_passes_with_what_comes_right_after_it_on_both_sides() {
    let origin = Origin::new(|peer| {
        let head = peer.head().unwrap();
        assert_eq!(field(&head, "upgrade"), Some("websocket"));
        peer.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello",
        );
        while peer.more() {
            let echoed = std::mem::take(&mut peer.rest);
            peer.send(echoed.to_ascii_uppercase());
        }
    });
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let mut client = peer(&gateway);
    client.send(OFFER);
    let head = client.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(field(&head, "upgrade"), Some("websocket"));
    assert_eq!(client.exactly(5).unwrap(), b"hello");
    client.send("abc");
    assert_eq!(client.exactly(3).unwrap(), b"ABC");
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(!client.more(), "the end of one side reaches the other, and comes back");
}

#[test]
fn an_offer_that_the_origin_does_not_take_is_an_ordinary_request() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
    let Some(gateway) = Gateway::to(&[origin.addr], &[]) else { return };
    let mut client = peer(&gateway);
    for _ in 0..2 {
        client.send(OFFER);
        let head = client.head().unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert_eq!(client.content(&head).unwrap().0, b"no");
    }
    // As curl does it for cleartext HTTP/2.
    client.send(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
    );
    let head = client.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}
