//! Time per message: benches of a group take turns, and medians are taken over the turns.
//!
//! The clock is the processor time of the thread, so that what else the machine does costs no turn. It still
//! disturbs caches and clock rates, so a ratio is the median of the ratios within one round.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::{Bench, Input, Run};

/// How long one turn of one bench should take.
const TURN: Duration = Duration::from_millis(2);

/// What one bench took.
#[derive(Clone, Debug)]
pub struct Timed {
    /// The bench.
    pub bench: Bench,
    /// Nanoseconds per message, the median over the rounds.
    pub nanoseconds: f64,
    /// The median of the ratios to the reference, where there is one.
    pub ratio: Option<f64>,
}

/// Times `benches` on `input`, in turns, beside `reference`.
pub fn group(
    benches: &[Bench],
    reference: Option<Bench>,
    input: &'static Input,
    rounds: usize,
) -> Vec<Timed> {
    let mut reference = reference.map(|bench| Entry::new(bench, input));
    let mut entries: Vec<Entry> = benches.iter().map(|&bench| Entry::new(bench, input)).collect();
    for _ in 0..rounds {
        let against = reference.as_mut().map(Entry::turn);
        for entry in &mut entries {
            let took = entry.turn();
            entry.ratios.extend(against.map(|against| took / against));
        }
    }
    let timed = |mut entry: Entry| Timed {
        bench: entry.bench,
        nanoseconds: median(&mut entry.times).unwrap_or(f64::NAN),
        ratio: median(&mut entry.ratios),
    };
    entries.into_iter().map(timed).collect()
}

struct Entry {
    bench: Bench,
    run: Run,
    messages: u64,
    times: Vec<f64>,
    ratios: Vec<f64>,
}

impl Entry {
    /// Prepares a run and finds how many messages fill a turn.
    fn new(bench: Bench, input: &'static Input) -> Self {
        let mut run = (bench.start)(input);
        let mut messages = 1;
        loop {
            let started = now();
            run(messages);
            let took = now() - started;
            if took >= TURN / 2 {
                let wanted = messages as f64 * TURN.as_secs_f64() / took.as_secs_f64();
                return Self {
                    bench,
                    run,
                    messages: wanted.max(1.0) as u64,
                    times: Vec::new(),
                    ratios: Vec::new(),
                };
            }
            messages *= 2;
        }
    }

    /// Nanoseconds per message in one turn.
    fn turn(&mut self) -> f64 {
        let started = now();
        (self.run)(self.messages);
        let took = (now() - started).as_secs_f64() * 1e9 / self.messages as f64;
        self.times.push(took);
        took
    }
}

/// Processor time of this thread.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The middle value, or nothing of nothing.
pub fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        even if even % 2 == 0 => Some((values[middle - 1] + values[middle]) / 2.0),
        _ => Some(values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_middle_two() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }
}
