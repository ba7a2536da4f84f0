//! Every malformed response of the public suites, over a live socket: a clear error, no hang, no reuse.

use std::io::{Read, Write, stderr};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use h1wire_std::{Agent, Error, ErrorKind};
use serde_json::Value;

use crate::script::{PATIENCE, Peer};

/// The vectors that a client meets as the answer to its first request, and that are an error there.
fn vectors(folder: &str) -> Vec<(String, String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "jsonl")) {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let strict = &case["strict"];
            // Debatable ones are judged by the machine's own tests; here they must only not hang.
            if case["kind"] != "response" || strict["verdict"] == "accept" {
                continue;
            }
            let method = case["request_methods"][0].as_str().unwrap_or("GET").to_owned();
            let hex = case["input_hex"].as_str().unwrap().as_bytes();
            let digit = |b: u8| char::from(b).to_digit(16).unwrap() as u8;
            let bytes = hex.chunks(2).map(|two| digit(two[0]) << 4 | digit(two[1])).collect();
            all.push((case["id"].as_str().unwrap().to_owned(), method, bytes));
        }
    }
    all
}

#[test]
fn every_malformed_response_is_a_clear_error_without_a_hang_or_reuse() {
    let Ok(folder) = std::env::var("H1WIRE_VECTORS") else {
        let _ = writeln!(stderr(), "skipped: H1WIRE_VECTORS does not name the folder of the vectors");
        return;
    };
    let cases = Arc::new(vectors(&folder));
    assert!(cases.len() > 50, "{}", cases.len());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    for keep_open in [false, true] {
        let (served, server) = (cases.clone(), listener.try_clone().unwrap());
        let server = thread::spawn(move || {
            for (id, _, bytes) in &*served {
                let mut peer = Peer::accept(&server);
                peer.request();
                let _ = peer.socket.write_all(bytes);
                if keep_open {
                    assert!(
                        !peer.end().windows(4).any(|w| w == b"HTTP"),
                        "{id}: the connection was used again"
                    );
                }
            }
        });
        let agent = Agent::builder().keep_alive(true).build();
        let mut rejected = 0;
        for (id, method, _) in &*cases {
            let path = if method == "CONNECT" { "h:1" } else { "/" };
            // Limits that begin when there is a connection: one that is still being made would be counted below.
            let limit = if keep_open { Duration::from_millis(100) } else { PATIENCE };
            let request = agent.request(method, &*url).path(path).response_timeout(limit).read_timeout(limit);
            let error = match request.send() {
                Err(error) => Some(error),
                Ok(mut response) => response
                    .read_to_end(&mut Vec::new())
                    .err()
                    .map(|error| *error.into_inner().unwrap().downcast::<Error>().unwrap()),
            };
            if let Some(error) = error {
                rejected += 1;
                let clear = matches!(error.kind(), ErrorKind::Parse(_) | ErrorKind::HangUp(_))
                    || keep_open && error.is_timeout();
                assert!(clear, "{id}: {error:?}");
                assert!(!error.to_string().is_empty());
            }
            assert_eq!(agent.totals().busy, 0, "{id}");
            agent.destroy();
        }
        server.join().unwrap();
        assert!(rejected * 10 > cases.len() * 9, "{rejected} of {}", cases.len());
    }
}
