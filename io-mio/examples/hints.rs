//! Sends early hints before a page that takes its time: `cargo run -p h1wire-mio --example hints`.
//!
//! The client learns with 103 (RFC 8297) which style sheet it will need, while the page is still being made in another
//! thread.

mod cli;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use h1wire_mio::proto::{Headers, Method, SendError};
use h1wire_mio::{Request, Response};

const PAGE: &str = "<!DOCTYPE html>\n<link rel=stylesheet href=/style.css>\n<p>Here it is.\n";

fn main() -> ExitCode {
    cli::run("http", "Sends early hints before a page that takes its time.", |server| server.serve(answer))
}

fn answer(req: &Request<'_>, res: &mut Response<'_>) -> Result<(), SendError> {
    if !matches!(req.method, Method::Get | Method::Head) {
        return res.status(405).header("Allow", "GET, HEAD").end("");
    }
    match req.path() {
        b"/" => {}
        b"/style.css" => {
            return res.header("Content-Type", "text/css").end("body { font-family: sans-serif }\n");
        }
        _ => return res.status(404).header("Content-Type", "text/plain").end("not found\n"),
    }
    res.send_early_hints(&[("Link", "</style.css>; rel=preload; as=style")])?;
    let mut headers = Headers::new();
    headers.set("Content-Type", "text/html; charset=utf-8")?;
    let responder = res.responder();
    thread::spawn(move || {
        // What takes its time: a database, another server.
        thread::sleep(Duration::from_millis(200));
        responder.respond(200, headers, PAGE);
    });
    Ok(())
}
