//! Answers every request with a line of text: `cargo run -p h1wire-mio --example hello`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run("http", "Answers every request with a line of text.", |server| {
        server.serve(|_, res| res.header("Content-Type", "text/plain").end("hello\n"))
    })
}
