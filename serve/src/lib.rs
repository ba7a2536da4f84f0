//! The files of a folder over HTTP/1.1: a [`Handler`](h1wire_mio::Handler) for `h1wire-mio`.
//!
//! It answers `GET` and `HEAD` with types, validators, conditional and range requests, and an index of folders. What of
//! RFC 9110 binds it, and which test shows that, is on the page `docs/file-server.md`. The program `serve` around it has
//! only the command line.
//!
//! Nothing outside the folder is reached, neither by `..` in any disguise nor by a symbolic link, also if links are made
//! while it runs. Files are opened in the event loop, which is right for disks that answer at once.

mod beneath;
mod conditional;
mod content;
mod files;
mod listing;
mod log;
mod path;
mod range;
mod types;

pub use files::{Exchange, Files};
