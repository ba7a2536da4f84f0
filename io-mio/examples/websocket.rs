//! A WebSocket that echoes: `cargo run --example websocket -- [ADDRESS]`.
//!
//! The handshake (RFC 6455 section 4) is answered here; the connection then leaves the event loop for a thread in
//! which `tungstenite` speaks the protocol.

use h1wire_mio::{Request, Response, Server, Upgraded};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let server = Server::bind(addr)?;
    println!("ws://{}/", server.local_addr()?);
    server.serve(answer)
}

/// Answers a handshake, and everything else with 426.
pub fn answer(req: &Request<'_>, res: &mut Response<'_>) -> Result<(), h1wire_mio::proto::SendError> {
    let offered = req.upgrade && req.fields.view().has_token("upgrade", "websocket");
    match req.fields.get("sec-websocket-key") {
        Some(key) if offered && req.fields.get("sec-websocket-version") == Some(b"13") => {
            let accept = derive_accept_key(key);
            res.switch_to(&[("Upgrade", "websocket"), ("Sec-WebSocket-Accept", &accept)], |upgraded| {
                std::thread::spawn(move || {
                    // The client went away, or spoke something else: there is nobody to tell.
                    let _ = echo(upgraded);
                });
            })
        }
        _ => {
            res.status(426).header("Upgrade", "websocket").header("Sec-WebSocket-Version", "13");
            res.end("a WebSocket handshake is expected here\n")
        }
    }
}

fn echo(upgraded: Upgraded) -> Result<(), Box<dyn std::error::Error>> {
    let (stream, leftover) = upgraded.into_tcp()?;
    let mut socket = WebSocket::from_partially_read(stream, leftover, Role::Server, None);
    loop {
        if let message @ (Message::Text(_) | Message::Binary(_)) = socket.read()? {
            socket.send(message)?;
        }
    }
}
