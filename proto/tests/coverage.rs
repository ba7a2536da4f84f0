//! The page `docs/rfc-coverage.md`: every row is there, and every test, case and vector it names exists.
//!
//! The rows are listed once more in `coverage/rows.txt`, so that none gets lost from the page.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A row of the page: what it names as its evidence, and whether it says that it binds no machine.
struct Row {
    id: String,
    shown_by: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The rows of the page. None in a crate unpacked from the registry, which has no `docs/` beside it.
fn rows() -> Option<Vec<Row>> {
    let page = fs::read_to_string(root().join("docs/rfc-coverage.md")).ok()?;
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| 9")).map(row).collect();
    assert!(rows.len() > 250, "{}", rows.len());
    Some(rows)
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.split(" | ").collect();
    let (id, shown_by) = match cells[..] {
        [id, _, .., shown_by] if cells.len() >= 4 => (id, shown_by),
        _ => panic!("not a row: {line}"),
    };
    Row { id: id.trim_start_matches("| ").to_owned(), shown_by: shown_by.trim_end_matches(" |").to_owned() }
}

impl Row {
    fn binds_no_machine(&self) -> bool {
        self.shown_by.starts_with("not a machine's: ")
    }

    /// The test functions it names, as file and name.
    fn functions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.shown_by
            .split('`')
            .skip(1)
            .step_by(2)
            .filter_map(|code| code.split_once("::"))
            .filter(|(file, _)| file.ends_with(".rs"))
    }

    /// The cases of the corpus it names, as file and title.
    fn cases(&self) -> impl Iterator<Item = (&str, &str)> {
        self.shown_by.split("; ").filter_map(|part| part.strip_prefix("corpus/")?.split_once(": "))
    }

    fn names_vector(&self) -> bool {
        self.shown_by.split("; ").any(|part| part == "vector")
    }
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

#[test]
fn every_row_of_the_list_is_on_the_page_once() {
    let Some(rows) = rows() else { return };
    let list: BTreeSet<&str> = include_str!("coverage/rows.txt").lines().collect();
    let page: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(page, list);
    assert_eq!(rows.len(), page.len(), "a row stands twice");
}

#[test]
fn every_row_is_shown_by_something_or_says_why_it_binds_no_machine() {
    for row in rows().into_iter().flatten() {
        let shown = row.functions().count() + row.cases().count() + usize::from(row.names_vector());
        assert!(shown > 0 || row.binds_no_machine(), "{} is not shown by anything", row.id);
    }
}

#[test]
fn every_test_a_row_names_exists() {
    let mut missing = Vec::new();
    for row in rows().into_iter().flatten() {
        for (file, name) in row.functions() {
            let text = fs::read_to_string(source(file)).unwrap_or_default();
            if !has_test(&text, name) {
                missing.push(format!("{}: {file}::{name}", row.id));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_case_and_vector_a_row_names_exists_and_no_vector_is_forgotten() {
    let Some(rows) = rows() else { return };
    let folder = root().join("proto/tests");
    let vectors = fs::read_to_string(folder.join("vectors/rfc.jsonl")).unwrap();
    for row in &rows {
        for (file, title) in row.cases() {
            let text = fs::read_to_string(folder.join("corpus").join(file)).unwrap_or_default();
            assert!(text.contains(&format!("\n## {title} (RFC ")), "{}: corpus/{file}: {title}", row.id);
        }
        let exists = vectors.contains(&format!(r#""rfc/{}""#, row.id));
        assert_eq!(row.names_vector(), exists, "{}: its vector", row.id);
    }
}
