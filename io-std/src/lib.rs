//! HTTP over ordinary blocking sockets.

mod socket;
mod stream;

pub use stream::{Closer, Stream, Wrote};
