//! The programs of the README, as its reader would try them: a crate of its own with the lines the README gives for
//! `Cargo.toml`, built and run by Cargo.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Each section of the README that has a manifest and a program: its title, and both.
fn doors(readme: &str) -> Vec<(&str, &str, &str)> {
    let block = |section: &'static str, language: &str| -> Option<&'static str> {
        section.split_once(&format!("```{language}\n"))?.1.split_once("```").map(|(block, _)| block)
    };
    let readme: &'static str = String::from(readme).leak();
    let sections = readme.split("\n### ").skip(1);
    sections.filter_map(|s| Some((s.lines().next()?, block(s, "toml")?, block(s, "rust")?))).collect()
}

#[test]
fn each_door_of_the_readme_opens() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let doors = doors(include_str!("../../README.md"));
    assert_eq!(doors.len(), 3);
    for (number, (title, dependencies, program)) in doors.into_iter().enumerate() {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("door-{number}"));
        fs::create_dir_all(folder.join("src")).unwrap();
        let dependencies = dependencies.replace("../h1wire", &root.display().to_string());
        let manifest = format!(
            "[package]\nname = \"door-{number}\"\nedition = \"2024\"\n\n{dependencies}\n[workspace]\n"
        );
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        fs::write(folder.join("src/main.rs"), program).unwrap();
        // The versions that were fetched for the workspace will do, and no network is needed.
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        let run = Command::new(env!("CARGO"))
            .args(["run", "--offline", "--quiet"])
            .env("CARGO_TARGET_DIR", folder.with_file_name("doors"))
            .current_dir(&folder)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{title}: {error}");
        assert!(error.is_empty(), "{title}: {error}");
    }
}
