//! The servers that are measured beside each other, one file each.
//!
//! All answer alike: 13 bytes with `Server`, `Date`, `Content-Type` and `Content-Length`; 64 KiB under `/64k` and
//! 1 MiB under `/1m`; the same from a file under `/file`, where the server sends files; an upload is read to its end and answered with 13 bytes. Each runs on one thread as far as
//! it can. To add one, write its function and one line in [`SERVERS`].

mod canned;
mod canned_blocking;
mod h1wire_mio;
mod h1wire_std;
mod nginx;

#[cfg(feature = "peers")]
mod actix_web;
#[cfg(feature = "peers")]
mod hyper;
#[cfg(feature = "peers")]
mod may;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::LazyLock;
use std::{fs, io};

use crate::inputs;

/// One server.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// The name on the command line and in the results.
    pub name: &'static str,
    /// How it is run.
    pub start: Start,
}

/// How a server is run.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// By this program, in a process of its own: listens at the address and does not return.
    Inside(fn(SocketAddr) -> io::Result<()>),
    /// By another program: the command that listens at the address, or nothing where it is not installed.
    Outside(fn(SocketAddr) -> io::Result<Option<Command>>),
}

/// All servers. The first is what the others are compared with.
pub const SERVERS: &[Server] = &[
    inside("canned", canned::serve),
    inside("h1wire-mio", h1wire_mio::serve),
    #[cfg(feature = "peers")]
    inside("may", may::serve),
    #[cfg(feature = "peers")]
    inside("hyper", hyper::serve),
    #[cfg(feature = "peers")]
    inside("actix-web", actix_web::serve),
    Server { name: "nginx", start: Start::Outside(nginx::command) },
    inside("canned-blocking", canned_blocking::serve),
    inside("h1wire-std", h1wire_std::serve),
];

/// The same over TLS, where that is compiled.
pub const SECURE: &[Server] = &[
    #[cfg(feature = "tls")]
    inside("h1wire-mio-tls", h1wire_mio::serve_tls),
];

const fn inside(name: &'static str, serve: fn(SocketAddr) -> io::Result<()>) -> Server {
    Server { name, start: Start::Inside(serve) }
}

/// The first argument that makes a program of this crate be a server.
const SERVE: &str = "serve";

impl Server {
    /// The command that runs this server at `address`, or nothing where it is not installed. A server that is run
    /// by this program needs the program to call [`serve_if_asked`] first.
    pub fn command(&self, address: SocketAddr) -> io::Result<Option<Command>> {
        match self.start {
            Start::Outside(command) => command(address),
            Start::Inside(_) => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args([SERVE, self.name, &address.to_string()]);
                Ok(Some(command))
            }
        }
    }
}

/// Is the server this process was started to be, if it was.
pub fn serve_if_asked(args: &[&str]) -> Option<ExitCode> {
    let [SERVE, name, address] = args else { return None };
    let served =
        SERVERS.iter().chain(SECURE).find(|server| server.name == *name).zip(address.parse().ok()).map(
            |(server, address)| match server.start {
                Start::Inside(serve) => serve(address),
                Start::Outside(_) => Err(io::Error::other("not run by this program")),
            },
        );
    let why = match served {
        Some(Ok(())) => return Some(ExitCode::SUCCESS),
        Some(Err(error)) => error.to_string(),
        None => "no such server or address".to_owned(),
    };
    eprintln!("{name} at {address}: {why}");
    Some(ExitCode::FAILURE)
}

/// The content under every other target.
const SMALL: &str = match str::from_utf8(inputs::RESP_BODY) {
    Ok(content) => content,
    Err(_) => "",
};
/// The content under `/64k`.
static MEDIUM: LazyLock<String> = LazyLock::new(|| "m".repeat(64 << 10));
/// The content under `/1m`.
static LARGE: LazyLock<String> = LazyLock::new(|| "l".repeat(1 << 20));

/// The content under a target.
fn content(target: &[u8]) -> &'static str {
    match target {
        b"/64k" => &MEDIUM,
        b"/1m" | b"/file" => &LARGE,
        _ => SMALL,
    }
}

/// The folder in which `file` is, with the content under `/file`.
fn folder() -> io::Result<PathBuf> {
    // One for all runs, so that they leave little behind; and whoever comes second does not pull it from under the first.
    let folder = std::env::temp_dir().join("h1wire-benches-files");
    let file = folder.join("file");
    if !fs::metadata(&file).is_ok_and(|meta| meta.len() == LARGE.len() as u64) {
        fs::create_dir_all(&folder)?;
        fs::write(file, LARGE.as_bytes())?;
    }
    Ok(folder)
}

/// `Server` field of the answers of servers that have none of their own.
const SERVER: &str = "bench";
const CONTENT_TYPE: &str = "text/plain";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Load;
    use crate::process::free_address;
    use crate::scenario::Scenario;
    use std::thread;

    /// What a server is known not to do.
    const CANNOT: &[(&str, &str)] = &[
        // More than 16 fields, chunked uploads, `Connection: close`.
        ("may", "browser"),
        ("may", "upload-chunked"),
        ("may", "connect"),
    ];

    #[test]
    fn every_server_of_ours_stands_every_load() {
        for server in SERVERS {
            let Start::Inside(serve) = server.start else { continue };
            let address = free_address().unwrap();
            let name = server.name;
            thread::spawn(move || serve(address).unwrap());
            // It listens when it can be connected to; nothing else tells.
            while std::net::TcpStream::connect(address).is_err() {
                thread::yield_now();
            }
            for scenario in Scenario::all() {
                if CANNOT.contains(&(name, scenario.name)) {
                    continue;
                }
                let mut load = Load::new(address, &scenario, 4)
                    .unwrap_or_else(|error| panic!("{name}, {}: {error}", scenario.name));
                for _ in 0..2 {
                    let run = load.run_requests(40).and_then(|run| Ok(run.requests + load.drain()?.requests));
                    let requests = run.unwrap_or_else(|error| panic!("{name}, {}: {error}", scenario.name));
                    let under_way = 4 * scenario.depth as u64;
                    assert!((40..40 + 2 * under_way).contains(&requests), "{name}, {}", scenario.name);
                }
            }
        }
    }
}
