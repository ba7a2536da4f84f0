//! What a cell of a page names as its evidence, test functions and cases of the corpus, and which of it does not exist.
//! What else a page says is not looked at here. The tests of `docs` use this file, too.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The test functions a cell names, as file and name.
pub fn functions(cell: &str) -> impl Iterator<Item = (&str, &str)> {
    let spans = cell.split('`').skip(1).step_by(2);
    spans.filter_map(|code| code.split_once("::")).filter(|(file, _)| file.ends_with(".rs"))
}

/// The cases of the corpus a cell names, as file and title.
pub fn cases(cell: &str) -> impl Iterator<Item = (&str, &str)> {
    cell.split("; ").filter_map(|part| part.strip_prefix("corpus/")?.split_once(": "))
}

/// The functions a cell names that are not there, or are no tests.
pub fn missing_functions(cell: &str) -> Vec<String> {
    let missing = functions(cell).filter(|(file, name)| !has_test(&read(&source(file)), name));
    missing.map(|(file, name)| format!("{file}::{name}")).collect()
}

/// The cases of the corpus a cell names that are not there.
pub fn missing_cases(cell: &str) -> Vec<String> {
    let corpus = root().join("proto/tests/corpus");
    let exists =
        |(file, title): &(&str, &str)| read(&corpus.join(file)).contains(&format!("\n## {title} (RFC "));
    let missing = cases(cell).filter(|case| !exists(case));
    missing.map(|(file, title)| format!("corpus/{file}: {title}")).collect()
}

/// The text of a file, empty if there is none.
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn source(file: &str) -> PathBuf {
    let crates = ["io-std/", "io-mio/"].iter().any(|folder| file.starts_with(folder));
    match file {
        _ if crates => root().join(file),
        _ if file.starts_with("src/") => root().join("proto").join(file),
        _ => root().join("proto/tests").join(file),
    }
}

/// Whether `text` has a test of this name.
fn has_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let Some(at) = lines.iter().position(|line| line.starts_with(&format!("fn {name}("))) else {
        return false;
    };
    let above = lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    above.into_iter().any(|line| *line == "#[test]")
}
