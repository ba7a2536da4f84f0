//! Measurements of the h1wire workspace beside its peers.
//!
//! `kinds` says what is measured and which engines take part, `peers` holds one file for each engine, `inputs` the
//! bytes, `messages` where the messages lie in them. `timing`, `counting` and `callgrind` are the three ways to
//! look at a bench; the program `measure` and the criterion groups are thin faces over them.
//!
//! `servers` holds one file for each server, `scenario` what is asked of them, `load` asks it, `process` watches
//! them; the programs `servers` and `idle` are their faces. `clients` holds one file for each blocking client, with a
//! program of the same name, and `gateways` one for each proxy between a load and an origin. `rows` is what the programs
//! have in common.
//!
//! ```text
//! cargo run --profile bench -p h1wire-benches --bin measure -- time
//! cargo run --profile bench -p h1wire-benches --bin measure -- instructions
//! cargo run --profile bench -p h1wire-benches --bin servers
//! cargo run --profile bench -p h1wire-benches --bin idle
//! cargo run --profile bench -p h1wire-benches --bin clients
//! cargo build --profile bench -p h1wire-mio --example gateway && cargo run --profile bench -p h1wire-benches --bin gateways
//! ```
//!
//! The profile `bench` is `release` with everything optimised as one, for the peers as for us. What the code chosen
//! at run time loses shows beside a build with `RUSTFLAGS='-C target-cpu=x86-64-v3'`.
//!
//! Nothing here is part of the library, and nothing here may be needed to build it.

pub mod callgrind;
pub mod clients;
pub mod counting;
pub mod gateways;
pub mod inputs;
pub mod kinds;
pub mod load;
pub mod messages;
mod peers;
pub mod process;
pub mod rows;
pub mod scenario;
pub mod servers;
pub mod timing;
#[cfg(feature = "tls")]
pub mod tls;

pub use kinds::{Bench, Kind, Run};
pub use messages::Input;

use std::io;
use std::process::ExitCode;

/// The `main` of a program of this crate: it is what it was started to be as a child, or parses its arguments and runs.
pub fn run(
    usage: &str,
    child: impl FnOnce(&[&str]) -> Option<ExitCode>,
    run: impl FnOnce(&[&str]) -> Option<io::Result<()>>,
) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if let Some(done) = child(&args) {
        return done;
    }
    match run(&args) {
        Some(Ok(())) => return ExitCode::SUCCESS,
        Some(Err(error)) => eprintln!("{error}"),
        None => eprintln!("{usage}"),
    }
    ExitCode::FAILURE
}
