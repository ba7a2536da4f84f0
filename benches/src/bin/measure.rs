//! Measures h1wire and its peers on the shared inputs: time, instructions, allocations.

use std::env;
use std::process::ExitCode;

use h1wire_benches::{Bench, Input, Kind, callgrind, counting, timing};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

const USAGE: &str = "\
usage:
  measure time [--input NAME] [--bench TEXT] [--rounds N]    CSV: bench,input,ns_median,ratio_to_httparse
  measure instructions [--input NAME] [--bench TEXT]         CSV: bench,input,instructions (needs valgrind)
  measure allocations [--input NAME] [--bench TEXT]          CSV: bench,input,allocations,bytes
  measure alloc BENCH INPUT                                  allocations per message
  measure count BENCH INPUT N                                runs exactly N messages
  measure list                                               the benches and their inputs
--bench keeps the benches whose name contains TEXT, such as `recv` or `h1wire`.";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["time", options @ ..] => Selection::parse(options).map(|selection| time(&selection)),
        ["instructions", options @ ..] => {
            Selection::parse(options).and_then(|selection| instructions(&selection))
        }
        ["allocations", options @ ..] => Selection::parse(options).map(|selection| allocations(&selection)),
        ["alloc", bench, input] => named(bench, input).map(|(bench, input)| {
            println!("{}", counting::per_message(&bench, input, messages(input)).allocations);
        }),
        ["count", bench, input, n] => count(bench, input, n),
        ["list"] => {
            list();
            Ok(())
        }
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn time(selection: &Selection) {
    println!("bench,input,ns_median,ratio_to_httparse");
    for (kind, input, benches) in selection.groups() {
        for timed in timing::group(&benches, kind.reference(), input, selection.rounds) {
            let ratio = timed.ratio.map_or_else(String::new, |ratio| format!("{ratio:.3}"));
            println!("{},{},{:.1},{ratio}", timed.bench.name(), input.name, timed.nanoseconds);
        }
    }
}

fn instructions(selection: &Selection) -> Result<(), String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    println!("bench,input,instructions");
    for (_, input, benches) in selection.groups() {
        for bench in benches {
            // One engine may use instructions that valgrind does not know; the others still count.
            match callgrind::per_message(&program, &bench, input, messages(input)) {
                Ok(each) => println!("{},{},{each:.0}", bench.name(), input.name),
                Err(why) => eprintln!("{} on {}: {why}", bench.name(), input.name),
            }
        }
    }
    Ok(())
}

fn allocations(selection: &Selection) {
    println!("bench,input,allocations,bytes");
    for (_, input, benches) in selection.groups() {
        for bench in benches {
            let each = counting::per_message(&bench, input, messages(input));
            println!("{},{},{:.2},{:.0}", bench.name(), input.name, each.allocations, each.bytes);
        }
    }
}

fn count(bench: &str, input: &str, n: &str) -> Result<(), String> {
    let (bench, input) = named(bench, input)?;
    let n = n.parse().map_err(|_| format!("not a number: {n}"))?;
    (bench.start)(input)(n);
    Ok(())
}

fn list() {
    for kind in Kind::ALL {
        for bench in kind.benches() {
            println!("{}: {}", bench.name(), kind.inputs().join(" "));
        }
    }
}

/// How many messages make a count: enough for the small, few for a mebibyte.
fn messages(input: &Input) -> u64 {
    (1 << 20) / (input.bytes.len() / input.messages.len()).max(1 << 10) as u64 + 1
}

fn named(bench: &str, input: &str) -> Result<(Bench, &'static Input), String> {
    let found = Bench::named(bench).ok_or_else(|| format!("no bench {bench}; see `measure list`"))?;
    let input = Input::named(input).ok_or_else(|| format!("no input {input}; see `measure list`"))?;
    if !found.kind.inputs().contains(&input.name) {
        return Err(format!("{bench} does not take {}; see `measure list`", input.name));
    }
    Ok((found, input))
}

/// Which benches to look at.
struct Selection {
    input: Option<String>,
    bench: String,
    rounds: usize,
}

impl Selection {
    fn parse(options: &[&str]) -> Result<Self, String> {
        let mut selection = Self { input: None, bench: String::new(), rounds: 41 };
        for option in options.chunks(2) {
            match option {
                ["--input", name] => selection.input = Some((*name).to_owned()),
                ["--bench", text] => selection.bench = (*text).to_owned(),
                ["--rounds", n] => {
                    selection.rounds = n.parse().map_err(|_| format!("not a number: {n}"))?;
                }
                _ => return Err(USAGE.into()),
            }
        }
        Ok(selection)
    }

    /// The benches to compare with each other, one group for each kind and input.
    fn groups(&self) -> impl Iterator<Item = (Kind, &'static Input, Vec<Bench>)> {
        Kind::ALL.into_iter().flat_map(|kind| kind.inputs().iter().map(move |name| (kind, *name))).filter_map(
            |(kind, name)| {
                let benches: Vec<_> =
                    kind.benches().filter(|bench| bench.name().contains(&self.bench)).collect();
                let wanted = self.input.as_deref().is_none_or(|input| input == name) && !benches.is_empty();
                wanted.then(|| Some((kind, Input::named(name)?, benches)))?
            },
        )
    }
}
