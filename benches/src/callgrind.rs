//! Instructions per message, by running `measure count` under `valgrind --tool=callgrind`.
//!
//! The figure of record: repeatable whatever else the machine does. What 2n messages take less what n take, so
//! that starting the program and setting up a connection cancel out.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Bench, Input};

/// Counts instructions per message over `messages` messages. `program` is `measure` itself.
pub fn per_message(program: &Path, bench: &Bench, input: &Input, messages: u64) -> io::Result<f64> {
    // A whole number of passes over the input, or the two runs would not end at the same message.
    let pass = input.messages.len() as u64;
    let messages = messages.div_ceil(pass) * pass;
    let once = total(program, bench, input, messages)?;
    let twice = total(program, bench, input, 2 * messages)?;
    Ok((twice as f64 - once as f64) / messages as f64)
}

fn total(program: &Path, bench: &Bench, input: &Input, messages: u64) -> io::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["count", &bench.name(), input.name, &messages.to_string()])
        .stdout(Stdio::null())
        .output()?;
    let report = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let why = report.lines().find(|line| line.contains("valgrind: ")).unwrap_or("no reason given");
        return Err(io::Error::other(format!("callgrind failed: {why}")));
    }
    collected(&report).ok_or_else(|| io::Error::other(format!("no count in: {report}")))
}

/// The total in the line `==123== Collected : 456`.
fn collected(report: &str) -> Option<u64> {
    report.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_from_the_report() {
        let report =
            "==7== Callgrind, a call-graph\n==7== \n==7== Events    : Ir\n==7== Collected : 1234\n==7== \n";
        assert_eq!(collected(report), Some(1234));
        assert_eq!(collected("==7== nothing\n"), None);
    }
}
