//! Criterion groups for `chunked`. What is measured is said in `kinds/chunked.rs`.

mod common;

fn main() {
    common::main(h1wire_benches::Kind::Chunked);
}
