//! The public names of two crates, as their sources have them, and their comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Only {
    Mio,
    Std,
}

pub type Names = BTreeMap<String, BTreeSet<String>>;

/// The public methods and fields of each type, and the events of each trait, as sources have them.
pub fn names(sources: &[&str]) -> Names {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut names = Names::new();
    for source in sources {
        let at = root.join(source);
        let files: Vec<PathBuf> = match fs::read_dir(&at) {
            Ok(folder) => folder.map(|entry| entry.unwrap().path()).collect(),
            Err(_) => vec![at],
        };
        for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
            read(&fs::read_to_string(file).unwrap(), &mut names);
        }
    }
    names
}

fn read(text: &str, names: &mut Names) {
    let mut owner = None;
    for line in text.lines() {
        if let Some(item) = line.strip_prefix("    ").filter(|item| !item.starts_with(' ')) {
            let Some((owner, is_trait)) = &owner else { continue };
            let public = item.strip_prefix("pub ").or((*is_trait && item.starts_with("fn ")).then_some(item));
            let name = public.map(|item| {
                let item = item.trim_start_matches("const ").trim_start_matches("fn ");
                item.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
            });
            names.entry(String::clone(owner)).or_default().extend(name);
        } else if line.starts_with("impl") || line.starts_with("pub ") {
            owner = of_item(line);
        }
    }
}

/// The type or trait whose methods, fields or events follow.
fn of_item(line: &str) -> Option<(String, bool)> {
    let starts = ["impl", "pub struct ", "pub trait "];
    let rest = starts.iter().find_map(|start| line.strip_prefix(start))?;
    // A trait's methods are named where the trait is.
    if rest.contains(" for ") || !line.ends_with('{') {
        return None;
    }
    let rest = rest.strip_prefix('<').and_then(|generic| Some(generic.split_once("> ")?.1)).unwrap_or(rest);
    let name = rest.trim_start().chars().take_while(|c| c.is_alphanumeric()).collect();
    Some((name, line.starts_with("pub trait")))
}

/// A type, who alone has it, the names, and why.
pub type Meant = (&'static str, Only, &'static str, &'static str);

/// Fails on a difference that is not meant, and on one that is gone.
pub fn compare(differences: BTreeSet<(String, Only, String)>, meant: &[Meant]) {
    let listed = meant.iter().flat_map(|(name, only, items, why)| {
        assert!(!why.is_empty());
        items.split(' ').map(|item| ((*name).to_owned(), *only, item.to_owned()))
    });
    let meant: BTreeSet<_> = listed.collect();
    let surprising: Vec<_> = differences.difference(&meant).collect();
    assert!(surprising.is_empty(), "one name for one thing, or a reason in the list: {surprising:?}");
    let gone: Vec<_> = meant.difference(&differences).collect();
    assert!(gone.is_empty(), "no difference any more, take it from the list: {gone:?}");
}
