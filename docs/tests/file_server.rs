//! `docs/file-server.md` names tests of `serve`, which exist.

use std::fs;
use std::path::Path;

#[test]
fn every_row_about_the_file_server_names_a_test() {
    let page = include_str!("../file-server.md");
    let serve = Path::new(env!("CARGO_MANIFEST_DIR")).join("../serve");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |")).collect();
    assert!(rows.len() > 60, "{}", rows.len());
    for row in page.lines().filter(|line| line.starts_with("| ") && line.contains(" rule ")) {
        assert_eq!(row, "| section | level | rule | shown by |");
    }
    let tables = page.lines().filter(|line| line.starts_with("| ")).count();
    assert_eq!(tables, rows.len() + 5, "each row but five heads names a test");
    for row in rows {
        let name = row.trim_end_matches("` |").rsplit('`').next().unwrap();
        let (file, test) = name.split_once("::").unwrap_or_else(|| panic!("{row}"));
        let places = ["tests/FILE.rs", "src/FILE.rs", "src/FILE/tests.rs"]
            .map(|place| serve.join(place.replace("FILE", file)));
        let texts = places.iter().filter_map(|place| fs::read_to_string(place).ok());
        assert!(texts.into_iter().any(|text| text.contains(&format!("fn {test}()"))), "no such test: {row}");
    }
}
