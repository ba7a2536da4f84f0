//! Criterion groups for `length`. What is measured is said in `kinds/length.rs`.

mod common;

fn main() {
    common::main(h1wire_benches::Kind::Length);
}
