//! Runs the proxies beside each other: requests per second, processor time and system calls per request.
//!
//! A proxy has core 0; the load and the origin, which writes constants, have core 1. All run all the time; the load goes
//! from one proxy to the next, round after round, and medians are printed.

use std::io;
use std::process::ExitCode;

use h1wire_benches::gateways::{GATEWAYS, Gateway, relay_if_asked};
use h1wire_benches::process::{MEASURED, OTHER, Process, free_address, pin};
use h1wire_benches::rows::{Effort, Row};
use h1wire_benches::run;
use h1wire_benches::servers::{SERVERS, serve_if_asked};

const USAGE: &str = "\
usage: gateways [--quick] [--all] [--scenario NAME]... [--only PROXY]... [--rounds N] [--seconds N] [--no-calls]
  --quick      one round of one second for each proxy
  --all        every scenario, not only the ordinary ones
  --no-calls   do not count system calls (which needs strace)";

fn main() -> ExitCode {
    let child = |args: &[&str]| serve_if_asked(args).or_else(|| relay_if_asked(args));
    run(USAGE, child, |args| Some(Options::parse(args)?.run()))
}

struct Options {
    gateways: Vec<Gateway>,
    effort: Effort,
}

impl Options {
    fn parse(args: &[&str]) -> Option<Self> {
        let mut gateways = Vec::new();
        let mut effort = Effort::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--only" => {
                    let name = args.next()?;
                    gateways.push(*GATEWAYS.iter().find(|gateway| gateway.name == *name)?);
                }
                other => effort.option(other, &mut args)?,
            }
        }
        if gateways.is_empty() {
            gateways = GATEWAYS.to_vec();
        }
        Some(Self { gateways, effort: effort.or_ordinary() })
    }

    fn run(&self) -> io::Result<()> {
        pin(OTHER)?;
        let canned = SERVERS.first().ok_or(io::ErrorKind::NotFound)?;
        let origin = free_address()?;
        let command = canned.command(origin)?.ok_or(io::ErrorKind::NotFound)?;
        let _origin = Process::listening(command, origin, OTHER)?;
        pin(OTHER)?;
        let mut rows = Vec::new();
        for gateway in &self.gateways {
            let address = free_address()?;
            let Some(command) = gateway.command(address, origin)? else {
                eprintln!("{}: not installed or not built, left out", gateway.name);
                continue;
            };
            rows.push(Row::new(gateway.name, Process::listening(command, address, MEASURED)?, address));
        }
        self.effort.measure(&mut rows);
        Ok(())
    }
}
