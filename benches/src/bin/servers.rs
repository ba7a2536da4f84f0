//! Runs the servers beside each other: requests per second, processor time and system calls per request.
//!
//! A server has core 0, the load core 1. All servers run all the time; the load goes from one to the next, round
//! after round, and medians are printed.

use std::io;
use std::process::ExitCode;

use h1wire_benches::process::{MEASURED, OTHER, Process, free_address, pin};
use h1wire_benches::rows::{Effort, Row};
use h1wire_benches::run;
use h1wire_benches::servers::{SERVERS, Server, serve_if_asked};

const USAGE: &str = "\
usage: servers [--quick] [--all] [--scenario NAME]... [--only SERVER]... [--rounds N] [--seconds N] [--no-calls]
  --quick      one round of one second for each server
  --all        every scenario, not only the ordinary ones
  --no-calls   do not count system calls (which needs strace)";

fn main() -> ExitCode {
    run(USAGE, serve_if_asked, |args| Some(Options::parse(args)?.run()))
}

struct Options {
    servers: Vec<Server>,
    effort: Effort,
}

impl Options {
    fn parse(args: &[&str]) -> Option<Self> {
        let mut servers = Vec::new();
        let mut effort = Effort::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--only" => {
                    let name = args.next()?;
                    servers.push(*SERVERS.iter().find(|server| server.name == *name)?);
                }
                other => effort.option(other, &mut args)?,
            }
        }
        if servers.is_empty() {
            servers = SERVERS.to_vec();
        }
        Some(Self { servers, effort: effort.or_ordinary() })
    }

    fn run(&self) -> io::Result<()> {
        pin(OTHER)?;
        let mut rows = Vec::new();
        for server in &self.servers {
            let address = free_address()?;
            let Some(command) = server.command(address)? else {
                eprintln!("{}: not installed, left out", server.name);
                continue;
            };
            rows.push(Row::new(server.name, Process::listening(command, address, MEASURED)?, address));
        }
        self.effort.measure(&mut rows);
        Ok(())
    }
}
