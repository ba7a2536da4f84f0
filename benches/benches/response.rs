//! Criterion groups for `response`. What is measured is said in `kinds/response.rs`.

mod common;

fn main() {
    common::main(h1wire_benches::Kind::Response);
}
