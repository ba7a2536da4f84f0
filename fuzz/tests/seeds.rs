//! The harnesses as ordinary tests: over the seeds, and over random bytes that look like HTTP.

use std::path::Path;

use h1wire_fuzz::HARNESSES;
use proptest::prelude::*;

#[test]
fn every_harness_holds_over_its_seeds() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut ran = 0;
    for (name, harness) in HARNESSES {
        for folder in [seeds.join(name), seeds.join("shared")] {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries {
                harness(&std::fs::read(entry.unwrap().path()).unwrap());
                ran += 1;
            }
        }
    }
    assert!(ran > 100, "{ran} seeds");
}

/// Pieces a stream of HTTP is made of, whole and broken.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "POST /a?b HTTP/1.1\r\n",
        "HEAD * HTTP/1.0\r\n",
        "CONNECT h:1 HTTP/1.1\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.0 304 \r\n",
        "HTTP/1.1 101 x\r\n",
        "Host: h\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "Connection: upgrade\r\nUpgrade: a\r\n",
        "Connection: X, \"Host, Via\r\n",
        "Keep-Alive: timeout=5\r\nTE: trailers\r\n",
        "Max-Forwards: 3\r\nVia: 1.1 a\r\n",
        "OPTIONS http://u:p@h:1?q HTTP/1.1\r\n",
        "Expect: 100-continue\r\n",
        "X: y\r\n",
        " fold\r\n",
        "\r\n",
        "\n",
        "\r",
        "5\r\nhello\r\n",
        "0\r\n\r\n",
        "0\r\nT: v\r\n\r\n",
        "5;a=b\r\nhello\r\n",
        "hello",
        ":",
        " ",
        "\t",
        "\0",
        "\u{e9}",
    ]);
    prop_oneof![8 => known.prop_map(|s| s.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..9)]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let choices = prop::collection::vec(any::<u8>(), 0..24);
    (choices, prop::collection::vec(piece(), 0..14)).prop_map(|(mut all, pieces)| {
        all.extend(pieces.concat());
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_harness_holds_over_streams_that_look_like_http(bytes in stream()) {
        for (_, harness) in HARNESSES {
            harness(&bytes);
        }
    }

    #[test]
    fn every_harness_holds_over_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for (_, harness) in HARNESSES {
            harness(&bytes);
        }
    }
}
