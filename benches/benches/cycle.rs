//! Criterion groups for `cycle`. What is measured is said in `kinds/cycle.rs`.

mod common;

fn main() {
    common::main(h1wire_benches::Kind::Cycle);
}
