//! Runs the blocking clients beside each other against one server: requests per second, and processor time for
//! each request.
//!
//! The client has core 0, the server core 1. The server is nginx where it is installed, and otherwise the canned
//! one. Each client runs in a process of its own, one after the other, round after round; medians are printed.

use std::env;
use std::io;
use std::net::SocketAddr;
use std::process::{Command, ExitCode};

use h1wire_benches::clients::{CLIENTS, Client, FETCH, fetch_if_asked};
use h1wire_benches::process::{MEASURED, OTHER, Process, free_address, pin};
use h1wire_benches::run;
use h1wire_benches::servers::{SERVERS, serve_if_asked};
use h1wire_benches::timing::median;

const USAGE: &str = "usage: clients [--quick] [--rounds N] [--requests N] [--server NAME] [--only CLIENT]...";

fn main() -> ExitCode {
    run(
        USAGE,
        |args| serve_if_asked(args).or_else(|| fetch_if_asked(args)),
        |args| Some(Options::parse(args)?.run()),
    )
}

struct Options {
    rounds: usize,
    requests: u64,
    /// The servers to try, the first that is installed is taken.
    servers: Vec<String>,
    clients: Vec<Client>,
}

impl Options {
    fn parse(args: &[&str]) -> Option<Self> {
        let servers = vec!["nginx".to_owned(), "canned".to_owned()];
        let mut options = Self { rounds: 5, requests: 40_000, servers, clients: Vec::new() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--quick" => (options.rounds, options.requests) = (1, 10_000),
                "--rounds" => options.rounds = args.next()?.parse().ok()?,
                "--requests" => options.requests = args.next()?.parse().ok()?,
                "--server" => options.servers = vec![(*args.next()?).to_owned()],
                "--only" => {
                    let name = args.next()?;
                    options.clients.push(*CLIENTS.iter().find(|client| client.name == *name)?);
                }
                _ => return None,
            }
        }
        if options.clients.is_empty() {
            options.clients = CLIENTS.to_vec();
        }
        Some(options)
    }

    fn run(&self) -> io::Result<()> {
        let address = free_address()?;
        let (name, _server) = self.server(address)?;
        let mut figures = vec![(Vec::new(), Vec::new()); self.clients.len()];
        for _ in 0..self.rounds {
            for (client, (rates, costs)) in self.clients.iter().zip(&mut figures) {
                let (cpu, elapsed) = self.measure(client, address)?;
                rates.push(self.requests as f64 * 1e9 / elapsed);
                costs.push(cpu / 1e3 / self.requests as f64);
            }
        }
        println!("one connection to {name}, {} requests", self.requests);
        println!("{:<16} {:>12} {:>10} {:>9}", "client", "requests/s", "CPU us", "to first");
        let mut first = None;
        for (client, (mut rates, mut costs)) in self.clients.iter().zip(figures) {
            let (Some(rate), Some(cost)) = (median(&mut rates), median(&mut costs)) else { continue };
            let ratio = cost / *first.get_or_insert(cost);
            println!("{:<16} {rate:>12.0} {cost:>10.2} {ratio:>9.2}", client.name);
        }
        Ok(())
    }

    /// The first of the wanted servers that is there.
    fn server(&self, address: SocketAddr) -> io::Result<(&'static str, Process)> {
        for name in &self.servers {
            let Some(server) = SERVERS.iter().find(|server| server.name == name) else { continue };
            if let Some(command) = server.command(address)? {
                return Ok((server.name, Process::listening(command, address, OTHER)?));
            }
        }
        Err(io::Error::other(format!("none of these servers: {}", self.servers.join(", "))))
    }

    /// Nanoseconds of processor time and of the clock.
    fn measure(&self, client: &Client, address: SocketAddr) -> io::Result<(f64, f64)> {
        pin(MEASURED)?;
        let output = Command::new(env::current_exe()?)
            .args([FETCH, client.name, &address.to_string(), &self.requests.to_string()])
            .output()?;
        let failed = || {
            let why = String::from_utf8_lossy(&output.stderr);
            io::Error::other(format!("{}: {}", client.name, why.trim()))
        };
        let text = str::from_utf8(&output.stdout).map_err(|_| failed())?;
        let (cpu, elapsed) = text.trim().split_once(' ').ok_or_else(failed)?;
        cpu.parse().ok().zip(elapsed.parse().ok()).ok_or_else(failed)
    }
}
