//! `docs/tour.md` names every source file of the crates, and `docs/fuzzing.md` every target.

use std::fs;
use std::path::{Path, PathBuf};

/// The source files below `folder`, from there.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(folder).unwrap().to_owned()),
            }
        }
    }
    found
}

#[test]
fn the_tour_passes_every_file() {
    let page = include_str!("../tour.md");
    let mut missed = Vec::new();
    for name in ["proto", "io-mio", "io-std", "serve"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
        for file in sources(&folder) {
            let named = file.components().any(|part| {
                let part = part.as_os_str().to_string_lossy();
                page.contains(&format!("`{part}`")) || page.contains(&format!("`{part}/`"))
            });
            let understood = file.ends_with("lib.rs") || file.ends_with("tests.rs");
            if !named && !understood {
                missed.push(format!("{name}/src/{}", file.display()));
            }
        }
    }
    assert!(missed.is_empty(), "not in docs/tour.md:\n{}", missed.join("\n"));
}

#[test]
fn every_fuzz_target_says_what_holds() {
    let page = include_str!("../fuzzing.md");
    let targets = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets"));
    assert!(targets.len() > 5);
    for target in targets {
        let name = target.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(page.contains(&format!("\n| `{name}` | ")), "{name} is not in docs/fuzzing.md");
    }
}
