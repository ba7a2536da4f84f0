//! The client, against servers that do exactly what a test says.

mod basics;
mod order;
mod own;
#[path = "../../../io-std/tests/client/script.rs"]
#[allow(dead_code)]
mod script;
mod streams;
