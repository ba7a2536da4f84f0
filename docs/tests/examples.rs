//! `docs/examples.md` names every example, and no two have one name.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[test]
fn the_page_names_every_example_and_no_two_have_one_name() {
    let page = include_str!("../examples.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeMap::new();
    for (folder, package) in [("proto", "h1wire-proto"), ("io-mio", "h1wire-mio"), ("io-std", "h1wire-std")] {
        for entry in fs::read_dir(root.join(folder).join("examples")).unwrap() {
            let path = entry.unwrap().path();
            // What examples share has no `main.rs`.
            if path.is_dir() && !path.join("main.rs").exists() {
                continue;
            }
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let file = path.strip_prefix(root).unwrap().display().to_string();
            let begin = format!("| [`{name}`](../{file}) | `{package}` | ");
            assert!(page.lines().any(|line| line.starts_with(&begin)), "not on the page: {begin}");
            let other = found.insert(name.clone(), file);
            assert_eq!(other, None, "two examples are called {name}");
        }
    }
    let rows = page.lines().filter(|line| line.starts_with("| [`")).count();
    assert_eq!(rows, found.len(), "the page has no others");
}
