//! `download-many`: an agent under load. Gets one URL many times from many threads over few connections, and shows how
//! that went. `download-many --help` has the options.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use h1wire_std::Agent;
use lexopt::prelude::*;

/// What the threads count together.
#[derive(Default)]
struct Counts {
    /// The next request.
    next: AtomicUsize,
    bytes: AtomicUsize,
    reused: AtomicUsize,
    /// How often each status or error came.
    outcomes: Mutex<BTreeMap<String, usize>>,
    times: Mutex<Vec<Duration>>,
}

const HELP: &str = "\
Gets one URL many times from many threads over few connections, and shows how that went.

Usage: download-many [OPTIONS] URL

Options:
  -n, --requests N     how many times (default 1000)
  -t, --threads N      how many threads (default 32)
  -c, --connections N  how many connections at most (default 8)
  -h, --help           this text
";

/// What the command line says.
struct Config {
    url: String,
    requests: usize,
    threads: usize,
    connections: u32,
}

fn main() -> ExitCode {
    match parse() {
        Ok(Some(config)) => {
            run(&config);
            ExitCode::SUCCESS
        }
        Ok(None) => {
            // Whoever asked may have read enough.
            let _ = io::stdout().write_all(HELP.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("download-many: {error}\nTry 'download-many --help'.");
            ExitCode::from(2)
        }
    }
}

/// None if only help is asked for.
fn parse() -> Result<Option<Config>, lexopt::Error> {
    let (mut url, mut requests, mut threads, mut connections) = (None, 1000, 32, 8);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Short('n') | Long("requests") => requests = args.value()?.parse()?,
            Short('t') | Long("threads") => threads = args.value()?.parse()?,
            Short('c') | Long("connections") => connections = args.value()?.parse()?,
            Short('h') | Long("help") => return Ok(None),
            Value(text) if url.is_none() => url = Some(text.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let url = url.ok_or("which URL?")?;
    Ok(Some(Config { url, requests, threads, connections }))
}

fn run(config: &Config) {
    let Config { url, requests, threads, connections } = config;
    let agent = Agent::builder().keep_alive(true).max_connections(*connections).build();
    let counts = Counts::default();
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..*threads {
            scope.spawn(|| {
                while counts.next.fetch_add(1, Ordering::Relaxed) < *requests {
                    download(&agent, url, &counts);
                }
            });
        }
    });
    let took = began.elapsed();

    let totals = agent.totals();
    let mut times = counts.times.into_inner().unwrap_or_else(PoisonError::into_inner);
    times.sort_unstable();
    let at = |part: usize| times.get(times.len().saturating_sub(1) * part / 100).copied().unwrap_or_default();
    for (outcome, count) in counts.outcomes.into_inner().unwrap_or_else(PoisonError::into_inner) {
        println!("{count:>8} x {outcome}");
    }
    println!("{:>8} bytes", counts.bytes.into_inner());
    println!(
        "{:>8} on a connection used before, {} connections now idle",
        counts.reused.into_inner(),
        totals.idle
    );
    println!("{took:>8.1?} in all, {:.0} requests a second", *requests as f64 / took.as_secs_f64());
    println!("{:>8.1?} the median, {:.1?} for 99 of 100, {:.1?} the longest", at(50), at(99), at(100));
}

fn download(agent: &Agent, url: &str, counts: &Counts) {
    let began = Instant::now();
    let outcome = agent.get(url).send().map_err(|error| error.to_string()).and_then(|mut response| {
        counts.reused.fetch_add(usize::from(response.is_reused()), Ordering::Relaxed);
        let read = io::copy(&mut response, &mut io::sink()).map_err(|error| error.to_string())?;
        counts.bytes.fetch_add(read as usize, Ordering::Relaxed);
        Ok(format!("{} {}", response.status(), response.reason()))
    });
    counts.times.lock().unwrap_or_else(PoisonError::into_inner).push(began.elapsed());
    let outcome = outcome.unwrap_or_else(|error| error);
    *counts.outcomes.lock().unwrap_or_else(PoisonError::into_inner).entry(outcome).or_default() += 1;
}
