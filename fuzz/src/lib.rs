//! Harnesses: functions over arbitrary bytes whose assertions hold for every input.
//!
//! Each runs as an ordinary test over seeds and random bytes (`fuzz/tests`), and under `cargo fuzz` with the target
//! of its name (`fuzz/fuzz_targets`). They call only the public interface.
#![deny(missing_docs)]

mod calling;
mod calls;
mod choices;
mod digest;
mod encode;
mod forward;
mod pool;
mod scan;
mod serving;
mod split;
mod wired;

pub use calling::calling;
pub use calls::calls;
pub use encode::encode;
pub use forward::forward;
pub use pool::pool;
pub use scan::scan;
pub use serving::serving;
pub use split::{lenient, split};
pub use wired::wired;

/// A harness: a function over arbitrary bytes.
pub type Harness = fn(&[u8]);

/// Every harness by the name of its target.
pub const HARNESSES: &[(&str, Harness)] = &[
    ("calling", calling),
    ("calls", calls),
    ("encode", encode),
    ("forward", forward),
    ("lenient", lenient),
    ("pool", pool),
    ("scan", scan),
    ("serving", serving),
    ("split", split),
    ("wired", wired),
];
