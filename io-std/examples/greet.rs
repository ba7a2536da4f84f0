//! A blocking server in ten lines: `cargo run -p h1wire-std --example greet`, then `curl http://127.0.0.1:8080/you`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run("Greets whom the path names.", |server| {
        server.serve(|req, res| {
            let name = req.head().path().strip_prefix(b"/").unwrap_or_default();
            res.header("Content-Type", "text/plain").end(format!("hello {}\n", name.escape_ascii()))
        })
    })
}
