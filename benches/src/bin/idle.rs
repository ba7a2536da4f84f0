//! Holds many idle connections to each server and prints the user memory that each of them costs.
//!
//! Every connection has been served one request, as an idle connection of a real server has; with `--fresh` none
//! has been. With `--tls`, and the feature of that name, each has a session; the holder's own are in its process.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use h1wire_benches::inputs;
use h1wire_benches::process::{MEASURED, OTHER, Process, free_address, pin, raise_file_limit};
use h1wire_benches::run;
use h1wire_benches::servers::{SECURE, SERVERS, Server, serve_if_asked};

const USAGE: &str = "usage: idle [--connections N] [--fresh] [--tls] [--only SERVER]...";
/// Files that are open besides connections.
const OTHER_FILES: u64 = 64;

fn main() -> ExitCode {
    run(USAGE, serve_if_asked, |args| Some(Options::parse(args)?.run()))
}

struct Options {
    connections: u64,
    fresh: bool,
    tls: bool,
    servers: Vec<Server>,
}

impl Options {
    fn parse(args: &[&str]) -> Option<Self> {
        let mut options = Self { connections: 10_000, fresh: false, tls: false, servers: Vec::new() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--connections" => options.connections = args.next()?.parse().ok()?,
                "--fresh" => options.fresh = true,
                "--tls" if !SECURE.is_empty() => options.tls = true,
                "--only" => {
                    let name = args.next()?;
                    options.servers.push(*SERVERS.iter().find(|server| server.name == *name)?);
                }
                _ => return None,
            }
        }
        if options.servers.is_empty() {
            options.servers = if options.tls { SECURE } else { SERVERS }.to_vec();
        }
        Some(options)
    }

    fn run(&self) -> io::Result<()> {
        pin(OTHER)?;
        let files = raise_file_limit()?;
        let connections = self.connections.min(files.saturating_sub(OTHER_FILES));
        if connections < self.connections {
            eprintln!("only {files} files may be open");
        }
        let state = if self.fresh { "fresh" } else { "idle" };
        println!("user memory for each of {connections} {state} connections");
        println!("{:<16} {:>14} {:>14}", "server", "resident bytes", "mapped bytes");
        for server in &self.servers {
            match self.measure(server, connections) {
                Ok(Some((resident, data))) => println!("{:<16} {resident:>14.0} {data:>14.0}", server.name),
                Ok(None) => println!("{:<16} not installed", server.name),
                Err(error) => println!("{:<16} {error}", server.name),
            }
        }
        Ok(())
    }

    /// What each connection adds to the server's resident and mapped memory.
    fn measure(&self, server: &Server, connections: u64) -> io::Result<Option<(f64, f64)>> {
        let address = free_address()?;
        let Some(command) = server.command(address)? else { return Ok(None) };
        let process = Process::listening(command, address, MEASURED)?;
        let open = |fresh: bool| {
            let mut connection = open(address, self.tls)?;
            if !fresh {
                exchange(&mut connection)?;
            }
            io::Result::Ok(connection)
        };
        // What the first connection brings into being is not the price of a connection.
        let first = open(false)?;
        let before = process.memory()?;
        let mut held = Vec::new();
        for _ in 0..connections {
            held.push(open(self.fresh)?);
        }
        // The last one was accepted after all others; once it is served, they are there.
        exchange(held.last_mut().ok_or(io::ErrorKind::InvalidInput)?)?;
        let after = process.memory()?;
        drop((first, held));
        let each = |before: u64, after: u64| (after as f64 - before as f64) / connections as f64;
        Ok(Some((each(before.resident, after.resident), each(before.data, after.data))))
    }
}

/// A connection, with or without TLS.
trait Duplex: Read + Write {}
impl<T: Read + Write> Duplex for T {}

fn open(address: SocketAddr, tls: bool) -> io::Result<Box<dyn Duplex>> {
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    #[cfg(feature = "tls")]
    if tls {
        return Ok(Box::new(h1wire_benches::tls::connect(socket)?));
    }
    let _ = tls;
    Ok(Box::new(socket))
}

/// One request and its answer, which fits into one segment.
fn exchange(socket: &mut impl Duplex) -> io::Result<()> {
    socket.write_all(inputs::A)?;
    let mut buffer = [0; 4096];
    let mut read = 0;
    while !buffer[..read].ends_with(inputs::RESP_BODY) {
        match socket.read(&mut buffer[read..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => read += more,
        }
    }
    Ok(())
}
