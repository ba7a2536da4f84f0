//! Measurements of the h1wire workspace beside its peers.
//!
//! `kinds` says what is measured and which engines take part, `peers` holds one file for each engine, `inputs` the
//! bytes, `messages` where the messages lie in them. `timing`, `counting` and `callgrind` are the three ways to
//! look at a bench; the program `measure` and the criterion groups are thin faces over them.
//!
//! Nothing here is part of the library, and nothing here may be needed to build it.

pub mod callgrind;
pub mod counting;
pub mod inputs;
pub mod kinds;
pub mod messages;
mod peers;
pub mod timing;

pub use kinds::{Bench, Kind, Run};
pub use messages::Input;
