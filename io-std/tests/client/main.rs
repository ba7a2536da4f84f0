//! The client over real sockets, against servers that are scripted byte by byte.

mod basics;
mod script;
