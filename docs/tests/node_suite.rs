//! `docs/node-suite.md`: every name of Node 12's suite is there once, in its group, and every test and case it names
//! exists. The names are listed once more in `node_suite/names.txt`, so that none gets lost from the page.

#[path = "../../proto/tests/coverage/evidence.rs"]
mod evidence;

use std::fs;

use evidence::{cases, functions, missing_cases, missing_functions, root};

/// The cells of the rows: the name, the behaviour, and what shows it.
fn rows(page: &str) -> Vec<[&str; 3]> {
    let rows = page.lines().filter(|line| line.starts_with("| http"));
    let cells = |line| {
        let line: &str = line;
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        cells.try_into().unwrap_or_else(|_| panic!("not a row: {line}"))
    };
    rows.map(cells).collect()
}

fn page() -> String {
    fs::read_to_string(root().join("docs/node-suite.md")).unwrap()
}

fn does_not_apply(shown_by: &str) -> bool {
    shown_by.strip_prefix("does not apply: ").is_some_and(|reason| !reason.is_empty())
}

#[test]
fn every_name_of_the_suite_is_on_the_page_once_in_its_group() {
    let page = page();
    let groups_and_names = page.lines().filter_map(|line| match line.strip_prefix("## ") {
        Some(group) => Some(format!("# {group}")),
        None => rows(line).first().map(|[name, ..]| (*name).to_owned()),
    });
    let list: Vec<&str> = include_str!("node_suite/names.txt").lines().collect();
    let groups_and_names: Vec<_> = groups_and_names.collect();
    let differs = groups_and_names.iter().zip(&list).find(|(there, listed)| there != listed);
    assert_eq!((differs, groups_and_names.len()), (None, list.len()));
}

#[test]
fn every_name_is_shown_by_something_or_says_why_it_does_not_apply() {
    for [name, behaviour, shown_by] in rows(&page()) {
        let shown = functions(shown_by).count() + cases(shown_by).count() > 0;
        assert_ne!(shown, does_not_apply(shown_by), "{name}");
        assert_eq!(shown, !behaviour.is_empty(), "{name}");
    }
}

#[test]
fn every_test_and_case_a_name_is_shown_by_exists() {
    let mut missing = Vec::new();
    for [name, _, shown_by] in rows(&page()) {
        let gone = [missing_functions(shown_by), missing_cases(shown_by)].concat();
        missing.extend(gone.iter().map(|evidence| format!("{name}: {evidence}")));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_page_counts_its_rows() {
    let page = page();
    let rows = rows(&page);
    let none = rows.iter().filter(|[.., shown_by]| does_not_apply(shown_by)).count();
    let counted = format!("{} names, {none} of which\ndo not apply", rows.len());
    assert!(page.contains(&counted), "it is {counted}");
}
