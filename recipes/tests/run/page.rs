//! The page in `docs` introduces every recipe, and quotes nothing that is not in it.

use std::fs;
use std::path::{Path, PathBuf};

/// The lines without indentation, as a quotation may have another one.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).collect()
}

#[test]
fn every_recipe_is_on_the_page_and_every_quotation_stands_in_its_recipe() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("docs/recipes.md")).unwrap();
    for section in page.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap();
        let links: Vec<_> =
            section.split("](../").skip(1).map(|link| link.split_once(')').unwrap().0).collect();
        let files: Vec<_> =
            links.iter().map(|path| fs::read_to_string(root.join(path)).expect(path)).collect();
        let mut quotations = section.split("```rust\n").skip(1).peekable();
        assert!(quotations.peek().is_some(), "{title}: nothing is quoted");
        for quotation in quotations {
            let quoted = lines(quotation.split_once("```").unwrap().0);
            let found = files.iter().any(|file| lines(file).windows(quoted.len()).any(|w| w == quoted));
            assert!(found, "not in {links:?}:\n{}", quoted.join("\n"));
        }
    }
    let folders = ["recipes/src", "recipes/no_std/src", "recipes/bare_metal/src", "recipes/wasm/src"];
    for path in folders.iter().flat_map(|folder| sources(&root.join(folder))) {
        let shown = path.strip_prefix(root).unwrap().to_str().unwrap();
        let length = lines(&fs::read_to_string(&path).unwrap()).len();
        assert!(length <= 150, "{shown} has {length} lines");
        assert!(
            page.contains(&format!("](../{shown})")) || shown == "recipes/src/lib.rs",
            "{shown} is not on the page"
        );
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}
