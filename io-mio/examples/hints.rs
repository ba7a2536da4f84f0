//! Sends early hints before a page that takes its time: `cargo run --example hints -- [ADDRESS]`.
//!
//! The client learns with 103 (RFC 8297) which style sheet it will need, while the page is still being made in another
//! thread.

use std::time::Duration;

use h1wire_mio::Server;
use h1wire_mio::proto::Headers;

fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let server = Server::bind(addr)?;
    println!("http://{}/", server.local_addr()?);
    server.serve(|req, res| {
        if req.target == b"/style.css" {
            return res.header("Content-Type", "text/css").end("body { font-family: sans-serif }\n");
        }
        res.early_hints(&[("Link", "</style.css>; rel=preload; as=style")])?;
        let responder = res.responder();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            let mut headers = Headers::new();
            if headers.set("Content-Type", "text/html").is_ok() {
                let page = "<!DOCTYPE html>\n<link rel=stylesheet href=/style.css>\n<p>Here it is.\n";
                responder.respond(200, headers, page);
            }
        });
        Ok(())
    })
}
