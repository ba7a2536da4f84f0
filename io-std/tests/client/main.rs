//! The client over real sockets, against servers that are scripted byte by byte.

mod abort;
mod agent;
mod basics;
mod options;
mod order;
mod retry;
mod script;
mod timeouts;
mod upload;
