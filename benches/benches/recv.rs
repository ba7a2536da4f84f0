//! Criterion groups for `recv`. What is measured is said in `kinds/recv.rs`.

mod common;

fn main() {
    common::main(h1wire_benches::Kind::Recv);
}
