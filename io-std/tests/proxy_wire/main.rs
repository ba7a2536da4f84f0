//! The example `proxy` between two live connections that the test holds: what goes from one to the other, and when.

#[path = "../../examples/proxy/main.rs"]
#[allow(dead_code)]
mod example;

mod content;
mod fields;
mod wire;
