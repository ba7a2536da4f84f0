//! The client, against servers that do exactly what a test says.

mod abort;
mod agent;
mod basics;
mod hostile;
mod options;
mod order;
mod own;
mod peers;
mod retry;
#[path = "../../../io-std/tests/client/script.rs"]
#[allow(dead_code)]
mod script;
mod streams;
mod switch;
mod threads;
mod timeouts;
#[path = "../../../io-std/tests/client/vectors.rs"]
mod vectors;
