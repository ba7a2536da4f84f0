//! What all criterion groups share: every engine of a kind on every input, by the same runs as `measure`.

use std::time::Instant;

use criterion::{Criterion, Throughput};
use h1wire_benches::{Input, Kind};

/// Runs the groups of one kind, with criterion's usual command line.
pub fn main(kind: Kind) {
    let mut criterion = Criterion::default().configure_from_args();
    for name in kind.inputs() {
        let Some(input) = Input::named(name) else { continue };
        let mut group = criterion.benchmark_group(format!("{}/{name}", kind.name()));
        group.throughput(Throughput::Bytes((input.bytes.len() / input.messages.len()) as u64));
        for bench in kind.benches() {
            let mut run = (bench.start)(input);
            group.bench_function(bench.engine, |bencher| {
                bencher.iter_custom(|messages| {
                    let started = Instant::now();
                    run(messages);
                    started.elapsed()
                });
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
