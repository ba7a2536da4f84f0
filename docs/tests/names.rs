//! What the pages name exists: tests, files, and items of the three crates.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files with this extension below a folder of the workspace.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![root().join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let built = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(['t', '.']))
                && path.join("CACHEDIR.TAG").exists();
            if path.is_dir() && !built {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found
}

fn text(files: &[PathBuf]) -> String {
    files.iter().map(|f| fs::read_to_string(f).unwrap()).collect::<Vec<_>>().join("\n")
}

/// Each page of words with its code spans. Pages that a test writes, or that have a test of their own, are left out.
fn spans() -> Vec<(String, String)> {
    let own = ["rfc-coverage.md", "node-suite.md", "states.md", "errors.md", "acceptance.md", "recipes.md"];
    let mut pages = files("docs", "md");
    pages.retain(|p| !own.iter().any(|name| p.ends_with(name)));
    pages.extend(
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(|name| root().join(name)),
    );
    let mut found = Vec::new();
    for page in pages {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        let mut fenced = false;
        let words = fs::read_to_string(&page).unwrap();
        // Tables that lead here from somewhere else have that in their first column.
        let from_elsewhere = name.starts_with("from-");
        let words: Vec<&str> = words
            .lines()
            .filter(|line| {
                let fence = line.trim_start().starts_with("```");
                fenced ^= fence;
                !fenced && !fence
            })
            .map(|line| match line.strip_prefix("| ").and_then(|row| row.split_once(" | ")) {
                Some((_, ours)) if from_elsewhere => ours,
                _ => line,
            })
            .collect();
        for span in words.join("\n").split('`').skip(1).step_by(2) {
            found.push((name.clone(), span.to_owned()));
        }
    }
    assert!(found.len() > 300, "{} code spans", found.len());
    found
}

/// Identifiers of a text, each once.
fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect()
}

fn none(missing: Vec<String>) {
    assert!(missing.is_empty(), "named, but not there:\n{}", missing.join("\n"));
}

#[test]
fn every_test_a_page_names_exists() {
    let sources = text(&files("", "rs"));
    let is_sentence = |span: &str| {
        span.matches('_').count() >= 4
            && span.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let mut spans = spans();
    spans.retain(|(_, span)| is_sentence(span));
    assert!(spans.len() > 20, "{} tests are named", spans.len());
    spans.retain(|(_, span)| !sources.contains(&format!("fn {span}(")));
    none(spans.into_iter().map(|(page, span)| format!("{page}: {span}")).collect());
}

#[test]
fn every_capability_in_the_readme_has_its_test() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let table = readme.split("| | shown by |").nth(1).expect("a table of capabilities");
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with("| ")).collect();
    assert!(rows.len() > 15, "{} rows", rows.len());
    for row in rows {
        let shown_by = row.split(" | ").nth(1).unwrap();
        assert!(shown_by.starts_with('`') || shown_by.starts_with("no"), "{row}");
    }
}

#[test]
fn every_file_a_page_names_exists() {
    let folders = ["proto/", "io-mio/", "io-std/", "serve/", "fuzz/", "benches/", "recipes/", "docs/"];
    let mut missing = Vec::new();
    for (page, span) in spans() {
        let path = span.split("::").next().unwrap();
        let is_path = folders.iter().any(|f| path.starts_with(f)) && !path.contains([' ', '<', '*']);
        let made_by_fuzzing = path.starts_with("fuzz/artifacts") || path.starts_with("fuzz/corpus");
        if is_path && !made_by_fuzzing && !root().join(path).exists() {
            missing.push(format!("{page}: {span}"));
        }
    }
    none(missing);
}

/// `Type::member` and plain `Type`, with or without the name of a crate of ours before them. The source of a crate is
/// asked for the words, so a member of another type would do; but what was renamed or removed is found.
#[test]
fn every_item_a_page_names_exists() {
    let sources =
        ["proto/src", "io-mio/src", "io-std/src", "fuzz/src"].map(|folder| text(&files(folder, "rs")));
    let [proto, mio, std, fuzz] = &sources;
    let everywhere = sources.join("\n");
    let (all, by_crate) = (words(&everywhere), [proto, mio, std, fuzz].map(|s| words(s)));
    let mut missing = Vec::new();
    let mut named = 0;
    for (page, span) in spans() {
        let path: String = span.split(['(', '<', ' ', '.']).next().unwrap_or_default().replace("::::", "::");
        let mut parts: Vec<&str> = path.split("::").collect();
        let known = match parts[0] {
            "h1wire_proto" => &by_crate[0],
            "h1wire_mio" => &by_crate[1],
            "h1wire_std" => &by_crate[2],
            "h1wire_fuzz" => &by_crate[3],
            first if first.starts_with(|c: char| c.is_ascii_uppercase()) && parts.len() > 1 => &all,
            _ => continue,
        };
        parts.retain(|part| !part.starts_with("h1wire_"));
        named += 1;
        if let Some(part) = parts.iter().find(|part| !part.is_empty() && !known.contains(**part)) {
            missing.push(format!("{page}: `{span}`: no {part}"));
        }
    }
    assert!(named > 150, "{named} items are named");
    none(missing);
}
