//! # WebSocket: an upgrade, and somebody else's protocol
//!
//! The handshake (RFC 6455 section 4) is an ordinary request that offers a switch. The machine writes the 101, refuses it
//! where none was offered, and stops in front of the first byte that is not HTTP. From there on `tungstenite` has the
//! socket, and what was read of it too far: a client may send frames right after its request.

use crate::Result;
use crate::own_io::{self, Answer, date};
use h1wire_proto::{Method, RequestHead, ServerEvent, Status, Timeouts};
use std::net::TcpStream;
use std::time::Duration;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;
use tungstenite::{Error, Message, WebSocket};

/// A client that says nothing for so long is taken to be gone.
const SILENCE: Duration = Duration::from_secs(120);

/// Serves one connection: answers what it is asked until there is a handshake, then sends every message back.
pub fn serve_connection(stream: TcpStream) -> Result {
    let switched = own_io::serve_connection(stream, &Timeouts::SERVER, |event, answer| match event {
        ServerEvent::Request(head) => handshake(&head, answer),
        _ => Ok(()),
    })?;
    match switched {
        Some((stream, first)) => {
            stream.set_read_timeout(Some(SILENCE))?;
            echo(WebSocket::from_partially_read(stream, first, Role::Server, None))
        }
        None => Ok(()),
    }
}

/// Accepts a handshake, and answers everything else with what would have been one.
fn handshake(head: &RequestHead<'_, '_>, answer: &mut Answer<'_>) -> Result {
    let fields = head.fields;
    // A switch takes a complete request, so one with content cannot be answered with 101 yet.
    let offered = head.method == Method::Get
        && head.body.is_empty()
        && head.upgrade
        && fields.view().has_token("upgrade", "websocket")
        && fields.get("sec-websocket-version") == Some(b"13");
    match fields.get("sec-websocket-key").filter(|_| offered) {
        Some(key) => {
            let accept = derive_accept_key(key);
            let fields = [("Upgrade", "websocket"), ("Sec-WebSocket-Accept", &accept)];
            answer.conn.switch(&fields, answer.out)?;
        }
        None => {
            let fields = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")];
            let date = date();
            let status = Status::new(426).date(&date);
            answer.conn.respond_with(status, &fields, b"a WebSocket handshake, please\n", answer.out)?;
        }
    }
    Ok(())
}

fn echo(mut socket: WebSocket<TcpStream>) -> Result {
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message)?,
            // Pings and the client's farewell are answered by the library.
            Ok(_) => {}
            Err(Error::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
