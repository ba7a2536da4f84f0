//! Rules about source files.

use crate::{files, none};

/// Longer files are a place to ask what their one concept is.
const LONGEST: usize = 450;

/// Where `unsafe` may stand, and why.
const UNSAFE: &[(&str, &str)] = &[
    ("proto/src/scan/", "vector instructions, fuzzed against a portable twin"),
    ("benches/src/", "foreign functions of peers, and the counting allocator"),
    ("recipes/src/io_uring_server/ring.rs", "entries of the ring"),
    ("recipes/bare_metal/src/board.rs", "reset, stack and debugger of a processor without a system"),
    ("recipes/bare_metal/src/heap.rs", "its heap"),
    ("recipes/bare_metal/src/bin/", "the name that the start of memory calls"),
];

fn breaches(broken: impl Fn(&str, &str) -> Option<String>) -> Vec<String> {
    files("rs").iter().filter_map(|(path, text)| Some(format!("{path}: {}", broken(path, text)?))).collect()
}

#[test]
fn every_source_file_says_first_what_it_is_for() {
    none(breaches(|_, text| {
        (!text.starts_with("//! ")).then(|| "does not open with a //! paragraph".into())
    }));
}

#[test]
fn no_source_file_is_too_long_to_have_one_concept() {
    none(breaches(|_, text| {
        let lines = text.lines().count();
        (lines > LONGEST).then(|| format!("{lines} lines"))
    }));
}

#[test]
fn nothing_is_left_undone() {
    let marks =
        [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("FIX", "ME"), concat!("XX", "X")];
    none(breaches(|_, text| marks.iter().find(|m| text.contains(**m)).map(|m| format!("has {m}"))));
}

#[test]
fn unsafe_code_stands_where_it_is_allowed_and_nowhere_else() {
    let forms = ["{", "impl", "fn", "extern"].map(|after| format!("{} {after}", concat!("un", "safe")));
    none(breaches(|path, text| {
        let counts_allocations = path.contains("/tests/") && text.contains("impl GlobalAlloc");
        let allowed = counts_allocations || UNSAFE.iter().any(|(place, _)| path.starts_with(place));
        let line =
            text.lines().find(|l| forms.iter().any(|f| l.contains(f)) && !l.trim().starts_with("//"))?;
        (!allowed).then(|| line.trim().to_owned())
    }));
}

#[test]
fn the_machine_asks_the_standard_library_what_the_processor_can_do_and_nothing_of_the_system() {
    none(breaches(|path, text| {
        let library = path.starts_with("proto/src/") && !path.contains("/scan/") && !path.contains("tests");
        // Shapes that the standard library has, and no system behind them.
        let library = library && !["proto/src/io_error.rs", "proto/src/system_time.rs"].contains(&path);
        let code = text.split("#[cfg(test)]").next()?;
        let line = code.lines().find(|l| l.contains("std::") && !l.trim_start().starts_with("//"))?;
        library.then(|| line.trim().to_owned())
    }));
}

/// The test runner shows what `eprintln` says only of tests that fail. What a skipped test says must be seen.
#[test]
fn a_skipped_test_says_so_aloud() {
    let captured = concat!("eprintln!(\"", "skipped");
    none(breaches(|_, text| {
        text.contains(captured).then(|| "use writeln!(stderr(), …) to tell of a skipped test".into())
    }));
}
