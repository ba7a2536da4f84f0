//! Wire vectors of many suites against the machine: whole, byte by byte, and split everywhere.
//!
//! The project's own two files always run. The files of other suites run from the folders that `H1WIRE_VECTORS` lists as
//! `PATH` does (`/a/vectors:/b/more`), and are reported as skipped where it is not set.

#[path = "../examples/trace/batch.rs"]
#[allow(dead_code)]
mod batch;

use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};

use batch::{Case, Outcome, wide};
use serde_json::Value;

/// Vectors whose expectation we do not share. Each is explained in `docs/deviations.md`.
const DEVIATIONS: &[&str] = &[
    "gunicorn/valid/rfc9112_target_absolute_userinfo_01",
    "http-parser/request/host-port-and-basic-auth",
    "llhttp/request/uri/host-port-and-basic-auth@L222",
    "rfc/9110-4.2.4-2",
    "smuggling/E07",
    "rfc/9110-7.8-7",
    "h11/conn/test_empty_request/101",
    "hyper/decode/chunk-size-err/1;no CRLF",
    "hyper/client/client_error_parse_status_out_of_range",
    "llhttp/request/invalid/invalid-http-version@L490",
    "llhttp/request/invalid/invalid-space-after-start-line@L509",
    "llhttp/response/invalid/invalid-space-after-start-line@L212",
];

fn own_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    vec![folder.join("rfc.jsonl"), folder.join("attacks.jsonl")]
}

fn other_files() -> Option<Vec<PathBuf>> {
    let folders = std::env::var_os("H1WIRE_VECTORS")?;
    let entries = std::env::split_paths(&folders).flat_map(|folder| {
        fs::read_dir(&folder).unwrap_or_else(|e| panic!("H1WIRE_VECTORS names {}: {e}", folder.display()))
    });
    let mut files: Vec<_> = entries.map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "jsonl"));
    files.sort();
    Some(files)
}

fn cases(file: &Path) -> Vec<(Case, Value)> {
    let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    text.lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).expect("a JSON object on every line");
            let case = Case::from_json(&value).expect("a case has an id, a kind and its bytes");
            (case, value["strict"].clone())
        })
        .collect()
}

/// Why `got` is not what `strict` expects, if it is not.
fn disagreement(got: &Outcome, strict: &Value) -> Option<String> {
    if got.verdict != strict["verdict"] {
        return Some(format!("verdict {} instead of {}", got.verdict, strict["verdict"]));
    }
    let mut ours: Vec<_> = got.messages.iter().collect();
    let mut theirs: Vec<_> = strict["messages"].as_array().map(|m| m.iter().collect()).unwrap_or_default();
    match got.verdict {
        // Complete messages before the error are delivered; how much of the last one is seen is not laid down.
        "reject" => {
            ours.retain(|m| m["complete"] == true);
            theirs.retain(|m| m["complete"] == true);
        }
        // A head that is not complete is never shown (RFC 9110 section 5.3).
        "incomplete" if theirs.len() == ours.len() + 1 => {
            let unfinished = theirs.pop()?;
            if unfinished["complete"] == true {
                return Some("a complete message is missing".to_owned());
            }
        }
        _ => {}
    }
    if ours.len() != theirs.len() {
        return Some(format!("{} messages instead of {}", ours.len(), theirs.len()));
    }
    for (our, their) in ours.iter().zip(&theirs) {
        for (key, wanted) in their.as_object()? {
            if let Some(got) = our.get(key).filter(|got| *got != wanted) {
                return Some(format!("{key} is {got} instead of {wanted}"));
            }
        }
    }
    None
}

fn check(files: &[PathBuf]) -> usize {
    let (mut count, mut failures) = (0, Vec::new());
    let (server, client) = wide();
    for (case, strict) in files.iter().flat_map(|f| cases(f)) {
        count += 1;
        let whole = case.run_with(usize::MAX, &server, &client);
        if let Some(why) = disagreement(&whole, &strict)
            && !DEVIATIONS.contains(&case.id.as_str())
        {
            failures.push(format!("{}: {why} ({})", case.id, case.input.escape_ascii()));
        }
        // A hard reject stays one whatever our opinion of the case.
        if strict["verdict"] == "reject" && strict["relaxed"] == "reject" {
            assert_eq!(whole.verdict, "reject", "{}", case.id);
        }
        for step in [1, 2, 3, 7, 64] {
            assert_eq!(case.run_with(step, &server, &client), whole, "{} in pieces of {step}", case.id);
        }
        let cuts = if case.input.len() <= 600 { 1 } else { case.input.len() / 100 };
        for cut in (1..case.input.len()).step_by(cuts) {
            assert_eq!(case.run_cut(&[cut], &server, &client), whole, "{} cut at {cut}", case.id);
        }
    }
    assert!(failures.is_empty(), "{} disagreements:\n{}", failures.len(), failures.join("\n"));
    count
}

#[test]
fn every_vector_of_our_own_gets_its_verdict_however_it_is_split() {
    assert!(check(&own_files()) > 290);
}

#[test]
fn every_vector_of_the_other_suites_gets_its_verdict_however_it_is_split() {
    match other_files() {
        Some(files) => assert!(check(&files) > 1000),
        None => {
            let _ = writeln!(
                stderr(),
                "skipped: set H1WIRE_VECTORS to the folders with the vectors of other suites"
            );
        }
    }
}

#[test]
fn every_deviation_is_explained() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deviations.md");
    // A crate unpacked from the registry has no `docs/` beside it.
    let Ok(page) = fs::read_to_string(page) else { return };
    for id in DEVIATIONS {
        assert!(page.contains(&format!("`{id}`")), "{id} is not explained in docs/deviations.md");
    }
}
