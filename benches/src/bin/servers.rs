//! Runs the servers beside each other: requests per second, processor time and system calls per request.
//!
//! A server has core 0, the load core 1. All servers run all the time; the load goes from one to the next, round
//! after round, and medians are printed.

use std::collections::BTreeMap;
use std::env;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use h1wire_benches::load::Load;
use h1wire_benches::process::{MEASURED, OTHER, Process, free_address, pin};
use h1wire_benches::scenario::{ORDINARY, Scenario};
use h1wire_benches::servers::{SERVERS, Server, serve_if_asked};
use h1wire_benches::timing::median;

const USAGE: &str = "\
usage: servers [--quick] [--all] [--scenario NAME]... [--only SERVER]... [--rounds N] [--seconds N] [--no-calls]
  --quick      one round of one second for each server
  --all        every scenario, not only the ordinary ones
  --no-calls   do not count system calls (which needs strace)";

const CONNECTIONS: usize = 64;
const WARM: Duration = Duration::from_millis(300);
/// Bytes, both ways, to count system calls over.
const COUNTED: usize = 4 << 20;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if let Some(served) = serve_if_asked(&args) {
        return served;
    }
    let Some(options) = Options::parse(&args) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    match options.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    scenarios: Vec<Scenario>,
    servers: Vec<Server>,
    rounds: usize,
    time: Duration,
    calls: bool,
}

/// One server, and what was measured of it.
struct Row {
    name: &'static str,
    process: Process,
    address: SocketAddr,
    rates: Vec<f64>,
    costs: Vec<f64>,
    calls: String,
    failed: Option<io::Error>,
}

impl Options {
    fn parse(args: &[&str]) -> Option<Self> {
        let mut options = Self {
            scenarios: Vec::new(),
            servers: Vec::new(),
            rounds: 3,
            time: Duration::from_secs(2),
            calls: true,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--quick" => (options.rounds, options.time) = (1, Duration::from_secs(1)),
                "--all" => options.scenarios = Scenario::all(),
                "--no-calls" => options.calls = false,
                "--rounds" => options.rounds = args.next()?.parse().ok()?,
                "--seconds" => options.time = Duration::try_from_secs_f64(args.next()?.parse().ok()?).ok()?,
                "--scenario" => {
                    let name = args.next()?;
                    options
                        .scenarios
                        .push(Scenario::all().into_iter().find(|scenario| scenario.name == *name)?);
                }
                "--only" => {
                    let name = args.next()?;
                    options.servers.push(*SERVERS.iter().find(|server| server.name == *name)?);
                }
                _ => return None,
            }
        }
        if options.scenarios.is_empty() {
            options.scenarios = Scenario::all();
            options.scenarios.retain(|scenario| ORDINARY.contains(&scenario.name));
        }
        if options.servers.is_empty() {
            options.servers = SERVERS.to_vec();
        }
        Some(options)
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
        for scenario in &self.scenarios {
            for _ in 0..self.rounds {
                for row in &mut rows {
                    row.attempt(|row| row.measure(scenario, self.time));
                }
            }
            if self.calls {
                for row in &mut rows {
                    row.attempt(|row| row.count_calls(scenario));
                }
            }
            print(scenario, &mut rows);
        }
        Ok(())
    }
}

impl Row {
    fn new(name: &'static str, process: Process, address: SocketAddr) -> Self {
        let (rates, costs) = (Vec::new(), Vec::new());
        Self { name, process, address, rates, costs, calls: String::new(), failed: None }
    }

    /// Measures, unless that failed before in this scenario: not every server can do everything.
    fn attempt(&mut self, measure: impl FnOnce(&mut Self) -> io::Result<()>) {
        if self.failed.is_none() {
            self.failed = measure(self).err();
        }
    }

    fn measure(&mut self, scenario: &Scenario, time: Duration) -> io::Result<()> {
        let mut load = Load::new(self.address, scenario, CONNECTIONS)?;
        load.run_for(WARM)?;
        let before = self.process.cpu()?;
        let count = load.run_for(time)?;
        let spent = self.process.cpu()?.since(before);
        self.rates.push(count.requests as f64 / count.elapsed.as_secs_f64());
        self.costs.push(spent.as_secs_f64() * 1e6 / count.requests as f64);
        Ok(())
    }

    fn count_calls(&mut self, scenario: &Scenario) -> io::Result<()> {
        let mut load = Load::new(self.address, scenario, CONNECTIONS)?;
        load.run_requests(1)?;
        load.drain()?;
        let requests =
            (COUNTED / (scenario.request.len() + load.answer_length())).max(2 * CONNECTIONS) as u64;
        let counted = || Ok(load.run_requests(requests)?.requests + load.drain()?.requests);
        match self.process.system_calls(counted) {
            Ok((calls, requests)) => self.calls = per_request(&calls, requests),
            // The measurements stand without the tracer.
            Err(error) => self.calls = format!("not counted: {error}"),
        }
        Ok(())
    }
}

/// Calls per request, the most frequent first, without those below one in a hundred.
fn per_request(calls: &BTreeMap<String, u64>, requests: u64) -> String {
    let mut calls: Vec<_> =
        calls.iter().map(|(name, &count)| (count as f64 / requests as f64, name)).collect();
    calls.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut text = Vec::new();
    for (each, name) in calls {
        if each >= 0.01 {
            text.push(format!("{name} {each:.2}"));
        }
    }
    text.join(", ")
}

/// Prints a scenario and forgets its figures.
fn print(scenario: &Scenario, rows: &mut [Row]) {
    let (name, depth) = (scenario.name, scenario.depth);
    let bytes = scenario.request.len();
    println!("\n{name}: {CONNECTIONS} connections, depth {depth}, requests of {bytes} bytes");
    println!("{:<16} {:>12} {:>10} {:>9}  calls per request", "server", "requests/s", "CPU us", "to first");
    let mut first: Option<Vec<f64>> = None;
    for row in rows {
        // Round by round, for what disturbs the machine disturbs neighbours in the round alike.
        if first.is_none() && row.failed.is_none() {
            first = Some(row.costs.clone());
        }
        let mut ratios: Vec<_> =
            row.costs.iter().zip(first.iter().flatten()).map(|(cost, first)| cost / first).collect();
        match (median(&mut row.rates), median(&mut row.costs), row.failed.take()) {
            (Some(rate), Some(cost), None) => {
                let ratio = median(&mut ratios).unwrap_or(f64::NAN);
                println!("{:<16} {rate:>12.0} {cost:>10.2} {ratio:>9.2}  {}", row.name, row.calls);
            }
            (.., failed) => {
                let why = failed.map_or_else(|| "not measured".to_owned(), |error| error.to_string());
                println!("{:<16} {why}", row.name);
            }
        }
        row.rates.clear();
        row.costs.clear();
        row.calls.clear();
    }
}
