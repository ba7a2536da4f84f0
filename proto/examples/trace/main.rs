//! Shows what the machine makes of a stream of bytes.
mod batch;
use std::io::{BufRead, Write};
fn main() {
    let split = std::env::args()
        .skip_while(|a| a != "--split")
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(usize::MAX);
    let stdin = std::io::stdin().lock();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in stdin.lines() {
        let line = line.unwrap();
        let v = serde_json::from_str(&line).unwrap();
        let Some(case) = batch::Case::from_json(&v) else { continue };
        writeln!(out, "{}", case.run(split).to_json(&case.id)).unwrap();
    }
}
