//! `docs/security.md` lists every leniency, for the roles that have it.

use h1wire_proto::{ClientLeniency, ServerLeniency};

#[test]
fn every_leniency_has_its_danger_told_and_its_role_named() {
    let page = include_str!("../security.md");
    let section = page.split("## Leniencies").nth(1).expect("a section about leniencies");
    let mut rows = 0;
    for row in section.lines().filter_map(|l| l.strip_prefix("| `")) {
        let cells: Vec<&str> = row.split(" | ").map(|cell| cell.trim_end_matches(['`', ' ', '|'])).collect();
        let [name, server, client, danger] = cells[..] else { panic!("{row}") };
        assert!(!danger.is_empty(), "{name}");
        assert_eq!(server == "yes", ServerLeniency::NAMES.iter().any(|(n, _)| *n == name), "{name}");
        assert_eq!(client == "yes", ClientLeniency::NAMES.iter().any(|(n, _)| *n == name), "{name}");
        rows += 1;
    }
    let names =
        ServerLeniency::NAMES.iter().map(|(n, _)| *n).chain(ClientLeniency::NAMES.iter().map(|(n, _)| *n));
    let names: std::collections::BTreeSet<_> = names.collect();
    assert_eq!(rows, names.len(), "{names:?}");
}
