//! The vectors of public suites that a client meets as the answer to its first request, and that are an error there.

use std::io::{Write, stderr};

use serde_json::Value;

/// Name, method and bytes of each, from the folders that `H1WIRE_VECTORS` lists as a path does. `None`, and a word about it,
/// where it is not set.
pub fn malformed() -> Option<Vec<(String, String, Vec<u8>)>> {
    let Some(folders) = std::env::var_os("H1WIRE_VECTORS") else {
        let _ = writeln!(stderr(), "skipped: H1WIRE_VECTORS does not name the folders of the vectors");
        return None;
    };
    let mut all = Vec::new();
    for folder in std::env::split_paths(&folders) {
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "jsonl")) {
            for line in std::fs::read_to_string(file).unwrap().lines() {
                all.extend(malformed_response(&serde_json::from_str(line).unwrap()));
            }
        }
    }
    Some(all)
}

/// Debatable ones are judged by the machine's own tests; here they must only not hang.
fn malformed_response(case: &Value) -> Option<(String, String, Vec<u8>)> {
    if case["kind"] != "response" || case["strict"]["verdict"] == "accept" {
        return None;
    }
    let method = case["request_methods"][0].as_str().unwrap_or("GET").to_owned();
    let hex = case["input_hex"].as_str().unwrap().as_bytes();
    let digit = |b: u8| char::from(b).to_digit(16).unwrap() as u8;
    let bytes = hex.chunks(2).map(|two| digit(two[0]) << 4 | digit(two[1])).collect();
    Some((case["id"].as_str().unwrap().to_owned(), method, bytes))
}
