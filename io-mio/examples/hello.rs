//! Answers every request with a line of text: `cargo run --example hello -- [ADDRESS]`.

use h1wire_mio::Server;

fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let server = Server::bind(addr)?;
    println!("http://{}/", server.local_addr()?);
    server.serve(|_, res| res.header("content-type", "text/plain").end("hello\n"))
}
