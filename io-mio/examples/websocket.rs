//! A WebSocket that echoes: `cargo run -p h1wire-mio --example websocket`.
//!
//! The handshake (RFC 6455 section 4.2) is answered here; the connection then leaves the event loop for a thread in
//! which `tungstenite` speaks the protocol. Who serves pages of its own from elsewhere looks at `Origin`, too: here
//! everybody may speak, for nobody hears anything but itself.

mod cli;

use std::io;
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use h1wire_mio::proto::{Method, SendError};
use h1wire_mio::{Request, Response, Upgraded};
use tungstenite::error::CapacityError;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

/// How long a client may be silent before it is asked whether it is there, and then before it is given up.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a client may take to read what it is sent.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest message.
const LONGEST: usize = 1 << 20;

fn main() -> ExitCode {
    cli::run("ws", "Answers WebSocket handshakes, and echoes every message.", |server| server.serve(answer))
}

/// Answers a handshake, or says what is wrong with it.
pub fn answer(req: &Request<'_>, res: &mut Response<'_>) -> Result<(), SendError> {
    let key = match handshake(req) {
        Ok(key) => key,
        Err((status, text)) => {
            match status {
                405 => res.header("Allow", "GET"),
                // RFC 9110 section 15.5.22, RFC 6455 section 4.4.
                426 => res.header("Upgrade", "websocket").header("Sec-WebSocket-Version", "13"),
                _ => res,
            };
            return res.status(status).header("Content-Type", "text/plain").end(text);
        }
    };
    let accept = derive_accept_key(key);
    res.switch_to(&[("Upgrade", "websocket"), ("Sec-WebSocket-Accept", &accept)], |upgraded| {
        std::thread::spawn(move || {
            if let Err(error) = echo(upgraded) {
                eprintln!("websocket: {error}");
            }
        });
    })
}

/// The key of a handshake that is one (RFC 6455 section 4.2.1), or the status for what is none. That the request is
/// HTTP/1.1 and has one `Host` was seen to before.
fn handshake<'a>(req: &Request<'a>) -> Result<&'a [u8], (u16, &'static str)> {
    let single = |name| req.fields.get(name).filter(|_| req.fields.get_all(name).nth(1).is_none());
    if req.method != Method::Get {
        return Err((405, "a handshake is a GET\n"));
    }
    if !req.upgrade || !req.fields.view().has_token("upgrade", "websocket") {
        return Err((426, "a WebSocket handshake is expected here\n"));
    }
    if single("sec-websocket-version") != Some(b"13") {
        return Err((426, "the version is 13\n"));
    }
    if !req.body.is_empty() {
        return Err((400, "a handshake has no content\n"));
    }
    single("sec-websocket-key").filter(|key| is_key(key)).ok_or((400, "a key of 16 bytes is expected\n"))
}

/// Whether this is the base64 of 16 bytes.
fn is_key(key: &[u8]) -> bool {
    let is_digit = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    match key {
        // The last digit before the padding has 2 bits of the last byte, and 4 that are 0.
        [digits @ .., last, b'=', b'='] => {
            digits.len() == 21 && digits.iter().all(is_digit) && b"AQgw".contains(last)
        }
        _ => false,
    }
}

/// Echoes until the client closes, breaks the protocol, or is silent.
fn echo(upgraded: Upgraded) -> Result<(), Box<dyn std::error::Error>> {
    let (stream, leftover) = upgraded.into_tcp()?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let config = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
    let mut socket = WebSocket::from_partially_read(stream, leftover, Role::Server, Some(config));
    let mut asked = false;
    loop {
        let answered = match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message),
            Ok(_) => Ok(()),
            Err(Error::Io(e)) if is_silence(&e) && !asked => {
                asked = true;
                socket.send(Message::Ping(Default::default()))?;
                continue;
            }
            Err(error) => Err(error),
        };
        asked = false;
        match answered {
            Ok(()) => {}
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Ok(()),
            Err(error) => return fail(&mut socket, error).map_err(Into::into),
        }
    }
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Says why the connection ends (RFC 6455 sections 7.1.7 and 7.4.1), and answers with the error for the log.
fn fail(socket: &mut WebSocket<TcpStream>, error: Error) -> Result<(), Error> {
    let code = match &error {
        Error::Protocol(_) => CloseCode::Protocol,
        Error::Utf8(_) => CloseCode::Invalid,
        Error::Capacity(CapacityError::MessageTooLong { .. }) => CloseCode::Size,
        Error::Io(e) if is_silence(e) => CloseCode::Away,
        _ => return Err(error),
    };
    // It may not be there to hear it.
    let _ = socket.close(Some(CloseFrame { code, reason: error.to_string().into() }));
    let _ = socket.flush();
    Err(error)
}
