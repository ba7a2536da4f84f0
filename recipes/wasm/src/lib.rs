//! # WebAssembly: the machine in Node and in a browser
//!
//! The cases of the corpus, run by a module that knows of no system. JavaScript gives it a page of cases byte by byte,
//! and reads back what is wrong with them, so no memory is shared and nothing here has to be trusted.

// What the tests of the machine use, of which a part is used here.
#[allow(dead_code)]
#[path = "../../../proto/tests/corpus/case.rs"]
mod case;
#[allow(dead_code)]
#[path = "../../../proto/tests/corpus/machine.rs"]
mod machine;

use std::cell::RefCell;
use std::fmt::Write;
use std::panic;

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static OUTPUT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Takes the next byte of a page.
#[unsafe(no_mangle)]
extern "C" fn put(byte: u8) {
    INPUT.with_borrow_mut(|input| input.push(byte));
}

/// The byte at `at` of what is said about the page, or -1 behind its end. It says nothing if all is well.
#[unsafe(no_mangle)]
extern "C" fn get(at: usize) -> i32 {
    OUTPUT.with_borrow(|output| output.as_bytes().get(at).map_or(-1, |byte| i32::from(*byte)))
}

/// Runs the cases of the page that was given: whole, byte by byte, and cut in two everywhere. Says how many there are.
#[unsafe(no_mangle)]
extern "C" fn run() -> usize {
    // A panic ends the module, but what it said can be read.
    panic::set_hook(Box::new(|info| say(&info.to_string())));
    OUTPUT.with_borrow_mut(String::clear);
    let page = String::from_utf8(INPUT.take()).expect("text");
    let cases = case::of("page", &page);
    for case in &cases {
        let whole = machine::run(case, true, &case.bytes, &[]);
        let seen = machine::lines(&whole);
        if seen != case.events {
            say(&format!("{}\n```events\n{}\n```", case.title, seen.join("\n")));
        }
        let bytes: Vec<_> = (1..case.bytes.len()).collect();
        let halves = bytes.iter().map(std::slice::from_ref).step_by(1 + case.bytes.len() / 500);
        for cuts in halves.chain([&bytes[..]]) {
            if machine::run(case, true, &case.bytes, cuts) != whole {
                say(&format!("{}, cut at {cuts:?}", case.title));
            }
        }
    }
    cases.len()
}

fn say(text: &str) {
    OUTPUT.with_borrow_mut(|output| _ = writeln!(output, "{text}"));
}
