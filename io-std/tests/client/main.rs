//! The client over real sockets, against servers that are scripted byte by byte.

mod abort;
mod agent;
mod basics;
mod options;
mod script;
mod upload;
