//! `download-many`: an agent under load. Gets one URL many times from many threads over few connections, and shows how
//! that went.
//!
//! ```text
//! download-many URL [REQUESTS [THREADS [CONNECTIONS]]]      (default 1000 32 8)
//! ```

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use h1wire_std::Agent;

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

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let url = args.next().ok_or("usage: download-many URL [REQUESTS [THREADS [CONNECTIONS]]]")?;
    let mut number = |usual: usize| args.next().map_or(Ok(usual), |text| text.parse());
    let (requests, threads, connections) = (number(1000)?, number(32)?, number(8)?);

    let agent = Agent::builder().keep_alive(true).max_connections(u32::try_from(connections)?).build();
    let counts = Counts::default();
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while counts.next.fetch_add(1, Ordering::Relaxed) < requests {
                    download(&agent, &url, &counts);
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
    println!("{took:>8.1?} in all, {:.0} requests a second", requests as f64 / took.as_secs_f64());
    println!("{:>8.1?} the median, {:.1?} for 99 of 100, {:.1?} the longest", at(50), at(99), at(100));
    Ok(())
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
