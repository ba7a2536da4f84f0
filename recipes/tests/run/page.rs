//! The page in `docs` introduces every recipe, and quotes nothing that is not in it.

use std::fs;
use std::path::Path;

/// The lines without indentation, as a quotation may have another one.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).collect()
}

#[test]
fn every_recipe_is_on_the_page_and_every_quotation_stands_in_its_recipe() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("docs/recipes.md")).unwrap();
    let mut introduced = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap();
        let (_, link) = section.split_once("](../").unwrap_or_else(|| panic!("{title}: no link to its file"));
        let path = link.split_once(')').unwrap().0;
        let recipe = fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        let recipe = lines(&recipe);
        assert!(recipe.len() <= 150, "{path} has {} lines", recipe.len());
        let mut quotations = section.split("```rust\n").skip(1).peekable();
        assert!(quotations.peek().is_some(), "{title}: nothing is quoted");
        for quotation in quotations {
            let quoted = lines(quotation.split_once("```").unwrap().0);
            assert!(
                recipe.windows(quoted.len()).any(|w| w == quoted),
                "not in {path}:\n{}",
                quoted.join("\n")
            );
        }
        introduced.push(path.to_owned());
    }
    for entry in fs::read_dir(root.join("recipes/src")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = format!("recipes/src/{name}");
        assert!(name == "lib.rs" || introduced.contains(&path), "{path} is not on the page");
    }
}
