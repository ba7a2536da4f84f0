//! Answers every request with what it was, as JSON: `cargo run --example echo -- [--addr ADDRESS]`.
//!
//! `{"method":"POST","target":"/x","body_hex":"616263"}`. The content is written while it comes.

use h1wire_mio::proto::{Fields, SendError};
use h1wire_mio::{Handler, Options, Request, Response, Server};

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
        exchange.0 = exchange.0.and_then(|()| res.write(hex).map(drop));
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

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let addr = match &args[..] {
        [] => "127.0.0.1:8080",
        [flag, addr] if flag == "--addr" => addr,
        _ => return Err(std::io::Error::other("usage: echo [--addr ADDRESS]")),
    };
    let server = Server::bind(addr)?.options(Options::default());
    println!("http://{}/", server.local_addr()?);
    server.serve_with(|_| Echo)
}
