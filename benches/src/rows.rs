//! One row for each program under load: requests per second, processor time and system calls per request.
//!
//! Shared by the programs `servers` and `gateways`, which say who is measured; how load is made is in `load`.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::load::Load;
use crate::process::Process;
use crate::scenario::{ORDINARY, Scenario};
use crate::timing::median;

/// How many connections the load has.
pub const CONNECTIONS: usize = 64;
const WARM: Duration = Duration::from_millis(300);
/// Bytes, both ways, to count system calls over.
const COUNTED: usize = 4 << 20;

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Effort {
    /// What is asked.
    pub scenarios: Vec<Scenario>,
    /// How often each row has its turn.
    pub rounds: usize,
    /// How long a turn is.
    pub time: Duration,
    /// Whether system calls are counted.
    pub calls: bool,
}

impl Default for Effort {
    fn default() -> Self {
        Self { scenarios: Vec::new(), rounds: 3, time: Duration::from_secs(2), calls: true }
    }
}

impl Effort {
    /// Takes one option of a command line, with its value from `args`. `None` if it is none, or wrong.
    pub fn option<'a>(&mut self, name: &str, args: &mut impl Iterator<Item = &'a &'a str>) -> Option<()> {
        match name {
            "--quick" => (self.rounds, self.time) = (1, Duration::from_secs(1)),
            "--all" => self.scenarios = Scenario::all(),
            "--no-calls" => self.calls = false,
            "--rounds" => self.rounds = args.next()?.parse().ok()?,
            "--seconds" => self.time = Duration::try_from_secs_f64(args.next()?.parse().ok()?).ok()?,
            "--scenario" => {
                let name = args.next()?;
                self.scenarios.push(Scenario::all().into_iter().find(|scenario| scenario.name == *name)?);
            }
            _ => return None,
        }
        Some(())
    }

    /// The same with the ordinary scenarios, if none was chosen.
    #[must_use]
    pub fn or_ordinary(mut self) -> Self {
        if self.scenarios.is_empty() {
            self.scenarios = Scenario::all();
            self.scenarios.retain(|scenario| ORDINARY.contains(&scenario.name));
        }
        self
    }

    /// Puts every row under every load, round after round, and prints medians. The first row is what the others are
    /// compared with.
    pub fn measure(&self, rows: &mut [Row]) {
        for scenario in &self.scenarios {
            for _ in 0..self.rounds {
                for row in &mut *rows {
                    row.attempt(|row| row.measure(scenario, self.time));
                }
            }
            if self.calls {
                for row in &mut *rows {
                    row.attempt(|row| row.count_calls(scenario));
                }
            }
            print(scenario, rows);
        }
    }
}

/// One program, and what was measured of it.
#[derive(Debug)]
pub struct Row {
    name: &'static str,
    process: Process,
    address: SocketAddr,
    rates: Vec<f64>,
    costs: Vec<f64>,
    calls: String,
    failed: Option<io::Error>,
}

impl Row {
    /// A program that listens at `address`.
    pub fn new(name: &'static str, process: Process, address: SocketAddr) -> Self {
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
    println!("{:<16} {:>12} {:>10} {:>9}  calls per request", "program", "requests/s", "CPU us", "to first");
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
