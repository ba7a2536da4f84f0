//! HTTP/1.1 on a `mio` event loop.
