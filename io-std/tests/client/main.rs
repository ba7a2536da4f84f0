//! The client over real sockets, against servers that are scripted byte by byte.

mod abort;
mod agent;
mod bad_input;
mod basics;
mod early;
mod errors;
mod fresh;
mod hooks;
mod hostile;
mod options;
mod order;
mod proxies;
mod retry;
mod script;
mod switch;
mod timeouts;
mod tune;
mod upload;
mod vectors;
