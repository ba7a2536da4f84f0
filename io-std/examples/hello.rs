//! A blocking server in ten lines. `cargo run --example hello`, then `curl -v http://127.0.0.1:8080/you`.

use std::io;

use h1wire_std::Server;

fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    Server::bind(addr)?.serve(|req, res| {
        let greeting = format!("hello {}\n", req.target().escape_ascii());
        res.header("content-type", "text/plain").end(greeting)
    })
}
