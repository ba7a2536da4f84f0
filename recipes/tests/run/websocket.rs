//! WebSocket after an upgrade.

use crate::{pair, talk};
use h1wire_recipes::websocket::serve_connection;
use std::io::{Read, Write};
use tungstenite::{Error, Message};

#[test]
fn a_client_library_gets_its_messages_back() {
    let (client, server) = pair();
    std::thread::scope(|scope| {
        let served = scope.spawn(|| serve_connection(server));
        let (mut socket, response) = tungstenite::client("ws://localhost/chat", client).unwrap();
        assert_eq!(response.status(), 101);
        for message in [Message::text("hello"), Message::binary(vec![7; 100_000])] {
            socket.send(message.clone()).unwrap();
            assert_eq!(socket.read().unwrap(), message);
        }
        socket.close(None).unwrap();
        assert!(matches!(socket.read(), Ok(Message::Close(_))));
        assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
        served.join().unwrap().unwrap();
    });
}

/// `Hi` in a masked frame, and unmasked in the answer (RFC 6455 section 5.2).
const SENT: &[u8] = b"\x81\x82\x01\x02\x03\x04\x49\x6b";
const RECEIVED: &[u8] = b"\x81\x02Hi";

#[test]
fn a_frame_right_behind_the_handshake_is_not_lost() {
    let (mut client, server) = pair();
    std::thread::scope(|scope| {
        let served = scope.spawn(|| serve_connection(server));
        let handshake = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        client.write_all(&[handshake, SENT].concat()).unwrap();
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nConnection: upgrade\r\n\r\n";
        let mut answer = vec![0; head.len() + RECEIVED.len()];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [head.as_bytes(), RECEIVED].concat());
        drop(client);
        assert!(served.join().unwrap().is_err(), "there was no farewell");
    });
}

#[test]
fn what_is_no_handshake_is_told_what_one_is_and_the_connection_goes_on() {
    let answer = talk(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n\
         GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        serve_connection,
    );
    let refused = |connection: &str| {
        format!(
            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n{connection}\r\n\
             Content-Length: 30\r\n\r\na WebSocket handshake, please\n"
        )
    };
    assert_eq!(answer, refused("Connection: upgrade") + &refused("Connection: close, upgrade"));
}
