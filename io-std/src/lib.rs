//! HTTP over ordinary blocking sockets.

mod stream;

pub use stream::{Closer, Stream};
