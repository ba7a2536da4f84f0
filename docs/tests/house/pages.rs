//! Rules about pages of documentation.

use crate::{files, none, root};

/// Pages whose programs are tested elsewhere: quotations from the recipes, and the README by `doors`.
const ELSEWHERE: &[&str] = &["README.md", "docs/recipes.md"];

/// The targets of the links in a page, without anchors; fenced blocks and code spans have none.
fn links(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for part in prose.split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            found.push(target.split('#').next().unwrap_or_default().to_owned());
        }
    }
    found
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in files("md") {
        let folder = root().join(&path).parent().unwrap().to_owned();
        for link in links(&text) {
            if !link.is_empty() && !link.contains("://") && !folder.join(&link).exists() {
                broken.push(format!("{path}: {link}"));
            }
        }
    }
    none(broken);
}

#[test]
fn every_page_with_rust_in_it_is_compiled() {
    let list = include_str!("../../src/lib.rs");
    let mut left_out = Vec::new();
    for (path, text) in files("md") {
        let name = path.strip_prefix("docs/").map_or(format!("../../{path}"), |name| format!("../{name}"));
        let listed = list.contains(&format!("\"{name}\""));
        if text.contains("```rust") && !listed && !ELSEWHERE.contains(&&*path) {
            left_out.push(format!("{path}: not in docs/src/lib.rs"));
        }
    }
    none(left_out);
}
