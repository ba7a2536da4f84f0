//! The client over real sockets, against servers that are scripted byte by byte.

mod abort;
mod agent;
mod bad_input;
mod basics;
mod early;
mod hooks;
mod hostile;
mod options;
mod order;
mod retry;
mod script;
mod switch;
mod timeouts;
mod tune;
mod upload;
