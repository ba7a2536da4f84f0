//! The example `gateway` as a program, between clients and origins that speak in raw bytes. `cargo test` builds it;
//! `cargo test --test gateway` alone does not.

#[path = "../common/mod.rs"]
mod common;
mod rig;

mod content;
mod ends;
mod fields;
mod forward;
mod operation;
mod origins;
mod peers;
mod switching;
