//! Serves the files of a folder: `cargo run --release --example serve -- PATH [--addr ADDRESS] [--workers N]`.
//!
//! It answers `GET` and `HEAD`, with types, validators (`ETag`, `Last-Modified`), conditional and range requests, and
//! an index of folders. Nothing outside the folder is reached, neither by `..` in any disguise nor by a symbolic
//! link, also if links are made while it runs; links to what is inside lead there. Files are opened in the event loop, which is right for disks that answer at once.

mod beneath;
mod conditional;
mod files;
mod listing;
mod path;
mod range;

use std::process::ExitCode;

use h1wire_mio::{Options, Server};

use files::Files;

const USAGE: &str = "usage: serve PATH [--addr ADDRESS] [--workers N]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let (mut root, mut addr, mut workers) = (None, "127.0.0.1:8080".to_owned(), 1);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--addr" => addr = args.next().ok_or(USAGE)?,
            "--workers" => workers = args.next().ok_or(USAGE)?.parse()?,
            path if root.is_none() && !path.starts_with("--") => root = Some(path.to_owned()),
            _ => return Err(USAGE.into()),
        }
    }
    let files = Files::new(root.ok_or(USAGE)?)?;
    let mut options = Options::default();
    options.server = Some("h1wire".into());
    let server = Server::bind(&addr)?.workers(workers).options(options);
    println!("http://{}/", server.local_addr()?);
    server.serve_with(move |_| files.clone())?;
    Ok(())
}
