//! The page `docs/rfc-coverage.md`: every row is there, and every test, case and vector it names exists.
//!
//! The rows are listed once more in `coverage/rows.txt`, so that none gets lost from the page.

#[path = "coverage/evidence.rs"]
mod evidence;

use std::collections::BTreeSet;
use std::fs;

use evidence::{cases, functions, missing_cases, missing_functions, root};

/// A row of the page: what it names as its evidence, and whether it says that it binds no machine.
struct Row {
    id: String,
    shown_by: String,
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

    fn names_vector(&self) -> bool {
        self.shown_by.split("; ").any(|part| part == "vector")
    }
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
        let named = functions(&row.shown_by).count() + cases(&row.shown_by).count();
        let shown = named > 0 || row.names_vector();
        assert!(shown || row.binds_no_machine(), "{} is not shown by anything", row.id);
    }
}

#[test]
fn every_test_a_row_names_exists() {
    let rows = rows().into_iter().flatten();
    let missing: Vec<_> = rows
        .map(|row| (row.id, missing_functions(&row.shown_by)))
        .filter(|(_, names)| !names.is_empty())
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_case_and_vector_a_row_names_exists_and_no_vector_is_forgotten() {
    let Some(rows) = rows() else { return };
    let vectors = fs::read_to_string(root().join("proto/tests/vectors/rfc.jsonl")).unwrap();
    for row in &rows {
        assert_eq!(missing_cases(&row.shown_by), [""; 0], "{}", row.id);
        let exists = vectors.contains(&format!(r#""rfc/{}""#, row.id));
        assert_eq!(row.names_vector(), exists, "{}: its vector", row.id);
    }
}
