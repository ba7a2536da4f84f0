//! `docs/limits.md` lists every setting with the default it has in the code.

use std::fmt::Debug;

use h1wire_proto::calling::Patience;
use h1wire_proto::pool::PoolConfig;
use h1wire_proto::serving::Policy;
use h1wire_proto::{Limits, Timeouts};

/// The settings of a plain struct and their values, as `Debug` prints them, one level deep.
fn settings(options: &impl Debug) -> Vec<(String, String)> {
    let text = format!("{options:?}");
    let inside = text.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).expect("a struct").0;
    let mut depth = 0;
    let fields = inside.split(|c| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    fields
        .filter_map(|field| field.trim().split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// How a value is written on the page, but for spaces.
fn written(value: &str) -> String {
    let inner = value.strip_prefix("Some(").and_then(|value| value.strip_suffix(')'));
    match inner.unwrap_or(value) {
        "None" => "none".to_owned(),
        "true" => "on".to_owned(),
        "false" => "off".to_owned(),
        "0ns" => "0s".to_owned(),
        other => other.to_owned(),
    }
}

/// The first table after a heading: its settings and defaults.
fn table(page: &str, heading: &str) -> Vec<(String, String)> {
    let section =
        page.split("\n## ").find(|s| s.starts_with(heading)).unwrap_or_else(|| panic!("{heading}?"));
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let mut cells = row.split(" | ");
        let (name, default) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        (name.trim_end_matches('`').to_owned(), default.replace([',', ' '], ""))
    })
    .collect()
}

/// `except` are settings that have tables of their own, or whose default is not one number.
fn check(heading: &str, options: &impl Debug, except: &[&str]) {
    let table = table(include_str!("../limits.md"), heading);
    let mut code = settings(options);
    assert!(code.len() > 5, "{code:?}");
    code.retain(|(name, _)| !except.contains(&&**name));
    for (name, value) in &code {
        let row =
            table.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("{heading}: no row for {name}"));
        assert_eq!(row.1, written(value), "{heading}: {name}");
    }
    let known = |name: &str| except.contains(&name) || code.iter().any(|(n, _)| n == name);
    let gone: Vec<_> = table.iter().filter(|(name, _)| !known(name)).collect();
    assert!(gone.is_empty(), "{heading}: {gone:?}");
}

#[test]
fn the_page_about_limits_lists_every_setting_with_its_default() {
    check("What a peer may send", &Limits::default(), &[]);
    check("How long things may take: `Timeouts`, for a server", &Timeouts::SERVER, &[]);
    check("How long things may take: `Timeouts`, for a client", &Timeouts::CLIENT, &[]);
    check("How long a client of ours waits", &Patience::DEFAULT, &[]);
    check("How many connections", &PoolConfig::default(), &[]);
    check("How a server treats its connections", &Policy::default(), &["protocol", "timeouts", "lifetime"]);
    let std = h1wire_std::server::Options::default();
    check("What a server holds: `h1wire_std", &std, &["policy"]);
    check("What a server holds: `h1wire_mio", &h1wire_mio::Options::default(), &["policy", "client"]);
}
