//! Answers every request with what it was, as JSON: `cargo run -p h1wire-mio --example echo`.
//!
//! `{"method":"POST","target":"/x","body_hex":"616263"}`. The content is written while it comes. A client that sends and
//! does not read is not read either, so that what waits for it stays little.

mod cli;

use std::process::ExitCode;

use h1wire_mio::proto::{Fields, SendError};
use h1wire_mio::{Handler, Request, Response};

struct Echo;

/// Whether something could not be sent.
struct Exchange(Result<(), SendError>);

impl Handler for Echo {
    type Exchange = Exchange;

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        let (method, target) = (json(req.method.as_bytes()), json(req.target));
        let begin = format!("{{\"method\":{method},\"target\":{target},\"body_hex\":\"");
        Some(Exchange(res.header("Content-Type", "application/json").write(begin).map(drop)))
    }

    fn data(&mut self, exchange: &mut Exchange, data: &[u8], res: &mut Response<'_>) {
        let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
        match res.write(hex) {
            Ok(true) => {}
            Ok(false) => res.pause(),
            Err(error) => exchange.0 = exchange.0.and(Err(error)),
        }
    }

    fn drain(&mut self, _: &mut Exchange, res: &mut Response<'_>) {
        res.resume();
    }

    fn end(&mut self, exchange: &mut Exchange, _: Fields<'_, '_>, res: &mut Response<'_>) {
        if exchange.0.and_then(|()| res.end("\"}\n")).is_err() {
            res.abort();
        }
    }
}

/// A JSON string. Bytes outside ASCII are taken for Latin-1, so that each can be told apart.
fn json(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text += &format!("\\u{byte:04x}"),
        }
    }
    text + "\""
}

fn main() -> ExitCode {
    cli::run("http", "Answers every request with what it was, as JSON.", |server| server.serve_with(|_| Echo))
}
